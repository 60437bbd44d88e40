"""The command `lstm-tagger convert`, and spaCy's converter for CoNLL-U."""

import os
import re
from pathlib import Path
from typing import Any, List, Tuple

import pytest
import spacy
from spacy.cli import app
from spacy.tokens import Doc
from spacy.training import Corpus
from tqdm import tqdm
from typer.testing import CliRunner
from util import run_spacy

# Adds the commands to spaCy's, as its entry point does.
import spacy_lstm_tagger.cli  # noqa: F401

TSV = "Der\tART\nHund\tNN\n\nEr\tPPER\nbellt\tVVFIN\n"
# With a multiword token, an empty node and comments, but without XPOS.
CONLLU = """\
# newdoc id = 1
# sent_id = 1
# text = Gehst du zum Arzt?
1	Gehst	gehen	VERB	_	_	0	root	_	_
2	du	du	PRON	_	Case=Nom|Person=2	1	nsubj	_	_
3-4	zum	_	_	_	_	_	_	_	_
3	zu	zu	ADP	_	_	5	case	_	_
4	dem	der	DET	_	Case=Dat	5	det	_	_
5	Arzt	Arzt	NOUN	_	Case=Dat	1	obl	_	SpaceAfter=No
6	?	?	PUNCT	_	_	1	punct	_	_

# sent_id = 2
# text = Ich ja, du nein.
1	Ich	ich	PRON	_	Case=Nom	0	root	_	_
1.1	gehe	gehen	VERB	_	_	_	_	0:root	_
2	ja	ja	ADV	_	_	1	advmod	_	SpaceAfter=No
3	,	,	PUNCT	_	_	1	punct	_	_
4	du	du	PRON	_	Case=Nom	1	conj	_	_
5	nein	nein	ADV	_	_	4	advmod	_	SpaceAfter=No
6	.	.	PUNCT	_	_	1	punct	_	_

"""


def convert(*arguments: Any) -> str:
    return run_spacy("lstm-tagger", "convert", *arguments)


def refuse(*arguments: Any) -> str:
    """Run the command, see that it ends in an error, and return what it prints."""
    command = ["lstm-tagger", "convert", *map(str, arguments)]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == 1, result.output
    # Terminals that are not UTF-8 get the second one.
    assert re.search(r"✘|\[x\]", result.output), result.output
    return re.sub(r"\s+", " ", result.output)


def read_docs(path: Path) -> List[Doc]:
    return [example.reference for example in Corpus(path)(spacy.blank("xx"))]


def read_pairs(path: Path) -> List[List[Tuple[str, str]]]:
    """Return the words and tags of each document."""
    return [[(token.text, token.tag_) for token in doc] for doc in read_docs(path)]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "corpus"
    path.mkdir()
    return path


@pytest.fixture
def tsv(tmp_path: Path) -> Path:
    path = tmp_path / "train.tsv"
    path.write_text(TSV, encoding="utf8")
    return path


def test_a_file_with_columns_becomes_documents_of_single_sentences(
    tsv: Path, output: Path
) -> None:
    assert "Generated output file (2 documents)" in convert(tsv, output)
    assert [path.name for path in output.iterdir()] == ["train.spacy"]
    assert read_pairs(output / "train.spacy") == [
        [("Der", "ART"), ("Hund", "NN")],
        [("Er", "PPER"), ("bellt", "VVFIN")],
    ]


def test_options_name_columns_encoding_and_sentences_of_a_document(
    tmp_path: Path, output: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("1 süß ADJD ADJ\n\n1 Öl NN NOUN\n", encoding="latin-1")
    convert(
        *(path, output, "--columns", "_,word,tag,upos"),
        *("--encoding", "latin-1", "--n-sents", 2),
    )
    (doc,) = read_docs(output / "a.spacy")
    tokens = [(token.text, token.tag_, token.pos_) for token in doc]
    assert tokens == [("süß", "ADJD", "ADJ"), ("Öl", "NN", "NOUN")]
    assert len(list(doc.sents)) == 2


def test_running_text_is_read_if_a_separator_is_given(
    tmp_path: Path, output: Path
) -> None:
    path = tmp_path / "ca01"
    path.write_text("The/at jury/nn\n\nIt/pps\n")
    convert(path, output, "--tag-separator", "/")
    pairs = read_pairs(output / "ca01.spacy")
    assert pairs == [[("The", "at"), ("jury", "nn")], [("It", "pps")]]


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-16"])
def test_a_byte_order_mark_is_not_part_of_the_first_word(
    encoding: str, tmp_path: Path, output: Path
) -> None:
    path = tmp_path / "a.tsv"
    text = TSV if encoding == "utf-16" else "\ufeff" + TSV
    path.write_text(text.replace("\n", "\r\n"), encoding=encoding, newline="")
    convert(path, output, "--encoding", encoding)
    assert read_pairs(output / "a.spacy")[0] == [("Der", "ART"), ("Hund", "NN")]


def test_a_large_corpus_becomes_a_directory_that_is_read_like_a_file(
    tsv: Path, output: Path
) -> None:
    convert(tsv, output)
    expected = read_pairs(output / "train.spacy")
    convert(tsv, output, "--max-words", 2)
    names = sorted(path.name for path in (output / "train.spacy").iterdir())
    assert names == ["train-00001.spacy", "train-00002.spacy"]
    assert read_pairs(output / "train.spacy") == expected
    convert(tsv, output)
    assert (output / "train.spacy").is_file()
    assert [path.name for path in output.iterdir()] == ["train.spacy"]


def test_a_malformed_line_is_refused_and_leaves_what_was_there(
    tsv: Path, output: Path
) -> None:
    convert(tsv, output)
    with tsv.open("a", encoding="utf8") as file:
        file.write("\nnoch eins\n")
    printed = refuse(tsv, output, "--max-words", 2)
    assert f"Can't convert '{tsv}'" in printed
    assert "Line 7: expected 2 columns (word, tag), found 1: 'noch eins'" in printed
    assert [path.name for path in output.iterdir()] == ["train.spacy"]
    assert len(read_docs(output / "train.spacy")) == 2


def test_the_line_that_is_in_another_encoding_is_named(
    tmp_path: Path, output: Path
) -> None:
    path = tmp_path / "a.tsv"
    # A replacement character is one like others.
    before = "\N{REPLACEMENT CHARACTER}\tX\n" + "ja\tADV\n" * 2999
    path.write_bytes(before.encode("utf8") + "süß\tADJ\n".encode("latin-1"))
    printed = refuse(path, output)
    assert "Line 3001: expected utf-8" in printed
    assert "--encoding" in printed
    assert not list(output.iterdir())


def test_the_part_of_a_file_that_was_read_is_shown_if_it_takes_long(
    tsv: Path, output: Path, bars: List[tqdm]
) -> None:
    convert(tsv, output)
    assert [(bar.n, bar.total) for bar in bars] == [(len(TSV), len(TSV))]


def test_a_file_that_has_no_words_is_refused(tmp_path: Path, output: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("\n\n")
    assert "found none" in refuse(path, output)
    assert not list(output.iterdir())


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (["missing.tsv", "corpus"], "Input file not found"),
        (["corpus", "corpus"], "Input file not found"),
        (["train.tsv", "missing"], "'missing' is no directory: make it first"),
        (["train.tsv", "corpus", "-c", "word,lemma"], "there is no column 'lemma'"),
        (["train.tsv", "corpus", "-e", "utf-9"], "unknown encoding: utf-9 Name it"),
        (["train.tsv", "corpus", "-e", "utf-16"], "found another encoding"),
        (["train.tsv", "corpus", "-c", "word,upos"], "is called 'tag'"),
        (["train.tsv", "corpus", "-e", "base64"], "Can't use the encoding 'base64'"),
        (["train.tsv", "corpus", "-s", ""], "Can't use the separator"),
        (["train.tsv", "corpus", "-s", " "], "Can't use the separator"),
        (["train.tsv", "./train.tsv", "corpus"], "Both would become"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(
    arguments: List[str],
    expected: str,
    tsv: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tsv.parent)
    assert expected in refuse(*arguments)
    assert not list(output.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="needs modes of POSIX")
def test_output_is_as_readable_as_other_new_files(tsv: Path, output: Path) -> None:
    convert(tsv, output, "--max-words", 2)
    for path in (output / "train.spacy", *(output / "train.spacy").iterdir()):
        other = output / "other"
        other.mkdir() if path.is_dir() else other.touch()
        assert path.stat().st_mode == other.stat().st_mode
        other.rmdir() if path.is_dir() else other.unlink()


def test_conllu_without_xpos_becomes_words_with_upos_as_tags(
    tmp_path: Path, output: Path
) -> None:
    path = tmp_path / "dev.conllu"
    path.write_text(CONLLU, encoding="utf8")
    run_spacy("convert", path, output, "--converter", "conllu")
    docs = read_docs(output / "dev.spacy")
    # Words, not what is written as one, and no words that are not there.
    words = [[token.text for token in doc] for doc in docs]
    assert words[0] == ["Gehst", "du", "zu", "dem", "Arzt", "?"]
    assert words[1] == ["Ich", "ja", ",", "du", "nein", "."]
    for doc in docs:
        assert all(token.tag_ == token.pos_ != "" for token in doc)
    assert docs[1].text.strip() == "Ich ja, du nein."


def test_conllu_with_merged_subtokens_has_the_words_as_they_are_written(
    tmp_path: Path, output: Path
) -> None:
    path = tmp_path / "dev.conllu"
    path.write_text(CONLLU, encoding="utf8")
    run_spacy("convert", path, output, "--converter", "conllu", "--merge-subtokens")
    doc = read_docs(output / "dev.spacy")[0]
    assert [token.text for token in doc] == ["Gehst", "du", "zum", "Arzt", "?"]
    assert [token.tag_ for token in doc][2] == "ADP_DET"
    assert doc.text.strip() == "Gehst du zum Arzt?"
