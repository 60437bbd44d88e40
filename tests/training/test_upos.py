"""Rules that map tags to UPOS."""

import logging
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest
import spacy
from spacy.pipeline import AttributeRuler
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from spacy.vocab import Vocab
from util import SMALL, TRAIN_DATA

from spacy_lstm_tagger.training.upos import create_tag_to_upos, has_upos

READER = "spacy_lstm_tagger.tag_to_upos.v1"
POS = {"DET": "DET", "NN": "NOUN", "NNS": "NOUN", "V": "VERB"}
POS.update({"ADJ": "ADJ", "PRON": "PRON", "ADV": "ADV"})


def make_doc(*pairs: Tuple[str, str], words: Optional[List[str]] = None) -> Doc:
    """Make a document of a token for each pair of tag and UPOS."""
    tags, pos = zip(*pairs)
    return Doc(Vocab(), words=words or ["a"] * len(pairs), tags=tags, pos=pos)


def write(folder: Path, *docs: Doc) -> Path:
    path = folder / "train.spacy"
    DocBin(docs=docs).to_disk(path)
    return path


def apply(patterns: List[Dict[str, Any]], *tags: str, word: str = "a") -> List[str]:
    """Return the UPOS that an attribute ruler with these patterns sets."""
    vocab = spacy.blank("xx").vocab
    ruler = AttributeRuler(vocab)
    ruler.initialize(None, patterns=patterns)
    return [t.pos_ for t in ruler(Doc(vocab, words=[word] * len(tags), tags=tags))]


def test_a_tag_gets_its_most_frequent_upos(tmp_path: Path) -> None:
    first = make_doc(("IN", "SCONJ"), ("IN", "ADP"), ("RP", "ADP"))
    path = write(tmp_path, first, make_doc(("IN", "ADP"), ("NN", "NOUN")))
    assert apply(create_tag_to_upos(path), "NN", "IN", "RP") == ["NOUN", "ADP", "ADP"]


def test_of_several_upos_that_are_as_frequent_the_first_in_the_alphabet_counts(
    tmp_path: Path,
) -> None:
    pairs = ("A", "X"), ("A", "ADV"), ("A", "NOUN")
    assert apply(create_tag_to_upos(write(tmp_path, make_doc(*pairs))), "A") == ["ADV"]


@pytest.mark.parametrize(
    "min_word_count, expected", [(2, "SCONJ"), (3, "ADP"), (0, "ADP")]
)
def test_a_word_that_is_frequent_with_a_tag_gets_its_own_upos(
    tmp_path: Path, min_word_count: int, expected: str
) -> None:
    words = ["of", "on", "by", "that", "That"]
    pairs = [("IN", "ADP")] * 3 + [("IN", "SCONJ")] * 2
    path = write(tmp_path, make_doc(*pairs, words=words))
    patterns = create_tag_to_upos(path, min_word_count=min_word_count)
    assert apply(patterns, "IN", word="THAT") == [expected]
    assert apply(patterns, "IN", "DT", word="of") == ["ADP", ""]


@pytest.mark.parametrize("min_word_count, expected", [(3, "VERB"), (0, "AUX")])
def test_a_tag_gets_the_upos_that_rare_words_have_with_it(
    tmp_path: Path, min_word_count: int, expected: str
) -> None:
    words = ["is", "is", "is", "sings", "runs"]
    pairs = [("VBZ", "AUX")] * 3 + [("VBZ", "VERB")] * 2
    path = write(tmp_path, make_doc(*pairs, words=words))
    patterns = create_tag_to_upos(path, min_word_count=min_word_count)
    assert apply(patterns, "VBZ", word="closes") == [expected]
    assert apply(patterns, "VBZ", word="is") == ["AUX"]


def test_a_word_gets_its_own_upos_with_one_tag_only(tmp_path: Path) -> None:
    pairs = [("VBP", "AUX"), ("VBP", "VERB"), ("VBP", "VERB"), ("VB", "VERB")]
    path = write(tmp_path, make_doc(*pairs, words=["do", "go", "see", "do"]))
    patterns = create_tag_to_upos(path, min_word_count=1)
    assert apply(patterns, "VBP", "VB", word="do") == ["AUX", "VERB"]


def test_a_token_without_a_tag_or_with_a_negated_one_does_not_count(
    tmp_path: Path,
) -> None:
    doc = make_doc(("NN", "NOUN"), ("!NN", "VERB"), ("!NN", "VERB"), ("", "X"))
    patterns = create_tag_to_upos(write(tmp_path, doc))
    assert apply(patterns, "NN", "!NN") == ["NOUN", ""]
    patterns = create_tag_to_upos(write(tmp_path, doc), neg_prefix="")
    assert apply(patterns, "NN", "!NN") == ["NOUN", "VERB"]


def test_tags_that_are_upos_map_to_themselves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, make_doc(("NOUN", ""), ("DET", ""), ("NOUN", "")))
    with caplog.at_level(logging.INFO, logger="spacy"):
        assert apply(create_tag_to_upos(path), "DET", "NOUN") == ["DET", "NOUN"]
    assert "Mapped 2 tags to themselves" in caplog.text


def test_upos_of_the_data_count_more_than_names_of_tags(tmp_path: Path) -> None:
    path = write(tmp_path, make_doc(("X", "NOUN"), ("SYM", "")))
    assert apply(create_tag_to_upos(path), "X", "SYM") == ["NOUN", "SYM"]


def test_whitespace_is_space_whatever_its_tag(tmp_path: Path) -> None:
    patterns = create_tag_to_upos(write(tmp_path, make_doc(("NN", "NOUN"))))
    assert apply(patterns, "NN", word="\n") == ["SPACE"]


def test_how_often_the_mapping_is_right_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = [("IN", "ADP")] * 2 + [("IN", "SCONJ"), ("IN", ""), ("NN", "NOUN")]
    doc = make_doc(*pairs, words=["of", "on", "that", "at", "dog"])
    path = write(tmp_path, doc)
    with caplog.at_level(logging.INFO, logger="spacy"):
        create_tag_to_upos(path, min_word_count=1)
    assert caplog.messages == [
        f"Mapped 2 tags to UPOS: right for 75.0% of the 4 tokens of '{path}'",
        "Mapped 1 pairs of tag and word to another UPOS: right for 100.0%",
    ]


def test_tags_without_upos_are_named_and_get_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, make_doc(("NN", "NOUN"), ("XY", ""), ("AB", "")))
    with caplog.at_level(logging.WARNING, logger="spacy"):
        assert apply(create_tag_to_upos(path), "XY") == [""]
    assert "2 tags have no UPOS" in caplog.text
    assert "AB, XY" in caplog.text


@pytest.mark.parametrize(
    "pairs, expected",
    [
        ([("NN", ""), ("NOUN", "")], "no token has a UPOS, and tags such as 'NN'"),
        ([("", "NOUN")], "no token has a tag"),
    ],
)
def test_data_that_tells_no_upos_of_tags_is_refused(
    tmp_path: Path, pairs: List[Tuple[str, str]], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected):
        create_tag_to_upos(write(tmp_path, make_doc(*pairs)))


def test_a_path_that_is_null_is_refused() -> None:
    with pytest.raises(ValueError, match=r"null.*'--paths\.train'"):
        create_tag_to_upos(None)


def test_all_files_of_a_directory_are_read(tmp_path: Path) -> None:
    DocBin(docs=[make_doc(("A", "X"))]).to_disk(tmp_path / "1.spacy")
    DocBin(docs=[make_doc(("B", "NUM"))]).to_disk(tmp_path / "2.spacy")
    assert apply(create_tag_to_upos(tmp_path), "A", "B") == ["X", "NUM"]


@pytest.mark.parametrize(
    "pairs, expected",
    [
        ([("NN", ""), ("IN", "ADP")], True),
        ([("NOUN", ""), ("ADP", "")], True),
        ([("NN", ""), ("ADP", "")], False),
        ([("", "NOUN")], False),
    ],
)
def test_it_is_told_whether_documents_have_upos(
    pairs: List[Tuple[str, str]], expected: bool
) -> None:
    assert has_upos([make_doc(pair) for pair in pairs]) is expected


def test_there_are_no_upos_without_documents() -> None:
    assert not has_upos([])


@pytest.mark.parametrize("has_xpos", [True, False])
def test_a_pipeline_that_is_trained_with_the_rules_sets_upos(
    tmp_path: Path, has_xpos: bool
) -> None:
    docs = [
        Doc(
            Vocab(),
            words=words,
            tags=tags if has_xpos else [POS[tag] for tag in tags],
            pos=[POS[tag] for tag in tags],
        )
        for words, tags in TRAIN_DATA
    ]
    path = str(write(tmp_path, *docs))
    config = load_config(Path(__file__).parents[2] / "configs" / "demo.cfg")
    changes: Dict[str, Any] = {
        "paths": {"train": path, "dev": path},
        "nlp": {"pipeline": ["lstm_tagger", "attribute_ruler"]},
        "components": {
            "lstm_tagger": SMALL,
            "attribute_ruler": {"factory": "attribute_ruler"},
        },
        "initialize": {
            "components": {
                "attribute_ruler": {
                    "patterns": {"@readers": READER, "path": "${paths.train}"}
                }
            }
        },
    }
    nlp = init_nlp(config.merge(changes))
    examples = list(Corpus(path)(nlp))
    optimizer = nlp.create_optimizer()
    optimizer.learn_rate = 0.01
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(tmp_path / "model")
    nlp = spacy.load(tmp_path / "model")
    for words, tags in TRAIN_DATA:
        assert [t.pos_ for t in nlp(" ".join(words))] == [POS[tag] for tag in tags]
    assert nlp.evaluate(examples)["pos_acc"] == 1.0
