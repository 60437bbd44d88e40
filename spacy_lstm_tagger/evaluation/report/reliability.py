"""Whether a tagger is as often right as it is sure."""

import math
from dataclasses import dataclass
from typing import Iterable, List, NamedTuple, Sequence

from ..calibration import N_BINS, bin_name
from .accuracy import Accuracy
from .tokens import TaggedToken

REVIEWED = (0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass
class ConfidenceBin(Accuracy):
    """Tokens with similar confidence.

    sum_confidence (float): The sum of their confidences.
    """

    sum_confidence: float = 0.0

    @property
    def confidence(self) -> float:
        """The mean confidence."""
        return self.sum_confidence / self.n_tokens

    def add(self, token: TaggedToken) -> None:
        super().add(token)
        self.sum_confidence += token.confidence


class Review(NamedTuple):
    """What reading the least certain tags would bring.

    share (float): The share of all tokens that is read.
    n_tokens (int): Number of them.
    n_errors (int): Number of errors among them.
    """

    share: float
    n_tokens: int
    n_errors: int


def with_confidence(tokens: Iterable[TaggedToken]) -> List[TaggedToken]:
    """The tokens whose tags the component knows the probability of."""
    return [token for token in tokens if not math.isnan(token.confidence)]


def by_confidence(tokens: Iterable[TaggedToken]) -> List[ConfidenceBin]:
    """Group tokens by their confidence. Groups without tokens are left out."""
    bins = [ConfidenceBin(bin_name(i)) for i in range(N_BINS)]
    for token in tokens:
        bins[min(int(token.confidence * N_BINS), N_BINS - 1)].add(token)
    return [group for group in bins if group.n_tokens]


def calibration_error(bins: Sequence[ConfidenceBin]) -> float:
    """The expected calibration error: the mean distance of accuracy and confidence,
    where each group has the weight of its tokens."""
    n_tokens = sum(group.n_tokens for group in bins)
    return sum(abs(b.n_correct - b.sum_confidence) for b in bins) / max(n_tokens, 1)


def review(tokens: Sequence[TaggedToken]) -> List[Review]:
    """How many errors are among the least certain tokens."""
    errors = [
        not token.is_correct for token in sorted(tokens, key=lambda t: t.confidence)
    ]
    counts = [math.ceil(share * len(errors)) for share in REVIEWED]
    return [Review(s, n, sum(errors[:n])) for s, n in zip(REVIEWED, counts)]
