"""The confidence of a tagger, compared with how often it is right."""

import math
from typing import Iterable, List, NamedTuple, Sequence

import numpy

from ..calibration import ConfidenceBin, group_by_confidence
from .tokens import TaggedToken

REVIEWED = (0.01, 0.02, 0.05, 0.1, 0.2)


class Review(NamedTuple):
    """The errors that are found by reading the least certain tags.

    share (float): The share of all tokens that is read.
    n_tokens (int): Number of them.
    n_errors (int): Number of errors among them.
    """

    share: float
    n_tokens: int
    n_errors: int


def with_confidence(tokens: Iterable[TaggedToken]) -> List[TaggedToken]:
    """Return the tokens whose tag has a probability: it is one of the component."""
    return [token for token in tokens if not math.isnan(token.confidence)]


def by_confidence(tokens: Sequence[TaggedToken]) -> List[ConfidenceBin]:
    """Group tokens by their confidence. Groups without tokens are left out."""
    return group_by_confidence(
        numpy.asarray([token.confidence for token in tokens], dtype="float64"),
        numpy.asarray([token.is_correct for token in tokens], dtype=bool),
    )


def review(tokens: Sequence[TaggedToken]) -> List[Review]:
    """Count the errors among the least certain tokens."""
    errors = [
        not token.is_correct for token in sorted(tokens, key=lambda t: t.confidence)
    ]
    counts = [math.ceil(share * len(errors)) for share in REVIEWED]
    return [Review(s, n, sum(errors[:n])) for s, n in zip(REVIEWED, counts)]
