"""Sentences of tagged text, and the documents that they become."""

from typing import Iterator, List, Tuple

import pytest
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_lstm_tagger.training.columns import (
    Sentence,
    Token,
    group_sentences,
    pack_documents,
    parse_columns,
    read_columns,
    read_running_text,
)


def read(text: str, columns: str = "word,tag") -> List[List[Tuple[str, str, str]]]:
    """Read text in columns, as plain tuples of word, tag and UPOS."""
    lines = text.splitlines(keepends=True)
    return [list(map(tuple, s)) for s in read_columns(lines, parse_columns(columns))]


def read_running(text: str, columns: str = "word,tag", separator: str = "/") -> str:
    """Read running text, and write its tokens with a space between their values."""
    lines = text.splitlines(keepends=True)
    sentences = read_running_text(lines, parse_columns(columns), separator)
    return "; ".join(" ".join(" ".join(t).strip() for t in s) for s in sentences)


def make_sentences(*lengths: int) -> Iterator[Sentence]:
    """Return sentences of these lengths. One of none starts a document."""
    return iter([[Token("a", "X", "")] * length for length in lengths])


def make_docs(*lengths: int, n_sents: int = 1) -> List[Doc]:
    documents = group_sentences(make_sentences(*lengths), n_sents)
    return [
        doc
        for docbin in pack_documents(documents, 1000)
        for doc in docbin.get_docs(Vocab())
    ]


def test_blank_lines_separate_sentences() -> None:
    text = "\n\nDer\tART\nHund\tNN\n \n\t\n\nEr\tPPER"
    assert read(text) == [
        [("Der", "ART", ""), ("Hund", "NN", "")],
        [("Er", "PPER", "")],
    ]


def test_columns_are_found_in_any_order_and_others_are_ignored() -> None:
    text = "1 NOUN dogs NNS x\n"
    assert read(text, "-,upos,word,tag,_") == [[("dogs", "NNS", "NOUN")]]


def test_the_tags_of_a_file_without_a_tag_column_are_its_upos() -> None:
    assert read("dogs NOUN\n", "word,upos") == [[("dogs", "NOUN", "NOUN")]]


def test_an_underscore_is_a_missing_tag_or_upos_but_any_word() -> None:
    text = "_ _ PUNCT\ndogs NNS _\n- - _\n"
    assert read(text, "word,tag,upos") == [
        [("_", "", "PUNCT"), ("dogs", "NNS", ""), ("-", "-", "")]
    ]


def test_words_have_spaces_where_tabs_separate_columns() -> None:
    text = "New York\tNNP\n 1 000\tCD \n# \t#\n"
    assert read(text) == [
        [("New York", "NNP", ""), ("1 000", "CD", ""), ("#", "#", "")]
    ]


def test_a_no_break_space_is_part_of_a_word() -> None:
    assert read("1\u00a0000 CD\n") == [[("1\u00a0000", "CD", "")]]
    assert read_running("1\u00a0000/CD") == "1\u00a0000 CD"


def test_comments_are_skipped_where_tabs_separate_columns() -> None:
    text = "# sent_id = 1\n# text = A #\nA\tDT\n#\t#\n\n# sent_id = 2\nB\tDT\n"
    assert read(text) == [[("A", "DT", ""), ("#", "#", "")], [("B", "DT", "")]]


def test_a_number_sign_is_a_word_where_spaces_separate_columns() -> None:
    assert read("# SYM\n1 CD\n") == [[("#", "SYM", ""), ("1", "CD", "")]]


@pytest.mark.parametrize("separator", [" ", "\t"])
def test_documents_of_conll_2003_are_kept_apart(separator: str) -> None:
    text = (
        "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n"
        "Peter NNP B-NP B-PER\n\n-DOCSTART- -X- -X- O\n\nLONDON NNP B-NP B-LOC\n"
    ).replace(" ", separator)
    sentences = read(text, "word,tag,_,_")
    words = [[word for word, _, _ in sentence] for sentence in sentences]
    assert words == [[], ["EU", "rejects"], ["Peter"], [], ["LONDON"]]


@pytest.mark.parametrize(
    "text, columns, expected",
    [
        ("a DT\nb\n", "word,tag", r"Line 2: expected 2 columns \(word, tag\), found 1"),
        ("a\tDT\nb c\n", "word,tag", "Line 2: .* found 1: 'b c'"),
        ("\na DT x\n", "word,tag", "Line 2: .* found 3.*Name all columns"),
        ("a\tDT\nb\t\n", "word,tag", "Line 2: expected a value in column 'tag'"),
        ("a\tDT\n\tNN\n", "word,tag", "Line 2: expected a value in column 'word'"),
        ("a DET\nb NN\n", "word,upos", "Line 2: expected '_' or a UPOS.* found 'NN'"),
        ("a " * 5000, "word,tag", "found 5000: '.{80}…'"),
    ],
)
def test_a_malformed_line_is_told_with_what_was_expected(
    text: str, columns: str, expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        read(text, columns)


def test_each_line_of_running_text_is_a_sentence() -> None:
    text = "\n\tThe/at jury/nn ./.\n\n\nIt/pps said/vbd\n"
    assert read_running(text) == "The at jury nn . .; It pps said vbd"


def test_a_word_of_running_text_may_contain_the_separator() -> None:
    assert read_running("1/2/cd //: and/or/cc") == "1/2 cd / : and/or cc"
    assert read_running("NN|a|b", "tag,word", "|") == "a|b NN"
    assert read_running("a|b|NN|NOUN", "word,tag,upos", "|") == "a|b NN NOUN"


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a/DT\nb c/NN", "Line 2: expected 'word/tag', found 'b'"),
        ("a/DT /NN", "Line 1: expected a value in column 'word'"),
        ("a/DT b/", "Line 1: expected a value in column 'tag'"),
    ],
)
def test_malformed_running_text_is_told_with_what_was_expected(
    text: str, expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        read_running(text)


@pytest.mark.parametrize(
    "columns, expected",
    [
        ("word,lemma", "no column 'lemma'"),
        ("word,tag,tag", "twice"),
        ("word", "are needed"),
        ("tag,upos", "are needed"),
        ("", "no column ''"),
    ],
)
def test_columns_that_make_no_sense_are_refused(columns: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        parse_columns(columns)


def test_a_document_has_at_most_the_given_number_of_sentences() -> None:
    docs = make_docs(3, 1, 2, 2, 1, n_sents=2)
    lengths = [[len(sentence) for sentence in doc.sents] for doc in docs]
    assert lengths == [[3, 1], [2, 2], [1]]


@pytest.mark.parametrize("n_sents, expected", [(0, [3, 3]), (2, [2, 1, 2, 1])])
def test_a_document_ends_where_the_next_one_starts(
    n_sents: int, expected: List[int]
) -> None:
    docs = make_docs(0, 1, 1, 1, 0, 1, 1, 1, 0, n_sents=n_sents)
    assert [len(doc) for doc in docs] == expected


def test_documents_have_tags_upos_and_sentences_but_no_known_spaces() -> None:
    lines = ["The/DT/DET dog/NN/_", "Go/_/VERB"]
    sentences = read_running_text(lines, ["word", "tag", "upos"], "/")
    (docbin,) = pack_documents(group_sentences(sentences, 0), 10)
    (doc,) = docbin.get_docs(Vocab())
    assert [token.text for token in doc] == ["The", "dog", "Go"]
    assert [token.tag_ for token in doc] == ["DT", "NN", ""]
    assert [token.pos_ for token in doc] == ["DET", "", "VERB"]
    assert [token.is_sent_start for token in doc] == [True, False, True]
    assert doc.has_unknown_spaces


def test_packages_have_whole_documents_and_at_most_so_many_words() -> None:
    documents = group_sentences(make_sentences(2, 2, 9, 1, 3), 1)
    lengths = [
        [len(doc) for doc in docbin.get_docs(Vocab())]
        for docbin in pack_documents(documents, 4)
    ]
    assert lengths == [[2, 2], [9], [1, 3]]


def test_only_one_package_is_read_at_a_time() -> None:
    sentences = make_sentences(2, 2, 2, 2, 2)
    next(pack_documents(group_sentences(sentences, 1), 4))
    assert len(list(sentences)) == 2
