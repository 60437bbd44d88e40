"""The commands that tag texts: `lstm-tagger tag` and `lstm-tagger view`."""

import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, List

import pytest
import spacy
from spacy.cli import app
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from typer.testing import CliRunner
from util import make_trained, run_spacy, tags_of

# Adds the commands to spaCy's, as its entry point does.
import spacy_lstm_tagger.cli
from spacy_lstm_tagger.cli.formats import format_table, format_tsv
from spacy_lstm_tagger.conllu import format_conllu

TEXT = "The dog ate the apple"
OTHER_TEXT = "Everybody didn't read that book"
TABLE = re.compile(r"(?m)^(\S+) +(\S+) +([\d.]+|nan)$")


@pytest.fixture(scope="module")
def model(shared_trained: Language, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tag") / "model"
    shared_trained.to_disk(path)
    return path


def tag(model: Path, *arguments: Any, stdin: Any = None) -> str:
    """Return what `lstm-tagger tag` prints to standard output."""
    command = ["lstm-tagger", "tag", str(model), *map(str, arguments)]
    result = CliRunner().invoke(app, command, input=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def texts_of(jsonl: str) -> List[str]:
    return [json.loads(line)["text"] for line in jsonl.splitlines()]


def test_a_table_shows_each_word_with_its_tag_and_probability(
    model: Path, shared_trained: Language
) -> None:
    found = TABLE.findall(tag(model, TEXT))
    assert [word for word, _, _ in found] == TEXT.split()
    assert [name for _, name, _ in found] == tags_of(shared_trained(TEXT))
    (rows,) = shared_trained.get_pipe("lstm_tagger").predict_proba(  # type: ignore
        shared_trained.make_doc(TEXT)
    )
    assert [float(p) for _, _, p in found] == pytest.approx(rows.max(axis=1), abs=0.01)


def test_texts_files_and_standard_input_are_read_in_their_order(
    model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "texts.txt"
    path.write_text(f"\ufeff{OTHER_TEXT}\r\n\r\n  \nÜber früh", encoding="utf8")
    inputs = [TEXT, path, "-"]
    printed = tag(model, *inputs, "--format", "jsonl", stdin="Ça va ?\nBien\n")
    expected = [TEXT, OTHER_TEXT, "Über früh", "Ça va ?", "Bien"]
    assert texts_of(printed) == expected


def test_standard_input_is_read_if_there_is_no_other_input(model: Path) -> None:
    assert texts_of(tag(model, "--format", "jsonl", stdin=TEXT)) == [TEXT]


def test_the_texts_of_jsonl_files_are_read(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"text": "Two\nlines", "id": 1}) + "\n\n")
    assert texts_of(tag(model, path, "--format", "jsonl")) == ["Two\nlines"]


@pytest.mark.parametrize("text", ["missing.txt", "texts/missing"])
def test_a_text_that_looks_like_a_missing_file_gets_a_warning(
    model: Path, text: str
) -> None:
    command = ["lstm-tagger", "tag", str(model), text, "--format", "jsonl"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0
    assert f"There is no file '{text}'" in result.stderr
    assert texts_of(result.stdout) == [text]


@pytest.mark.parametrize("text", ["Dogs bark.", "U.S.", "3.14", "e.g.", "Yes."])
def test_a_text_that_looks_like_a_text_gets_no_warning(model: Path, text: str) -> None:
    result = CliRunner().invoke(app, ["lstm-tagger", "tag", str(model), text])
    assert result.exit_code == 0
    assert result.stderr == ""


def test_tsv_has_a_line_for_each_word_and_a_blank_one_after_each_text(
    model: Path,
) -> None:
    first, second, end = tag(model, TEXT, OTHER_TEXT, "-f", "tsv").split("\n\n")
    assert end == ""
    rows = [line.split("\t") for line in first.split("\n")]
    assert [row[:2] for row in rows] == [
        ["The", "DET"],
        ["dog", "NN"],
        ["ate", "V"],
        ["the", "DET"],
        ["apple", "NN"],
    ]
    assert all(0.5 < float(row[2]) <= 1.0 for row in rows)
    assert second.startswith("Everybody\tNN\t")


def test_jsonl_has_all_tokens_their_tags_and_probabilities(
    model: Path, shared_trained: Language
) -> None:
    text = f"  {OTHER_TEXT}"
    found = json.loads(tag(model, text, "--format", "jsonl"))
    doc = shared_trained(text)
    assert found["text"] == text
    assert [token["text"] for token in found["tokens"]] == [t.text for t in doc]
    assert [token["tag"] for token in found["tokens"]] == tags_of(doc)
    assert all(0 < token["confidence"] <= 1 for token in found["tokens"])
    assert all("pos" not in token for token in found["tokens"])


def test_jsonl_has_parts_of_speech_and_no_probability_of_tags_that_rules_set(
    tmp_path: Path,
) -> None:
    nlp = make_trained(steps=1)
    ruler = nlp.add_pipe("attribute_ruler")
    attributes = {"TAG": "RULE", "POS": "NOUN"}
    ruler.add([[{"ORTH": "dog"}]], attributes)  # type: ignore[attr-defined]
    nlp.to_disk(tmp_path / "model")
    found = json.loads(tag(tmp_path / "model", "The dog", "--format", "jsonl"))
    dog = {"text": "dog", "tag": "RULE", "confidence": None, "pos": "NOUN"}
    assert found["tokens"][1] == dog


def make_annotated() -> Doc:
    """Return a document of two sentences, with whitespace between and in them."""
    words = ["He", "did", "n't", "\n", "go", ".", " ", "New\tYork", "is", "far"]
    spaces = [True, False, True, False, False, False, False, True, True, False]
    return Doc(
        spacy.blank("en").vocab,
        words=words,
        spaces=spaces,
        tags=["PRP", "VBD", "RB", "_SP", "VB", ".", "_SP", "NNP", "VBZ", "JJ"],
        pos=["PRON", "", "PART", "SPACE", "VERB", "PUNCT", "SPACE", "PROPN", "", ""],
        lemmas=["he", "", "not", "\n", "go", ".", " ", "New York", "be", ""],
        morphs=["Case=Nom|Number=Sing", *[""] * 9],
        sent_starts=[True, *[False] * 6, True, False, False],
    )


def test_conllu_has_sentences_what_is_set_and_no_whitespace_tokens() -> None:
    assert format_conllu(make_annotated(), "7") == (
        "# sent_id = 7-1\n"
        "# text = He didn't go.\n"
        "1\tHe\the\tPRON\tPRP\tCase=Nom|Number=Sing\t_\t_\t_\t_\n"
        "2\tdid\t_\t_\tVBD\t_\t_\t_\t_\tSpaceAfter=No\n"
        "3\tn't\tnot\tPART\tRB\t_\t_\t_\t_\t_\n"
        "4\tgo\tgo\tVERB\tVB\t_\t_\t_\t_\tSpaceAfter=No\n"
        "5\t.\t.\tPUNCT\t.\t_\t_\t_\t_\t_\n"
        "\n"
        "# sent_id = 7-2\n"
        "# text = New York is far\n"
        "1\tNew York\tNew York\tPROPN\tNNP\t_\t_\t_\t_\t_\n"
        "2\tis\tbe\t_\tVBZ\t_\t_\t_\t_\t_\n"
        "3\tfar\t_\t_\tJJ\t_\t_\t_\t_\tSpaceAfter=No\n"
        "\n"
    )


def test_conllu_of_whitespace_is_empty() -> None:
    doc = Doc(spacy.blank("en").vocab, words=[" ", "\n"])
    assert format_conllu(doc, "1") == ""


def test_spacy_reads_the_conllu_that_tag_writes(
    model: Path, shared_trained: Language, tmp_path: Path
) -> None:
    texts = [TEXT, OTHER_TEXT, "# a\tcomment? (No.)"]
    output = tmp_path / "tagged.conllu"
    tag(model, *texts, "--format", "conllu", "--output", output)
    run_spacy("convert", output, tmp_path, "--converter", "conllu", "--n-sents", 1)
    vocab = spacy.blank("en").vocab
    read = list(DocBin().from_disk(tmp_path / "tagged.spacy").get_docs(vocab))
    docs = [shared_trained(text) for text in texts]
    words = [[token for token in doc if not token.is_space] for doc in docs]
    assert [[token.text for token in doc] for doc in read] == [
        [token.text for token in tokens] for tokens in words
    ]
    assert [tags_of(doc) for doc in read] == [
        [token.tag_ for token in tokens] for tokens in words
    ]
    assert [doc.text for doc in read] == [" ".join(text.split()) for text in texts]


def test_whitespace_does_not_break_the_lines_of_tables_and_tsv() -> None:
    doc = make_annotated()
    confidences = [0.5] * len(doc)
    lines = format_tsv(doc, confidences).split("\n")
    assert [line.count("\t") for line in lines] == [2] * 8 + [0, 0]
    assert "New York   NNP   0.50" in format_table(doc, confidences).splitlines()


def test_a_pipeline_with_the_tagger_of_spacy_tags_in_every_format(
    tmp_path: Path,
) -> None:
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("tagger")
    for label in ("X", "Y"):
        tagger.add_label(label)  # type: ignore[attr-defined]
    nlp.initialize()
    nlp.to_disk(tmp_path / "model")
    printed = tag(tmp_path / "model", TEXT, "--format", "jsonl")
    tokens = json.loads(printed)["tokens"]
    assert len(tokens) == len(TEXT.split())
    assert all(0.5 <= token["confidence"] <= 1.0 for token in tokens)


def test_output_goes_to_a_file_that_appears_when_it_is_complete(
    model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "tags.tsv"
    printed = tag(model, TEXT, "--format", "tsv", "--output", output)
    assert f"Saved tags to {output}" in re.sub(r"\s+", " ", printed)
    assert output.read_text(encoding="utf8").startswith("The\tDET\t")
    # An error leaves it as it was.
    before = output.read_bytes()
    command = ["tag", str(model), TEXT, str(make_invalid(tmp_path)), "-o", str(output)]
    assert CliRunner().invoke(app, ["lstm-tagger", *command]).exit_code == 1
    assert output.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["invalid.txt", "tags.tsv"]


def make_invalid(folder: Path) -> Path:
    path = folder / "invalid.txt"
    path.write_bytes(b"\xff")
    return path


def test_output_to_a_device_is_not_put_in_its_place(model: Path) -> None:
    tag(model, TEXT, "--output", os.devnull)
    assert not Path(os.devnull).is_file()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("variable", [None, "NO_COLOR", "ANSI_COLORS_DISABLED"])
def test_a_terminal_shows_colors_unless_they_are_not_wanted(
    variable: Any, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "ANSI_COLORS_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv(variable, "1")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    app(["lstm-tagger", "tag", str(model), TEXT], standalone_mode=False)
    assert "apple" in terminal.getvalue()
    assert ("\x1b[" in terminal.getvalue()) == (variable is None)


def test_no_colors_go_where_there_is_no_terminal(model: Path) -> None:
    assert "\x1b[" not in tag(model, TEXT)


def test_colors_tell_probable_tags_from_others() -> None:
    doc = Doc(spacy.blank("en").vocab, words=list("abcd"), tags=["A", "B", "C", "D"])
    printed = format_table(doc, [0.99, 0.6, 0.2, float("nan")], use_color=True)
    green, yellow, red, plain = printed.splitlines()[-4:]
    assert "\x1b[38;5;2m" in green
    assert "\x1b[38;5;3m" in yellow
    assert "\x1b[38;5;1m" in red
    assert "\x1b[" not in plain


def test_the_texts_of_a_file_are_tagged_as_they_are_read(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("a b c\n" * 2500)
    n_read, n_ahead = 0, []
    read_texts = spacy_lstm_tagger.cli.tag.read_texts

    def count_texts(*arguments: Any, **settings: Any) -> Any:
        nonlocal n_read
        for text in read_texts(*arguments, **settings):
            n_read += 1
            yield text

    def format_and_count(doc: Doc, name: str) -> str:
        n_ahead.append(n_read - int(name))
        return ""

    monkeypatch.setattr(spacy_lstm_tagger.cli.tag, "read_texts", count_texts)
    monkeypatch.setattr(spacy_lstm_tagger.cli.tag, "format_conllu", format_and_count)
    tag(model, path, "--format", "conllu")
    assert len(n_ahead) == 2500
    assert max(n_ahead) <= 1000


def test_view_writes_a_page_with_the_words_and_tags_of_all_texts(
    model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "tags.html"
    run_spacy("lstm-tagger", "view", model, TEXT, "Où est-il ?", "--output", output)
    html = output.read_bytes().decode("ascii")
    assert html.startswith("<!DOCTYPE html>")
    assert html.count("<mark") == 5 + 5
    assert "O&#249;" in html
    assert re.search(r"apple\s*<span[^>]*>NN</span>", html)


def test_view_marks_tags_that_are_less_probable_than_asked(
    model: Path, tmp_path: Path
) -> None:
    output = tmp_path / "tags.html"
    command = ["lstm-tagger", "view", model, TEXT, "--output", output]
    for threshold, n_marked in ((0.0, 0), (1.0, 5)):
        run_spacy(*command, "--min-confidence", threshold)
        assert len(re.findall(r"\d%</span>", output.read_text())) == n_marked
