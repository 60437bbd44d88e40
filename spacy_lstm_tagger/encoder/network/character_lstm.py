"""Word vectors from characters (Ling et al., 2015)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .factory import FACTORY
from .lstm import BidirectionalLSTM, make_reversal

# Forms are read in chunks of similar length: little padding, and flat memory.
CHUNK_SIZE = 128
# The fewest forms of a chunk.
MIN_CHUNK = 8


class CharacterLSTM(nn.Module):
    """A bidirectional LSTM over the characters of a form, whose two final states
    make up the vector of the form.

    n_rows (int): Rows of the character table. Row 0 is padding.
    embedding_width (int): Width of the character embeddings.
    width (int): Width of the output: both directions together.
    """

    def __init__(self, *, n_rows: int, embedding_width: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(n_rows, embedding_width, **FACTORY)
        self.lstm = BidirectionalLSTM(embedding_width, width)
        nn.init.normal_(self.embedding.weight, std=0.1)

    def forward(self, characters: Tensor, lengths: Tensor) -> Tensor:
        """Make a vector of each form.

        characters (Tensor): Rows of the character table, padded at the end.
            *Shape:* (n_forms, max_length)
        lengths (Tensor): *Shape:* (n_forms,)
        RETURNS (Tensor): *Shape:* (n_forms, width)
        """
        if not len(lengths):
            # Nothing but whitespace; an LSTM reads at least one sequence.
            return self.embedding.weight.new_zeros((0, self.width))
        n_forms = len(lengths)
        # There may be any number of forms, and oneDNN keeps what it has prepared for
        # each number, which took hundreds of megabytes: others are added, so that there
        # are few different numbers. They are the shortest, and come in the last chunk.
        n_added = _round_up(n_forms) - n_forms
        characters = functional.pad(characters, (0, 0, 0, n_added))
        lengths = functional.pad(lengths, (0, n_added), value=1)
        order = torch.argsort(lengths, descending=True, stable=True)
        chunks = [
            self._read(characters[rows], lengths[rows])
            for rows in order.split(CHUNK_SIZE)
        ]
        return torch.cat(chunks)[torch.argsort(order)[:n_forms]]

    def _read(self, characters: Tensor, lengths: Tensor) -> Tensor:
        max_length = int(lengths[0])
        embedded = self.embedding(characters[:, :max_length])
        states = self.lstm(embedded, make_reversal(lengths, max_length))
        forward, backward = states.chunk(2, dim=2)
        last = torch.arange(len(lengths), device=lengths.device), lengths - 1
        # The backward direction ends at the first character.
        return torch.cat((forward[last], backward[:, 0]), dim=1)


def _round_up(n_forms: int) -> int:
    """Return a number of forms that fills chunks, or the last one to a power of two."""
    n_whole, rest = divmod(n_forms, CHUNK_SIZE)
    filled = max(MIN_CHUNK, 1 << (rest - 1).bit_length()) if rest else 0
    return n_whole * CHUNK_SIZE + filled
