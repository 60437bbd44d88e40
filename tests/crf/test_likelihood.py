"""The loss of a CRF and its gradient against enumeration and finite differences."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy
import pytest
from brute_force import (
    NO_PIECES,
    SMALL_PIECES,
    Problem,
    enumerate_sequences,
    log_sum,
    long_problems,
    random_chain,
    rule_out,
    score,
    split_pieces,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spacy_lstm_tagger.crf.chain import Chain
from spacy_lstm_tagger.crf.likelihood import Gradient, negative_log_likelihood

NAMES = ("emissions", "start", "transitions", "end")


class Annotated(NamedTuple):
    """A problem, and the tags that the annotation leaves to each token."""

    problem: Problem
    evidence: NDArray[numpy.bool_]


@st.composite
def annotated(
    draw: Any, min_length: int = 1, kinds: Tuple[str, ...] = ("one", "some", "all")
) -> Annotated:
    """Ragged batches whose tokens have one tag, some, or all that are possible."""
    n_labels = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(min_length, 4), min_size=1, max_size=3))
    n_tokens = sum(lengths)
    rng = numpy.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    emissions = rng.normal(size=(n_tokens, n_labels)) * draw(
        st.sampled_from([0.0, 1.0, 5.0])
    )
    if draw(st.booleans()):
        emissions = rule_out(emissions, rng)
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=n_tokens).map(tuple))
    evidence = annotate(emissions, chosen[:n_tokens], rng)
    chain = random_chain(rng, n_labels, 1.0)
    problem = Problem(emissions, numpy.asarray(lengths, dtype="int64"), chain)
    return Annotated(problem, evidence)


def annotate(
    emissions: NDArray, kinds: Tuple[str, ...], rng: numpy.random.Generator
) -> NDArray[numpy.bool_]:
    """Evidence of these kinds. Tags that are ruled out may be in it, besides one that
    is not."""
    evidence = numpy.ones(emissions.shape, dtype=bool)
    for row, emission, kind in zip(evidence, emissions, kinds):
        if kind != "all":
            row[:] = rng.random(len(row)) < 0.5 if kind == "some" else False
            row[rng.choice(numpy.flatnonzero(numpy.isfinite(emission)))] = True
    return evidence


def enumerated_loss(
    problem: Problem, evidence: NDArray[numpy.bool_], label_smoothing: float = 0.0
) -> float:
    """The sum over chains of the negative logarithm of the probability of all sequences
    that agree with the annotation. With smoothing, a sequence that is drawn at random
    takes their place with a certain probability."""
    n_labels = len(problem.chain.start)
    weight = label_smoothing * n_labels / max(n_labels - 1, 1)
    total, first = 0.0, 0
    for emissions in problem.chains():
        rows = evidence[first : first + len(emissions)]
        first += len(emissions)
        sequences = enumerate_sequences(emissions, problem.chain)
        tokens = numpy.arange(len(emissions))
        agree = rows[tokens, sequences.tags].all(axis=1)
        loss = sequences.log_partition - log_sum(sequences.scores[agree])
        if weight and n_labels > 1 and (rows.sum(axis=1) == 1).all():
            possible = numpy.isfinite(sequences.scores)
            drawn = sequences.log_partition - sequences.scores[possible].mean()
            loss = (1 - weight) * loss + weight * drawn
        total += loss
    return total


def as_arrays(problem: Problem) -> Dict[str, NDArray]:
    chain = problem.chain
    arrays = (problem.emissions, chain.start, chain.transitions, chain.end)
    return dict(zip(NAMES, arrays))


def gradient_arrays(gradient: Gradient) -> Dict[str, NDArray]:
    chain = gradient.chain
    arrays = (gradient.emissions, chain.start, chain.transitions, chain.end)
    return dict(zip(NAMES, arrays))


def finite_differences(
    problem: Problem, loss: Callable[[Problem], float]
) -> Dict[str, NDArray]:
    """The slope of the loss along each score that is finite."""
    step = 1e-5
    slopes = {}
    for name, array in as_arrays(problem).items():
        slopes[name] = numpy.zeros(array.shape)
        for index in zip(*numpy.nonzero(numpy.isfinite(array))):
            ends = []
            for sign in (1, -1):
                arrays = as_arrays(problem)
                arrays[name] = array.copy()
                arrays[name][index] += sign * step
                chain = Chain(*(arrays[name] for name in NAMES[1:]))
                ends.append(loss(Problem(arrays["emissions"], problem.lengths, chain)))
            slopes[name][index] = (ends[0] - ends[1]) / (2 * step)
    return slopes


def find_gradient(case: Annotated, label_smoothing: Optional[float] = None) -> Gradient:
    settings = {} if label_smoothing is None else {"label_smoothing": label_smoothing}
    return negative_log_likelihood(*case.problem, case.evidence, **settings)


def assert_slopes(case: Annotated, label_smoothing: float) -> None:
    found = gradient_arrays(find_gradient(case, label_smoothing))
    expected = finite_differences(
        case.problem,
        lambda problem: enumerated_loss(problem, case.evidence, label_smoothing),
    )
    for name in NAMES:
        numpy.testing.assert_allclose(found[name], expected[name], atol=1e-7)


# Against enumeration.


@settings(max_examples=80)
@given(annotated(min_length=0))
def test_the_loss_is_that_of_all_sequences_that_agree(case: Annotated) -> None:
    expected = enumerated_loss(*case)
    assert find_gradient(case).loss == pytest.approx(expected, abs=1e-9)


@settings(max_examples=25)
@given(annotated())
def test_the_gradient_agrees_with_finite_differences(case: Annotated) -> None:
    assert_slopes(case, 0.0)


@settings(max_examples=40)
@given(annotated(kinds=("one",)))
def test_full_annotation_gives_the_ordinary_likelihood(case: Annotated) -> None:
    """The log-partition less the score of the one sequence."""
    problem, evidence = case
    tags = evidence.argmax(axis=1)
    parts = numpy.split(tags, numpy.cumsum(problem.lengths)[:-1])
    expected = sum(
        enumerate_sequences(emissions, problem.chain).log_partition
        - score(emissions, problem.chain, part)
        for emissions, part in zip(problem.chains(), parts)
    )
    assert find_gradient(case).loss == pytest.approx(expected, abs=1e-9)


def test_excluding_a_tag_gives_the_likelihood_of_all_sequences_without_it() -> None:
    rng = numpy.random.default_rng(0)
    problem = Problem(
        rng.normal(size=(3, 3)), numpy.asarray([3]), random_chain(rng, 3, 1.0)
    )
    evidence = numpy.ones((3, 3), dtype=bool)
    evidence[1, 2] = False
    sequences = enumerate_sequences(problem.emissions, problem.chain)
    without = sequences.probabilities[sequences.tags[:, 1] != 2].sum()
    found = negative_log_likelihood(*problem, evidence)
    assert found.loss == pytest.approx(-numpy.log(without))


def test_an_annotation_teaches_the_tokens_around_it() -> None:
    """A token without a tag of its own has a gradient, through the transitions."""
    chain = Chain(numpy.zeros(2), numpy.eye(2) * 3.0, numpy.zeros(2))
    evidence = numpy.ones((2, 2), dtype=bool)
    evidence[0, 1] = False
    found = negative_log_likelihood(
        numpy.zeros((2, 2)), numpy.asarray([2]), chain, evidence
    )
    assert found.emissions[1, 0] < 0 < found.emissions[1, 1]


# What is not known.


@settings(max_examples=40)
@given(annotated(min_length=0, kinds=("all",)))
def test_a_batch_of_which_nothing_is_known_has_no_loss_and_no_gradient(
    case: Annotated,
) -> None:
    found = find_gradient(case)
    assert found.loss == 0.0
    assert not any(array.any() for array in gradient_arrays(found).values())


@settings(max_examples=40)
@given(annotated(), annotated(kinds=("all",)))
def test_chains_of_which_nothing_is_known_change_nothing_for_others(
    case: Annotated, unknown: Annotated
) -> None:
    n_labels = len(case.problem.chain.start)
    rows = numpy.zeros((len(unknown.evidence), n_labels))
    mixed = Annotated(
        Problem(
            numpy.concatenate((case.problem.emissions, rows)),
            numpy.concatenate((case.problem.lengths, unknown.problem.lengths)),
            case.problem.chain,
        ),
        numpy.concatenate((case.evidence, rows == 0)),
    )
    found, expected = find_gradient(mixed), find_gradient(case)
    assert found.loss == pytest.approx(expected.loss, abs=1e-12)
    assert not found.emissions[len(case.evidence) :].any()
    for name in NAMES[1:]:
        numpy.testing.assert_allclose(
            gradient_arrays(found)[name], gradient_arrays(expected)[name], atol=1e-12
        )


@settings(max_examples=40)
@given(annotated())
def test_tags_that_are_ruled_out_have_no_gradient(case: Annotated) -> None:
    found = find_gradient(case)
    assert not found.emissions[numpy.isneginf(case.problem.emissions)].any()


def test_what_the_model_rules_out_is_not_annotation() -> None:
    """Nothing is known if an annotation allows all tags that are possible."""
    chain = random_chain(numpy.random.default_rng(0), 3, 1.0)
    emissions = numpy.asarray([[0.0, 1.0, -numpy.inf]])
    evidence = numpy.asarray([[True, True, False]])
    found = negative_log_likelihood(emissions, numpy.asarray([1]), chain, evidence)
    assert found.loss == 0.0
    assert not any(array.any() for array in gradient_arrays(found).values())


# Batches.


@settings(max_examples=40)
@given(annotated(), st.sampled_from([0.0, 0.1]))
def test_the_loss_of_a_batch_is_the_sum_of_those_of_its_chains(
    case: Annotated, label_smoothing: float
) -> None:
    ends = numpy.cumsum(case.problem.lengths)
    alone = [
        find_gradient(
            Annotated(
                Problem(rows, numpy.asarray([len(rows)]), case.problem.chain), evidence
            ),
            label_smoothing,
        )
        for rows, evidence in zip(
            case.problem.chains(), numpy.split(case.evidence, ends[:-1])
        )
    ]
    together = find_gradient(case, label_smoothing)
    assert together.loss == pytest.approx(sum(part.loss for part in alone), abs=1e-9)
    numpy.testing.assert_allclose(
        together.emissions,
        numpy.concatenate([part.emissions for part in alone]),
        atol=1e-9,
    )
    for name in NAMES[1:]:
        expected = sum(gradient_arrays(part)[name] for part in alone)
        numpy.testing.assert_allclose(
            gradient_arrays(together)[name], expected, atol=1e-9
        )


@pytest.mark.parametrize("lengths", [[0, 2], [2, 0], [1, 0, 0, 1]])
def test_a_chain_without_tokens_adds_nothing(lengths: List[int]) -> None:
    rng = numpy.random.default_rng(0)
    chain = random_chain(rng, 3, 1.0)
    emissions = rng.normal(size=(2, 3))
    evidence = numpy.eye(3, dtype=bool)[[0, 2]]
    filled = numpy.asarray([length for length in lengths if length])
    expected = negative_log_likelihood(emissions, filled, chain, evidence)
    found = negative_log_likelihood(emissions, numpy.asarray(lengths), chain, evidence)
    assert found.loss == pytest.approx(expected.loss)
    for name in NAMES:
        numpy.testing.assert_allclose(
            gradient_arrays(found)[name], gradient_arrays(expected)[name]
        )


def test_a_batch_without_chains_has_no_loss() -> None:
    chain = random_chain(numpy.random.default_rng(0), 3, 1.0)
    nothing = numpy.zeros((0, 3))
    lengths = numpy.zeros(0, dtype="int64")
    found = negative_log_likelihood(nothing, lengths, chain, nothing == 0)
    assert found.loss == 0.0
    assert found.emissions.shape == (0, 3)
    assert not found.chain.transitions.any()


@settings(max_examples=20)
@given(long_problems(), st.integers(0, 2**32 - 1))
def test_long_chains_have_the_same_gradient_whatever_their_pieces(
    problem: Problem, seed: int
) -> None:
    rng = numpy.random.default_rng(seed)
    kinds = tuple(rng.choice(["one", "some", "all"], size=len(problem.emissions)))
    case = Annotated(problem, annotate(problem.emissions, kinds, rng))
    with pytest.MonkeyPatch.context() as patch:
        split_pieces(patch, NO_PIECES)
        expected = find_gradient(case)
        split_pieces(patch, SMALL_PIECES)
        found = find_gradient(case)
    assert found.loss == pytest.approx(expected.loss, rel=1e-9, abs=1e-9)
    for name in NAMES:
        numpy.testing.assert_allclose(
            gradient_arrays(found)[name], gradient_arrays(expected)[name], atol=1e-8
        )


# Label smoothing.


@settings(max_examples=60)
@given(annotated(), st.sampled_from([0.0, 0.05, 0.3]))
def test_with_smoothing_the_loss_is_a_mixture_with_random_sequences(
    case: Annotated, label_smoothing: float
) -> None:
    expected = enumerated_loss(*case, label_smoothing)
    assert find_gradient(case, label_smoothing).loss == pytest.approx(expected)


@settings(max_examples=25)
@given(annotated(kinds=("one",)))
def test_with_smoothing_the_gradient_agrees_with_finite_differences(
    case: Annotated,
) -> None:
    assert_slopes(case, 0.2)


def test_a_chain_of_one_token_is_smoothed_as_a_softmax_is() -> None:
    """The other tags share the probability, and the tag has the rest."""
    scores = numpy.asarray([0.5, -1.0, 2.0])
    chain = Chain(numpy.zeros(3), numpy.zeros((3, 3)), numpy.zeros(3))
    found = negative_log_likelihood(
        scores[None],
        numpy.asarray([1]),
        chain,
        numpy.asarray([[True, False, False]]),
        label_smoothing=0.1,
    )
    log_probabilities = scores - log_sum(scores)
    target = numpy.asarray([0.9, 0.05, 0.05])
    assert found.loss == pytest.approx(-(target * log_probabilities).sum())
    numpy.testing.assert_allclose(
        found.emissions[0], numpy.exp(log_probabilities) - target
    )
