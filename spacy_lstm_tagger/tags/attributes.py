"""Custom attributes: their names, and the values that a tagger leaves at tokens.

The values of a document are one array in `doc.user_data`, with the character offset
and the form of each token. Its key is like that of a custom attribute of a span, so
spaCy moves it along when it cuts documents (`Span.as_doc`) and joins them
(`Doc.from_docs`).
"""

from bisect import bisect_left
from functools import partial
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Type
from weakref import WeakKeyDictionary

import numpy
from numpy.typing import NDArray
from spacy.attrs import LENGTH, ORTH, SPACY
from spacy.tokens import Doc, Token

PREFIX = "lstm_tagger."
# The keys of stored values in `doc.user_data`, and how many entries that had when they
# were looked for: other components may keep an entry for each token there.
_KEYS: "WeakKeyDictionary[Doc, Tuple[int, List[Any]]]" = WeakKeyDictionary()


def register_confidence(name: str) -> None:
    """Make `token._.{name}` known to spaCy: the probability of the tag that a
    tagger found, or None.

    RAISES (ValueError): If there is an attribute of the name that is not ours.
    """
    register_attribute(Token, name, _get_confidence)


def register_alternatives(name: str) -> None:
    """Make `token._.{name}` known to spaCy: a list of the most probable tags and their
    probabilities, or None.

    RAISES (ValueError): If there is an attribute of the name that is not ours.
    """
    register_attribute(Token, name, _get_alternatives)


def register_attribute(
    owner: Type, name: str, getter: Callable, setter: Optional[Callable] = None
) -> None:
    """Make a custom attribute known to spaCy, unless that was done before.

    owner (Type): `Doc` or `Token`.
    getter (Callable): Takes the name and the document or token.
    setter (Optional[Callable]): Takes these and the value.
    RAISES (ValueError): If there is an attribute of the name with another getter.
    """
    if not owner.has_extension(name):
        functions = {"getter": partial(getter, name)}
        if setter is not None:
            functions["setter"] = partial(setter, name)
        owner.set_extension(name, **functions)
        return
    _, _, present, _ = owner.get_extension(name)
    if getattr(present, "func", None) is not getter:
        raise ValueError(
            f"Can't set '{owner.__name__.lower()}._.{name}': there is another custom "
            f"attribute of this name. Choose a different name in the config of the "
            f"component."
        )


def underscore_key(
    name: str, start: Optional[int] = None, end: Optional[int] = None
) -> Any:
    """Return the key of a custom attribute in `doc.user_data`, which is that of spaCy.

    start, end (Optional[int]): The characters of a span, or None for the document.
    """
    return ("._.", name, start, end)


def set_confidence(
    doc: Doc, name: str, probabilities: NDArray, tags: NDArray[numpy.int64]
) -> None:
    """Store the probability of one tag of each token.

    probabilities (NDArray): *Shape:* (n_tokens, n_labels)
    tags (NDArray[numpy.int64]): Positions among the labels. *Shape:* (n_tokens,)
    """
    found = probabilities[numpy.arange(len(tags)), tags]
    _store(doc, name, {"probability": found.astype("float32")})


def set_alternatives(
    doc: Doc, name: str, probabilities: NDArray, labels: Sequence[str], n: int
) -> None:
    """Store the `n` most probable tags of each token.

    probabilities (NDArray): *Shape:* (n_tokens, n_labels)
    labels (Sequence[str]): The tags.
    """
    order = numpy.argsort(-probabilities, axis=1, kind="stable")[:, :n]
    highest = numpy.take_along_axis(probabilities, order, axis=1)
    # The tags as strings: another vocabulary may not know their hashes.
    tags = numpy.asarray(labels)[order]
    _store(doc, name, {"tag": tags, "probability": highest.astype("float32")})


def store_alternatives(
    doc: Doc, name: str, alternatives: Sequence[Mapping[str, float]]
) -> None:
    """Store the tags that each token may have, in the given order.

    alternatives (Sequence[Mapping[str, float]]): For each token, the probabilities of
        its tags. Empty if nothing is known of it.
    """
    n = max([1, *map(len, alternatives)])
    # Rows are filled up with empty tags, which are left out when they are read.
    tags = [[*found, *[""] * (n - len(found))] for found in alternatives]
    values = [[*found.values(), *[0.0] * (n - len(found))] for found in alternatives]
    columns = {
        "tag": numpy.asarray(tags, dtype=str),
        "probability": numpy.asarray(values, dtype="float32"),
    }
    _store(doc, name, columns)


def read_alternatives(doc: Doc, name: str) -> List[Optional[List[Tuple[str, float]]]]:
    """Return the most probable tags of each token and their probabilities, as the
    custom attribute of that name has them.

    RAISES (ValueError): If the text had other tokens when it was tagged.
    """
    return [_get_alternatives(name, token) for token in doc]


def read_confidences(doc: Doc) -> Optional[List[Optional[float]]]:
    """Return the probability of the tag of each token, whatever the name of the custom
    attribute that has it, or None if there is no such attribute.

    RAISES (ValueError): If there are two attributes, or if one can't be read.
    """
    names = {
        key[1].removeprefix(PREFIX)
        for key, table in doc.user_data.items()
        if _is_ours(key) and "tag" not in table.dtype.names
    }
    if len(names) > 1:
        raise ValueError(
            f"Can't tell whose probabilities are meant: the document has those of "
            f"{len(names)} taggers, {sorted(names)}. Give the probabilities, or "
            f"configure only one tagger with a 'confidence_attribute'."
        )
    if not names:
        return None
    (name,) = names
    return [_get_confidence(name, token) for token in doc]


def _store(doc: Doc, name: str, columns: Dict[str, NDArray]) -> None:
    """Store values of tokens in place of all that the document had.

    columns (Dict[str, NDArray]): *Shape:* (n_tokens, ...)
    """
    doc.user_data.pop(_old_key(name), None)
    for key in _find_keys(doc, name):
        del doc.user_data[key]
    if not len(doc):
        return
    lengths, spaces, forms = doc.to_array([LENGTH, SPACY, ORTH]).T
    ends = numpy.cumsum(lengths + spaces)
    starts = (ends - lengths - spaces).astype("int32")
    columns = {"start": starts, "form": forms, **columns}
    # msgpack keeps the fields of arrays, but not fields within fields.
    fields = [(key, column.dtype, column.shape[1:]) for key, column in columns.items()]
    table = numpy.empty(len(doc), numpy.dtype(fields))
    for key, column in columns.items():
        table[key] = column
    doc.user_data[underscore_key(_stored_name(name), 0, int(ends[-1]))] = table
    _KEYS.pop(doc, None)


def _stored_name(name: str) -> str:
    # Not the name itself, which may be that of an attribute of spans, too.
    return PREFIX + name


def _old_key(name: str) -> Any:
    """Return the key of values that earlier versions stored, without offsets."""
    return ("lstm_tagger", name)


def _find_keys(doc: Doc, name: str) -> List[Any]:
    """Find the keys of stored values: more than one if documents were joined."""
    n_entries, keys = _KEYS.get(doc, (-1, []))
    if n_entries != len(doc.user_data) or not all(key in doc.user_data for key in keys):
        keys = [key for key in doc.user_data if _is_ours(key)]
        _KEYS[doc] = (len(doc.user_data), keys)
    return [key for key in keys if key[1] == _stored_name(name)]


def _is_ours(key: Any) -> bool:
    return isinstance(key, tuple) and len(key) == 4 and str(key[1]).startswith(PREFIX)


def _get_confidence(name: str, token: Token) -> Optional[float]:
    return _read(name, token, _decode_confidence)


def _get_alternatives(name: str, token: Token) -> Optional[List[Tuple[str, float]]]:
    return _read(name, token, _decode_alternatives)


def _decode_confidence(row: numpy.void) -> float:
    return row["probability"].item()


def _decode_alternatives(row: numpy.void) -> List[Tuple[str, float]]:
    found = zip(row["tag"].tolist(), row["probability"].tolist())
    return [(tag, probability) for tag, probability in found if tag]


def _read(name: str, token: Token, decode: Callable) -> Any:
    """Return the value of a token, or None if it is in no text that was tagged.

    decode (Callable): Turns a row into a value.
    RAISES (ValueError): If the text had other tokens when it was tagged, or if it can't
        be told which of several values is that of the token.
    """
    user_data = token.doc.user_data
    if _old_key(name) in user_data:
        raise _error(name, token, "it was tagged by an earlier version")
    found = []
    is_tagged = False
    for key in _find_keys(token.doc, name):
        _, _, start, end = key
        if start <= token.idx < end:
            is_tagged = True
            row = _find_row(user_data[key], token.idx - start, token.orth)
            if row is not None:
                found.append(decode(row))
    if is_tagged and not found:
        raise _error(name, token, "it was not a token when the text was tagged")
    # spaCy copies all user data with a span. What was cut off may fit by chance where
    # another document was joined instead.
    if any(value != found[0] for value in found[1:]):
        raise _error(name, token, "documents that were joined have two values for it")
    return found[0] if found else None


def _find_row(table: NDArray, start: int, form: int) -> Optional[numpy.void]:
    """Find the row of a token by its offset and its form, or None."""
    i = bisect_left(table["start"], start)
    if i < len(table) and table["start"][i] == start and int(table["form"][i]) == form:
        return table[i]
    return None


def _error(name: str, token: Token, reason: str) -> ValueError:
    return ValueError(
        f"Can't read 'token._.{name}' of '{token.text}': {reason}. Read it before the "
        f"tokens are changed, or run the tagger after that."
    )
