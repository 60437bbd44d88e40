"""Texts that are cut into pieces."""

from hypothesis import given
from hypothesis import strategies as st

from spacy_lstm_tagger.texts import cut_text

TEXTS = st.text(st.sampled_from("ab \n\u00a0"), max_size=40)
LENGTHS = st.integers(1, 12)


def test_a_text_is_cut_after_the_last_white_space() -> None:
    assert cut_text("one two three", 8) == ["one two ", "three"]


def test_a_text_that_fits_is_not_cut() -> None:
    assert cut_text("one two", 7) == ["one two"]


def test_an_empty_text_has_no_pieces() -> None:
    assert cut_text("", 3) == []


def test_a_word_that_is_too_long_is_cut() -> None:
    assert cut_text("abcdefgh ij", 3) == ["abc", "def", "gh ", "ij"]


@given(TEXTS, LENGTHS)
def test_pieces_make_up_the_text_and_fit(text: str, max_length: int) -> None:
    pieces = cut_text(text, max_length)
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= max_length for piece in pieces)


@given(TEXTS, LENGTHS)
def test_a_word_that_fits_with_its_white_space_is_not_cut(
    text: str, max_length: int
) -> None:
    for piece in cut_text(text, max_length)[:-1]:
        assert piece[-1].isspace() or not any(c.isspace() for c in piece)
