import random
from typing import List

import numpy
import pytest
import spacy
from spacy.tokens import Doc

from spacy_lstm_tagger.encoder.vocabulary import Vocabulary
from spacy_lstm_tagger.training.build_vocabulary import build_vocabulary

VOCAB = spacy.blank("en").vocab


def make_doc(text: str) -> Doc:
    return Doc(VOCAB, words=text.split(" "))


def texts_of(vocabulary: Vocabulary) -> List[str]:
    return sorted(VOCAB.strings[int(word)] for word in vocabulary.words)


def same(left: Vocabulary, right: Vocabulary) -> bool:
    return (
        numpy.array_equal(left.words, right.words)
        and numpy.array_equal(left.word_counts, right.word_counts)
        and numpy.array_equal(left.characters, right.characters)
    )


@pytest.fixture
def docs() -> List[Doc]:
    return [make_doc(t) for t in ("The cat saw the dog", "the cat SAT", "A dog")]


def test_words_are_counted_by_their_lower_cased_form(docs: List[Doc]) -> None:
    vocabulary = build_vocabulary(docs)
    counts = dict(zip(vocabulary.words.tolist(), vocabulary.word_counts.tolist()))
    wanted = {"the": 3, "cat": 2, "saw": 1, "dog": 2, "sat": 1, "a": 1}
    assert counts == {VOCAB.strings[word]: count for word, count in wanted.items()}


def test_characters_keep_their_case(docs: List[Doc]) -> None:
    found = {chr(code) for code in build_vocabulary(docs).characters}
    assert found == set("ThecatsawthedogSATA")


def test_the_order_of_the_documents_does_not_matter() -> None:
    many = [make_doc(f"word{i} other{i % 7} ÿ{chr(300 + i)}") for i in range(50)]
    shuffled = random.Random(0).sample(many, len(many))
    assert same(build_vocabulary(many), build_vocabulary(shuffled))


def test_a_generator_of_documents_is_read_to_its_end(docs: List[Doc]) -> None:
    assert same(build_vocabulary(doc for doc in docs), build_vocabulary(docs))


def test_words_that_are_too_rare_are_left_out(docs: List[Doc]) -> None:
    vocabulary = build_vocabulary(docs, min_word_count=2)
    assert texts_of(vocabulary) == ["cat", "dog", "the"]


def test_characters_that_are_too_rare_are_left_out(docs: List[Doc]) -> None:
    found = {chr(c) for c in build_vocabulary(docs, min_character_count=3).characters}
    assert found == set("that e") - {" "}


def test_a_repeated_word_counts_its_characters_each_time() -> None:
    docs = [make_doc("x x x y")]
    found = {chr(c) for c in build_vocabulary(docs, min_character_count=3).characters}
    assert found == {"x"}


def test_whitespace_is_not_in_the_vocabulary() -> None:
    doc = Doc(VOCAB, words=["a", "\n\n", " ", "\t", "b"])
    vocabulary = build_vocabulary([doc])
    assert texts_of(vocabulary) == ["a", "b"]
    assert {chr(code) for code in vocabulary.characters} == {"a", "b"}
