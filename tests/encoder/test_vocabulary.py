from typing import List

import numpy
import pytest
import spacy
from spacy.tokens import Doc

from spacy_lstm_tagger.training.build_vocabulary import build_vocabulary

VOCAB = spacy.blank("en").vocab


def make_doc(text: str) -> Doc:
    return Doc(VOCAB, words=text.split(" "))


def lower_hashes(*words: str) -> numpy.ndarray:
    return numpy.asarray([VOCAB.strings.add(word) for word in words], dtype="uint64")


def codes(text: str) -> numpy.ndarray:
    return numpy.asarray([ord(character) for character in text], dtype="int64")


@pytest.fixture
def docs() -> List[Doc]:
    return [make_doc(t) for t in ("The cat saw the dog", "the cat SAT", "A dog")]


def test_known_words_have_rows_of_their_own_after_the_unknown_one(
    docs: List[Doc],
) -> None:
    vocabulary = build_vocabulary(docs)
    rows = vocabulary.word_rows(lower_hashes("the", "cat", "saw", "dog", "sat", "a"))
    assert sorted(rows.tolist()) == [1, 2, 3, 4, 5, 6]
    assert vocabulary.n_word_rows == 7


def test_all_unknown_words_share_row_0(docs: List[Doc]) -> None:
    rows = build_vocabulary(docs).word_rows(lower_hashes("cow", "the", "zebra"))
    assert rows[0] == rows[2] == 0 != rows[1]


def test_known_characters_have_rows_of_their_own_after_the_special_ones() -> None:
    vocabulary = build_vocabulary([make_doc("ab😀")])
    assert sorted(vocabulary.character_rows(codes("ab😀")).tolist()) == [4, 5, 6]
    assert vocabulary.n_character_rows == 7


def test_all_unknown_characters_share_a_row_that_is_not_padding() -> None:
    rows = build_vocabulary([make_doc("ab")]).character_rows(codes("zß\U0010ffff"))
    assert set(rows.tolist()) == {1}


def test_an_empty_vocabulary_knows_nothing() -> None:
    vocabulary = build_vocabulary([])
    assert vocabulary.word_rows(lower_hashes("a", "b")).tolist() == [0, 0]
    assert vocabulary.character_rows(codes("ab")).tolist() == [1, 1]


def test_a_lookup_keeps_the_shape_of_its_input(docs: List[Doc]) -> None:
    wanted = lower_hashes("the", "cow", "cat", "dog").reshape(2, 2)
    assert build_vocabulary(docs).word_rows(wanted).shape == (2, 2)
