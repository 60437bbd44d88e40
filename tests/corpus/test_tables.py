"""Tables of texts that become tables of tags."""

import pickle
from pathlib import Path
from typing import Any, Dict, Iterable, List

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc
from util import TRAIN_DATA, make_trained

from spacy_lstm_tagger.corpus import TableTagger, tables
from spacy_lstm_tagger.corpus.columns import TYPES

pa = pytest.importorskip("pyarrow")

TEXTS = [" ".join(words) for words, _ in TRAIN_DATA]
FAILS = "this text fails"


@spacy.Language.component("tests_corpus_fails")
def fail(doc: Doc) -> Doc:
    if doc.text == FAILS:
        raise RuntimeError("no luck")
    return doc


@pytest.fixture(scope="module")
def nlp() -> Language:
    nlp = make_trained()
    nlp.add_pipe("sentencizer", first=True)
    ruler = nlp.add_pipe("attribute_ruler")
    ruler.add([[{"TAG": "NN"}]], {"POS": "NOUN", "LEMMA": "noun"})  # type: ignore
    nlp.add_pipe("tests_corpus_fails", last=True)
    return nlp


@pytest.fixture(scope="module")
def model(nlp: Language, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("corpus") / "model"
    nlp.to_disk(path)
    return str(path)


def tag(model: str, texts: Iterable[Any], **options: Any) -> List[Dict[str, Any]]:
    table = pa.table({"text": pa.array(list(texts), pa.string())})
    return TableTagger(model, **options)(table).to_pylist()


def expected(doc: Doc) -> Dict[str, List[Any]]:
    return {
        "tokens": [token.text for token in doc],
        "tags": [token.tag_ for token in doc],
        "pos": [token.pos_ for token in doc],
        "lemmas": [token.lemma_ for token in doc],
        "spaces": [bool(token.whitespace_) for token in doc],
        "sentence_starts": [bool(token.is_sent_start) for token in doc],
    }


def test_the_columns_are_what_the_pipeline_finds(nlp: Language, model: str) -> None:
    texts = ["The dog ate. She  likes\n apples !", *TEXTS]
    names = [name for name in TYPES if name != "confidences"]
    rows = tag(model, texts, columns=names)
    for row, doc in zip(rows, nlp.pipe(texts), strict=True):
        assert {name: row[name] for name in names} == expected(doc)
        assert row["error"] is None


def test_tokens_and_tags_are_added_unless_others_are_asked_for(model: str) -> None:
    assert list(tag(model, TEXTS)[0]) == ["text", "tokens", "tags", "error"]
    (row,) = tag(model, ["a"], columns=["pos"])
    assert list(row) == ["text", "pos", "error"]


def test_confidences_are_the_probabilities_of_the_tags(
    nlp: Language, model: str
) -> None:
    tagger: Any = nlp.get_pipe("lstm_tagger")
    rows = tag(model, TEXTS, columns=["confidences"])
    for row, text in zip(rows, TEXTS, strict=True):
        highest = tagger.predict_proba([nlp(text)])[0].max(axis=1)
        assert row["confidences"] == pytest.approx(highest.tolist(), abs=1e-5)


def test_a_tag_that_a_rule_has_set_has_no_confidence(tmp_path: Path) -> None:
    nlp = make_trained(steps=2)
    ruler: Any = nlp.add_pipe("attribute_ruler")
    ruler.add([[{"ORTH": "dog"}]], {"TAG": "RULE"})
    nlp.to_disk(tmp_path)
    (row,) = tag(str(tmp_path), ["a dog"], columns=["tags", "confidences"])
    assert row["tags"][1] == "RULE"
    assert row["confidences"][0] > 0 and row["confidences"][1] is None


@pytest.mark.parametrize("texts", [["", None, *TEXTS, ""], [None], ["", ""]])
def test_an_empty_or_missing_text_has_empty_lists(texts: List[Any], model: str) -> None:
    for row in tag(model, texts, columns=list(TYPES)):
        if not row["text"]:
            assert all(row[name] == [] for name in TYPES)
            assert row["error"] is None
        else:
            assert row["tags"]


def test_a_column_of_nothing_but_nulls_has_empty_lists(model: str) -> None:
    table = TableTagger(model)(pa.table({"text": pa.nulls(2)}))
    assert table.column("tags").to_pylist() == [[], []]


def test_rows_keep_their_order_and_other_columns(model: str) -> None:
    before = pa.table(
        {"id": range(6), "text": TEXTS, "x": [{"y": i} for i in range(6)]}
    )
    after = TableTagger(model)(before)
    assert after.select(before.column_names).equals(before)


def test_a_table_without_rows_gets_the_columns(model: str) -> None:
    tagger = TableTagger(model, columns=list(TYPES))
    before = pa.table({"text": pa.array([], pa.string())})
    after = tagger(before)
    assert after.num_rows == 0
    assert after.schema == tagger.extend_schema(before.schema)


@pytest.mark.parametrize("kind", ["string", "large_string"])
def test_the_schema_is_known_beforehand(kind: str, model: str) -> None:
    tagger = TableTagger(model, columns=list(TYPES))
    table = pa.table({"text": pa.array([TEXTS[0], None, FAILS], getattr(pa, kind)())})
    assert tagger(table).schema == tagger.extend_schema(table.schema)


def test_a_table_of_several_chunks_is_one(model: str) -> None:
    one = pa.table({"text": TEXTS})
    chunked = pa.concat_tables([one.slice(0, 1), one.slice(1, 3), one.slice(4)])
    assert TableTagger(model)(chunked).equals(TableTagger(model)(one))


def test_another_column_may_have_the_texts(model: str) -> None:
    table = pa.table({"body": TEXTS})
    tagged = TableTagger(model, text_column="body")(table)
    assert tagged.column("tags").to_pylist() == [
        row["tags"] for row in tag(model, TEXTS)
    ]


# Long texts.


def test_a_text_that_is_too_long_is_read_in_pieces(nlp: Language, model: str) -> None:
    (row,) = tag(model, [" ".join(TEXTS)], columns=["tokens", "tags"], max_length=30)
    words = " ".join(TEXTS).split()
    assert row["tokens"] == words
    assert len(row["tags"]) == len(words)


@pytest.mark.parametrize("max_length", [None, 1000])
def test_the_length_is_at_most_what_the_pipeline_takes(
    max_length: Any, model: str
) -> None:
    tagger = TableTagger(model, max_length=max_length)
    tagger.nlp.max_length = 20
    long, short = " ".join(TEXTS), TEXTS[0][:20]
    table = tagger(pa.table({"text": [long, short]}))
    assert table.column("error").to_pylist() == [None, None]
    assert table.column("tokens").to_pylist()[0] == long.split()


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.text(st.sampled_from("ab. \n"), max_size=60) | st.none(), max_size=5),
    st.integers(5, 30),
)
def test_tokens_and_spaces_of_pieces_make_up_the_text(
    texts: List[Any], max_length: int
) -> None:
    tagger = TableTagger("en", columns=["tokens", "spaces"], max_length=max_length)
    tagger._nlp = spacy.blank("en")
    table = tagger(pa.table({"text": pa.array(texts, pa.string())}))
    for row in table.to_pylist():
        joined = "".join(
            token + " " * space for token, space in zip(row["tokens"], row["spaces"])
        )
        assert joined == (row["text"] or "")


# Failures.


def test_a_text_that_fails_is_a_row_with_the_reason(model: str) -> None:
    texts = [TEXTS[0], FAILS, None, TEXTS[1]]
    rows = tag(model, texts)
    assert [row["error"] for row in rows] == [None, "RuntimeError: no luck", None, None]
    assert rows[1]["tags"] is None and rows[1]["tokens"] is None
    assert rows[2]["tags"] == []
    assert [rows[0], rows[3]] == tag(model, [TEXTS[0], TEXTS[1]])


def test_of_a_text_one_piece_of_which_fails_nothing_is_kept(model: str) -> None:
    (row,) = tag(model, [f"{'x' * 15} {FAILS}"], max_length=16)
    assert row["error"] == "RuntimeError: no luck"
    assert row["tags"] is None


@pytest.mark.parametrize(
    "table, expected",
    [
        ({"body": ["a"]}, ["'text'", "['body']"]),
        ({"text": [1]}, ["'text'", "int64"]),
        ({"text": ["a"], "tags": ["b"]}, ["'tags'", "already"]),
        ({"text": ["a"], "error": ["b"]}, ["'error'", "already"]),
    ],
)
def test_a_table_that_can_not_be_extended_is_refused(
    table: Dict[str, Any], expected: List[str], model: str
) -> None:
    with pytest.raises(ValueError) as error:
        TableTagger(model)(pa.table(table))
    assert all(part in str(error.value) for part in expected)


@pytest.mark.parametrize(
    "options",
    [
        {"columns": ["tags", "heads"]},
        {"columns": ["tags", "tags"]},
        {"max_length": 0},
        {"batch_size": 0},
    ],
)
def test_options_that_make_no_sense_are_refused(options: Any) -> None:
    with pytest.raises(ValueError):
        TableTagger("model", **options)


def test_a_pipeline_without_a_tagger_knows_no_confidences(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path)
    with pytest.raises(ValueError, match="0 taggers"):
        tag(str(tmp_path), ["a"], columns=["confidences"])


# One process, and many.


def test_the_pipeline_is_loaded_once_and_only_when_it_is_needed(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = tables.load_model
    monkeypatch.setattr(tables, "load_model", lambda m: loaded.append(m) or load(m))
    tagger = TableTagger(model)
    assert not loaded
    for _ in range(2):
        tagger(pa.table({"text": TEXTS}))
    assert loaded == [model]


def test_a_tagger_is_pickled_without_the_pipeline(model: str) -> None:
    tagger = TableTagger(model, columns=["tags"])
    table = pa.table({"text": TEXTS})
    tagged = tagger(table)
    data = pickle.dumps(tagger)
    assert len(data) < 1000
    assert pickle.loads(data)(table).equals(tagged)


@pytest.mark.skipif(
    not hasattr(Language, "memory_zone"), reason="spaCy has memory zones since 3.8"
)
def test_words_are_let_go_of(model: str) -> None:
    tagger = TableTagger(model)
    tagger(pa.table({"text": ["a"]}))
    strings = len(tagger.nlp.vocab.strings)
    tagger(pa.table({"text": [f"word{i} of{i} many{i}" for i in range(200)]}))
    assert len(tagger.nlp.vocab.strings) == strings


def test_texts_may_be_more_than_words_are_kept_of(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tag(model, [*TEXTS, None, *TEXTS])
    monkeypatch.setattr(tables, "ZONE_CHARACTERS", 30)
    assert tag(model, [*TEXTS, None, *TEXTS]) == whole


def test_the_words_of_a_long_text_are_let_go_of_within_it(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = " ".join(TEXTS)
    (whole,) = tag(model, [text], max_length=16)
    zones = []
    make_zone = tables._memory_zone
    monkeypatch.setattr(
        tables, "_memory_zone", lambda nlp: zones.append(nlp) or make_zone(nlp)
    )
    monkeypatch.setattr(tables, "ZONE_CHARACTERS", 30)
    assert tag(model, [text], max_length=16) == [whole]
    assert len(zones) >= len(text) // 46
