from typing import List, NamedTuple

import numpy
import pytest
import spacy
from numpy.typing import NDArray
from spacy.tokens import Doc
from spacy.vectors import Vectors
from spacy.vocab import Vocab

from spacy_lstm_tagger.encoder.forms import (
    Forms,
    find_forms,
    find_vocabs,
    read_tokens,
    spell_forms,
)
from spacy_lstm_tagger.encoder.vocabulary import (
    PADDING,
    UNKNOWN_CHARACTER,
    WORD_END,
    WORD_START,
    Vocabulary,
)
from spacy_lstm_tagger.training.build_vocabulary import build_vocabulary


@pytest.fixture
def vocab() -> Vocab:
    return spacy.blank("en").vocab


def vocabulary_of(vocab: Vocab, text: str) -> Vocabulary:
    return build_vocabulary([Doc(vocab, words=text.split())])


class Extracted(NamedTuple):
    """All that an encoder reads, as training puts it together."""

    word_rows: NDArray
    characters: NDArray
    character_lengths: NDArray
    vector_keys: NDArray
    token_forms: NDArray
    is_read: NDArray
    doc_lengths: NDArray


def extract(
    docs: List[Doc], vocabulary: Vocabulary, max_characters: int = 24
) -> Extracted:
    tokens = read_tokens(docs)
    first, token_forms = find_forms(tokens.orths, tokens.vector_keys)
    forms: Forms = spell_forms(
        tokens.orths[first],
        find_vocabs(docs),
        vocabulary,
        max_characters=max_characters,
    )
    return Extracted(
        forms.word_rows,
        forms.characters,
        forms.character_lengths,
        tokens.vector_keys[first],
        token_forms,
        tokens.is_read,
        tokens.doc_lengths,
    )


def spell(forms: Extracted, vocabulary: Vocabulary, form: int) -> str:
    """The characters of a form, the unknown ones as a question mark."""
    letters = {UNKNOWN_CHARACTER: "?", WORD_START: "<", WORD_END: ">", PADDING: "_"}
    for code in vocabulary.characters:
        letters[int(vocabulary.character_rows(numpy.asarray([code]))[0])] = chr(code)
    return "".join(letters[row] for row in forms.characters[form].tolist())


def spell_tokens(forms: Extracted, vocabulary: Vocabulary) -> List[str]:
    return [
        spell(forms, vocabulary, form).rstrip("_")
        for form in forms.token_forms.tolist()
    ]


def test_a_form_is_read_once_however_often_and_wherever_it_occurs(vocab: Vocab) -> None:
    docs = [Doc(vocab, words=["the", "cat", "the"]), Doc(vocab, words=["cat", "cat"])]
    forms = extract(docs, vocabulary_of(vocab, "the cat"))
    assert len(forms.word_rows) == len(forms.characters) == 2
    first, second = forms.token_forms[:2].tolist()
    assert forms.token_forms.tolist() == [first, second, first, second, second]


def test_a_form_has_the_word_and_the_characters_of_its_text(vocab: Vocab) -> None:
    vocabulary = vocabulary_of(vocab, "The cat")
    forms = extract([Doc(vocab, words=["cat", "The"])], vocabulary)
    assert spell_tokens(forms, vocabulary) == ["<cat>", "<The>"]
    hashes = numpy.asarray([vocab.strings["cat"], vocab.strings["the"]], dtype="uint64")
    rows = forms.word_rows[forms.token_forms]
    assert rows.tolist() == vocabulary.word_rows(hashes).tolist()
    assert 0 not in rows


def test_forms_that_differ_by_case_share_the_word_but_not_the_characters(
    vocab: Vocab,
) -> None:
    vocabulary = vocabulary_of(vocab, "Cat cat")
    forms = extract([Doc(vocab, words=["Cat", "cat"])], vocabulary)
    rows = forms.word_rows[forms.token_forms]
    assert len(forms.word_rows) == 2 and rows[0] == rows[1] > 0
    assert spell_tokens(forms, vocabulary) == ["<Cat>", "<cat>"]


def test_whitespace_is_not_read(vocab: Vocab) -> None:
    docs = [
        Doc(vocab, words=["a", "\n\n", "b", " "]),
        Doc(vocab, words=["\t"]),
        Doc(vocab, words=["\u00a0", "a"]),
    ]
    vocabulary = vocabulary_of(vocab, "a b")
    forms = extract(docs, vocabulary)
    assert forms.is_read.tolist() == [True, False, True, False, False, False, True]
    assert forms.doc_lengths.tolist() == [2, 0, 1]
    assert spell_tokens(forms, vocabulary) == ["<a>", "<b>", "<a>"]


def test_documents_of_whitespace_alone_have_no_forms(vocab: Vocab) -> None:
    docs = [Doc(vocab, words=["\n", " "]), Doc(vocab, words=[" "])]
    forms = extract(docs, vocabulary_of(vocab, "a"))
    assert len(forms.word_rows) == len(forms.token_forms) == len(forms.characters) == 0
    assert forms.doc_lengths.tolist() == [0, 0]
    assert forms.is_read.tolist() == [False, False, False]


def test_empty_documents_keep_their_place(vocab: Vocab) -> None:
    docs = [Doc(vocab), Doc(vocab, words=["a"]), Doc(vocab)]
    forms = extract(docs, vocabulary_of(vocab, "a"))
    assert forms.doc_lengths.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "word, max_characters, wanted",
    [
        ("abcdef", 6, "<abcdef>"),
        ("abcdefg", 6, "<abcefg>"),
        ("abcdefghij", 4, "<abij>"),
        ("abcdefghij", 5, "<abcij>"),
        ("abcdefghij", 2, "<aj>"),
    ],
)
def test_of_a_long_word_the_first_and_the_last_half_are_read(
    vocab: Vocab, word: str, max_characters: int, wanted: str
) -> None:
    vocabulary = vocabulary_of(vocab, "abcdefghij")
    forms = extract([Doc(vocab, words=[word])], vocabulary, max_characters)
    assert spell(forms, vocabulary, 0) == wanted


def test_a_word_of_many_thousand_characters_takes_no_more_room(vocab: Vocab) -> None:
    docs = [Doc(vocab, words=["a" * 300_000, "b"])]
    forms = extract(docs, vocabulary_of(vocab, "a b"))
    assert forms.characters.shape == (2, 26)


def test_words_are_padded_at_their_end(vocab: Vocab) -> None:
    vocabulary = vocabulary_of(vocab, "a bcd")
    forms = extract([Doc(vocab, words=["a", "bcd"])], vocabulary)
    short, long = forms.token_forms.tolist()
    assert spell(forms, vocabulary, short) == "<a>__"
    assert spell(forms, vocabulary, long) == "<bcd>"
    assert forms.character_lengths[[short, long]].tolist() == [3, 5]


def test_an_unknown_character_does_not_move_the_others(vocab: Vocab) -> None:
    vocabulary = vocabulary_of(vocab, "ab")
    forms = extract([Doc(vocab, words=["aßb", "ab\U0001f600"])], vocabulary)
    assert spell_tokens(forms, vocabulary) == ["<a?b>", "<ab?>"]


def test_an_astral_or_combining_character_is_one_position(vocab: Vocab) -> None:
    vocabulary = vocabulary_of(vocab, "😀e\u0301 𐌀x")
    forms = extract([Doc(vocab, words=["e\u0301", "𐌀", "x😀"])], vocabulary)
    assert spell_tokens(forms, vocabulary) == ["<e\u0301>", "<𐌀>", "<x😀>"]


def test_documents_of_several_vocabs_can_share_a_batch() -> None:
    """Strings of one vocab need not be known to another one."""
    vocabs = [spacy.blank("en").vocab, spacy.blank("de").vocab]
    docs = [
        Doc(vocabs[0], words=["left", "both"]),
        Doc(vocabs[1], words=["both", "right"]),
    ]
    vocabulary = vocabulary_of(spacy.blank("en").vocab, "left both right")
    forms = extract(docs, vocabulary)
    assert spell_tokens(forms, vocabulary) == ["<left>", "<both>", "<both>", "<right>"]
    assert len(forms.word_rows) == 3


def test_vector_keys_are_those_of_the_attribute_of_the_table(vocab: Vocab) -> None:
    vocab.vectors = Vectors(strings=vocab.strings, shape=(1, 2), attr="LOWER")
    forms = extract([Doc(vocab, words=["Cat"])], vocabulary_of(vocab, "cat"))
    assert forms.vector_keys.tolist() == [vocab.strings["cat"]]


def test_vector_keys_are_those_of_the_text_by_default(vocab: Vocab) -> None:
    forms = extract([Doc(vocab, words=["Cat"])], vocabulary_of(vocab, "cat"))
    assert forms.vector_keys.tolist() == [vocab.strings["Cat"]]
