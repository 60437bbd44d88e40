"""Chains to test algorithms on, and the enumeration of all of their tag sequences."""

import itertools
from typing import Any, Iterator, List, NamedTuple, Sequence, Tuple

import numpy
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from spacy_lstm_tagger.crf import messages, pieces, viterbi
from spacy_lstm_tagger.crf.chain import Chain

# Sizes of pieces: shorter, and longer, than any chain here.
SMALL_PIECES, NO_PIECES = 3, 10**6
NO_TOKENS = numpy.zeros((0, 3))


class Problem(NamedTuple):
    """The arguments of all algorithms on chains."""

    emissions: NDArray
    lengths: NDArray[numpy.int64]
    chain: Chain

    def chains(self) -> List[NDArray]:
        """The emissions of each chain."""
        return numpy.split(self.emissions, numpy.cumsum(self.lengths)[:-1])


class Sequences(NamedTuple):
    """All tag sequences of a chain, with their scores and probabilities."""

    tags: NDArray[numpy.int64]
    scores: NDArray
    probabilities: NDArray
    log_partition: float


def enumerate_sequences(emissions: NDArray, chain: Chain) -> Sequences:
    """List each sequence and its score, one by one."""
    n_tokens, n_labels = emissions.shape
    tags = list(itertools.product(range(n_labels), repeat=n_tokens))
    scores = numpy.asarray([score(emissions, chain, found) for found in tags])
    log_partition = log_sum(scores)
    return Sequences(
        numpy.asarray(tags, dtype="int64").reshape(len(tags), n_tokens),
        scores,
        numpy.exp(scores - log_partition),
        log_partition,
    )


def score(emissions: NDArray, chain: Chain, tags: Sequence[int]) -> float:
    """The score of one sequence of one chain."""
    if not len(tags):
        return 0.0
    total = chain.start[tags[0]] + chain.end[tags[-1]]
    total += sum(chain.transitions[pair] for pair in itertools.pairwise(tags))
    return float(total + sum(row[tag] for row, tag in zip(emissions, tags)))


def log_sum(scores: NDArray) -> float:
    """The logarithm of the sum of the exponentiated scores."""
    highest = scores.max()
    return float(highest + numpy.log(numpy.exp(scores - highest).sum()))


def iterate_chains(problem: Problem) -> Iterator[Tuple[int, Sequences]]:
    """The first token of each chain, and all of its sequences."""
    first = 0
    for emissions in problem.chains():
        yield first, enumerate_sequences(emissions, problem.chain)
        first += len(emissions)


def random_chain(rng: numpy.random.Generator, n_labels: int, scale: float) -> Chain:
    return Chain(
        rng.normal(size=n_labels) * scale,
        rng.normal(size=(n_labels, n_labels)) * scale,
        rng.normal(size=n_labels) * scale,
    )


def rule_out(emissions: NDArray, rng: numpy.random.Generator) -> NDArray:
    """Make about half of all tags impossible, but never all of a token."""
    kept = rng.integers(emissions.shape[1], size=len(emissions))
    impossible = rng.random(emissions.shape) < 0.5
    impossible[numpy.arange(len(emissions)), kept] = False
    return numpy.where(impossible, -numpy.inf, emissions)


@st.composite
def problems(draw: Any, min_length: int = 1) -> Problem:
    """Ragged batches, some with tags that are ruled out, some with ties."""
    n_labels = draw(st.integers(1, 4))
    lengths = draw(st.lists(st.integers(min_length, 4), min_size=1, max_size=4))
    scale = draw(st.sampled_from([0.0, 1.0, 10.0, 100.0]))
    rng = numpy.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    emissions = rng.normal(size=(sum(lengths), n_labels)) * scale
    if draw(st.booleans()):
        emissions = rule_out(emissions, rng)
    chain = random_chain(rng, n_labels, scale)
    return Problem(emissions, numpy.asarray(lengths, dtype="int64"), chain)


def split_pieces(patch: pytest.MonkeyPatch, size: int, context: int = 2) -> None:
    """Cut chains into pieces of this many tokens."""
    patch.setattr(pieces, "SIZE", size)
    for module in (pieces, messages, viterbi):
        patch.setattr(module, "CONTEXT", min(size, context))


def long_problem(rng: numpy.random.Generator, stickiness: float) -> Problem:
    """Build long chains that hardly forget how they began: the start of a piece can't
    be guessed from the tokens just before it."""
    n_labels = int(rng.integers(2, 4))
    lengths = rng.integers(1, 60, size=3)
    chain = random_chain(rng, n_labels, 1.0)
    shift = numpy.roll(numpy.eye(n_labels), int(rng.integers(n_labels)), axis=1)
    transitions = chain.transitions * 0.1 + shift * stickiness
    emissions = rng.normal(size=(lengths.sum(), n_labels)) * 0.01
    chain = Chain(chain.start * 5, transitions, chain.end * 5)
    return Problem(emissions, lengths, chain)


def long_problems() -> st.SearchStrategy[Problem]:
    return st.builds(
        lambda seed, stickiness: long_problem(
            numpy.random.default_rng(seed), stickiness
        ),
        st.integers(0, 2**32 - 1),
        st.sampled_from([1.0, 6.0, 40.0, 900.0]),
    )


def frozen_chain(start: Sequence[float]) -> Chain:
    """A chain in which every token has the tag of the first one."""
    n_labels = len(start)
    transitions = numpy.full((n_labels, n_labels), -numpy.inf)
    numpy.fill_diagonal(transitions, 0.0)
    return Chain(numpy.asarray(start), transitions, numpy.zeros(n_labels))
