"""Documents of every kind are tagged, are otherwise left alone, and are tagged in
the same way whatever is around them."""

from typing import List, Sequence

import numpy
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from spacy.attrs import DEP, ENT_TYPE, HEAD, LEMMA, MORPH, POS, SENT_START, SPACY
from spacy.language import Language
from spacy.tokens import Doc, Span
from util import TRAIN_DATA, make_doc, make_trained, small, tags_of

# A word in each of many scripts, and things that are hardly words.
STRANGE = [
    "Привет",
    "γειά",
    "שלום",
    "مرحبا",
    "नमस्ते",
    "こんにちは",
    "你好",
    "안녕하세요",
    "ᚠᚢᚦ",
    "𐎀𐎁𐎂",
    "𒀀𒀁",
    "😀",
    "👩‍👩‍👧‍👦",
    "🇩🇪",
    "👍🏽",
    "e\u0301\u0302\u0303",
    "\u0301",
    "\u200d",
    "\u202e",
    "\ufeff",
    "\ufffd",
    "\uffff",
    "\U0010ffff",
    "\x00",
    "\x7f",
    "\xad",
    "İ",
    "ẞ",
    "Z" + "\u0335" * 200,
    "-",
    "...",
    "https://example.com/?a=b",
]
# Two layers and short windows: all that could let tokens depend on each other.
WINDOWED = small(depth=2, window=8, window_overlap=2)
WORDS = sorted({word for words, _ in TRAIN_DATA for word in words}) + STRANGE[:20]


@pytest.fixture(scope="module")
def windowed() -> Language:
    return make_trained(config=WINDOWED, steps=40)


def scores_of(nlp: Language, docs: Sequence[Doc]) -> List[NDArray]:
    return nlp.get_pipe("lstm_tagger").model.predict(list(docs))  # type: ignore[attr-defined]


def check(nlp: Language, doc: Doc) -> None:
    """Tag a document, which gives each token one of the labels and changes nothing
    else."""
    labels = nlp.get_pipe("lstm_tagger").labels  # type: ignore[attr-defined]
    text = doc.text
    before = doc.to_bytes(exclude=["user_data"]) if len(doc) < 1000 else b""
    words = [token.text for token in doc]
    tagged = nlp(doc)
    assert tagged is doc
    assert doc.text == text
    assert [token.text for token in doc] == words
    assert all(token.tag_ in labels for token in doc)
    if before:
        doc.from_array(["TAG"], numpy.zeros(len(doc), dtype="uint64"))
        assert doc.to_bytes(exclude=["user_data"]) == before


# Strange documents.


@pytest.mark.parametrize("text", ["", "a", "The", "7", ".", "\n", " ", "\u3000"])
def test_texts_of_at_most_one_token_are_tagged(
    shared_trained: Language, text: str
) -> None:
    check(shared_trained, shared_trained.make_doc(text))


@pytest.mark.parametrize("word", STRANGE, ids=ascii)
def test_a_strange_word_is_tagged_alone_and_in_a_sentence(
    shared_trained: Language, word: str
) -> None:
    check(shared_trained, make_doc(shared_trained, [word]))
    check(shared_trained, make_doc(shared_trained, ["The", word, "ate"]))
    check(shared_trained, shared_trained.make_doc(f"The {word} ate."))


def test_a_text_in_all_scripts_at_once_is_tagged(shared_trained: Language) -> None:
    check(shared_trained, shared_trained.make_doc(" ".join(STRANGE)))
    check(shared_trained, shared_trained.make_doc("".join(STRANGE)))


@pytest.mark.parametrize("character", ["a", "é", "😀", "\u0301", "."])
def test_a_token_of_300000_characters_is_tagged(
    shared_trained: Language, character: str
) -> None:
    word = character * 300_000
    check(shared_trained, make_doc(shared_trained, [word]))
    check(shared_trained, make_doc(shared_trained, ["The", word, "ate"]))


def test_a_document_of_100000_tokens_is_tagged_as_its_windows_are() -> None:
    nlp = make_trained(config=small(width=16))
    words = [word for words, _ in TRAIN_DATA for word in words]
    doc = make_doc(nlp, words * (100_000 // len(words) + 1))
    assert len(doc) >= 100_000
    check(nlp, doc)
    tags = [tag for _, tags in TRAIN_DATA for tag in tags]
    right = numpy.mean([a == b for a, b in zip(tags_of(nlp(doc.copy())), tags * 4000)])
    assert right > 0.8


def test_a_document_of_many_different_words_is_tagged(
    shared_trained: Language,
) -> None:
    words = [f"word{i}" for i in range(5000)]
    check(shared_trained, make_doc(shared_trained, words))


def test_lone_surrogates_fail_as_they_do_without_the_component(
    shared_trained: Language,
) -> None:
    """spaCy accepts them nowhere. The documents after them are tagged."""
    for nlp in (spacy.blank("en"), shared_trained):
        for text in ("\ud800", "a \udfff b", "\ud83d\ude00"):
            with pytest.raises(UnicodeEncodeError):
                nlp(text)
            with pytest.raises(UnicodeEncodeError):
                Doc(nlp.vocab, words=[text])
    words, tags = TRAIN_DATA[0]
    assert tags_of(shared_trained(" ".join(words))) == tags


@settings(max_examples=60)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_is_tagged(shared_trained: Language, text: str) -> None:
    check(shared_trained, shared_trained.make_doc(text))


def test_a_document_may_have_another_vocab(shared_trained: Language) -> None:
    """spaCy warns of it, for its own components alike, but it works."""
    words, tags = TRAIN_DATA[0]
    doc = make_doc(spacy.blank("en"), words)
    tagger = shared_trained.get_pipe("lstm_tagger")
    labels = tagger.labels  # type: ignore[attr-defined]
    (tag_ids,) = tagger.predict([doc])  # type: ignore[attr-defined]
    assert [labels[i] for i in tag_ids] == tags


# What else a document has.


def test_all_other_annotations_are_left_alone(shared_trained: Language) -> None:
    doc = Doc(
        shared_trained.vocab,
        words=["The", "dog", "ate", " ", "apples"],
        spaces=[True, True, False, True, False],
        pos=["DET", "NOUN", "VERB", "SPACE", "NOUN"],
        morphs=["Definite=Def", "Number=Sing", "Tense=Past", "", "Number=Plur"],
        lemmas=["the", "dog", "eat", " ", "apple"],
        heads=[1, 2, 2, 2, 2],
        deps=["det", "nsubj", "ROOT", "dep", "obj"],
        ents=["O", "B-ANIMAL", "O", "O", "B-FOOD"],
    )
    doc.user_data["key"] = "value"
    doc.spans["span"] = [Span(doc, 0, 2, label="NP")]
    doc.cats["a"] = 0.5
    columns = [DEP, ENT_TYPE, HEAD, LEMMA, MORPH, POS, SENT_START, SPACY]
    before = doc.to_array(columns)
    others = (doc.text, doc.ents, list(doc.sents), dict(doc.user_data), doc.cats)
    spans = [(span.text, span.label_) for span in doc.spans["span"]]
    check(shared_trained, doc.copy())
    shared_trained(doc)
    assert (doc.to_array(columns) == before).all()
    after = (doc.text, doc.ents, list(doc.sents), dict(doc.user_data), doc.cats)
    assert after == others
    assert [(span.text, span.label_) for span in doc.spans["span"]] == spans
    assert doc.has_annotation("TAG", require_complete=True)


def test_a_document_without_sentences_gets_none(shared_trained: Language) -> None:
    doc = shared_trained(make_doc(shared_trained))
    for annotation in ("SENT_START", "DEP", "POS", "LEMMA", "MORPH", "ENT_IOB"):
        assert not doc.has_annotation(annotation)


# Independence from what is around.


def words_of(max_size: int) -> st.SearchStrategy[List[str]]:
    return st.lists(st.sampled_from([*WORDS, " ", "\n\n"]), max_size=max_size)


@settings(max_examples=40)
@given(batch=st.lists(words_of(30), min_size=1, max_size=6), data=st.data())
def test_scores_do_not_depend_on_the_rest_of_the_batch(
    windowed: Language, batch: List[List[str]], data: st.DataObject
) -> None:
    docs = [make_doc(windowed, words) for words in batch]
    together = scores_of(windowed, docs)
    alone = [scores_of(windowed, [doc])[0] for doc in docs]
    order = data.draw(st.permutations(range(len(docs))))
    mixed = scores_of(windowed, [docs[i] for i in order])
    for i, (one, other) in enumerate(zip(together, alone)):
        assert len(one) == len(docs[i])
        numpy.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-5)
        numpy.testing.assert_allclose(
            mixed[order.index(i)], other, atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_tags_do_not_depend_on_the_batch_size(
    windowed: Language, batch_size: int
) -> None:
    rng = numpy.random.default_rng(0)
    batch = [list(rng.choice(WORDS, size=rng.integers(1, 40))) for _ in range(30)]
    docs = [make_doc(windowed, [str(word) for word in words]) for words in batch]
    alone = [tags_of(windowed(doc.copy())) for doc in docs]
    piped = windowed.pipe([doc.copy() for doc in docs], batch_size=batch_size)
    assert [tags_of(doc) for doc in piped] == alone


def test_a_very_long_document_does_not_change_short_ones(windowed: Language) -> None:
    short = make_doc(windowed)
    long = make_doc(windowed, WORDS * 300)
    alone, together = scores_of(windowed, [short]), scores_of(windowed, [short, long])
    numpy.testing.assert_allclose(together[0], alone[0], atol=1e-5, rtol=1e-5)


@settings(max_examples=40)
@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=30), data=st.data())
def test_whitespace_between_tokens_does_not_change_the_tags_of_others(
    windowed: Language, words: List[str], data: st.DataObject
) -> None:
    spaced: List[str] = []
    for word in words:
        spaced += data.draw(st.lists(st.sampled_from([" ", "\n", "\t\n "]), max_size=2))
        spaced.append(word)
    plain = scores_of(windowed, [make_doc(windowed, words)])[0]
    doc = make_doc(windowed, spaced)
    scores = scores_of(windowed, [doc])[0]
    kept = [token.i for token in doc if not token.is_space]
    numpy.testing.assert_allclose(scores[kept], plain, atol=1e-5, rtol=1e-5)


def test_double_spaces_and_newlines_in_a_text_do_not_change_other_tags(
    shared_trained: Language,
) -> None:
    for words, tags in TRAIN_DATA:
        for separator in ("  ", "\n", " \n\n ", "\t"):
            doc = shared_trained(separator.join(words) + separator)
            found = [token.tag_ for token in doc if not token.is_space]
            assert found == tags


def test_a_token_of_another_window_does_not_change_a_tag(windowed: Language) -> None:
    """With a window of 8 that overlaps by 2, token 0 is 40 tokens away from the
    last window."""
    words = ["The", "dog", "ate", "the"] * 10
    one = scores_of(windowed, [make_doc(windowed, words)])[0]
    other = scores_of(windowed, [make_doc(windowed, ["She", *words[1:]])])[0]
    assert not numpy.allclose(one[0], other[0])
    numpy.testing.assert_allclose(one[8:], other[8:], atol=1e-5)


def test_the_context_of_a_token_changes_its_scores(windowed: Language) -> None:
    """The tests above would pass for a tagger that reads each token alone."""
    left, right = (
        scores_of(windowed, [make_doc(windowed, words.split())])[0][1]
        for words in ("The dog ate", "She dog ate")
    )
    assert not numpy.allclose(left, right)
