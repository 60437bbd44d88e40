"""The tags that trained pipelines give to texts."""

from typing import Any, Dict, List, Optional, Sequence

import numpy
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Token
from spacy.vocab import Vocab
from taggers import configure, few_tags, get_tagger
from util import TRAIN_DATA, make_examples, make_trained, make_untrained, tags_of

from spacy_lstm_tagger.distillation.teacher import (
    TEACHER_TAGS,
    Teacher,
    annotate,
    make_teacher,
)
from spacy_lstm_tagger.tags.attributes import read_alternatives, store_alternatives
from spacy_lstm_tagger.texts import Text

TEXT = "The dog saw green birds"
N_TAGS = 20


@Language.component("tests_teacher_tags")
def tag_by_length(doc: Doc) -> Doc:
    """Set the number of letters as the tag of each token, and none for commas."""
    for token in doc:
        token.tag_ = "" if token.text == "," else f"N{len(token)}"
    return doc


@Language.component("tests_teacher_merge")
def merge_first(doc: Doc) -> Doc:
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[:2])
    return doc


def make_by_length(lang: str = "en") -> Language:
    nlp = spacy.blank(lang)
    nlp.add_pipe("tests_teacher_tags")
    return nlp


def make_stock(listens: bool = False) -> Language:
    """A pipeline of spaCy's `tagger`, with an encoder of its own or with a listener."""
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    encoder: Dict[str, Any] = {
        "@architectures": "spacy.HashEmbedCNN.v2",
        "width": 16,
        "depth": 1,
        "embed_size": 100,
        "window_size": 1,
        "maxout_pieces": 2,
        "subword_features": True,
        "pretrained_vectors": None,
    }
    if listens:
        nlp.add_pipe("tok2vec", config={"model": encoder})
        encoder = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16}
    model = {"@architectures": "spacy.Tagger.v2", "tok2vec": encoder}
    nlp.add_pipe("tagger", config={"model": model})
    examples = make_examples(nlp)
    sgd = nlp.initialize(lambda: examples)
    for _ in range(3):
        nlp.update(examples, sgd=sgd)
    return nlp


def teach(
    *pipelines: Language, texts: Sequence[Text] = (TEXT,), k: int = 3, **settings: Any
) -> List[Doc]:
    teachers = [make_teacher(nlp) for nlp in pipelines]
    return list(annotate(teachers, texts, n_alternatives=k, **settings))


def opinions(doc: Doc) -> List[Dict[str, float]]:
    return [dict(found or []) for found in read_alternatives(doc, TEACHER_TAGS)]


def rows_of(doc: Doc, labels: Sequence[str]) -> NDArray:
    """The probabilities of the labels that a document has. *Shape:* (n_tokens, n)"""
    return numpy.asarray([[o.get(tag, 0.0) for tag in labels] for o in opinions(doc)])


def probabilities(nlp: Language, text: str = TEXT) -> NDArray:
    """The probabilities that spaCy's `tagger` or ours gives, computed by hand."""
    name = nlp.pipe_names[-1]
    tagger: Any = nlp.get_pipe(name)
    doc = nlp.make_doc(text)
    if name == "lstm_tagger":
        return tagger.predict_proba([doc])[0]
    if "tok2vec" in nlp.pipe_names:
        doc = nlp.get_pipe("tok2vec")(doc)  # type: ignore[operator]
    (scores,) = tagger.model.predict([doc])
    powers = numpy.exp(scores)
    return powers / powers.sum(axis=1, keepdims=True)


# Pipelines that know probabilities.


def make_ours() -> Language:
    return make_trained(steps=5)


KINDS = pytest.mark.parametrize(
    "make", [make_ours, make_stock, lambda: make_stock(listens=True)]
)


@KINDS
def test_a_tagger_teaches_its_tags(make: Any) -> None:
    nlp = make()
    expected = tags_of(nlp(TEXT))
    (doc,) = teach(nlp)
    assert tags_of(doc) == expected


@KINDS
def test_a_tagger_teaches_its_probabilities(make: Any) -> None:
    nlp = make()
    (doc,) = teach(nlp, k=N_TAGS)
    labels = nlp.get_pipe(nlp.pipe_names[-1]).labels  # type: ignore[attr-defined]
    expected = probabilities(nlp)
    assert 0.1 < expected.max() < 0.99
    numpy.testing.assert_allclose(rows_of(doc, labels), expected, atol=1e-5)


@KINDS
def test_the_most_probable_tags_are_kept_in_their_order(make: Any) -> None:
    (doc,) = teach(make(), k=3)
    for opinion in opinions(doc):
        assert len(opinion) == 3
        assert list(opinion.values()) == sorted(opinion.values(), reverse=True)


def test_a_crf_teaches_its_marginal_probabilities() -> None:
    nlp = few_tags()
    expected = get_tagger(nlp).predict_proba(nlp.make_doc("a b c a b"))[0]
    (doc,) = teach(nlp, texts=["a b c a b"])
    assert get_tagger(nlp).model.has_ref("crf")
    labels = get_tagger(nlp).labels
    numpy.testing.assert_allclose(rows_of(doc, labels), expected, atol=1e-5)


def test_a_crf_teaches_its_tags_where_others_are_more_probable() -> None:
    nlp = few_tags()
    text = "a b c a b"
    tagger = get_tagger(nlp)
    rows = tagger.predict_proba(nlp.make_doc(text))[0]
    least = [tagger.labels[i] for i in rows.argmin(axis=1)]
    # As a rule or the best sequence may have it.
    add_rule(nlp, "c", least[2])
    (doc,) = teach(nlp, texts=[text], k=len(tagger.labels))
    assert tags_of(doc) == tags_of(nlp(text))
    assert tags_of(doc)[2] == least[2]


def test_the_confidence_of_a_crf_is_that_of_its_tags() -> None:
    nlp = few_tags()
    tagger = get_tagger(nlp)
    (row,) = tagger.predict_proba(nlp.make_doc("c"))[0]
    # The least probable tag, as the best sequence may have it.
    add_rule(nlp, "c", tagger.labels[row.argmin()])
    for threshold, has_tag in ((row.min() - 1e-4, True), (row.min() + 1e-4, False)):
        (doc,) = teach(nlp, texts=["c"], k=1, min_confidence=max(0.0, threshold))
        assert any(tags_of(doc)) is has_tag
        (opinion,) = opinions(doc)
        assert list(opinion.values()) == pytest.approx([row.min()], abs=1e-5)


def test_a_pipeline_that_keeps_other_alternatives_teaches_as_well() -> None:
    nlp = make_untrained(config=configure(alternatives_attribute="tests_alternatives"))
    (doc,) = teach(nlp, k=2)
    assert all(len(opinion) == 2 for opinion in opinions(doc))
    Token.remove_extension("tests_alternatives")


# Pipelines that set tags.


def test_a_component_that_only_sets_tags_is_certain() -> None:
    (doc,) = teach(make_by_length())
    assert tags_of(doc) == ["N3", "N3", "N3", "N5", "N5"]
    assert opinions(doc) == [{tag: 1.0} for tag in tags_of(doc)]


def test_two_taggers_in_one_pipeline_are_certain_of_what_they_set() -> None:
    nlp = make_ours()
    nlp.add_pipe("tagger", source=make_stock())
    assert make_teacher(nlp).tagger is None
    (doc,) = teach(nlp)
    assert all(list(opinion.values()) == [1.0] for opinion in opinions(doc))


def test_a_token_that_no_tag_is_set_for_has_none() -> None:
    (doc,) = teach(make_by_length(), texts=["One, two"])
    assert tags_of(doc) == ["N3", "", "N3"]
    assert opinions(doc)[1] == {}


def add_rule(nlp: Language, word: str, tag: str) -> Language:
    ruler: Any = nlp.add_pipe("attribute_ruler")
    ruler.add([[{"ORTH": word}]], {"TAG": tag})
    return nlp


@KINDS
def test_a_rule_after_the_tagger_is_certain(make: Any) -> None:
    nlp = make()
    found = tags_of(nlp(TEXT))
    (doc,) = teach(add_rule(nlp, "dog", "RULE"))
    assert tags_of(doc) == [found[0], "RULE", *found[2:]]
    assert opinions(doc)[1] == {"RULE": 1.0}


@KINDS
def test_a_rule_is_certain_of_a_tag_that_the_tagger_finds_less_probable(
    make: Any,
) -> None:
    nlp = make()
    second = nlp.get_pipe(nlp.pipe_names[-1]).labels[  # type: ignore[attr-defined]
        probabilities(nlp)[1].argsort()[-2]
    ]
    (doc,) = teach(add_rule(nlp, "dog", second))
    assert doc[1].tag_ == second
    assert opinions(doc)[1] == {second: 1.0}


def test_a_rule_that_agrees_leaves_the_probabilities() -> None:
    nlp = make_ours()
    before = opinions(teach(nlp)[0])
    tag = next(iter(before[1]))
    (doc,) = teach(add_rule(nlp, "dog", tag))
    assert opinions(doc) == before


# Votes.


def vote_by_hand(pipelines: Sequence[Language], text: str = TEXT) -> Any:
    """Return the mean of what each pipeline finds alone, over all of their tags."""
    alone = [teach(nlp, texts=[text], k=N_TAGS)[0] for nlp in pipelines]
    labels = sorted(
        {tag for doc in alone for opinion in opinions(doc) for tag in opinion}
    )
    return labels, numpy.mean([rows_of(doc, labels) for doc in alone], axis=0)


def make_voters() -> List[Language]:
    data = [
        (words, [f"{tag}x" if tag == "V" else tag for tag in tags or []])
        for words, tags in TRAIN_DATA
    ]
    return [make_ours(), make_trained(data, seed=1, steps=5), make_stock()]


def test_each_tag_gets_the_mean_of_the_probabilities_of_several_teachers() -> None:
    voters = make_voters()
    # They have other tags and other vocabularies.
    assert len({id(nlp.vocab) for nlp in voters}) == 3
    labels, expected = vote_by_hand(voters)
    assert {"V", "Vx"} <= set(labels)
    (doc,) = teach(*voters, k=N_TAGS)
    numpy.testing.assert_allclose(rows_of(doc, labels), expected, atol=1e-6)
    assert tags_of(doc) == [labels[i] for i in expected.argmax(axis=1)]


def test_votes_are_counted_before_the_most_probable_are_kept() -> None:
    voters = make_voters()
    labels, expected = vote_by_hand(voters)
    (doc,) = teach(*voters, k=1)
    assert tags_of(doc) == [labels[i] for i in expected.argmax(axis=1)]
    found = [probability for o in opinions(doc) for probability in o.values()]
    assert found == pytest.approx(expected.max(axis=1), abs=1e-6)


def test_certain_teachers_have_one_vote_each() -> None:
    def make(tag: str) -> Language:
        return add_rule(make_by_length(), "dog", tag)

    (doc,) = teach(make("A"), make("B"), make("B"))
    assert tags_of(doc)[:2] == ["N3", "B"]
    assert opinions(doc)[1] == pytest.approx({"B": 2 / 3, "A": 1 / 3})


def test_a_teacher_that_sets_no_tag_does_not_vote() -> None:
    stock = make_stock()
    alone = opinions(teach(stock, texts=["dog, dog"])[0])
    (doc,) = teach(make_by_length(), stock, texts=["dog, dog"])
    assert opinions(doc)[1] == pytest.approx(alone[1])


def test_the_tokens_and_sentences_are_those_of_the_first_teacher() -> None:
    first = make_by_length("xx")
    first.add_pipe("sentencizer")
    text = "It isn't. Nor is this."
    (doc,) = teach(first, make_by_length("en"), texts=[text])
    expected = first(text)
    assert [token.text for token in doc] == [token.text for token in expected]
    assert [s.text for s in doc.sents] == ["It isn't.", "Nor is this."]


def test_a_teacher_that_joins_tokens_can_not_vote_with_others() -> None:
    merging = make_by_length()
    merging.add_pipe("tests_teacher_merge")
    with pytest.raises(ValueError, match="joins or splits tokens"):
        teach(make_by_length(), merging)


VOTES = st.lists(
    st.dictionaries(
        st.sampled_from("ABCDE"), st.floats(0.01, 1.0), min_size=1, max_size=4
    ),
    min_size=1,
    max_size=4,
)


class FixedTagger:
    """A component that finds the same probabilities for each token."""

    def __init__(self) -> None:
        self.opinion: Dict[str, float] = {}

    def __call__(self, doc: Doc) -> Doc:
        store_alternatives(doc, TEACHER_TAGS, [self.opinion] * len(doc))
        for token in doc:
            token.tag_ = next(iter(self.opinion))
        return doc


Language.factory("tests_teacher_fixed", func=lambda nlp, name: FixedTagger())


@pytest.fixture(scope="module")
def fixed() -> List[Teacher]:
    """Teachers whose probabilities a test gives."""
    pipelines = [spacy.blank("xx") for _ in range(4)]
    for nlp in pipelines:
        nlp.add_pipe("tests_teacher_fixed")
    return [Teacher(nlp, None) for nlp in pipelines]


@given(votes=VOTES, k=st.integers(1, 5))
def test_a_vote_is_the_mean_whatever_the_probabilities(
    fixed: List[Teacher], votes: List[Dict[str, float]], k: int
) -> None:
    teachers = fixed[: len(votes)]
    for teacher, vote in zip(teachers, votes):
        component: Any = teacher.nlp.get_pipe("tests_teacher_fixed")
        component.opinion = dict(sorted(vote.items(), key=lambda item: -item[1]))
    (doc,) = annotate(teachers, ["a"], n_alternatives=k)
    tags = {tag for vote in votes for tag in vote}
    expected = {tag: numpy.mean([vote.get(tag, 0.0) for vote in votes]) for tag in tags}
    (found,) = opinions(doc)
    assert found == pytest.approx({tag: expected[tag] for tag in found})
    highest = sorted(expected.values(), reverse=True)[:k]
    assert list(found.values()) == pytest.approx(highest)
    assert doc[0].tag_ == next(iter(found))


# Documents.


def test_documents_have_tags_and_sentences_and_nothing_else() -> None:
    nlp = add_rule(make_by_length(), "dog", "A")
    nlp.get_pipe("attribute_ruler").add([[{"ORTH": "dog"}]], {"POS": "X", "LEMMA": "l"})  # type: ignore[attr-defined]
    (doc,) = teach(nlp)
    assert doc.has_annotation("TAG")
    for name in ("POS", "LEMMA", "MORPH", "DEP", "SENT_START", "ENT_IOB"):
        assert not doc.has_annotation(name), name
    assert len(doc.user_data) == 1


@pytest.mark.parametrize("component", ["sentencizer", None])
def test_sentence_boundaries_are_kept_where_they_are_known(
    component: Optional[str],
) -> None:
    nlp = make_by_length()
    if component:
        nlp.add_pipe(component)
    (doc,) = teach(nlp, texts=["One. Two."])
    assert doc.has_annotation("SENT_START") is (component is not None)


def test_whitespace_has_no_tag() -> None:
    (doc,) = teach(make_ours(), make_by_length(), texts=["The  dog\n ate"])
    assert [token.text for token in doc] == ["The", " ", "dog", "\n ", "ate"]
    assert [bool(tag) for tag in tags_of(doc)] == [True, False, True, False, True]


def test_documents_keep_their_tokens() -> None:
    nlp = make_by_length()
    given_doc = Doc(
        nlp.vocab, words=["can", "not", "isn't"], spaces=[False, True, True]
    )
    (doc,) = teach(nlp, texts=[given_doc])
    assert [token.text_with_ws for token in doc] == ["can", "not ", "isn't "]
    assert tags_of(doc) == ["N3", "N3", "N5"]


def test_documents_come_in_the_order_of_the_texts_whatever_the_batches() -> None:
    nlp, other = make_by_length(), make_by_length()
    nlp.batch_size = 3
    texts = [f"word{i} " + "x" * i for i in range(10)]
    found = teach(nlp, other, texts=texts)
    assert [doc.text for doc in found] == texts
    assert [tags_of(doc) for doc in found] == [tags_of(other(text)) for text in texts]


@pytest.mark.parametrize("make", [make_ours, make_stock, make_by_length])
def test_a_document_of_whitespace_alone_is_annotated(make: Any) -> None:
    (doc,) = teach(make(), texts=["\n\n"])
    assert tags_of(doc) == [""]


def test_annotation_survives_being_saved() -> None:
    nlp = make_ours()
    nlp.add_pipe("sentencizer")
    (doc,) = teach(nlp, make_by_length(), texts=["The  dog ate. Birds often sing."])
    content = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (loaded,) = DocBin().from_bytes(content).get_docs(Vocab())
    assert opinions(loaded) == opinions(doc)
    assert tags_of(loaded) == tags_of(doc)
    assert [s.text for s in loaded.sents] == [s.text for s in doc.sents]


# Confidence.


def test_only_sentences_that_the_teacher_is_sure_of_have_tags() -> None:
    nlp = make_ours()
    nlp.add_pipe("sentencizer")
    text = "The dog ate the apple. Xyz  qwerty unlike seen. She likes green apples."
    (doc,) = teach(nlp, texts=[text])
    certainty = [
        float(
            numpy.mean([max(opinions(doc)[t.i].values()) for t in s if not t.is_space])
        )
        for s in doc.sents
    ]
    low, middle, high = sorted(certainty)
    assert low < middle < high
    for threshold in (0.0, low, (low + middle) / 2, (middle + high) / 2, high, 1.0):
        (found,) = teach(nlp, texts=[text], min_confidence=threshold)
        has_tags = [any(token.tag_ for token in sentence) for sentence in found.sents]
        assert has_tags == [mean >= threshold - 1e-7 for mean in certainty]
        for sentence in found.sents:
            tags = {bool(token.tag_) for token in sentence if not token.is_space}
            assert len(tags) == 1


def test_where_tags_are_left_out_tokens_and_sentences_are_kept() -> None:
    nlp = make_ours()
    nlp.add_pipe("sentencizer")
    text = "The dog ate. Birds sing."
    (kept,) = teach(nlp, texts=[text])
    (left_out,) = teach(nlp, texts=[text], min_confidence=1.0)
    assert not any(tags_of(left_out))
    assert [token.text_with_ws for token in left_out] == [t.text_with_ws for t in kept]
    assert [s.text for s in left_out.sents] == [s.text for s in kept.sents]


def test_without_sentence_boundaries_a_document_is_one_sentence() -> None:
    nlp = make_ours()
    text = "The dog ate the apple. Xyz qwerty unlike seen."
    (doc,) = teach(nlp, texts=[text])
    mean = float(numpy.mean([max(opinion.values()) for opinion in opinions(doc)]))
    for threshold, has_tags in ((mean - 1e-4, True), (mean + 1e-4, False)):
        (found,) = teach(nlp, texts=[text], min_confidence=threshold)
        assert [bool(tag) for tag in tags_of(found)] == [has_tags] * len(found)


def test_whitespace_does_not_count_for_confidence() -> None:
    nlp = make_ours()
    (doc,) = teach(nlp, texts=["The dog"])
    mean = float(numpy.mean([max(opinion.values()) for opinion in opinions(doc)]))
    (found,) = teach(nlp, texts=["The dog\n"], min_confidence=mean - 1e-4)
    assert all(tags_of(found)[:2])
    (found,) = teach(nlp, texts=["The dog\n"], min_confidence=mean + 1e-4)
    assert not any(tags_of(found))
