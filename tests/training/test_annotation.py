"""What a teacher gives tokens in training data, and what is learned from it."""

from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab
from taggers import CRF, LABELS, SOFTMAX, configure, get_tagger, initialize
from thinc.api import Adam
from util import make_doc

from spacy_lstm_tagger.tags.attributes import store_alternatives
from spacy_lstm_tagger.training.annotation import read_annotation

NAME = "tests_teacher"
TAUGHT: List[Dict[str, float]] = [
    {"X": 0.5, "Y": 0.3, "Z": 0.2},
    {"Z": 0.75, "Y": 0.25},
    {"Y": 1.0},
]
WORDS = ["a", "b", "c"]


def make_reference(
    vocab: Vocab,
    taught: Sequence[Mapping[str, float]] = TAUGHT,
    words: Sequence[str] = WORDS,
    tags: Optional[Sequence[str]] = None,
    spaces: Optional[List[bool]] = None,
) -> Doc:
    """A document as a teacher annotates it: by default, the first tags are set."""
    found = [next(iter(opinion), "") for opinion in taught]
    tags = list(found if tags is None else tags)
    doc = Doc(vocab, words=list(words), tags=tags, spaces=spaces)
    store_alternatives(doc, NAME, list(taught))
    return doc


def make_example(reference: Doc, words: Optional[List[str]] = None) -> Example:
    words = [token.text for token in reference] if words is None else words
    spaces = (
        [bool(t.whitespace_) for t in reference]
        if len(words) == len(reference)
        else None
    )
    return Example(Doc(reference.vocab, words=words, spaces=spaces), reference)


def make_student(**settings: Any) -> Language:
    config = configure(SOFTMAX, **{"teacher_attribute": NAME, **settings})
    return initialize(config)


def random_rows(n: int, seed: int = 0) -> NDArray:
    rows = numpy.random.default_rng(seed).dirichlet([1.0] * len(LABELS), size=n)
    return rows.astype("float32")


def gradient_of(nlp: Language, example: Example, rows: NDArray) -> NDArray:
    _, (gradient,) = get_tagger(nlp).get_loss([example], [rows])
    return gradient


def as_row(opinion: Mapping[str, float]) -> List[float]:
    return [opinion.get(label, 0.0) for label in LABELS]


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_the_gradient_is_the_probabilities_less_those_of_the_teacher(
    label_smoothing: float,
) -> None:
    nlp = make_student(label_smoothing=label_smoothing)
    rows = random_rows(3)
    found = gradient_of(nlp, make_example(make_reference(nlp.vocab)), rows)
    expected = [
        [p - q for p, q in zip(row, as_row(opinion))]
        for row, opinion in zip(rows.tolist(), TAUGHT)
    ]
    numpy.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_gradient_is_that_of_the_cross_entropy() -> None:
    nlp = make_student()
    logits = numpy.random.default_rng(0).normal(size=(3, 3))

    def cross_entropy(logits: NDArray) -> float:
        powers = numpy.exp(logits)
        logs = numpy.log(powers / powers.sum(axis=1, keepdims=True))
        return -float((numpy.asarray([as_row(o) for o in TAUGHT]) * logs).sum())

    powers = numpy.exp(logits)
    rows = (powers / powers.sum(axis=1, keepdims=True)).astype("float32")
    found = gradient_of(nlp, make_example(make_reference(nlp.vocab)), rows)
    step = 1e-5
    for index in numpy.ndindex(*logits.shape):
        moved = logits.copy()
        moved[index] += step
        above = cross_entropy(moved)
        moved[index] -= 2 * step
        slope = (above - cross_entropy(moved)) / (2 * step)
        assert found[index] == pytest.approx(slope, abs=1e-4)


def test_the_loss_is_the_sum_of_the_squares_of_the_gradient() -> None:
    nlp = make_student()
    example = make_example(make_reference(nlp.vocab))
    loss, (gradient,) = get_tagger(nlp).get_loss([example], [random_rows(3)])
    assert loss == pytest.approx(float((gradient**2).sum()))
    perfect = numpy.asarray([as_row(opinion) for opinion in TAUGHT], dtype="float32")
    loss, _ = get_tagger(nlp).get_loss([example], [perfect])
    assert loss == pytest.approx(0.0, abs=1e-9)


def test_tags_that_the_student_does_not_have_are_left_out() -> None:
    nlp = make_student()
    taught = [{"X": 0.4, "OTHER": 0.5, "Z": 0.1}]
    reference = make_reference(nlp.vocab, taught, ["a"], tags=["X"])
    rows = random_rows(1)
    found = gradient_of(nlp, make_example(reference), rows)
    numpy.testing.assert_allclose(found, rows - [[0.8, 0.0, 0.2]], atol=1e-6)


def test_where_the_student_has_none_of_the_tags_the_tag_is_learned() -> None:
    nlp = make_student()
    reference = make_reference(nlp.vocab, [{"OTHER": 1.0}], ["a"], tags=["X"])
    rows = random_rows(1)
    found = gradient_of(nlp, make_example(reference), rows)
    numpy.testing.assert_allclose(found, rows - [[1.0, 0.0, 0.0]], atol=1e-6)


def test_a_token_without_a_tag_is_not_learned_whatever_the_teacher_found() -> None:
    nlp = make_student()
    reference = make_reference(nlp.vocab, tags=["X", "", "Y"])
    found = gradient_of(nlp, make_example(reference), random_rows(3))
    assert not found[1].any()
    assert found[[0, 2]].any(axis=1).all()


def test_without_the_setting_the_tags_are_learned() -> None:
    nlp = make_student(teacher_attribute=None)
    rows = random_rows(3)
    found = gradient_of(nlp, make_example(make_reference(nlp.vocab)), rows)
    hard = [as_row({next(iter(opinion)): 1.0}) for opinion in TAUGHT]
    numpy.testing.assert_allclose(found, rows - hard, atol=1e-6)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_data_without_a_teacher_is_learned_as_ever(label_smoothing: float) -> None:
    found = []
    for name in (NAME, None):
        nlp = make_student(teacher_attribute=name, label_smoothing=label_smoothing)
        reference = Doc(nlp.vocab, words=WORDS, tags=["X", "Y", "!Z"])
        found.append(gradient_of(nlp, make_example(reference), random_rows(3)))
    numpy.testing.assert_array_equal(found[0], found[1])


def test_taught_and_other_examples_go_together_in_a_batch() -> None:
    nlp = make_student()
    taught = make_example(make_reference(nlp.vocab))
    other = make_example(Doc(nlp.vocab, words=WORDS, tags=["X", "", "Z"]))
    rows = [random_rows(3, seed) for seed in (0, 1)]
    _, found = get_tagger(nlp).get_loss([taught, other], rows)
    for example, row, gradient in zip((taught, other), rows, found):
        numpy.testing.assert_array_equal(gradient, gradient_of(nlp, example, row))


def test_tokens_that_the_tokenizer_joins_have_no_gradient() -> None:
    nlp = make_student()
    reference = make_reference(
        nlp.vocab, words=["can", "not", "go"], spaces=[False, True, False]
    )
    found = gradient_of(nlp, make_example(reference, ["cannot", "go"]), random_rows(2))
    assert not found[0].any()
    expected = random_rows(2)[1] - as_row(TAUGHT[2])
    numpy.testing.assert_allclose(found[1], expected, atol=1e-6)


def test_tokens_that_the_tokenizer_splits_learn_what_the_whole_is_taught() -> None:
    nlp = make_student()
    reference = make_reference(nlp.vocab, TAUGHT[:2], ["cannot", "go"])
    rows = random_rows(3)
    found = gradient_of(nlp, make_example(reference, ["can", "not", "go"]), rows)
    expected = rows - [as_row(TAUGHT[i]) for i in (0, 0, 1)]
    numpy.testing.assert_allclose(found, expected, atol=1e-6)


def test_an_empty_document_is_taught_nothing() -> None:
    nlp = make_student()
    loss, (gradient,) = get_tagger(nlp).get_loss(
        [make_example(make_reference(nlp.vocab, [], []))],
        [numpy.zeros((0, 3), dtype="float32")],
    )
    assert loss == 0.0
    assert gradient.shape == (0, 3)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("XYZVW"), st.floats(0.0625, 1.0, width=32), max_size=5
        ),
        min_size=1,
        max_size=6,
    )
)
def test_what_is_taught_sums_to_one_or_to_nothing(
    taught: List[Dict[str, float]],
) -> None:
    reference = make_reference(
        Vocab(), taught, ["a"] * len(taught), ["X" if t else "" for t in taught]
    )
    found = read_annotation([make_example(reference)], LABELS, "!", None, NAME).taught
    assert found is not None
    for row, opinion in zip(found.tolist(), taught):
        total = sum(opinion.get(label, 0.0) for label in LABELS)
        expected = [opinion.get(label, 0.0) / (total or 1.0) for label in LABELS]
        assert row == pytest.approx(expected, abs=1e-6)
        assert sum(row) == pytest.approx(1.0 if total else 0.0)


def test_without_an_attribute_nothing_is_read() -> None:
    example = make_example(make_reference(Vocab()))
    assert read_annotation([example], LABELS, "!", None).taught is None


def test_a_student_learns_the_probabilities_of_its_teacher() -> None:
    nlp = make_student()
    example = make_example(make_reference(nlp.vocab))
    optimizer = Adam(0.02)
    for _ in range(150):
        nlp.update([example], sgd=optimizer)
    (found,) = get_tagger(nlp).predict_proba([make_doc(nlp, WORDS)])
    expected = [as_row(opinion) for opinion in TAUGHT]
    numpy.testing.assert_allclose(found, expected, atol=0.05)


def test_a_crf_with_a_teacher_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"(?s)CRF.*teacher_attribute.*Set it to null"):
        initialize(configure(CRF, teacher_attribute=NAME))
