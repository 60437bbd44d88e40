"""Negated tags in training data: tags that a token does not have."""

from typing import Tuple


def split_negation(tag: str, prefix: str) -> Tuple[str, bool]:
    """Return a tag without the prefix of negated tags, and whether it had one.

    tag (str): A tag of the annotation.
    prefix (str): The prefix of negated tags. The prefix alone is a tag like others.
    RETURNS (Tuple[str, bool]): The tag without the prefix, and True if it had one.
    """
    if prefix and tag.startswith(prefix) and tag != prefix:
        return tag[len(prefix) :], True
    return tag, False
