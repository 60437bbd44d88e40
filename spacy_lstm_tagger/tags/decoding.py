"""Find tags, probabilities and lists of sequences from the scores of tags."""

from dataclasses import dataclass, replace
from typing import List, Optional, Sequence, Tuple

import numpy
from numpy.typing import NDArray
from spacy.attrs import IS_SPACE, SENT_START
from spacy.tokens import Doc

from ..crf.chain import Chain
from ..crf.forward_backward import find_log_partition, find_marginals, softmax
from ..crf.k_best import Ranked, combine, find_k_best
from ..crf.viterbi import find_best


@dataclass(frozen=True)
class Lattice:
    """The scores of the tags of documents, and the chains of tokens in them.

    emissions (NDArray): The scores of the tags of all tokens; -inf for those that
        are not allowed. *Shape:* (n_tokens, n_labels)
    chain (Optional[Chain]): The scores of the chains. None for a softmax.
    chained (NDArray[numpy.int64]): The tokens of the chains, one chain after the
        other. *Shape:* (n_chained,)
    lengths (NDArray[numpy.int64]): The number of tokens of each chain.
        *Shape:* (n_chains,)
    alone (NDArray[numpy.int64]): The tokens that no other one depends on: all of them
        for a softmax, whitespace for a CRF. *Shape:* (n_alone,)
    """

    emissions: NDArray
    chain: Optional[Chain]
    chained: NDArray[numpy.int64]
    lengths: NDArray[numpy.int64]
    alone: NDArray[numpy.int64]

    def divided(self, temperature: float) -> "Lattice":
        """Return the lattice with all scores divided by a number."""
        if temperature == 1.0:
            return self
        chain = self.chain and self.chain.divided(temperature)
        emissions = self.emissions / self.emissions.dtype.type(temperature)
        return replace(self, emissions=emissions, chain=chain)


def make_lattice(
    docs: Sequence[Doc],
    scores: NDArray,
    chain: Optional[Chain],
    *,
    by_sentence: bool = False,
    allowed: Optional[NDArray[numpy.bool_]] = None,
) -> Lattice:
    """Find the chains of documents.

    docs (Sequence[Doc]): The documents, at least one.
    scores (NDArray): The scores of the tags of all of their tokens.
        *Shape:* (n_tokens, n_labels)
    chain (Optional[Chain]): The scores of the chains. None for a softmax.
    by_sentence (bool): Whether sentences are chains, where documents have them.
    allowed (Optional[NDArray[numpy.bool_]]): The tags that the tokens of all
        documents may have, at least one for each. *Shape:* (n_tokens, n_labels)
    """
    if allowed is not None:
        scores = numpy.where(allowed, scores, -numpy.inf)
    everything = numpy.arange(len(scores))
    if chain is None:
        return Lattice(scores, None, everything[:0], everything[:0], everything)
    flags = [doc.to_array([IS_SPACE]).reshape(-1) for doc in docs]
    is_space = numpy.concatenate(flags) != 0
    chained = everything[~is_space]
    lengths = _chain_lengths(docs, chained, by_sentence=by_sentence)
    return Lattice(
        scores, chain.astype(str(scores.dtype)), chained, lengths, everything[is_space]
    )


def _chain_lengths(
    docs: Sequence[Doc], chained: NDArray[numpy.int64], *, by_sentence: bool
) -> NDArray[numpy.int64]:
    starts = [_starts(doc, by_sentence=by_sentence) for doc in docs]
    chains = numpy.cumsum(numpy.concatenate(starts))[chained]
    return numpy.unique(chains, return_counts=True)[1]


def _starts(doc: Doc, *, by_sentence: bool) -> NDArray[numpy.bool_]:
    """Find the tokens that begin a chain. *Shape:* (n_tokens,)"""
    starts = numpy.zeros(len(doc), dtype=bool)
    if by_sentence:
        # 1 begins a sentence, -1 does not, and 0 is not set.
        starts = doc.to_array([SENT_START]).astype("int64").reshape(-1) == 1
    starts[:1] = True
    return starts


def best_tags(lattice: Lattice) -> NDArray[numpy.int64]:
    """Find the most probable sequence of tags.

    RETURNS (NDArray[numpy.int64]): Positions among the labels. *Shape:* (n_tokens,)
    """
    scores = lattice.emissions
    tags = scores.argmax(axis=1)
    if lattice.chain is not None:
        tags[lattice.chained] = find_best(
            scores[lattice.chained], lattice.lengths, lattice.chain
        )
    return tags


def token_probabilities(lattice: Lattice) -> NDArray:
    """Find the probability of each tag of each token: a softmax of its scores, or the
    marginal probability of a CRF.

    RETURNS (NDArray): Of float64. *Shape:* (n_tokens, n_labels)
    """
    scores = lattice.emissions.astype("float64")
    probabilities = softmax(scores)
    if lattice.chain is not None:
        probabilities[lattice.chained] = find_marginals(
            scores[lattice.chained], lattice.lengths, lattice.chain
        )
    return probabilities


def best_sequences(lattice: Lattice, k: int) -> List[Tuple[NDArray, float]]:
    """Find the `k` most probable sequences of tags for all tokens of a lattice, or all
    that are possible.

    RETURNS (List[Tuple[NDArray, float]]): Each as positions among the labels, and
        the logarithm of its probability. The most probable one comes first.
    """
    scores = lattice.emissions.astype("float64")
    places, parts, log_partition = [], [], 0.0
    # A token that no other depends on is a chain of its own, without transitions.
    for token in lattice.alone:
        places.append(numpy.asarray([token]))
        parts.append(_rank_token(scores[token], k))
        log_partition += float(numpy.logaddexp.reduce(scores[token]))
    if lattice.chain is not None:
        chain = lattice.chain.astype("float64")
        for tokens in numpy.split(lattice.chained, numpy.cumsum(lattice.lengths))[:-1]:
            places.append(tokens)
            parts.append(find_k_best(scores[tokens], chain, k))
        chained = scores[lattice.chained]
        log_partition += float(
            find_log_partition(chained, lattice.lengths, chain).sum()
        )
    choices, totals = combine(parts, k)
    found = []
    for choice, total in zip(choices, totals):
        tags = numpy.empty(len(scores), dtype="int64")
        for tokens, part, rank in zip(places, parts, choice):
            tags[tokens] = part.tags[rank]
        found.append((tags, float(total) - log_partition))
    return found


def _rank_token(scores: NDArray, k: int) -> Ranked:
    order = numpy.argsort(-scores, kind="stable")[:k]
    order = order[scores[order] > -numpy.inf]
    return Ranked(order[:, None], scores[order])
