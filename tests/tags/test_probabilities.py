"""Probabilities of tags and of tag sequences, and the attributes that keep them."""

import uuid
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import numpy
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Token
from spacy.tokens.underscore import Underscore
from spacy.vocab import Vocab
from taggers import (
    ARCHITECTURES,
    CRF,
    FEW_TAGS,
    LABELS,
    SENTENCE_STARTS,
    SENTENCE_WORDS,
    SENTENCES,
    SOFTMAX,
    AllSequences,
    configure,
    enumerate_document,
    few_tags,
    get_tagger,
    initialize,
    names,
    output_node,
    randomize,
    words_in,
)
from util import TRAIN_DATA, make_doc, make_examples, tags_of

WORDS = ["a", "b", " ", "c"]


def sequences_of(
    nlp: Language,
    doc: Doc,
    *,
    temperature: float = 1.0,
    allowed: Optional[Dict[int, List[str]]] = None,
    groups: Optional[List[List[int]]] = None,
) -> AllSequences:
    """All sequences by the scores that the model gives, softmax or CRF, of those the
    possible ones."""
    scores = get_tagger(nlp).model.predict([doc])
    chain = getattr(scores, "chain", None)
    emissions = scores[0].astype("float64") / temperature
    for token, tags in (allowed or {}).items():
        ruled_out = [LABELS.index(tag) for tag in LABELS if tag not in tags]
        emissions[token, ruled_out] = -numpy.inf
    if chain is None:
        found = enumerate_document(emissions)
    else:
        groups = [words_in(doc)] if groups is None else groups
        found = enumerate_document(emissions, chain.divided(temperature), groups)
    possible = found.log_probabilities > -numpy.inf
    return AllSequences(found.tags[possible], found.log_probabilities[possible])


def assert_k_best(
    nlp: Language, doc: Doc, expected: AllSequences, k: int = 10**6
) -> None:
    """Compare the k best sequences with those that were enumerated."""
    (found,) = get_tagger(nlp).k_best([doc], k)
    log_probabilities = [log_probability for _, log_probability in found]
    in_order = numpy.sort(expected.log_probabilities)[::-1][:k]
    numpy.testing.assert_allclose(log_probabilities, in_order, atol=1e-4)
    known = {
        tuple(names(tags)): log_probability for tags, log_probability in zip(*expected)
    }
    assert len({tuple(tags) for tags, _ in found}) == len(found)
    for tags, log_probability in found:
        assert log_probability == pytest.approx(known[tuple(tags)], abs=1e-4)


# The probabilities of tags.


@ARCHITECTURES
def test_each_row_is_a_distribution_over_the_labels(architecture: str) -> None:
    nlp = randomize(initialize(configure(architecture), TRAIN_DATA))
    tagger = get_tagger(nlp)
    docs = [make_doc(nlp, words) for words, _ in TRAIN_DATA]
    found = tagger.predict_proba(docs)
    assert len(found) == len(docs)
    for doc, rows in zip(docs, found):
        assert rows.dtype == "float32"
        assert rows.shape == (len(doc), len(tagger.labels))
        assert (rows >= 0.0).all()
        numpy.testing.assert_allclose(rows.sum(axis=1), 1.0, atol=1e-5)


@ARCHITECTURES
def test_probabilities_are_the_marginals_of_all_sequences(architecture: str) -> None:
    nlp = initialize(configure(architecture))
    doc = make_doc(nlp, WORDS)
    for seed in range(5):
        (rows,) = get_tagger(randomize(nlp, seed)).predict_proba([doc])
        expected = sequences_of(nlp, doc).marginals(3)
        numpy.testing.assert_allclose(rows, expected, atol=1e-5)


@ARCHITECTURES
def test_columns_are_in_the_order_of_the_labels(architecture: str) -> None:
    """Not in that of the alphabet, where the labels are not."""
    nlp = spacy.blank("xx")
    nlp.add_pipe("lstm_tagger", config=configure(architecture))
    tagger = get_tagger(nlp)
    examples = make_examples(nlp, FEW_TAGS)
    tagger.initialize(lambda: examples, nlp=nlp, labels=["Z", "X", "Y"])
    output_node(nlp).set_param("b", numpy.asarray([9, 0, 0], dtype="float32"))
    (rows,) = tagger.predict_proba([make_doc(nlp, ["a"])])
    assert tagger.labels == ("Z", "X", "Y")
    assert rows[0].argmax() == 0
    assert tags_of(nlp(make_doc(nlp, ["a"]))) == ["Z"]


@ARCHITECTURES
def test_probabilities_change_no_document(architecture: str) -> None:
    nlp = few_tags(configure(architecture))
    doc = make_doc(nlp, WORDS)
    before = doc.to_bytes()
    get_tagger(nlp).predict_proba([doc])
    get_tagger(nlp).k_best([doc], 2)
    assert doc.to_bytes() == before


@ARCHITECTURES
def test_a_document_of_nothing_has_no_rows(architecture: str) -> None:
    nlp = few_tags(configure(architecture))
    tagger = get_tagger(nlp)
    assert tagger.predict_proba([]) == []
    (rows,) = tagger.predict_proba([make_doc(nlp, [])])
    assert rows.shape == (0, 3)
    assert rows.dtype == "float32"
    docs = [make_doc(nlp, words) for words in ([], ["a"], [], ["b", "c"], [])]
    shapes = [rows.shape for rows in tagger.predict_proba(docs)]
    assert shapes == [(0, 3), (1, 3), (0, 3), (2, 3), (0, 3)]


@ARCHITECTURES
def test_documents_can_come_one_by_one(architecture: str) -> None:
    nlp = few_tags(configure(architecture))
    tagger = get_tagger(nlp)
    docs = [make_doc(nlp, words) for words in (["a"], ["b", "c"])]
    together = tagger.predict_proba(doc for doc in docs)
    for doc, rows in zip(docs, together):
        (alone,) = tagger.predict_proba([doc])
        numpy.testing.assert_allclose(rows, alone, atol=1e-6)
    assert len(tagger.k_best((doc for doc in docs), 2)) == 2


# Temperature.


@ARCHITECTURES
@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_all_scores_are_divided_by_the_temperature(
    architecture: str, temperature: float
) -> None:
    nlp = few_tags(configure(architecture, temperature=temperature))
    doc = make_doc(nlp, WORDS)
    expected = sequences_of(nlp, doc, temperature=temperature)
    (rows,) = get_tagger(nlp).predict_proba([doc])
    numpy.testing.assert_allclose(rows, expected.marginals(3), atol=1e-5)
    assert_k_best(nlp, doc, expected)


@ARCHITECTURES
def test_the_temperature_changes_no_tag(architecture: str) -> None:
    found = []
    for temperature in (0.2, 1.0, 5.0):
        nlp = few_tags(configure(architecture, temperature=temperature))
        found.append(tags_of(nlp(make_doc(nlp, ["a", "b", "c", "b", "a"]))))
    assert found[0] == found[1] == found[2]


def test_the_temperature_is_that_of_the_saved_config(tmp_path: Path) -> None:
    nlp = few_tags(configure(temperature=2.0))
    nlp.to_disk(tmp_path / "saved")
    loaded = spacy.load(tmp_path / "saved")
    doc = make_doc(nlp, WORDS)
    (expected,) = get_tagger(nlp).predict_proba([doc])
    (found,) = get_tagger(loaded).predict_proba([make_doc(loaded, WORDS)])
    numpy.testing.assert_array_equal(found, expected)


# Constraints.


ALLOWED = {0: ["X", "Z"], 2: ["Y"], 3: ["X", "Y"]}


@ARCHITECTURES
def test_probabilities_are_those_of_the_sequences_that_are_allowed(
    architecture: str,
) -> None:
    nlp = initialize(configure(architecture))
    for seed in range(3):
        randomize(nlp, seed)
        doc = make_doc(nlp, WORDS)
        expected = sequences_of(nlp, doc, allowed=ALLOWED)
        doc._.allowed_tags = ALLOWED
        (rows,) = get_tagger(nlp).predict_proba([doc])
        numpy.testing.assert_allclose(rows, expected.marginals(3), atol=1e-5)
        assert rows[0, 1] == rows[2, 0] == rows[2, 2] == rows[3, 2] == 0.0
        assert_k_best(nlp, doc, expected)
        assert tags_of(nlp(doc)) == names(expected.best())


@ARCHITECTURES
def test_constraints_and_temperature_go_together(architecture: str) -> None:
    nlp = few_tags(configure(architecture, temperature=2.5))
    doc = make_doc(nlp, WORDS)
    expected = sequences_of(nlp, doc, temperature=2.5, allowed=ALLOWED)
    doc._.allowed_tags = ALLOWED
    (rows,) = get_tagger(nlp).predict_proba([doc])
    numpy.testing.assert_allclose(rows, expected.marginals(3), atol=1e-5)
    assert_k_best(nlp, doc, expected)


@ARCHITECTURES
def test_the_constraints_of_one_document_do_not_touch_another(
    architecture: str,
) -> None:
    nlp = few_tags(configure(architecture))
    tagger = get_tagger(nlp)
    (expected,) = tagger.predict_proba([make_doc(nlp, WORDS)])
    docs = [make_doc(nlp, WORDS) for _ in range(3)]
    docs[1]._.allowed_tags = ALLOWED
    found = tagger.predict_proba(docs)
    numpy.testing.assert_allclose(found[0], expected, atol=1e-6)
    numpy.testing.assert_allclose(found[2], expected, atol=1e-6)
    assert not numpy.allclose(found[1], expected)


# The best sequences.


@pytest.fixture(scope="module", params=[SOFTMAX, CRF])
def random_tagger(request: Any) -> Language:
    return few_tags(configure(request.param), seed=3)


@settings(max_examples=25)
@given(
    words=st.lists(st.sampled_from(["a", "b", "zz", " "]), min_size=1, max_size=5),
    k=st.sampled_from([1, 2, 5, 1000]),
)
def test_the_k_best_are_the_first_of_all_sequences(
    random_tagger: Language, words: List[str], k: int
) -> None:
    doc = make_doc(random_tagger, words)
    assert_k_best(random_tagger, doc, sequences_of(random_tagger, doc), k)


@ARCHITECTURES
def test_all_sequences_together_have_a_probability_of_one(architecture: str) -> None:
    nlp = few_tags(configure(architecture))
    (found,) = get_tagger(nlp).k_best([make_doc(nlp, WORDS)], 1000)
    assert len(found) == 3 ** len(WORDS)
    assert sum(numpy.exp(log) for _, log in found) == pytest.approx(1.0, abs=1e-5)


@ARCHITECTURES
def test_the_first_of_the_k_best_is_what_the_tagger_sets(architecture: str) -> None:
    nlp = randomize(initialize(configure(architecture), TRAIN_DATA))
    docs = [make_doc(nlp, words) for words, _ in TRAIN_DATA]
    found = [best[0][0] for best in get_tagger(nlp).k_best(docs, 3)]
    assert found == [tags_of(doc) for doc in nlp.pipe(docs)]


def test_sentences_multiply() -> None:
    nlp = few_tags(configure(model={"sentences": True}))
    doc = Doc(nlp.vocab, words=SENTENCE_WORDS, sent_starts=SENTENCE_STARTS)
    expected = sequences_of(nlp, doc, groups=SENTENCES)
    for k in (1, 7, 1000):
        assert_k_best(nlp, doc, expected, k)
    doc._.allowed_tags = {0: ["X"], 4: ["Y", "Z"]}
    expected = sequences_of(
        nlp, doc, groups=SENTENCES, allowed={0: ["X"], 4: ["Y", "Z"]}
    )
    assert_k_best(nlp, doc, expected)


@ARCHITECTURES
def test_a_document_of_nothing_has_one_sequence_of_certainty(architecture: str) -> None:
    nlp = few_tags(configure(architecture))
    tagger = get_tagger(nlp)
    assert tagger.k_best([make_doc(nlp, [])], 5) == [[([], 0.0)]]
    assert tagger.k_best([], 5) == []
    found = tagger.k_best([make_doc(nlp, []), make_doc(nlp, ["a"])], 5)
    assert found[0] == [([], 0.0)]
    assert len(found[1]) == 3


@ARCHITECTURES
def test_there_are_fewer_sequences_where_fewer_are_allowed(architecture: str) -> None:
    nlp = few_tags(configure(architecture))
    doc = make_doc(nlp, ["a", "b", "c"])
    doc._.allowed_tags = {0: ["X"], 1: ["Y"], 2: ["Y", "Z"]}
    (found,) = get_tagger(nlp).k_best([doc], 100)
    assert {tuple(tags) for tags, _ in found} == {("X", "Y", "Y"), ("X", "Y", "Z")}
    doc._.allowed_tags = {0: ["X"], 1: ["Y"], 2: ["Z"]}
    ((tags, log_probability),) = get_tagger(nlp).k_best([doc], 100)[0]
    assert tags == ["X", "Y", "Z"]
    assert log_probability == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("k", [0, -1])
def test_at_least_one_sequence_has_to_be_asked_for(k: int) -> None:
    nlp = few_tags()
    with pytest.raises(ValueError, match="k"):
        get_tagger(nlp).k_best([make_doc(nlp, ["a"])], k)


# Custom attributes.


@pytest.fixture
def attributes() -> Iterator[Tuple[str, str]]:
    """Names of attributes that no other test has, removed afterwards."""
    suffix = uuid.uuid4().hex
    found = (f"confidence_{suffix}", f"alternatives_{suffix}")
    yield found
    for name in found:
        for owner in (Doc, Token):
            if owner.has_extension(name):
                owner.remove_extension(name)


def with_attributes(
    attributes: Tuple[str, str], architecture: str = CRF, **settings: Any
) -> Language:
    config = configure(
        architecture,
        confidence_attribute=attributes[0],
        alternatives_attribute=attributes[1],
        **settings,
    )
    return few_tags(config)


def assert_attributes(doc: Doc, attributes: Tuple[str, str], rows: NDArray) -> None:
    """Compare the attributes of a document with the probabilities of its tags."""
    for token, row in zip(doc, rows):
        confidence = token._.get(attributes[0])
        assert isinstance(confidence, float)
        assert confidence == pytest.approx(row[LABELS.index(token.tag_)], abs=1e-6)
        alternatives = token._.get(attributes[1])
        # The sort is stable: of tags with one probability, the first label first.
        in_order = sorted(zip(LABELS, row.tolist()), key=lambda pair: -pair[1])
        assert [tag for tag, _ in alternatives] == [tag for tag, _ in in_order]
        assert [probability for _, probability in alternatives] == pytest.approx(
            [probability for _, probability in in_order], abs=1e-6
        )


def call(nlp: Language, doc: Doc) -> Doc:
    return nlp(doc)


def pipe(nlp: Language, doc: Doc) -> Doc:
    return next(iter(nlp.pipe([doc, make_doc(nlp, ["c"])])))


def processes(nlp: Language, doc: Doc) -> Doc:
    docs = [doc, make_doc(nlp, ["c"]), make_doc(nlp, [])]
    return next(iter(nlp.pipe(docs, n_process=2, batch_size=1)))


def doc_bin(nlp: Language, doc: Doc) -> Doc:
    saved = DocBin(docs=[nlp(doc)], store_user_data=True).to_bytes()
    (loaded,) = DocBin().from_bytes(saved).get_docs(nlp.vocab)
    return loaded


def doc_bin_of_another_vocab(nlp: Language, doc: Doc) -> Doc:
    saved = DocBin(docs=[nlp(doc)], store_user_data=True).to_bytes()
    (loaded,) = DocBin().from_bytes(saved).get_docs(Vocab())
    return loaded


def doc_bytes(nlp: Language, doc: Doc) -> Doc:
    return Doc(nlp.vocab).from_bytes(nlp(doc).to_bytes())


def doc_copy(nlp: Language, doc: Doc) -> Doc:
    return nlp(doc).copy()


@ARCHITECTURES
@pytest.mark.parametrize(
    "way",
    [call, pipe, processes, doc_bin, doc_bin_of_another_vocab, doc_bytes, doc_copy],
)
def test_the_attributes_of_tokens_are_the_probabilities_of_tags(
    attributes: Tuple[str, str], architecture: str, way: Callable[[Language, Doc], Doc]
) -> None:
    nlp = with_attributes(attributes, architecture)
    (rows,) = get_tagger(nlp).predict_proba([make_doc(nlp, WORDS)])
    doc = way(nlp, make_doc(nlp, WORDS))
    assert [token.text for token in doc] == WORDS
    assert_attributes(doc, attributes, rows)


def test_alternatives_of_any_script_survive_a_doc_bin(
    attributes: Tuple[str, str],
) -> None:
    config = configure(alternatives_attribute=attributes[1])
    labels = ("名詞", "Ä", "a longer one, with spaces", "$")
    nlp = initialize(config, [(["a", "b", "c", "d"], list(labels))])
    doc = doc_bin_of_another_vocab(nlp, make_doc(nlp, ["a"]))
    found = doc[0]._.get(attributes[1])
    assert len(found) == 3
    assert {tag for tag, _ in found} < set(labels)


def test_attributes_know_constraints_and_temperature(
    attributes: Tuple[str, str],
) -> None:
    nlp = with_attributes(attributes, temperature=2.0)
    doc = make_doc(nlp, WORDS)
    doc._.allowed_tags = {0: ["X"], 1: ["Y", "Z"]}
    (rows,) = get_tagger(nlp).predict_proba([doc])
    doc = nlp(doc)
    assert_attributes(doc, attributes, rows)
    assert doc[0]._.get(attributes[0]) == pytest.approx(1.0)


@pytest.mark.parametrize("n, expected", [(1, 1), (2, 2), (3, 3), (100, 3)])
def test_there_are_as_many_alternatives_as_are_asked_for(
    attributes: Tuple[str, str], n: int, expected: int
) -> None:
    nlp = with_attributes(attributes, n_alternatives=n)
    doc = nlp(make_doc(nlp, WORDS))
    assert [len(token._.get(attributes[1])) for token in doc] == [expected] * 4


@ARCHITECTURES
def test_without_attributes_a_document_has_no_user_data(architecture: str) -> None:
    nlp = few_tags(configure(architecture))
    docs = [nlp(make_doc(nlp, WORDS)), *nlp.pipe([make_doc(nlp, WORDS)])]
    assert [doc.user_data for doc in docs] == [{}, {}]


def test_by_default_tokens_get_no_attribute() -> None:
    before = dict(Underscore.token_extensions)
    nlp = spacy.blank("xx")
    nlp.add_pipe("lstm_tagger")
    assert nlp.get_pipe_config("lstm_tagger")["confidence_attribute"] is None
    assert nlp.get_pipe_config("lstm_tagger")["alternatives_attribute"] is None
    assert Underscore.token_extensions == before


def test_each_attribute_is_one_array_of_a_document(attributes: Tuple[str, str]) -> None:
    """Not one entry for each token."""
    nlp = with_attributes(attributes)
    doc = nlp(make_doc(nlp, WORDS))
    assert len(doc.user_data) == 2
    for value in doc.user_data.values():
        assert isinstance(value, numpy.ndarray)
        assert len(value) == len(doc)


def test_one_attribute_can_be_had_without_the_other(
    attributes: Tuple[str, str],
) -> None:
    nlp = few_tags(configure(confidence_attribute=attributes[0]))
    doc = nlp(make_doc(nlp, WORDS))
    assert len(doc.user_data) == 1
    assert doc[0]._.get(attributes[0]) > 0.0
    assert not Token.has_extension(attributes[1])


def test_a_token_of_a_document_that_was_not_tagged_has_no_confidence(
    attributes: Tuple[str, str],
) -> None:
    nlp = with_attributes(attributes)
    doc = make_doc(nlp, ["a"])
    assert doc[0]._.get(attributes[0]) is None
    assert doc[0]._.get(attributes[1]) is None


def test_documents_of_nothing_get_their_attributes(attributes: Tuple[str, str]) -> None:
    nlp = with_attributes(attributes)
    docs = list(nlp.pipe([make_doc(nlp, []), make_doc(nlp, ["a"])]))
    assert [token._.get(attributes[0]) for token in docs[0]] == []
    assert docs[1][0]._.get(attributes[0]) > 0.0


def test_two_taggers_with_attributes_of_their_own_do_not_collide(
    attributes: Tuple[str, str],
) -> None:
    nlp = spacy.blank("xx")
    for seed, (name, attribute) in enumerate(zip(("one", "two"), attributes)):
        config = configure(confidence_attribute=attribute, overwrite=True)
        nlp.add_pipe("lstm_tagger", name=name, config=config)
        examples = make_examples(nlp, FEW_TAGS)
        get_tagger(nlp, name).initialize(lambda: examples, nlp=nlp)  # noqa: B023
        bias = numpy.asarray([2 + seed, 0, 0], dtype="float32")
        output = get_tagger(nlp, name).model.get_ref("output_layer")
        output.set_param("b", bias)
    (token,) = nlp(make_doc(nlp, ["a"]))
    for seed, attribute in enumerate(attributes):
        expected = numpy.exp(2 + seed) / (numpy.exp(2 + seed) + 2)
        assert token._.get(attribute) == pytest.approx(expected)


def test_the_same_tagger_can_be_built_twice(attributes: Tuple[str, str]) -> None:
    """Loading a pipeline again is no collision."""
    for _ in range(2):
        nlp = with_attributes(attributes)
        doc = nlp(make_doc(nlp, ["a"]))
        assert doc[0]._.get(attributes[0]) > 0.0


@pytest.mark.parametrize("kind", [{"default": None}, {"getter": len}])
@pytest.mark.parametrize("setting", ["confidence_attribute", "alternatives_attribute"])
def test_a_token_attribute_of_someone_else_is_not_taken_over(
    attributes: Tuple[str, str], setting: str, kind: Dict[str, Any]
) -> None:
    name = attributes[0]
    Token.set_extension(name, **kind)
    before = Token.get_extension(name)
    with pytest.raises(ValueError, match=name):
        spacy.blank("xx").add_pipe("lstm_tagger", config={setting: name})
    assert Token.get_extension(name) == before


def test_a_document_attribute_of_the_same_name_is_left_alone(
    attributes: Tuple[str, str],
) -> None:
    for name in attributes:
        Doc.set_extension(name, default=None)
    nlp = with_attributes(attributes)
    doc = make_doc(nlp, WORDS)
    for name in attributes:
        doc._.set(name, "mine")
    (rows,) = get_tagger(nlp).predict_proba([doc])
    doc = nlp(doc)
    assert_attributes(doc, attributes, rows)
    assert [doc._.get(name) for name in attributes] == ["mine", "mine"]


def test_confidence_and_alternatives_can_not_have_one_name(
    attributes: Tuple[str, str],
) -> None:
    with pytest.raises(ValueError, match=attributes[0]):
        with_attributes((attributes[0], attributes[0]))


@pytest.mark.parametrize("position", [0, 1])
def test_after_the_tokens_were_changed_attributes_raise_a_clear_error(
    attributes: Tuple[str, str], position: int
) -> None:
    nlp = with_attributes(attributes)
    doc = nlp(make_doc(nlp, ["a", "b", "c"]))
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    with pytest.raises(ValueError, match=attributes[position]):
        doc[0]._.get(attributes[position])
    tagged_again = nlp(doc)
    assert tagged_again[0]._.get(attributes[position]) is not None
