"""What a tagger leaves in `doc.user_data`, and the token attributes that read it."""

from functools import partial
from typing import Callable, List, Optional, Tuple, cast

import numpy
from numpy.typing import NDArray
from spacy.strings import StringStore
from spacy.tokens import Doc, Token

# One entry of `token._.tag_alternatives`.
ALTERNATIVE = numpy.dtype([("tag", "uint64"), ("probability", "float32")])


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
    doc._.set(name, found.astype("float32"))


def set_alternatives(
    doc: Doc, name: str, probabilities: NDArray, hashes: NDArray[numpy.uint64], n: int
) -> None:
    """Store the `n` most probable tags of each token.

    probabilities (NDArray): *Shape:* (n_tokens, n_labels)
    hashes (NDArray[numpy.uint64]): Of the labels. *Shape:* (n_labels,)
    """
    order = numpy.argsort(-probabilities, axis=1, kind="stable")[:, :n]
    found = numpy.empty(order.shape, ALTERNATIVE)
    found["tag"] = hashes[order]
    found["probability"] = numpy.take_along_axis(probabilities, order, axis=1)
    doc._.set(name, found)


def _register(name: str, read: Callable) -> None:
    getter = partial(read, name)
    if not Token.has_extension(name):
        # The array belongs to the document: one for all tokens.
        Doc.set_extension(name, default=None, force=True)
        Token.set_extension(name, getter=getter)
        return
    present = Token.get_extension(name)[2]
    if getattr(present, "func", None) is not read:
        raise ValueError(
            f"Can't set 'token._.{name}': there is another custom attribute of this "
            f"name. Choose a different name in the config of the component."
        )


def _row(name: str, token: Token) -> Optional[NDArray]:
    found = token.doc._.get(name)
    if found is None:
        return None
    if len(found) != len(token.doc):
        raise ValueError(
            f"Can't read 'token._.{name}': the document had {len(found)} tokens when "
            f"it was tagged, and has {len(token.doc)} now. Read it before the tokens "
            f"are changed, or run the tagger after that."
        )
    return found[token.i]


def _get_confidence(name: str, token: Token) -> Optional[float]:
    found = _row(name, token)
    return None if found is None else float(cast(float, found))


def _get_alternatives(name: str, token: Token) -> Optional[List[Tuple[str, float]]]:
    found = _row(name, token)
    if found is None:
        return None
    strings: StringStore = token.vocab.strings
    return [(strings[tag], float(probability)) for tag, probability in found.tolist()]
