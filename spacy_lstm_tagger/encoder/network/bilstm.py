"""Bidirectional LSTM layers on top of each other."""

from torch import Tensor, nn

from .lstm import BidirectionalLSTM, locked_dropout, make_reversal


class BiLSTM(nn.Module):
    """A stack of bidirectional LSTM layers that makes vectors of tokens in context.

    input_width (int): Width of the inputs.
    width (int): Width of the outputs of every layer: both directions together.
    depth (int): The number of layers.
    """

    def __init__(self, *, input_width: int, width: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            BidirectionalLSTM(input_width if i == 0 else width, width)
            for i in range(depth)
        )

    def forward(self, X: Tensor, lengths: Tensor, *, dropout: float) -> Tensor:
        """Read padded sequences by all layers.

        X (Tensor): Sequences, padded at the end.
            *Shape:* (n_sequences, max_length, input_width)
        lengths (Tensor): *Shape:* (n_sequences,)
        dropout (float): Rate of the locked dropout after each layer.
        RETURNS (Tensor): *Shape:* (n_sequences, max_length, width)
        """
        reversal = make_reversal(lengths, X.shape[1])
        for layer in self.layers:
            X = locked_dropout(layer(X, reversal), dropout)
        return X
