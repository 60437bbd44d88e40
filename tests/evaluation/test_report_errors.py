"""The errors of a report as tab-separated values, and files that are written whole."""

import csv
from pathlib import Path
from typing import Dict, List

import pytest
from report_pages import TEST_DATA, Data, doc_of, pairs_of
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from util import TRAIN_DATA, make_examples, make_trained

from spacy_lstm_tagger.evaluation.report import OtherPipeline, count_words, write_report
from spacy_lstm_tagger.evaluation.report.tokens import collect


def read_errors(
    nlp: Language, examples: List[Example], folder: Path, **settings
) -> List[Dict[str, str]]:
    """Return the lines of the errors that a report writes, by their columns."""
    path = folder / "errors.tsv"
    write_report(nlp, examples, folder / "report.html", errors=path, **settings)
    with path.open(encoding="utf8", newline="") as file:
        return list(csv.DictReader(file, dialect="excel-tab"))


def test_errors_are_those_of_our_own_count(
    shared_trained: Language, tmp_path: Path
) -> None:
    examples = make_examples(shared_trained, TEST_DATA)
    found = read_errors(shared_trained, examples, tmp_path)
    wanted = []
    for number, (words, tags) in enumerate(TEST_DATA, 1):
        # Words that have no gold tag are counted by their position, too.
        pairs = iter(pairs_of(shared_trained, [(words, tags)]))
        for position, (word, tag) in enumerate(zip(words, tags or []), 1):
            predicted = next(pairs)[2] if tag else ""
            if tag != predicted:
                place = {
                    "sentence_number": f"{number}",
                    "token_position": f"{position}",
                }
                tags_of_word = {"token": word, "gold": tag, "predicted": predicted}
                wanted.append({**place, **tags_of_word, "sentence": " ".join(words)})
    assert [{k: v for k, v in row.items() if k != "confidence"} for row in found] == (
        wanted
    )
    tokens = collect(shared_trained, examples).tokens
    confidences = [f"{t.confidence:.4f}" for t in tokens if not t.is_correct]
    assert [row["confidence"] for row in found] == confidences


def test_columns_for_known_words_and_the_other_pipeline_come_on_request(
    shared_trained: Language, tmp_path: Path
) -> None:
    nlp = make_trained([(TRAIN_DATA[0][0], ["X", "Y", "Y", "Y", "X"])])
    (row,) = [
        row
        for row in read_errors(
            shared_trained,
            make_examples(shared_trained, TEST_DATA),
            tmp_path,
            word_counts=count_words(doc_of(nlp, words) for words, _ in TRAIN_DATA),
            other=OtherPipeline(nlp, make_examples(nlp, TEST_DATA)),
        )
        if row["token"] == "apple"
    ]
    assert list(row) == [
        *("sentence_number", "token_position", "token", "gold", "predicted"),
        *("confidence", "word", "other_predicted", "sentence"),
    ]
    assert row["word"] == "known"
    assert row["other_predicted"] == "X"


def test_words_that_are_not_in_the_training_data_are_unknown(
    shared_trained: Language, tmp_path: Path
) -> None:
    examples = make_examples(shared_trained, [(["A", "zebra"], ["DET", "X"])])
    (row,) = read_errors(shared_trained, examples, tmp_path, word_counts={"A": 1})
    assert (row["token"], row["word"]) == ("zebra", "unknown")


@pytest.mark.parametrize("word", ["a\tb", "a\nb", '"', '"a', "名é"])
def test_an_error_is_one_line_whatever_the_text(
    word: str, shared_trained: Language, tmp_path: Path
) -> None:
    data: Data = [([word, "dog"], ["X", "Y"])]
    rows = read_errors(shared_trained, make_examples(shared_trained, data), tmp_path)
    text = " ".join(word.split())
    assert [row["token"] for row in rows] == [text, "dog"]
    assert [row["sentence"] for row in rows] == [f"{text} dog"] * 2
    lines = (tmp_path / "errors.tsv").read_bytes().split(b"\n")
    assert len(lines) == 4
    assert not any(b"\r" in line for line in lines)


def test_sentences_are_numbered_through_all_documents(
    shared_trained: Language, tmp_path: Path
) -> None:
    words = ["The", "dog", "A", "cat"]
    starts = [True, False, True, False]
    doc = Doc(shared_trained.vocab, words=words, tags=["X"] * 4, sent_starts=starts)
    examples = [Example(doc_of(shared_trained, words), doc) for _ in range(2)]
    rows = read_errors(shared_trained, examples, tmp_path)
    places = [(row["sentence_number"], row["token_position"]) for row in rows]
    assert places == [(s, p) for s in "1234" for p in "12"]
    assert [row["sentence"] for row in rows[2:4]] == ["A cat"] * 2


def test_tags_without_a_probability_have_no_confidence(tmp_path: Path) -> None:
    nlp = make_trained(steps=1)
    nlp.add_pipe("attribute_ruler").add([[{"ORTH": "dog"}]], {"TAG": "PET"})
    examples = make_examples(nlp, [(["dog"], ["NN"])])
    (row,) = read_errors(nlp, examples, tmp_path)
    assert (row["predicted"], row["confidence"]) == ("PET", "")


def test_data_without_errors_makes_a_head_alone(
    shared_trained: Language, tmp_path: Path
) -> None:
    assert read_errors(shared_trained, make_examples(shared_trained), tmp_path) == []
    (head,) = (tmp_path / "errors.tsv").read_text(encoding="utf8").splitlines()
    assert head.split("\t")[0] == "sentence_number"
