"""The Viterbi algorithm against the enumeration of all tag sequences."""

from typing import List

import numpy
import pytest
from brute_force import (
    NO_PIECES,
    NO_TOKENS,
    SMALL_PIECES,
    Problem,
    frozen_chain,
    iterate_chains,
    long_problems,
    problems,
    random_chain,
    rule_out,
    score,
    split_pieces,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spacy_lstm_tagger.crf import messages
from spacy_lstm_tagger.crf.chain import Chain
from spacy_lstm_tagger.crf.viterbi import find_best


def plain_viterbi(problem: Problem) -> NDArray[numpy.int64]:
    """The plain algorithm: one token after the other, one chain at a time."""
    chain, found = problem.chain, []
    for emissions in problem.chains():
        best = chain.start + emissions[0]
        origins: List[NDArray] = []
        for row in emissions[1:]:
            reached = best[:, None] + chain.transitions
            origins.append(reached.argmax(axis=0))
            best = reached.max(axis=0) + row
        tags = [int((best + chain.end).argmax())]
        for origin in reversed(origins):
            tags.append(int(origin[tags[-1]]))
        found += tags[::-1]
    return numpy.asarray(found, dtype="int64")


def total_score(problem: Problem, tags: NDArray) -> float:
    parts = numpy.split(tags, numpy.cumsum(problem.lengths)[:-1])
    return sum(
        score(emissions, problem.chain, part)
        for emissions, part in zip(problem.chains(), parts)
    )


# Against enumeration.


@settings(max_examples=100)
@given(problems(min_length=0))
def test_no_sequence_has_a_higher_score_than_the_best_one(problem: Problem) -> None:
    tags = find_best(*problem)
    for first, sequences in iterate_chains(problem):
        part = tags[first : first + sequences.tags.shape[1]]
        (row,) = (sequences.tags == part).all(axis=1).nonzero()
        assert sequences.scores[row[0]] == pytest.approx(sequences.scores.max())


@settings(max_examples=30)
@given(problems())
def test_tags_that_are_ruled_out_are_never_the_best(problem: Problem) -> None:
    tags = find_best(*problem)
    assert numpy.isfinite(problem.emissions[numpy.arange(len(tags)), tags]).all()


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_pairs_of_tags_that_are_ruled_out_are_never_the_best(seed: int) -> None:
    rng = numpy.random.default_rng(seed)
    chain = random_chain(rng, 3, 1.0)
    chain = Chain(chain.start, rule_out(chain.transitions, rng), chain.end)
    problem = Problem(rng.normal(size=(30, 3)), numpy.asarray([17, 1, 12]), chain)
    assert find_best(*problem).tolist() == plain_viterbi(problem).tolist()


def test_transitions_can_outweigh_what_each_token_looks_like() -> None:
    """The best tag of each token alone makes a bad sequence."""
    chain = Chain(
        numpy.zeros(2), numpy.asarray([[0.0, -5.0], [-5.0, 0.0]]), numpy.zeros(2)
    )
    emissions = numpy.asarray([[3.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    assert emissions.argmax(axis=1).tolist() == [0, 1, 0]
    assert find_best(emissions, numpy.asarray([3]), chain).tolist() == [0, 0, 0]


def test_start_and_end_scores_count_at_both_ends_of_each_chain() -> None:
    chain = Chain(
        numpy.asarray([0.0, 1.0, 0.0]), numpy.zeros((3, 3)), numpy.asarray([0, 0, 1.0])
    )
    emissions = numpy.zeros((6, 3))
    emissions[:, 0] = 0.5
    tags = find_best(emissions, numpy.asarray([3, 3]), chain)
    assert tags.tolist() == [1, 0, 2, 1, 0, 2]


# Batches.


@settings(max_examples=30)
@given(problems())
def test_a_batch_gives_what_its_chains_give_alone(problem: Problem) -> None:
    alone = [
        find_best(emissions, numpy.asarray([len(emissions)]), problem.chain)
        for emissions in problem.chains()
    ]
    assert find_best(*problem).tolist() == numpy.concatenate(alone).tolist()


def test_no_chains_have_no_tags() -> None:
    chain = random_chain(numpy.random.default_rng(0), 3, 1.0)
    assert find_best(NO_TOKENS, numpy.zeros(0, dtype="int64"), chain).shape == (0,)


def test_more_chains_than_are_looked_at_at_once_are_decoded_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = numpy.random.default_rng(0)
    lengths = rng.integers(1, 6, size=3 * messages.WORTH_PRUNING)
    emissions = rng.normal(size=(lengths.sum(), 3))
    problem = Problem(emissions, lengths, random_chain(rng, 3, 1.0))
    monkeypatch.setattr(messages, "PAIRS_BUDGET", messages.WORTH_PRUNING * 3**2)
    assert find_best(*problem).tolist() == plain_viterbi(problem).tolist()


# Long chains, which are read in pieces.


@settings(max_examples=60)
@given(long_problems(), st.sampled_from([1, 2, 3, 8, NO_PIECES]))
def test_long_chains_are_decoded_exactly_whatever_their_pieces(
    problem: Problem, size: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        split_pieces(patch, size)
        tags = find_best(*problem)
    expected = total_score(problem, plain_viterbi(problem))
    assert total_score(problem, tags) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [SMALL_PIECES, 256, NO_PIECES])
def test_what_begins_a_chain_decides_its_end_through_all_pieces(
    monkeypatch: pytest.MonkeyPatch, size: int, dtype: str
) -> None:
    split_pieces(monkeypatch, size, context=32)
    n_tokens = 2000 if size >= 256 else 200
    for tag in range(3):
        start = [float(tag == other) for other in range(3)]
        tags = find_best(
            numpy.zeros((n_tokens, 3), dtype=dtype),
            numpy.asarray([n_tokens]),
            frozen_chain(start).astype(dtype),
        )
        assert tags.tolist() == [tag] * n_tokens


@pytest.mark.parametrize("size", [SMALL_PIECES, 256, NO_PIECES])
def test_what_ends_a_chain_decides_its_beginning_through_all_pieces(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    split_pieces(monkeypatch, size, context=32)
    n_tokens = 2000 if size >= 256 else 200
    for tag in range(3):
        emissions = numpy.zeros((n_tokens, 3))
        emissions[-1, tag] = 1.0
        chain = frozen_chain([0.0, 0.0, 0.0])
        tags = find_best(emissions, numpy.asarray([n_tokens]), chain)
        assert tags.tolist() == [tag] * n_tokens


def test_tags_that_take_turns_keep_in_step_through_all_pieces() -> None:
    """The first token says which of two tags the last one has."""
    chain = Chain(
        numpy.zeros(2), numpy.asarray([[0.0, 50.0], [50.0, 0.0]]), numpy.zeros(2)
    )
    for first in (0, 1):
        emissions = numpy.zeros((1500, 2))
        emissions[0, first] = 1.0
        tags = find_best(emissions, numpy.asarray([1500]), chain)
        assert tags.tolist() == [first, 1 - first] * 750


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("advantage", [2.0**-4, 2.0**-10, 2.0**-14])
def test_a_small_advantage_at_the_start_is_not_lost_between_pieces(
    dtype: str, advantage: float
) -> None:
    """All numbers here are exact in both types: there is nothing to be rounded."""
    n_tokens = 1000
    chain = frozen_chain([0.0, advantage]).astype(dtype)
    tags = find_best(
        numpy.zeros((n_tokens, 2), dtype=dtype), numpy.asarray([n_tokens]), chain
    )
    assert tags.tolist() == [1] * n_tokens


def test_a_long_chain_of_random_scores_is_decoded_exactly() -> None:
    rng = numpy.random.default_rng(0)
    lengths = numpy.asarray([5000, 1, 255, 256, 257])
    emissions = rng.normal(size=(lengths.sum(), 4))
    problem = Problem(emissions, lengths, random_chain(rng, 4, 3.0))
    assert find_best(*problem).tolist() == plain_viterbi(problem).tolist()


# Many tags, most of which need not be looked at.


def many_tags(rng: numpy.random.Generator, scale: float, spread: float) -> Problem:
    """More tags than the plain algorithm takes."""
    n_labels = 520
    assert n_labels**2 > messages.PAIRS_BUDGET
    lengths = numpy.asarray([9, 1, 3])
    emissions = rng.normal(size=(13, n_labels)) * spread
    return Problem(emissions, lengths, random_chain(rng, n_labels, scale))


@pytest.mark.parametrize("scale", [0.0, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("spread", [0.1, 20.0])
def test_with_many_tags_the_best_sequence_is_the_same(
    scale: float, spread: float
) -> None:
    problem = many_tags(numpy.random.default_rng(0), scale, spread)
    expected = plain_viterbi(problem)
    assert find_best(*problem).tolist() == expected.tolist()


def test_with_many_tags_those_that_are_ruled_out_are_never_the_best() -> None:
    rng = numpy.random.default_rng(1)
    problem = many_tags(rng, 1.0, 1.0)
    problem = problem._replace(emissions=rule_out(problem.emissions, rng))
    tags = find_best(*problem)
    assert numpy.isfinite(problem.emissions[numpy.arange(len(tags)), tags]).all()
    assert tags.tolist() == plain_viterbi(problem).tolist()


def test_with_many_tags_pairs_that_are_ruled_out_are_never_the_best() -> None:
    rng = numpy.random.default_rng(2)
    problem = many_tags(rng, 1.0, 1.0)
    transitions = rule_out(problem.chain.transitions, rng)
    chain = Chain(problem.chain.start, transitions, problem.chain.end)
    problem = problem._replace(chain=chain)
    assert find_best(*problem).tolist() == plain_viterbi(problem).tolist()


@settings(max_examples=60)
@given(problems(), st.booleans())
def test_leaving_tags_out_never_changes_what_is_best(
    problem: Problem, is_pruned: bool
) -> None:
    """Without a budget, problems of few tags are solved as those of many are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "PAIRS_BUDGET", 0 if is_pruned else 2**30)
        tags = find_best(*problem)
    expected = total_score(problem, plain_viterbi(problem))
    assert total_score(problem, tags) == pytest.approx(expected, rel=1e-12)
