"""The columns of a table that come from documents."""

from typing import Callable, Dict, Iterable, List, Sequence

import numpy
import pyarrow as pa
from numpy.typing import NDArray
from spacy import attrs
from spacy.tokens import Doc

from .options import (
    CONFIDENCES,
    LEMMAS,
    POS,
    SENTENCE_STARTS,
    SPACES,
    TAGS,
    TOKENS,
)

STRINGS = {TOKENS: attrs.ORTH, TAGS: attrs.TAG, POS: attrs.POS, LEMMAS: attrs.LEMMA}
TRUTHS = {SPACES: attrs.SPACY, SENTENCE_STARTS: attrs.SENT_START}
# All that there are, with the type of the values of a token.
TYPES: Dict[str, pa.DataType] = {
    **dict.fromkeys(STRINGS, pa.string()),
    **dict.fromkeys(TRUTHS, pa.bool_()),
    CONFIDENCES: pa.float32(),
}
# Finds the probabilities of the tags of documents.
FindConfidences = Callable[[List[Doc]], Iterable[NDArray]]


def make_columns(
    names: Sequence[str], docs: List[Doc], find_confidences: FindConfidences
) -> Dict[str, pa.Array]:
    """Make columns with a value for each token of documents, one after the other.

    names (Sequence[str]): The names of the columns.
    docs (List[Doc]): The documents, of one vocab.
    find_confidences (FindConfidences): Makes the column "confidences".
    RETURNS (Dict[str, pa.Array]): *Shape:* (n_tokens,)
    """
    return {name: _make_column(name, docs, find_confidences) for name in names}


def _make_column(
    name: str, docs: List[Doc], find_confidences: FindConfidences
) -> pa.Array:
    if not any(map(len, docs)):
        return pa.array([], TYPES[name])
    if name == CONFIDENCES:
        found = numpy.concatenate(list(find_confidences(docs)))
        # A tag that a rule has set has no probability.
        return pa.array(found.astype("float32"), from_pandas=True)
    if name in TRUTHS:
        values = _read(docs, TRUTHS[name])
        # Nobody has looked for sentences where it is 0.
        is_unknown = values == 0 if name == SENTENCE_STARTS else None
        return pa.array(values == 1, mask=is_unknown)
    # Each string is looked up once.
    keys, places = numpy.unique(_read(docs, STRINGS[name]), return_inverse=True)
    # Parts of speech are numbers, which the table of strings knows as well.
    strings = docs[0].vocab.strings
    distinct = pa.array([strings[int(key)] for key in keys], pa.string())
    return distinct.take(pa.array(places))


def _read(docs: List[Doc], attribute: int) -> NDArray[numpy.uint64]:
    return numpy.concatenate([doc.to_array(attribute) for doc in docs])
