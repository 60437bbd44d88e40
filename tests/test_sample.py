"""The sample treebank: valid CoNLL-U, known tags, splits of the promised sizes."""

import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

SAMPLE = Path(__file__).parents[1] / "assets" / "sample"
SPLITS = ("train", "dev", "test")
# The tags of UD English-EWT that occur in the sample.
XPOS = (
    "$ '' , -LRB- -RRB- . : ADD AFX CC CD DT EX FW GW HYPH IN JJ JJR JJS LS MD NFP NN "
    "NNP NNPS NNS PDT POS PRP PRP$ RB RBR RBS RP SYM TO UH VB VBD VBG VBN VBP VBZ WDT "
    "WP WP$ WRB ``"
)
UPOS = "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X"


def read(split: str) -> List[Tuple[Dict[str, str], List[List[str]]]]:
    """Return the comments and the rows of each sentence."""
    text = (SAMPLE / f"{split}.conllu").read_bytes().decode("utf8")
    assert text.endswith("\n\n")
    assert "\r" not in text
    sentences = []
    for block in text[:-2].split("\n\n"):
        lines = block.split("\n")
        comments = [line for line in lines if line.startswith("# ")]
        rows = [line.split("\t") for line in lines[len(comments) :]]
        pairs = (comment[2:].split(" = ", 1) for comment in comments)
        sentences.append((dict(pairs), rows))
    return sentences


@pytest.mark.parametrize("split", SPLITS)
def test_each_token_is_a_valid_row_of_conllu(split: str) -> None:
    for _, rows in read(split):
        for i, row in enumerate(rows, start=1):
            idx, form, lemma, _, _, feats, head, deprel, deps, misc = row
            assert idx == str(i)
            assert form and not re.search(r"\s", form)
            assert form == unicodedata.normalize("NFC", form)
            assert (lemma, feats, deps) == ("_", "_", "_")
            # One tree for each sentence: `spacy convert` would cut it otherwise.
            assert (head, deprel) == (("0", "root") if i == 1 else ("1", "dep"))
            assert misc in ("_", "SpaceAfter=No")


@pytest.mark.parametrize("split", SPLITS)
def test_the_text_of_each_sentence_is_what_its_tokens_make(split: str) -> None:
    for comments, rows in read(split):
        assert set(comments) == {"sent_id", "register", "text"}
        parts = [row[1] + " " * (row[9] == "_") for row in rows]
        assert comments["text"] + " " == "".join(parts)


@pytest.mark.parametrize("column,expected", [(3, UPOS), (4, XPOS)])
def test_the_tags_are_those_of_ewt(column: int, expected: str) -> None:
    found = {row[column] for split in SPLITS for _, rows in read(split) for row in rows}
    assert found == set(expected.split())


def test_no_sentence_occurs_twice() -> None:
    sentences = [sentence for split in SPLITS for sentence in read(split)]
    ids = Counter(comments["sent_id"] for comments, _ in sentences)
    # Sentences that differ in case alone are the same.
    words = Counter(tuple(row[1].lower() for row in rows) for _, rows in sentences)
    assert ids.most_common(1)[0][1] == words.most_common(1)[0][1] == 1


@pytest.mark.parametrize("split", SPLITS)
def test_each_split_has_the_size_and_the_registers_that_its_readme_says(
    split: str,
) -> None:
    readme = (SAMPLE / "README.md").read_text("utf8")
    (header,) = re.findall(r"^\| split \| (.*) \|$", readme, re.MULTILINE)
    (row,) = re.findall(rf"^\| {split} \| (.*) \|$", readme, re.MULTILINE)
    sentences = read(split)
    found = Counter(comments["register"] for comments, _ in sentences)
    found["sentences"] = len(sentences)
    found["tokens"] = sum(len(rows) for _, rows in sentences)
    counts = [int(cell.replace(",", "")) for cell in row.split(" | ")]
    assert found == dict(zip(header.split(" | "), counts))


def test_anybody_may_use_the_sample_for_anything() -> None:
    assert "CC0 1.0" in (SAMPLE / "LICENSE").read_text("utf8")
