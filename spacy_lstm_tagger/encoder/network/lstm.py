"""A bidirectional LSTM layer for padded sequences, and dropout after it."""

import torch
from torch import Tensor, nn

from .factory import FACTORY


class BidirectionalLSTM(nn.Module):
    """One bidirectional LSTM layer (Graves & Schmidhuber, 2005) for sequences that are
    padded at the end.

    The backward direction reads each sequence reversed within its own length, so that
    neither direction meets padding before the last real step. Two dense LSTMs do it:
    torch trains packed sequences of different lengths on the CPU several times slower.

    input_width (int): Width of the inputs.
    width (int): Width of the outputs: both directions together.
    """

    def __init__(self, input_width: int, width: int) -> None:
        super().__init__()
        self.forward_lstm = _initialized_lstm(input_width, width // 2)
        self.backward_lstm = _initialized_lstm(input_width, width // 2)

    def forward(self, X: Tensor, reversal: Tensor) -> Tensor:
        """Read padded sequences in both directions.

        X (Tensor): *Shape:* (n_sequences, max_length, input_width)
        reversal (Tensor): What `make_reversal` returns for the lengths.
            *Shape:* (n_sequences * max_length,)
        RETURNS (Tensor): *Shape:* (n_sequences, max_length, width)
        """
        forward, _ = self.forward_lstm(X)
        backward, _ = self.backward_lstm(_reorder(X, reversal))
        return torch.cat((forward, _reorder(backward, reversal)), dim=2)


def make_reversal(lengths: Tensor, max_length: int) -> Tensor:
    """Return flat positions that turn each sequence around within its length, and leave
    its padding alone. The same positions turn it back.

    lengths (Tensor): *Shape:* (n_sequences,)
    max_length (int): The length of all sequences with their padding.
    RETURNS (Tensor): *Shape:* (n_sequences * max_length,)
    """
    step = torch.arange(max_length, device=lengths.device)
    turned = lengths[:, None] - 1 - step
    turned = torch.where(turned >= 0, turned, step)
    first = torch.arange(len(lengths), device=lengths.device) * max_length
    return (turned + first[:, None]).flatten()


def locked_dropout(X: Tensor, rate: float) -> Tensor:
    """Apply dropout with one mask for all steps of a sequence (Gal & Ghahramani, 2016).

    X (Tensor): *Shape:* (n_sequences, max_length, width)
    rate (float): The rate of dropout, less than 1.
    RETURNS (Tensor): *Shape:* (n_sequences, max_length, width)
    """
    if rate <= 0.0:
        return X
    mask = torch.empty_like(X[:, :1]).bernoulli_(1.0 - rate)
    return X * (mask / (1.0 - rate))


def _initialized_lstm(input_width: int, hidden_width: int) -> nn.LSTM:
    """Return the LSTM of one direction, with orthogonal recurrent weights (Saxe et al.,
    2014) and a forget gate that starts open (Jozefowicz et al., 2015)."""
    lstm = nn.LSTM(input_width, hidden_width, batch_first=True, **FACTORY)
    for name, parameter in lstm.named_parameters():
        # The order is that of torch: input gate, forget gate, cell candidate, output
        # gate.
        gates = parameter.data.chunk(4)
        if name == "bias_ih_l0":
            nn.init.zeros_(parameter)
            nn.init.ones_(gates[1])
        elif name == "bias_hh_l0":
            nn.init.zeros_(parameter)
        else:
            is_recurrent = name == "weight_hh_l0"
            for gate in gates:
                (nn.init.orthogonal_ if is_recurrent else nn.init.xavier_uniform_)(gate)
    return lstm


def _reorder(X: Tensor, positions: Tensor) -> Tensor:
    return X.flatten(0, 1).index_select(0, positions).view_as(X)
