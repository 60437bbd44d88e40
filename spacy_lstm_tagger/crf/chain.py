"""The scores of a linear chain of tags."""

from dataclasses import dataclass
from typing import Callable, Tuple

import numpy
from numpy.typing import NDArray


@dataclass(frozen=True)
class Chain:
    """The scores of a linear-chain CRF, besides those of each token (Lafferty et
    al., 2001).

    start (NDArray): Of each tag at the first token. *Shape:* (n_labels,)
    transitions (NDArray): Of each tag (row) before each other (column).
        *Shape:* (n_labels, n_labels)
    end (NDArray): Of each tag at the last token. *Shape:* (n_labels,)
    """

    start: NDArray
    transitions: NDArray
    end: NDArray

    def reversed(self) -> "Chain":
        """The chain that gives sequences read backwards the same scores."""
        transitions = numpy.ascontiguousarray(self.transitions.T)
        return Chain(self.end, transitions, self.start)

    def map(self, function: Callable[..., NDArray], *others: "Chain") -> "Chain":
        """The chain with each array replaced by what the function makes of it, and of
        the same arrays of other chains."""
        chains = (self, *others)
        return Chain(
            function(*(chain.start for chain in chains)),
            function(*(chain.transitions for chain in chains)),
            function(*(chain.end for chain in chains)),
        )

    def divided(self, temperature: float) -> "Chain":
        """The chain with all scores divided by a number."""
        return self.map(lambda scores: scores / temperature)

    def astype(self, dtype: str) -> "Chain":
        """The chain with numbers of another type."""
        return self.map(lambda scores: scores.astype(dtype))


def independent(n_labels: int) -> Chain:
    """A chain whose tags do not depend on each other: all of its scores are 0."""
    zeros = numpy.zeros((n_labels, n_labels))
    return Chain(zeros[0], zeros, zeros[0])


def find_ends(
    lengths: NDArray[numpy.int64],
) -> Tuple[NDArray[numpy.int64], NDArray[numpy.int64]]:
    """Find the first and the last tokens of chains that stand one after the other.
    Those without tokens have none."""
    last = numpy.cumsum(lengths)[lengths > 0] - 1
    return last + 1 - lengths[lengths > 0], last
