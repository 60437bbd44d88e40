"""The encoder: word embeddings and character vectors into a BiLSTM."""

from dataclasses import dataclass
from typing import List, Optional, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..dropout import repeat_dropout
from ..spacing import N_SPACINGS
from ..vocabulary import UNKNOWN_WORD, Vocabulary
from .bilstm import BiLSTM
from .character_lstm import CharacterLSTM
from .factory import FACTORY


@dataclass(frozen=True)
class FormTensors:
    """The unique word forms of a batch of documents.

    word_rows (Tensor): Rows of the word table. *Shape:* (n_forms,)
    characters (Tensor): Rows of the character table. *Shape:* (n_forms, max_length)
    character_lengths (Tensor): *Shape:* (n_forms,)
    static_vectors (Optional[Tensor]): *Shape:* (n_forms, vectors_width)
    """

    word_rows: Tensor
    characters: Tensor
    character_lengths: Tensor
    static_vectors: Optional[Tensor]


@dataclass(frozen=True)
class WindowTensors:
    """Windows over the tokens, as one padded batch.

    forms (Tensor): The form of each token. *Shape:* (n_windows, max_length)
    spacing (Tensor): Their spacing. *Shape:* (n_windows, max_length)
    lengths (Tensor): *Shape:* (n_windows,)
    kept (Tensor): Flat positions in the batch whose vectors are wanted.
        *Shape:* (n_kept,)
    """

    forms: Tensor
    spacing: Tensor
    lengths: Tensor
    kept: Tensor


class WordCharEncoder(nn.Module):
    """Word embeddings, character vectors, the spacing of words and, optionally,
    projected static vectors, concatenated and read by a BiLSTM (Plank et al., 2016).

    The module has no training mode: dropout is an argument of `forward`, so that one
    thread can tag while another one tags or trains.

    vocabulary (Vocabulary): The words and characters with an embedding.
    width (int): Width of the output.
    depth (int): Layers of the BiLSTM.
    word_width (int): Width of the word embeddings and of the projected vectors.
    character_width (int): Width of the character embeddings.
    character_lstm_width (int): Width of the character vectors of words.
    spacing_width (int): Width of the embeddings of the spacing of words.
    word_dropout (float): In training, a word of frequency f is replaced by the
        unknown word with probability word_dropout / (word_dropout + f), as by
        Kiperwasser & Goldberg (2016).
    spacing_dropout (float): In training, the rate of windows whose words are all
        read as if they had whitespace on both sides.
    input_dropout (float): How many times over dropout is applied to the input of the
        BiLSTM, see `repeat_dropout`.
    layer_dropout (float): The same for the output of each layer.
    vectors_width (int): Width of the static vectors, 0 for none.
    normalize_vectors (bool): Whether they are scaled to length 1. (Those of version
        0.1.0 were not.)
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        width: int,
        depth: int,
        word_width: int,
        character_width: int,
        character_lstm_width: int,
        spacing_width: int,
        word_dropout: float,
        spacing_dropout: float,
        input_dropout: float,
        layer_dropout: float,
        vectors_width: int,
        normalize_vectors: bool = True,
    ) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.spacing_dropout = spacing_dropout
        self.input_dropout = input_dropout
        self.layer_dropout = layer_dropout
        # An update moves what a projection makes of a vector by more, the longer that
        # is: floret's, which are ten times as long as an embedding, could not settle.
        self.normalize_vectors = normalize_vectors
        self.word_embedding = nn.Embedding(
            vocabulary.n_word_rows, word_width, **FACTORY
        )
        self.character_lstm = CharacterLSTM(
            n_rows=vocabulary.n_character_rows,
            embedding_width=character_width,
            width=character_lstm_width,
        )
        # Zeros: always for words between spaces, and for the others at the start, so
        # that they change nothing where there is nothing to learn from.
        self.spacing_embedding = nn.Embedding(
            N_SPACINGS, spacing_width, padding_idx=0, **FACTORY
        )
        nn.init.zeros_(self.spacing_embedding.weight)
        input_width = word_width + spacing_width + character_lstm_width
        self.vectors_projection: Optional[nn.Linear] = None
        if vectors_width:
            self.vectors_projection = nn.Linear(
                vectors_width, word_width, bias=False, **FACTORY
            )
            input_width += word_width
        self.bilstm = BiLSTM(input_width=input_width, width=width, depth=depth)
        self.hidden = nn.Linear(width, width, **FACTORY)
        self.layer_norm = nn.LayerNorm(width, **FACTORY)
        # With the usual gain of 1 a few updates make the softmax certain, and what is
        # learned is single words: a small gain leaves time to learn from context.
        nn.init.constant_(self.layer_norm.weight, 0.45)
        # The vector of whitespace tokens, which the BiLSTM does not read.
        self.whitespace = nn.Parameter(torch.zeros(width, **FACTORY))
        nn.init.normal_(self.word_embedding.weight, std=0.1)
        nn.init.zeros_(self.word_embedding.weight[UNKNOWN_WORD])
        counts = torch.tensor(vocabulary.word_counts, **FACTORY)
        unknown_rate = functional.pad(word_dropout / (word_dropout + counts), (1, 0))
        self.unknown_rate: Tensor
        self.register_buffer("unknown_rate", unknown_rate, persistent=False)

    def forward(
        self,
        forms: FormTensors,
        windows: List[WindowTensors],
        sources: Tensor,
        *,
        dropout: float,
        mixed_precision: bool = False,
    ) -> Tensor:
        """Make a vector of each token of a batch of documents.

        forms (FormTensors): The word forms of the batch.
        windows (List[WindowTensors]): The tokens that are not whitespace.
        sources (Tensor): For each token, the place of its vector among those kept
            of all windows, or the number of these for whitespace.
            *Shape:* (n_tokens,)
        dropout (float): The dropout rate, 0 for none at all.
        mixed_precision (bool): Whether to multiply in bfloat16 whatever may be.
        RETURNS (Tensor): *Shape:* (n_tokens, width)
        RAISES (ValueError): If nothing would be left after dropout.
        """
        device = self.whitespace.device.type
        # bfloat16 has the range of float32: gradients need not be scaled.
        with torch.autocast(device, torch.bfloat16, enabled=mixed_precision):
            fixed = self._form_vectors(forms)
            kept = [
                self._read_windows(forms.word_rows, fixed, batch, dropout)
                for batch in windows
            ]
        return torch.cat((*(part.float() for part in kept), self.whitespace[None]))[
            sources
        ]

    def finish(self, states: Tensor) -> Tensor:
        """Make token vectors of the states of the BiLSTM: a feed-forward layer beside
        them, and layer normalization. *Shape:* (..., width)"""
        return self.layer_norm(states + functional.elu(self.hidden(states)))

    def train(self, mode: bool = True) -> "WordCharEncoder":
        """Do nothing. thinc's shim switches the mode of the module while other threads
        may be using it, and cuDNN can't go back through an LSTM in evaluation mode."""
        return self

    def _form_vectors(self, forms: FormTensors) -> Tensor:
        """Return the part of the input that depends on the form alone, in training,
        too."""
        vectors = self.character_lstm(forms.characters, forms.character_lengths)
        if self.vectors_projection is None:
            return vectors
        scaled = self.scale_vectors(cast(Tensor, forms.static_vectors))
        return torch.cat((vectors, self.vectors_projection(scaled)), dim=1)

    def scale_vectors(self, static_vectors: Tensor) -> Tensor:
        """Return static vectors as the projection reads them.
        *Shape:* (n_forms, vectors_width)"""
        if not self.normalize_vectors:
            return static_vectors
        return functional.normalize(static_vectors, dim=1)

    def _read_windows(
        self, word_rows: Tensor, fixed: Tensor, batch: WindowTensors, dropout: float
    ) -> Tensor:
        words, spacing = word_rows[batch.forms], batch.spacing
        if dropout > 0.0:
            unknown = torch.bernoulli(self.unknown_rate[words]).bool()
            words = words.masked_fill(unknown, UNKNOWN_WORD)
            spaced = torch.rand(
                (len(spacing), 1), dtype=torch.float32, device=spacing.device
            )
            spacing = spacing.masked_fill(spaced < self.spacing_dropout, 0)
        inputs = torch.cat(
            (
                self.word_embedding(words),
                self.spacing_embedding(spacing),
                functional.embedding(batch.forms, fixed),
            ),
            dim=2,
        )
        inputs = functional.dropout(inputs, repeat_dropout(dropout, self.input_dropout))
        outputs = self.bilstm(
            inputs,
            batch.lengths,
            dropout=repeat_dropout(dropout, self.layer_dropout),
        )
        return self.finish(outputs.flatten(0, 1)[batch.kept])
