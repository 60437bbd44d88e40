"""What a tagger leaves in `doc.user_data`, and the token attributes that read it."""

from functools import partial
from typing import Any, Callable, List, Optional, Sequence, Tuple

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc, Token


def register_confidence(name: str) -> None:
    """Make `token._.{name}` known to spaCy: the probability of the tag that a
    tagger found, or None.

    RAISES (ValueError): If there is an attribute of the name that is not ours.
    """
    _register(name, _get_confidence)


def register_alternatives(name: str) -> None:
    """Make `token._.{name}` known to spaCy: a list of the most probable tags and their
    probabilities, or None.

    RAISES (ValueError): If there is an attribute of the name that is not ours.
    """
    _register(name, _get_alternatives)


def set_confidence(
    doc: Doc, name: str, probabilities: NDArray, tags: NDArray[numpy.int64]
) -> None:
    """Store the probability of one tag of each token.

    probabilities (NDArray): *Shape:* (n_tokens, n_labels)
    tags (NDArray[numpy.int64]): Positions among the labels. *Shape:* (n_tokens,)
    """
    found = probabilities[numpy.arange(len(tags)), tags]
    doc.user_data[_key(name)] = found.astype("float32")


def set_alternatives(
    doc: Doc, name: str, probabilities: NDArray, labels: Sequence[str], n: int
) -> None:
    """Store the `n` most probable tags of each token.

    probabilities (NDArray): *Shape:* (n_tokens, n_labels)
    labels (Sequence[str]): The tags.
    """
    order = numpy.argsort(-probabilities, axis=1, kind="stable")[:, :n]
    # The tags as strings: another vocabulary may not know their hashes.
    tags = numpy.asarray(labels)[order]
    fields = [("tag", tags.dtype), ("probability", "float32")]
    found = numpy.empty(order.shape, numpy.dtype(fields))
    found["tag"] = tags
    found["probability"] = numpy.take_along_axis(probabilities, order, axis=1)
    doc.user_data[_key(name)] = found


def _key(name: str) -> Any:
    return ("lstm_tagger", name)


def _register(name: str, read: Callable) -> None:
    if not Token.has_extension(name):
        Token.set_extension(name, getter=partial(read, name))
        return
    present = Token.get_extension(name)[2]
    if getattr(present, "func", None) is not read:
        raise ValueError(
            f"Can't set 'token._.{name}': there is another custom attribute of this "
            f"name. Choose a different name in the config of the component."
        )


def _get_confidence(name: str, token: Token) -> Optional[float]:
    found = token.doc.user_data.get(_key(name))
    return None if found is None else float(_row(name, token, found))


def _get_alternatives(name: str, token: Token) -> Optional[List[Tuple[str, float]]]:
    found = token.doc.user_data.get(_key(name))
    if found is None:
        return None
    return _row(name, token, found).tolist()


def _row(name: str, token: Token, rows: NDArray) -> Any:
    if len(rows) != len(token.doc):
        raise ValueError(
            f"Can't read 'token._.{name}': the document had {len(rows)} tokens when "
            f"it was tagged, and has {len(token.doc)} now. Read it before the tokens "
            f"are changed, or run the tagger after that."
        )
    return rows[token.i]
