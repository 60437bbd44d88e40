"""The best sequence of tags, by the Viterbi algorithm."""

import numpy
from numpy.typing import NDArray

from .chain import Chain
from .messages import forward_messages, max_step
from .pieces import CONTEXT, cut_pieces, longest_first, settle, steps


def find_best(
    emissions: NDArray, lengths: NDArray[numpy.int64], chain: Chain
) -> NDArray[numpy.int64]:
    """Find the sequence of tags with the highest score, for each chain (Viterbi,
    1967).

    emissions (NDArray): The scores of the tags of each token, one chain after the
        other; -inf for a tag that the token can't have, but not for all of them.
        *Shape:* (n_tokens, n_labels)
    lengths (NDArray[numpy.int64]): The number of tokens of each chain.
        *Shape:* (n_chains,)
    chain (Chain): The scores of the chain, of the same dtype.
    RETURNS (NDArray[numpy.int64]): Positions among the labels. *Shape:* (n_tokens,)
    """
    step = max_step(chain.transitions)
    scores = forward_messages(emissions, lengths, chain, step).scores
    return _trace_back(scores[::-1], lengths[::-1], chain)[::-1]


def _trace_back(
    scores: NDArray, lengths: NDArray[numpy.int64], chain: Chain
) -> NDArray[numpy.int64]:
    """Find the tags of the best sequences, from the last token back to the first.

    scores (NDArray): The scores of the best sequences up to each token, last tokens
        first. *Shape:* (n_tokens, n_labels)
    RETURNS (NDArray[numpy.int64]): The tags in the same order. *Shape:* (n_tokens,)
    """
    # The scores of what follows a token: the tags of the next one, and then the end.
    following = numpy.vstack((chain.transitions.T, chain.end))
    end = len(chain.end)
    tags = numpy.empty(len(scores), dtype="int64")
    pieces = cut_pieces(lengths)

    def read(
        first: NDArray[numpy.int64],
        n_tokens: NDArray[numpy.int64],
        entries: NDArray[numpy.int64],
    ) -> None:
        present = entries
        for tokens in steps(first, n_tokens):
            present = present[: len(tokens)]
            present = (scores[tokens] + following[present]).argmax(axis=1)
            tags[tokens] = present

    entries = numpy.full(len(pieces.first), end)
    later = numpy.flatnonzero(pieces.continues)
    # The guess is the tag that would follow if the chain ended some tokens later.
    before = pieces.first[later] - CONTEXT
    read(before, numpy.full(len(later), CONTEXT), entries[later])
    entries[later] = tags[pieces.first[later] - 1]

    def find_wrong() -> NDArray[numpy.int64]:
        return later[tags[pieces.first[later] - 1] != entries[later]]

    def read_chosen(chosen: NDArray[numpy.int64]) -> None:
        order, first, n_tokens = longest_first(pieces, chosen)
        read(first, n_tokens, entries[order])

    def read_again(chosen: NDArray[numpy.int64]) -> None:
        entries[chosen] = tags[pieces.first[chosen] - 1]
        read_chosen(chosen)

    read_chosen(numpy.arange(len(pieces.first)))
    settle(find_wrong, read_again)
    return tags
