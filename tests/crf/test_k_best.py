"""The k best sequences against the enumeration of all tag sequences."""

import itertools
from typing import List

import numpy
import pytest
from brute_force import (
    NO_TOKENS,
    Problem,
    enumerate_sequences,
    problems,
    random_chain,
    rule_out,
    score,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_lstm_tagger.crf.chain import Chain
from spacy_lstm_tagger.crf.k_best import Ranked, combine, find_k_best
from spacy_lstm_tagger.crf.viterbi import find_best

KS = st.sampled_from([1, 2, 3, 7, 1000])


@settings(max_examples=80)
@given(problems(), KS)
def test_the_k_best_scores_are_the_highest_of_all_sequences(
    problem: Problem, k: int
) -> None:
    for emissions in problem.chains():
        sequences = enumerate_sequences(emissions, problem.chain)
        possible = sequences.scores[numpy.isfinite(sequences.scores)]
        expected = numpy.sort(possible)[::-1][:k]
        found = find_k_best(emissions, problem.chain, k)
        numpy.testing.assert_allclose(found.scores, expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=40)
@given(problems(), KS)
def test_each_of_the_k_best_has_the_score_that_is_given_for_it(
    problem: Problem, k: int
) -> None:
    for emissions in problem.chains():
        found = find_k_best(emissions, problem.chain, k)
        expected = [score(emissions, problem.chain, tags) for tags in found.tags]
        numpy.testing.assert_allclose(found.scores, expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=40)
@given(problems(), KS)
def test_no_sequence_is_among_the_k_best_twice(problem: Problem, k: int) -> None:
    for emissions in problem.chains():
        found = find_k_best(emissions, problem.chain, k)
        assert len({tuple(tags) for tags in found.tags.tolist()}) == len(found.tags)


@settings(max_examples=40)
@given(problems())
def test_the_first_of_the_k_best_is_as_good_as_the_best(problem: Problem) -> None:
    for emissions in problem.chains():
        (best,) = find_k_best(emissions, problem.chain, 1).tags
        other = find_best(emissions, numpy.asarray([len(emissions)]), problem.chain)
        assert score(emissions, problem.chain, best) == pytest.approx(
            score(emissions, problem.chain, other), rel=1e-12
        )


def test_there_are_fewer_where_fewer_are_possible() -> None:
    chain = random_chain(numpy.random.default_rng(0), 3, 1.0)
    emissions = numpy.zeros((3, 3))
    emissions[0, 1:] = emissions[2, 0] = -numpy.inf
    found = find_k_best(emissions, chain, 100)
    # One tag, then any, then one of two.
    assert len(found.scores) == 1 * 3 * 2
    assert set(found.tags[:, 0].tolist()) == {0}
    assert set(found.tags[:, 2].tolist()) == {1, 2}


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), KS)
def test_sequences_with_pairs_that_are_ruled_out_are_not_among_them(
    seed: int, k: int
) -> None:
    rng = numpy.random.default_rng(seed)
    chain = random_chain(rng, 3, 1.0)
    chain = Chain(chain.start, rule_out(chain.transitions, rng), chain.end)
    emissions = rng.normal(size=(4, 3))
    sequences = enumerate_sequences(emissions, chain)
    possible = sequences.scores[numpy.isfinite(sequences.scores)]
    found = find_k_best(emissions, chain, k)
    expected = numpy.sort(possible)[::-1][:k]
    numpy.testing.assert_allclose(found.scores, expected, rtol=1e-9)


def test_a_chain_without_tokens_has_one_sequence() -> None:
    chain = random_chain(numpy.random.default_rng(0), 3, 1.0)
    found = find_k_best(NO_TOKENS, chain, 5)
    assert found.tags.shape == (1, 0)
    assert found.scores.tolist() == [0.0]


# Combinations of sequences that do not depend on each other.


def ranked(scores: List[float]) -> Ranked:
    """Sequences of no tokens, with these scores."""
    descending = numpy.sort(numpy.asarray(scores))[::-1]
    return Ranked(numpy.zeros((len(scores), 0), dtype="int64"), descending)


SCORES = st.lists(st.floats(-50, 50), min_size=1, max_size=5)


@settings(max_examples=80)
@given(st.lists(SCORES, min_size=1, max_size=4), KS)
def test_the_k_best_combinations_have_the_highest_of_all_sums(
    scores: List[List[float]], k: int
) -> None:
    parts = [ranked(some) for some in scores]
    choices, totals = combine(parts, k)
    sums = [sum(choice) for choice in itertools.product(*scores)]
    numpy.testing.assert_allclose(totals, sorted(sums, reverse=True)[:k], atol=1e-9)
    for choice, total in zip(choices, totals):
        picked = [part.scores[rank] for part, rank in zip(parts, choice)]
        assert sum(picked) == pytest.approx(total, abs=1e-9)


@settings(max_examples=40)
@given(st.lists(SCORES, min_size=1, max_size=4), KS)
def test_no_combination_is_chosen_twice(scores: List[List[float]], k: int) -> None:
    choices, _ = combine([ranked(some) for some in scores], k)
    assert len(set(map(tuple, choices))) == len(choices)


def test_nothing_to_combine_makes_one_combination_of_nothing() -> None:
    choices, totals = combine([], 3)
    assert choices == [[]]
    assert totals.tolist() == [0.0]
