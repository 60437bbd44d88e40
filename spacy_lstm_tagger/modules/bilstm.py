"""A stack of bidirectional LSTM layers (Graves & Schmidhuber, 2005)."""

from torch import Tensor, nn
from torch.nn.utils.rnn import pad_packed_sequence

from .lstm import bidirectional_lstm, locked_dropout, pack


class BiLSTM(nn.Module):
    """Vectors of tokens in context.

    input_width (int): Width of the inputs.
    width (int): Width of the outputs of every layer: both directions together.
    depth (int): How many layers.
    """

    def __init__(self, *, input_width: int, width: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            bidirectional_lstm(input_width if i == 0 else width, width)
            for i in range(depth)
        )

    def forward(self, X: Tensor, lengths: Tensor, *, dropout: float) -> Tensor:
        """
        X (Tensor): Sequences, longest first, padded at the end.
            *Shape:* (n_sequences, max_length, input_width)
        lengths (Tensor): On the CPU. *Shape:* (n_sequences,)
        dropout (float): Rate of the locked dropout after each layer.
        RETURNS (Tensor): *Shape:* (n_sequences, max_length, width)
        """
        for lstm in self.layers:
            packed, _ = lstm(pack(X, lengths))
            X, _ = pad_packed_sequence(packed, batch_first=True)
            X = locked_dropout(X, dropout)
        return X
