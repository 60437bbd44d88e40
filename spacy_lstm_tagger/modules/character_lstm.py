"""Word vectors from characters (Ling et al., 2015)."""

import torch
from torch import Tensor, nn

from .lstm import bidirectional_lstm, pack

# Forms are read in chunks of similar length, which bounds the padding and memory.
CHUNK_SIZE = 1024


class CharacterLSTM(nn.Module):
    """A bidirectional LSTM over the characters of a form, whose two final states
    make up the vector of the form.

    n_rows (int): Rows of the character table. Row 0 is padding.
    embedding_width (int): Width of the character embeddings.
    width (int): Width of the output: both directions together.
    """

    def __init__(self, *, n_rows: int, embedding_width: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_rows, embedding_width)
        self.lstm = bidirectional_lstm(embedding_width, width)
        nn.init.normal_(self.embedding.weight, std=0.1)

    def forward(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """
        characters (Tensor): Rows of the character table, padded at the end.
            *Shape:* (n_forms, max_length)
        lengths (Tensor): On the CPU. *Shape:* (n_forms,)
        RETURNS (Tensor): *Shape:* (n_forms, width)
        """
        order = torch.argsort(lengths, descending=True, stable=True)
        chunks = [
            self._read(characters[rows.to(characters.device)], lengths[rows])
            for rows in order.split(CHUNK_SIZE)
        ]
        restore = torch.argsort(order).to(characters.device)
        return torch.cat(chunks)[restore]

    def _read(self, characters: Tensor, lengths: Tensor) -> Tensor:
        embedded = self.embedding(characters[:, : int(lengths[0])])
        _, (final, _) = self.lstm(pack(embedded, lengths))
        return torch.cat((final[0], final[1]), dim=1)
