"""The forward-backward algorithm against the enumeration of all tag sequences."""

import itertools
from typing import Any, List

import numpy
import pytest
from brute_force import (
    NO_PIECES,
    NO_TOKENS,
    SMALL_PIECES,
    Problem,
    frozen_chain,
    iterate_chains,
    log_sum,
    long_problems,
    problems,
    random_chain,
    rule_out,
    split_pieces,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spacy_lstm_tagger.crf.chain import Chain
from spacy_lstm_tagger.crf.forward_backward import (
    find_expectations,
    find_log_partition,
    find_marginals,
)


def assert_close(found: Any, expected: Any) -> None:
    numpy.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def expected_marginals(problem: Problem) -> NDArray:
    found = numpy.zeros(problem.emissions.shape)
    for first, sequences in iterate_chains(problem):
        for tags, probability in zip(sequences.tags, sequences.probabilities):
            found[first + numpy.arange(len(tags)), tags] += probability
    return found


def expected_transitions(problem: Problem) -> NDArray:
    found = numpy.zeros(problem.chain.transitions.shape)
    for _, sequences in iterate_chains(problem):
        for tags, probability in zip(sequences.tags, sequences.probabilities):
            for pair in itertools.pairwise(tags):
                found[pair] += probability
    return found


# Against enumeration.


@settings(max_examples=60)
@given(problems())
def test_the_log_partition_is_that_of_all_sequences(problem: Problem) -> None:
    expected = [sequences.log_partition for _, sequences in iterate_chains(problem)]
    assert_close(find_log_partition(*problem), expected)


@settings(max_examples=60)
@given(problems())
def test_marginals_are_the_probabilities_of_all_sequences_with_the_tag(
    problem: Problem,
) -> None:
    assert_close(find_marginals(*problem), expected_marginals(problem))


@settings(max_examples=60)
@given(problems())
def test_expectations_are_those_of_all_sequences(problem: Problem) -> None:
    n_labels = len(problem.chain.start)
    start, end = numpy.zeros(n_labels), numpy.zeros(n_labels)
    for _, sequences in iterate_chains(problem):
        for tags, probability in zip(sequences.tags, sequences.probabilities):
            start[tags[0]] += probability
            end[tags[-1]] += probability
    found = find_expectations(*problem)
    assert_close(found.start, start)
    assert_close(found.transitions, expected_transitions(problem))
    assert_close(found.end, end)
    assert_close(found.marginals, expected_marginals(problem))
    expected = [sequences.log_partition for _, sequences in iterate_chains(problem)]
    assert_close(found.log_partition, expected)


@settings(max_examples=30)
@given(problems())
def test_tags_that_are_ruled_out_have_no_probability_at_all(problem: Problem) -> None:
    marginals = find_marginals(*problem)
    assert not marginals[numpy.isneginf(problem.emissions)].any()
    assert_close(marginals.sum(axis=1), 1.0)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_pairs_of_tags_that_are_ruled_out_have_no_probability_at_all(
    seed: int,
) -> None:
    rng = numpy.random.default_rng(seed)
    chain = random_chain(rng, 3, 1.0)
    # From each tag at least one leads on.
    chain = Chain(chain.start, rule_out(chain.transitions, rng), chain.end)
    lengths = numpy.asarray([4, 1, 3])
    problem = Problem(rng.normal(size=(8, 3)), lengths, chain)
    found = find_expectations(*problem)
    assert_close(found.marginals, expected_marginals(problem))
    assert not found.transitions[numpy.isneginf(chain.transitions)].any()
    expected = [sequences.log_partition for _, sequences in iterate_chains(problem)]
    assert_close(found.log_partition, expected)


# Batches.


@settings(max_examples=30)
@given(problems())
def test_a_batch_gives_what_its_chains_give_alone(problem: Problem) -> None:
    together = find_expectations(*problem)
    alone = [
        find_expectations(emissions, numpy.asarray([len(emissions)]), problem.chain)
        for emissions in problem.chains()
    ]
    for name in ("log_partition", "marginals"):
        parts = [getattr(found, name) for found in alone]
        assert_close(getattr(together, name), numpy.concatenate(parts))
    for name in ("start", "transitions", "end"):
        assert_close(
            getattr(together, name), sum(getattr(found, name) for found in alone)
        )


def test_no_chains_have_no_expectations() -> None:
    chain = random_chain(numpy.random.default_rng(0), 3, 1.0)
    found = find_expectations(NO_TOKENS, numpy.zeros(0, dtype="int64"), chain)
    assert found.log_partition.shape == (0,)
    assert found.marginals.shape == (0, 3)
    assert not (found.start.any() or found.transitions.any() or found.end.any())


@settings(max_examples=30)
@given(problems(min_length=0))
def test_marginals_do_not_mind_chains_without_tokens(problem: Problem) -> None:
    assert_close(find_marginals(*problem), expected_marginals(problem))


@pytest.mark.parametrize("lengths", [[0], [0, 2], [2, 0], [1, 0, 0, 1]])
def test_the_log_partition_of_a_chain_without_tokens_is_nothing(
    lengths: List[int],
) -> None:
    """It has one sequence, the empty one."""
    rng = numpy.random.default_rng(0)
    emissions = rng.normal(size=(sum(lengths), 3))
    problem = Problem(emissions, numpy.asarray(lengths), random_chain(rng, 3, 1.0))
    expected = [sequences.log_partition for _, sequences in iterate_chains(problem)]
    assert_close(find_log_partition(*problem), expected)


@pytest.mark.parametrize("lengths", [[0], [0, 2], [2, 0], [1, 0, 0, 1]])
def test_a_chain_without_tokens_adds_nothing_to_expectations(
    lengths: List[int],
) -> None:
    rng = numpy.random.default_rng(0)
    emissions = rng.normal(size=(sum(lengths), 3))
    chain = random_chain(rng, 3, 1.0)
    found = find_expectations(emissions, numpy.asarray(lengths), chain)
    filled = numpy.asarray([length for length in lengths if length], dtype="int64")
    expected = find_expectations(emissions, filled, chain)
    for name in ("marginals", "start", "transitions", "end"):
        assert_close(getattr(found, name), getattr(expected, name))


# Numbers.


def test_scores_of_float32_are_added_up_in_float64() -> None:
    rng = numpy.random.default_rng(0)
    chain = random_chain(rng, 3, 1.0).astype("float32")
    emissions = rng.normal(size=(2000, 3)).astype("float32")
    lengths = numpy.asarray([2000])
    found = find_expectations(emissions, lengths, chain)
    exact = find_expectations(
        emissions.astype("float64"), lengths, chain.astype("float64")
    )
    for one, other in zip(found, exact):
        assert one.dtype == "float64"
        numpy.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("gap", [10.0, 300.0, 700.0, 705.0, 707.0, 708.0, 709.0, 2e3])
def test_pairs_of_tags_that_are_improbable_but_forced_are_counted(gap: float) -> None:
    """The tokens leave no other choice."""
    n_tokens = 101
    transitions = numpy.asarray([[0.0, -gap], [-gap, 0.0]])
    chain = Chain(numpy.zeros(2), transitions, numpy.zeros(2))
    emissions = numpy.full((n_tokens, 2), -1e5)
    emissions[numpy.arange(n_tokens), numpy.arange(n_tokens) % 2] = 0.0
    found = find_expectations(emissions, numpy.asarray([n_tokens]), chain)
    assert_close(found.transitions, [[0.0, 50.0], [50.0, 0.0]])
    assert_close(found.log_partition, [-100 * gap])


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([300.0, 700.0, 3000.0]))
@example(20863, 3000.0)
def test_scores_that_are_hundreds_apart_are_added_up_exactly(
    seed: int, scale: float
) -> None:
    """Also where exponentials are 0, or have lost most of their digits."""
    rng = numpy.random.default_rng(seed)
    emissions = rng.uniform(-scale, scale, size=(4, 2))
    chain = random_chain(rng, 2, scale / 2)
    problem = Problem(emissions, numpy.asarray([4]), chain)
    found = find_expectations(*problem)
    expected = [sequences.log_partition for _, sequences in iterate_chains(problem)]
    assert_close(found.log_partition, expected)
    assert_close(found.marginals, expected_marginals(problem))
    assert_close(found.transitions, expected_transitions(problem))


def test_a_sum_is_exact_where_exponentials_have_few_digits_left() -> None:
    """The only probable sequence goes through a tag that is 740 behind, on which a
    transition of +40 follows."""
    chain = Chain(
        numpy.zeros(2),
        numpy.asarray([[-1000.0, -1000.0], [40.0, 40.0]]),
        numpy.zeros(2),
    )
    emissions = numpy.asarray([[0.0, -740.0], [0.0, 0.0]])
    problem = Problem(emissions, numpy.asarray([2]), chain)
    expected = [sequences.log_partition for _, sequences in iterate_chains(problem)]
    assert_close(find_log_partition(*problem), expected)


# Long chains, which are read in pieces.


@settings(max_examples=40)
@given(long_problems(), st.sampled_from([1, 2, 3, 8]))
def test_a_chain_read_in_pieces_gives_what_one_read_at_once_gives(
    problem: Problem, size: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        split_pieces(patch, NO_PIECES)
        expected = find_expectations(*problem)
        split_pieces(patch, size)
        found = find_expectations(*problem)
    for one, other in zip(found, expected):
        numpy.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("size", [SMALL_PIECES, 256, NO_PIECES])
def test_what_begins_a_chain_decides_its_end_through_all_pieces(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Nothing but the start scores tells the tags apart, and no tag ever changes."""
    split_pieces(monkeypatch, size, context=32)
    start = [0.5, -1.0, 2.0]
    n_tokens = 2000 if size >= 256 else 200
    emissions = numpy.zeros((n_tokens, 3))
    found = find_expectations(emissions, numpy.asarray([n_tokens]), frozen_chain(start))
    probabilities = numpy.exp(start) / numpy.exp(start).sum()
    assert_close(found.log_partition, [log_sum(numpy.asarray(start))])
    assert_close(found.marginals, numpy.tile(probabilities, (n_tokens, 1)))
    assert_close(found.transitions, numpy.diag(probabilities) * (n_tokens - 1))


@pytest.mark.parametrize("size", [SMALL_PIECES, 256, NO_PIECES])
def test_what_ends_a_chain_decides_its_beginning_through_all_pieces(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    split_pieces(monkeypatch, size, context=32)
    n_tokens = 2000 if size >= 256 else 200
    emissions = numpy.zeros((n_tokens, 3))
    emissions[-1] = [0.5, -1.0, -numpy.inf]
    marginals = find_marginals(
        emissions, numpy.asarray([n_tokens]), frozen_chain([0.0, 0.0, 0.0])
    )
    weights = numpy.exp(emissions[-1])
    assert_close(marginals, numpy.tile(weights / weights.sum(), (n_tokens, 1)))


@pytest.mark.parametrize("lengths", [[255], [256], [257], [512], [513], [256, 1, 300]])
def test_chains_of_about_a_piece_are_read_like_others(
    monkeypatch: pytest.MonkeyPatch, lengths: List[int]
) -> None:
    rng = numpy.random.default_rng(0)
    emissions = rng.normal(size=(sum(lengths), 3))
    problem = Problem(emissions, numpy.asarray(lengths), random_chain(rng, 3, 2.0))
    found = find_expectations(*problem)
    split_pieces(monkeypatch, NO_PIECES)
    for one, other in zip(found, find_expectations(*problem)):
        assert_close(one, other)
