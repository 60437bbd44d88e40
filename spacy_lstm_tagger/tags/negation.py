"""Negated tags in training data: tags that a token does not have."""

from typing import Tuple


def split_negation(tag: str, prefix: str) -> Tuple[str, bool]:
    """Tell a negated tag from others.

    tag (str): A tag of the annotation.
    prefix (str): What marks a negated tag. The prefix alone is a tag like others.
    RETURNS (Tuple[str, bool]): The tag without the prefix, and whether it had one.
    """
    if prefix and tag.startswith(prefix) and tag != prefix:
        return tag[len(prefix) :], True
    return tag, False
