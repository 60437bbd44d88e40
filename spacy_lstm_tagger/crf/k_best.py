"""The best sequences of tags, more than one."""

from typing import List, NamedTuple, Sequence, Tuple

import numpy
from numpy.typing import NDArray

from .chain import Chain


class Ranked(NamedTuple):
    """Sequences of tags, the best one first.

    tags (NDArray[numpy.int64]): Positions among the labels.
        *Shape:* (n_sequences, n_tokens)
    scores (NDArray): *Shape:* (n_sequences,)
    """

    tags: NDArray[numpy.int64]
    scores: NDArray


def find_k_best(emissions: NDArray, chain: Chain, k: int) -> Ranked:
    """Find the `k` sequences with the highest scores of one chain, by the list Viterbi
    algorithm (Seshadri & Sundberg, 1994). There are fewer if fewer are possible.

    emissions (NDArray): The scores of the tags of each token; -inf for a tag that
        the token can't have. *Shape:* (n_tokens, n_labels)
    chain (Chain): The scores of the chain.
    k (int): The number of sequences to find, at least 1.
    """
    if not len(emissions):
        # There is one sequence of no tags.
        return Ranked(numpy.zeros((1, 0), dtype="int64"), numpy.zeros(1))
    # The scores of the best sequences that end in each tag. Each of them extends one
    # that ends at the token before: `origins` has its position among all of those.
    scores = (chain.start + emissions[0])[:, None]
    origins = []
    for emission in emissions[1:]:
        before = scores.reshape(-1)
        n_before = scores.shape[1]
        reached = before[:, None] + numpy.repeat(chain.transitions, n_before, axis=0)
        best = _highest(reached.T, k)
        origins.append(best)
        scores = numpy.take_along_axis(reached.T, best, axis=1) + emission[:, None]
    scores = scores + chain.end[:, None]
    n_before = scores.shape[1]
    (present,) = _highest(scores.reshape(1, -1), k)
    found = scores.reshape(-1)[present]
    possible = found > -numpy.inf
    present, found = present[possible], found[possible]
    tags = numpy.empty((len(present), len(emissions)), dtype="int64")
    for token in reversed(range(len(emissions))):
        tags[:, token] = present // n_before
        if token > 0:
            present = origins[token - 1].reshape(-1)[present]
            n_before = origins[token - 2].shape[1] if token > 1 else 1
    return Ranked(tags, found)


def combine(parts: Sequence[Ranked], k: int) -> Tuple[List[List[int]], NDArray]:
    """Find the `k` best combinations of sequences that do not depend on each other.

    parts (Sequence[Ranked]): At least `k` sequences of each, or all that there are.
    RETURNS (Tuple[List[List[int]], NDArray]): For each combination, the position of
        its sequence in each part, and its score, which is the sum of theirs.
    """
    scores = numpy.zeros(1)
    # For each part: the combination of the parts before, and the sequence added to it.
    steps = []
    for part in parts:
        n_choices = len(part.scores[:k])
        sums = (scores[:, None] + part.scores[:k]).reshape(-1)
        (best,) = _highest(sums[None], k)
        steps.append((best // n_choices, best % n_choices))
        scores = sums[best]
    choices = numpy.empty((len(scores), len(parts)), dtype="int64")
    present = numpy.arange(len(scores))
    for i in reversed(range(len(parts))):
        before, chosen = steps[i]
        choices[:, i] = chosen[present]
        present = before[present]
    return choices.tolist(), scores


def _highest(scores: NDArray, k: int) -> NDArray[numpy.int64]:
    """Find the columns of the `k` highest scores of each row, the highest first."""
    k = min(k, scores.shape[1])
    found = numpy.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = numpy.argsort(-numpy.take_along_axis(scores, found, axis=1), kind="stable")
    return numpy.take_along_axis(found, order, axis=1)
