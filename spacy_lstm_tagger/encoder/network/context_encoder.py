"""A BiLSTM over vectors that come from elsewhere."""

from dataclasses import dataclass
from typing import Dict, List

import torch
from torch import Tensor, nn
from torch.nn import functional

from .bilstm import BiLSTM
from .factory import FACTORY


@dataclass(frozen=True)
class VectorWindows:
    """Windows over the tokens, as one padded batch.

    tokens (Tensor): The row of each token's vector. *Shape:* (n_windows, max_length)
    lengths (Tensor): *Shape:* (n_windows,)
    kept (Tensor): Flat positions in the batch whose vectors are wanted.
        *Shape:* (n_kept,)
    """

    tokens: Tensor
    lengths: Tensor
    kept: Tensor


class ContextEncoder(nn.Module):
    """Bidirectional LSTM layers over vectors of tokens, and layer normalization.

    The module has no training mode: dropout is an argument of `forward`.

    input_width (int): Width of the inputs.
    width (int): Width of the outputs.
    depth (int): The number of layers.
    gain (float): The gain of the layer normalization at the start.
    """

    def __init__(
        self, *, input_width: int, width: int, depth: int, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.bilstm = BiLSTM(input_width=input_width, width=width, depth=depth)
        self.layer_norm = nn.LayerNorm(width, **FACTORY)
        nn.init.constant_(self.layer_norm.weight, gain)

    def forward(
        self,
        X: Tensor,
        windows: List[VectorWindows],
        sources: Tensor,
        *,
        input_dropout: float,
        layer_dropout: float,
    ) -> Tensor:
        """Make a vector of each token in context.

        X (Tensor): Vectors of the tokens of all documents.
            *Shape:* (n_tokens, input_width)
        windows (List[VectorWindows]): All of the tokens.
        sources (Tensor): For each token, the place of its vector among those kept of
            all windows. *Shape:* (n_tokens,)
        input_dropout (float): Rate of the dropout of the input.
        layer_dropout (float): Rate of the locked dropout after each layer.
        RETURNS (Tensor): *Shape:* (n_tokens, width)
        """
        kept = []
        for batch in windows:
            inputs = functional.dropout(X[batch.tokens], input_dropout)
            states = self.bilstm(inputs, batch.lengths, dropout=layer_dropout)
            kept.append(states.flatten(0, 1)[batch.kept])
        return self.layer_norm(torch.cat(kept)[sources])

    def train(self, mode: bool = True) -> "ContextEncoder":
        """Do nothing, as `WordCharEncoder.train`."""
        return self


def load_context_encoder(tensors: Dict[str, Tensor]) -> ContextEncoder:
    """Make a module of its weights.

    RAISES (KeyError): If some are missing.
    RAISES (RuntimeError): If they do not fit together.
    """
    first = tensors["bilstm.layers.0.forward_lstm.weight_ih_l0"]
    encoder = ContextEncoder(
        input_width=first.shape[1],
        width=tensors["layer_norm.weight"].shape[0],
        depth=sum(name.endswith(".forward_lstm.weight_hh_l0") for name in tensors),
    )
    encoder.load_state_dict(tensors)
    return encoder
