"""The recursion that all algorithms on chains are built on."""

from typing import Callable, NamedTuple

import numpy
from numpy.typing import NDArray

from .chain import Chain
from .pieces import CONTEXT, Pieces, cut_pieces, longest_first, settle, steps

# Maps the messages of tokens to the sum or the maximum over their tags, for each tag
# that can follow.
# *Shapes:* (n_tokens, n_labels) to (n_tokens, n_labels)
Step = Callable[[NDArray], NDArray]

# Memory for the scores of all pairs of tags, in numbers.
PAIRS_BUDGET = 2**18
# In sums of numbers of at most 1, terms that are too small for float64 become 0. Only
# sums whose logarithm is less than this can be wrong because of that.
LOG_SMALLEST = -670.0
# If memory allows fewer tokens than this at once, it pays to prune each by itself.
WORTH_PRUNING = 20


class Messages(NamedTuple):
    """The scores of each tag of each token, given all tokens up to that one.

    scores (NDArray): The logarithm of the sum, or the maximum, of the scores of all
        sequences that end in the tag, less a number that makes the greatest of them
        0. *Shape:* (n_tokens, n_labels)
    scales (NDArray): The growth of that number at each token. *Shape:* (n_tokens,)
    """

    scores: NDArray
    scales: NDArray


def forward_messages(
    emissions: NDArray, lengths: NDArray[numpy.int64], chain: Chain, step: Step
) -> Messages:
    """Read chains from their first to their last tokens.

    emissions (NDArray): The scores of the tags of each token, one chain after the
        other. Each token needs one that is not -inf. *Shape:* (n_tokens, n_labels)
    lengths (NDArray[numpy.int64]): The number of tokens of each chain.
        *Shape:* (n_chains,)
    chain (Chain): The scores of the chain, of the same dtype.
    step (Step): `sum_step` or `max_step` of its transitions.
    """
    messages = Messages(
        numpy.empty_like(emissions), numpy.empty(len(emissions), emissions.dtype)
    )
    pieces = cut_pieces(lengths)
    entries = _guess_entries(emissions, pieces, chain, step, messages)
    later = numpy.flatnonzero(pieces.continues)
    # Greater than the rounding errors of scores of a few dozen.
    tolerance = 256 * numpy.finfo(emissions.dtype).eps

    def find_wrong() -> NDArray[numpy.int64]:
        found = step(messages.scores[pieces.first[later] - 1])
        close = numpy.isclose(
            found, entries[later], rtol=0.0, atol=tolerance, equal_nan=True
        )
        return later[~close.all(axis=1)]

    def read(chosen: NDArray[numpy.int64]) -> None:
        order, first, n_tokens = longest_first(pieces, chosen)
        _read(emissions, first, n_tokens, entries[order], step, messages)

    def read_again(chosen: NDArray[numpy.int64]) -> None:
        entries[chosen] = step(messages.scores[pieces.first[chosen] - 1])
        read(chosen)

    read(numpy.arange(len(pieces.first)))
    settle(find_wrong, read_again)
    return messages


def _guess_entries(
    emissions: NDArray, pieces: Pieces, chain: Chain, step: Step, messages: Messages
) -> NDArray:
    """Return the scores that each piece starts from. They are a guess for pieces that
    continue a chain."""
    entries = numpy.empty((len(pieces.first), emissions.shape[1]), emissions.dtype)
    entries[:] = chain.start
    first = pieces.first[pieces.continues]
    if len(first):
        n_tokens = numpy.full(len(first), CONTEXT)
        nothing = numpy.zeros((len(first), emissions.shape[1]), emissions.dtype)
        _read(emissions, first - CONTEXT, n_tokens, nothing, step, messages)
        entries[pieces.continues] = step(messages.scores[first - 1])
    return entries


def _read(
    emissions: NDArray,
    first: NDArray[numpy.int64],
    lengths: NDArray[numpy.int64],
    entries: NDArray,
    step: Step,
    messages: Messages,
) -> None:
    present = entries
    for i, tokens in enumerate(steps(first, lengths)):
        if i > 0:
            present = step(present[: len(tokens)])
        present = present + emissions[tokens]
        largest = present.max(axis=1)
        present -= largest[:, None]
        messages.scores[tokens] = present
        messages.scales[tokens] = largest


def sum_step(transitions: NDArray) -> Step:
    """The step of the forward algorithm: log-sum-exp over the tags before."""
    # A product of matrices does what a log-sum-exp over all pairs would, but for
    # scores that are hundreds apart: sums as small as this may lack terms.
    with numpy.errstate(over="ignore"):
        weights = numpy.exp(transitions)
        smallest = numpy.exp(transitions.max(initial=0.0) + LOG_SMALLEST)

    def step(messages: NDArray) -> NDArray:
        with numpy.errstate(divide="ignore", invalid="ignore"):
            sums = numpy.exp(messages) @ weights
            found = numpy.log(sums)
        lost = ~((sums > smallest) & numpy.isfinite(sums)).all(axis=1)
        if lost.any():
            pairs = messages[lost][:, :, None] + transitions
            found[lost] = numpy.logaddexp.reduce(pairs, axis=1)
        return found

    return step


def max_step(transitions: NDArray) -> Step:
    """The step of the Viterbi algorithm: the maximum over the tags before."""
    n_at_once = PAIRS_BUDGET // len(transitions) ** 2
    if n_at_once < WORTH_PRUNING:
        return _pruned_max_step(transitions)

    def step(messages: NDArray) -> NDArray:
        found = numpy.empty_like(messages)
        for i in range(0, len(messages), n_at_once):
            # Tokens last: then numpy takes the maximum of whole rows at a time.
            some = numpy.ascontiguousarray(messages[i : i + n_at_once].T)
            pairs = some[:, None] + transitions[:, :, None]
            found[i : i + n_at_once] = pairs.max(axis=0).T
        return found

    return step


def _pruned_max_step(transitions: NDArray) -> Step:
    """The step of the Viterbi algorithm for so many tags that most are better left out.
    A tag is never the best one before another if it is behind a third by more than
    transitions can make up for."""
    lowest, highest = transitions.min(axis=1), transitions.max(axis=1)

    def step(messages: NDArray) -> NDArray:
        needed = (messages + lowest).max(axis=1, keepdims=True)
        is_candidate = messages + highest >= needed
        found = numpy.empty_like(messages)
        for i, message in enumerate(messages):
            (tags,) = is_candidate[i].nonzero()
            found[i] = (message[tags, None] + transitions[tags]).max(axis=0)
        return found

    return step
