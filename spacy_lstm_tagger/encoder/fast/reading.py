"""Tagging on the CPU: from documents to token vectors with as little work as
possible."""

import functools
from typing import List, Optional, Tuple

import numpy
import torch
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.util import logger
from spacy.vocab import Vocab
from thinc.api import NumpyOps

from ..forms import find_forms, find_vocabs, read_tokens, spell_forms
from ..network.word_char_encoder import WordCharEncoder
from ..spacing import spaced_forms
from ..tensors import form_tensors
from ..vectors import find_vectors
from ..windows import cut_windows
from .form_cache import FormCache
from .lanes import lane_tensors, lay_out_windows
from .precision import AUTO, PRODUCTS, Precision
from .recurrence import find_fastest
from .tagging_encoder import TaggingEncoder

CPU = torch.device("cpu")


class PreparedEncoder:
    """An encoder that is ready to tag, and what it has computed of the forms that it
    has seen.

    encoder (WordCharEncoder): The encoder. Once its weights change, it has to be
        prepared again.
    precision (Precision): "float32", "bfloat16", "int8" or "auto".
    max_characters (int): The most characters of a form that are read.
    """

    def __init__(
        self, encoder: WordCharEncoder, precision: Precision, max_characters: int
    ) -> None:
        chosen: str = precision
        if precision == AUTO:
            chosen = choose_precision(len(encoder.whitespace) // 2)
        self.max_characters = max_characters
        self.vocabulary = encoder.vocabulary
        self.whitespace = encoder.whitespace.detach()
        self.encoder = TaggingEncoder(encoder, PRODUCTS[chosen])
        self._cached: Optional[Tuple[Vocab, FormCache]] = None

    def cache(self, vocab: Vocab) -> FormCache:
        """Return the cache of the forms of a vocab. The cache of another vocab is
        dropped, since that may have other lower-cased forms."""
        # Read once: another thread may be tagging documents of another vocab.
        cached = self._cached
        if cached is None or cached[0] is not vocab:
            cached = vocab, FormCache(self.encoder.first_row)
            self._cached = cached
        return cached[1]


def read_docs(
    prepared: PreparedEncoder,
    docs: List[Doc],
    *,
    window: int,
    overlap: int,
) -> NDArray[numpy.float32]:
    """Find the vectors of tokens.

    prepared (PreparedEncoder): The encoder.
    docs (List[Doc]): The documents, at least one.
    window (int): The most tokens of a window.
    overlap (int): The number of tokens of context on each side of a window.
    RETURNS (NDArray[numpy.float32]): *Shape:* (n_tokens, width)
    """
    encoder = prepared.encoder
    vocabs = find_vocabs(docs)
    cache = prepared.cache(vocabs[0])

    tokens = read_tokens(docs)
    spaced = tokens.orths
    if encoder.has_spacing:
        spaced = spaced_forms(tokens.orths, tokens.spacing)

    def compute(selected: NDArray[numpy.int64]) -> torch.Tensor:
        forms = spell_forms(
            tokens.orths[selected],
            vocabs,
            prepared.vocabulary,
            max_characters=prepared.max_characters,
        )
        spacing = torch.from_numpy(tokens.spacing[selected])
        return encoder.form_gates(form_tensors(forms, None, CPU), spacing)

    whitespace = prepared.whitespace
    vectors = whitespace.new_empty((len(tokens.is_read), len(whitespace)))
    if not tokens.is_read.all():
        vectors[torch.from_numpy(~tokens.is_read)] = whitespace
    places = numpy.flatnonzero(tokens.is_read)
    windows = cut_windows(tokens.doc_lengths, window=window, overlap=overlap)
    for lanes in lay_out_windows(windows):
        distinct, first, forms = numpy.unique(
            spaced[lanes.tokens], return_index=True, return_inverse=True
        )
        gates, rows = cache.look_up(distinct, lanes.tokens[first], compute)
        rows = rows[forms]
        if encoder.has_vectors:
            vector_keys = tokens.vector_keys[lanes.tokens]
            first, forms = find_forms(spaced[lanes.tokens], vector_keys)
            gates = _with_vectors(
                encoder, gates, rows[first], vocabs[0], vector_keys[first]
            )
            rows = forms + 1
        lane_places = torch.from_numpy(places[lanes.tokens])
        parts = encoder.read(gates, torch.from_numpy(rows), lane_tensors(lanes))
        for part, found in parts:
            vectors.index_copy_(0, lane_places.index_select(0, part), found)
    return vectors.numpy()


def _with_vectors(
    encoder: TaggingEncoder,
    gates: torch.Tensor,
    rows: NDArray[numpy.int64],
    vocab: Vocab,
    keys: NDArray[numpy.uint64],
) -> torch.Tensor:
    """Return the gates of forms with those of their static vectors, below the same
    first row. *Shape:* (n_forms + 1, gates_width)

    They are not kept, since a vocab may get other vectors at any time."""
    vectors = torch.from_numpy(find_vectors(NumpyOps(), vocab, keys))
    of_forms = gates[torch.from_numpy(rows)] + encoder.vector_gates(vectors)
    return torch.cat((gates[:1], of_forms))


@functools.lru_cache(maxsize=None)
def choose_precision(width: int) -> str:
    """Return the precision that "auto" stands for on this CPU, for states of this width
    in each direction. It is measured and logged once."""
    chosen, seconds = find_fastest(width)
    times = ", ".join(f"{name} {1e6 * s:.0f}" for name, s in seconds.items())
    logger.info(
        "Tagging in %s, since a step of the LSTM takes in microseconds: %s.",
        chosen,
        times,
    )
    return chosen
