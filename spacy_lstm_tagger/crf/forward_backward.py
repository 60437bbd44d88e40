"""The probabilities of a linear-chain CRF, by the forward-backward algorithm."""

from typing import NamedTuple, Tuple

import numpy
from numpy.typing import NDArray

from .chain import Chain, find_ends
from .messages import LOG_SMALLEST, Messages, forward_messages, sum_step


class Expectations(NamedTuple):
    """The expected counts of a CRF, summed over all chains, and the log-partitions and
    marginals that they come with.

    log_partition (NDArray): The logarithm of the sum of the exponentiated scores of
        all sequences, of each chain. *Shape:* (n_chains,)
    marginals (NDArray): The probability of each tag of each token.
        *Shape:* (n_tokens, n_labels)
    start (NDArray): The number of chains that begin with each tag. *Shape:* (n_labels,)
    transitions (NDArray): The count of each tag (row) before each other (column).
        *Shape:* (n_labels, n_labels)
    end (NDArray): The number of chains that end with each tag. *Shape:* (n_labels,)
    """

    log_partition: NDArray
    marginals: NDArray
    start: NDArray
    transitions: NDArray
    end: NDArray

    def less(self, other: "Expectations") -> Chain:
        """Return the counts of tags that begin, follow and end, less those of the
        other: the gradient of a chain."""
        return Chain(
            self.start - other.start,
            self.transitions - other.transitions,
            self.end - other.end,
        )


def find_expectations(
    emissions: NDArray, lengths: NDArray[numpy.int64], chain: Chain
) -> Expectations:
    """Run the forward-backward algorithm, in float64.

    emissions (NDArray): The scores of the tags of each token, one chain after the
        other; -inf for a tag that the token can't have, but not for all of them.
        *Shape:* (n_tokens, n_labels)
    lengths (NDArray[numpy.int64]): The number of tokens of each chain.
        *Shape:* (n_chains,)
    chain (Chain): The scores of the chain.
    """
    emissions, chain = emissions.astype("float64"), chain.astype("float64")
    forward, backward = _read_both_ways(emissions, lengths, chain)
    first, last = find_ends(lengths)
    marginals = _combine(forward, backward, emissions)
    return Expectations(
        _log_partition(forward, lengths, chain),
        marginals,
        marginals[first].sum(axis=0),
        _count_pairs(forward, backward, first, chain.transitions),
        marginals[last].sum(axis=0),
    )


def find_marginals(
    emissions: NDArray, lengths: NDArray[numpy.int64], chain: Chain
) -> NDArray:
    """Find the probability of each tag of each token, in float64. The arguments are
    those of `find_expectations`.

    RETURNS (NDArray): *Shape:* (n_tokens, n_labels)
    """
    emissions, chain = emissions.astype("float64"), chain.astype("float64")
    forward, backward = _read_both_ways(emissions, lengths, chain)
    return _combine(forward, backward, emissions)


def find_log_partition(
    emissions: NDArray, lengths: NDArray[numpy.int64], chain: Chain
) -> NDArray:
    """Find the logarithm of the sum of the exponentiated scores of all sequences, in
    float64. The arguments are those of `find_expectations`.

    RETURNS (NDArray): *Shape:* (n_chains,)
    """
    emissions, chain = emissions.astype("float64"), chain.astype("float64")
    step = sum_step(chain.transitions)
    return _log_partition(
        forward_messages(emissions, lengths, chain, step), lengths, chain
    )


def _read_both_ways(
    emissions: NDArray, lengths: NDArray[numpy.int64], chain: Chain
) -> Tuple[Messages, Messages]:
    """Return the messages of the tokens up to each token, and of the tokens from each
    token on. Both count the emissions of the token itself."""
    step = sum_step(chain.transitions)
    forward = forward_messages(emissions, lengths, chain, step)
    mirrored = chain.reversed()
    backward = forward_messages(
        emissions[::-1], lengths[::-1], mirrored, sum_step(mirrored.transitions)
    )
    return forward, Messages(backward.scores[::-1], backward.scales[::-1])


def _combine(forward: Messages, backward: Messages, emissions: NDArray) -> NDArray:
    scores = forward.scores + backward.scores
    possible = numpy.isfinite(emissions)
    numpy.subtract(scores, emissions, out=scores, where=possible)
    return softmax(scores)


def _count_pairs(
    forward: Messages,
    backward: Messages,
    first: NDArray[numpy.int64],
    transitions: NDArray,
) -> NDArray:
    weights = numpy.exp(transitions - transitions.max())
    has_one_before = numpy.ones(len(forward.scores), dtype=bool)
    has_one_before[first] = False
    right = numpy.flatnonzero(has_one_before)
    before = numpy.exp(forward.scores[right - 1])
    after = numpy.exp(backward.scores[right])
    totals = ((before @ weights) * after).sum(axis=1)
    # A product of matrices loses scores that are hundreds apart.
    lost = totals < numpy.exp(LOG_SMALLEST)
    totals[lost] = numpy.inf
    counts = weights * ((before / totals[:, None]).T @ after)
    for token in right[lost]:
        scores = forward.scores[token - 1][:, None] + transitions
        scores = scores + backward.scores[token]
        counts += softmax(scores.reshape(1, -1)).reshape(scores.shape)
    return counts


def softmax(scores: NDArray) -> NDArray:
    """The probabilities of the tags of tokens that do not depend on each other.

    scores (NDArray): *Shape:* (n_tokens, n_labels)
    RETURNS (NDArray): *Shape:* (n_tokens, n_labels)
    """
    found = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    return found / found.sum(axis=1, keepdims=True)


def _log_partition(
    forward: Messages, lengths: NDArray[numpy.int64], chain: Chain
) -> NDArray:
    _, last = find_ends(lengths)
    found = _sum_chains(forward.scales, lengths)
    found[lengths > 0] += numpy.logaddexp.reduce(
        forward.scores[last] + chain.end, axis=1
    )
    return found


def _sum_chains(values: NDArray, lengths: NDArray[numpy.int64]) -> NDArray:
    chains = numpy.repeat(numpy.arange(len(lengths)), lengths)
    # If there are no values, numpy.bincount returns integers.
    found = numpy.bincount(chains, weights=values, minlength=len(lengths))
    return found.astype("float64")
