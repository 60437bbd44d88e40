"""Files that become parts, and parts that become tables."""

import gzip
import json
import lzma
from pathlib import Path
from typing import Any, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

from spacy_lstm_tagger.corpus import parts  # noqa: E402
from spacy_lstm_tagger.corpus.options import Documents  # noqa: E402
from spacy_lstm_tagger.corpus.parts import cut_sources, find_sources  # noqa: E402
from spacy_lstm_tagger.corpus.reading import check_text_column, read_parts  # noqa: E402
from spacy_lstm_tagger.corpus.tables import UNREAD  # noqa: E402

LINES = [f"line {i} of some" for i in range(20)]
TEXT = "\n".join(LINES) + "\n"
NOWHERE = Path("nowhere")
COMPRESS = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_SIZE", 50)
    monkeypatch.setattr(parts, "BLOCK_SIZE", 7)


def read(
    *inputs: Any, documents: Documents = Documents.line, column: str = "text"
) -> List[List[Dict[str, Any]]]:
    """Return the rows of each part."""
    sources = find_sources([str(name) for name in inputs], NOWHERE)
    jobs = cut_sources(sources, documents)
    return [
        [row for table in part.read() for row in table.to_pylist()]
        for job in jobs
        for part in read_parts(job, documents, column)
    ]


def texts(found: List[List[Dict[str, Any]]]) -> List[str]:
    return [row["text"] for rows in found for row in rows]


def drop_nulls(row: Dict[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def test_each_line_of_text_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    found = read(tmp_path / "a.txt")
    assert len(found) > 3
    assert texts(found) == LINES


def test_each_paragraph_of_text_is_a_document(tmp_path: Path) -> None:
    paragraphs = [f"one of {i}\nand two\n" for i in range(9)]
    (tmp_path / "a.txt").write_text("\n\n  \n".join(paragraphs) + "\n\n")
    found = read(tmp_path / "a.txt", documents=Documents.paragraph)
    assert len(found) > 2
    assert texts(found) == [paragraph.strip() for paragraph in paragraphs]


def test_each_file_of_text_is_a_document_with_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_SIZE", 1000)
    (tmp_path / "below").mkdir()
    names = ["a.txt", "b.txt.gz", "below/a.txt"]
    for name in names:
        data = f"{name}\n\nand more".encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if "gz" in name else data)
    (rows,) = read(tmp_path, documents=Documents.file)
    assert rows == [{"path": name, "text": f"{name}\n\nand more"} for name in names]


def test_small_files_are_joined_to_parts(tmp_path: Path) -> None:
    for i in range(9):
        (tmp_path / f"{i}.txt").write_text("x" * 20)
    found = read(tmp_path, documents=Documents.file)
    assert [len(rows) for rows in found] == [3, 3, 3]


def test_objects_of_jsonl_keep_their_fields(tmp_path: Path) -> None:
    rows = [
        {"text": "2020-01-01", "id": 1},
        {"text": None, "id": 2, "more": {"a": [1, 2]}},
        {"id": 3, "text": "Zoë"},
    ]
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "a.jsonl").write_text("\n\n".join(lines), encoding="utf8")
    found = [row for part in read(tmp_path / "a.jsonl") for row in part]
    # A field that is missing is null.
    assert [drop_nulls(row) for row in found] == [drop_nulls(row) for row in rows]


def test_rows_of_parquet_are_read_by_row_groups(tmp_path: Path) -> None:
    table = pa.table({"id": range(10), "body": [f"text {i}" for i in range(10)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=4)
    found = read(tmp_path / "a.parquet", column="body")
    assert [len(rows) for rows in found] == [4, 4, 2]
    assert [row for rows in found for row in rows] == table.to_pylist()


def test_parquet_without_rows_has_its_columns(tmp_path: Path) -> None:
    table = pa.table({"text": pa.array([], pa.string())})
    pq.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") in ([], [[]])


@pytest.mark.parametrize("ending", [*COMPRESS])
@pytest.mark.parametrize("documents", [Documents.line, Documents.paragraph])
def test_a_compressed_file_has_the_parts_of_one_that_is_not(
    ending: str, documents: Documents, tmp_path: Path
) -> None:
    text = TEXT.replace("5 of", "5 of\n\n")
    (tmp_path / "a.txt").write_text(text)
    (tmp_path / f"b.txt{ending}").write_bytes(COMPRESS[ending](text.encode()))
    plain = read(tmp_path / "a.txt", documents=documents)
    assert len(plain) > 1
    assert read(tmp_path / f"b.txt{ending}", documents=documents) == plain


@settings(deadline=None, max_examples=100)
@given(
    text=st.text(st.sampled_from("ab \n\r\u00e9\u3042"), max_size=300),
    documents=st.sampled_from([Documents.line, Documents.paragraph]),
)
def test_parts_are_those_of_the_whole_wherever_they_are_cut(
    tmp_path_factory: pytest.TempPathFactory, text: str, documents: Documents
) -> None:
    path = tmp_path_factory.mktemp("parts") / "a.txt"
    path.write_bytes(text.encode())
    packed = path.with_name("a.txt.gz")
    packed.write_bytes(gzip.compress(text.encode()))
    cut = read(path, documents=documents)
    assert read(packed, documents=documents) == cut
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PART_SIZE", 10_000)
        assert texts(read(path, documents=documents)) == texts(cut)


def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo", encoding="utf-8-sig")
    assert texts(read(tmp_path / "a.txt")) == ["one", "two"]


def test_line_ends_of_windows_are_no_part_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\n\r\ntwo\r\n")
    assert texts(read(tmp_path / "a.txt")) == ["one", "two"]


# Inputs.


def test_folders_and_patterns_are_searched(tmp_path: Path) -> None:
    for name in ("a.txt", "below/b.jsonl.gz", "c.parquet", "d.md", ".hidden/e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [source.name for source in find_sources([str(tmp_path)], NOWHERE)]
    assert names == ["a.txt", "below/b.jsonl.gz", "c.parquet"]
    patterns = [str(tmp_path / "*.txt"), str(tmp_path / "**/*.gz")]
    found = find_sources(patterns, NOWHERE)
    assert [source.name for source in found] == ["a.txt", "b.jsonl.gz"]


@pytest.mark.parametrize(
    "names, inputs, expected",
    [
        ([], ["missing.txt"], "no texts in"),
        (["d.md"], ["d.md"], "Can't tell what is in"),
        (["a.parquet.gz"], ["a.parquet.gz"], "Can't tell what is in"),
        (["a/a.txt", "b/a.txt"], ["a/a.txt", "b/a.txt"], "have the same name"),
        (["a/d.md"], ["a"], "no texts in"),
    ],
)
def test_inputs_that_make_no_sense_are_refused(
    names: List[str], inputs: List[str], expected: str, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=expected):
        find_sources([str(tmp_path / name) for name in inputs], NOWHERE)


def test_outputs_are_no_inputs(tmp_path: Path) -> None:
    for name in ("a.txt", "out/b.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_sources([str(tmp_path)], tmp_path / "out")
    assert [source.name for source in found] == ["a.txt"]


def test_a_file_without_the_column_of_texts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'\n{"body": "a"}\n'))
    pq.write_table(pa.table({"body": ["a"]}), tmp_path / "b.parquet")
    for source in find_sources([str(tmp_path)], NOWHERE):
        check_text_column(source, "body")
        with pytest.raises(ValueError) as error:
            check_text_column(source, "text")
        for part in ("'text'", source.name, "['body']"):
            assert part in str(error.value)


@pytest.mark.parametrize(
    "name, data",
    [("a.txt", b"text"), ("a.jsonl", b"[1]"), ("a.jsonl.gz", b"no gz")],
)
def test_what_the_beginning_of_a_file_does_not_tell_is_left_to_its_parts(
    name: str, data: bytes, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    (source,) = find_sources([str(tmp_path)], NOWHERE)
    check_text_column(source, "body")


@pytest.mark.parametrize(
    "name, data, expected",
    [
        ("a.jsonl", b'{"id": 1}\n{"id": "a"}', "'id' has several types"),
        ("a.txt.gz", gzip.compress(TEXT.encode())[:-20], "is damaged"),
        ("a.txt.zst", b"no zst", "is damaged"),
    ],
)
def test_what_can_not_be_read_is_named(
    name: str, data: bytes, expected: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match=expected):
        read(tmp_path / name)


@pytest.mark.parametrize(
    "name, bad, expected",
    [
        ("a.txt", b"\xff\xfe", "Document 2 of the part is not in UTF-8"),
        ("a.jsonl", b'{"text": ', "Line 2 of the part is not JSON"),
        ("a.jsonl", b"[1]", "Line 2 of the part is not an object"),
        ("a.jsonl", b"[" * 100_000, "Line 2 of the part is not JSON"),
        ("a.jsonl", b'{"text": "\xff"}', "Line 2 of the part is not in UTF-8"),
        ("a.jsonl", b'{"text": "\\ud800"}', "Line 2 of the part has half a character"),
    ],
)
@pytest.mark.parametrize("n_good", [0, 1])
def test_a_document_that_can_not_be_read_is_a_row_with_the_reason(
    name: str, bad: bytes, expected: str, n_good: int, tmp_path: Path
) -> None:
    good = b"fine" if name == "a.txt" else b'{"text": "fine"}'
    lines = [good if n_good else b"", bad, *[good] * n_good]
    (tmp_path / name).write_bytes(b"\n".join(lines))
    rows = [row for found in read(tmp_path / name) for row in found]
    (row,) = [row for row in rows if row.get(UNREAD)]
    assert row["text"] is None and expected in row[UNREAD]
    others = [row["text"] for row in rows if not row.get(UNREAD)]
    assert others == ["fine", "fine"][: 2 * n_good]


def test_a_file_that_can_not_be_read_is_a_row_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"fine")
    (tmp_path / "b.txt").write_bytes(b"\xff")
    (tmp_path / "c.txt.gz").write_bytes(b"no gz")
    rows = [row for part in read(tmp_path, documents=Documents.file) for row in part]
    assert [(row["path"], row["text"]) for row in rows] == [
        ("a.txt", "fine"),
        ("b.txt", None),
        ("c.txt.gz", None),
    ]
    assert "'b.txt' is not in UTF-8" in rows[1][UNREAD]
    assert "is damaged" in rows[2][UNREAD]


def test_both_surrogates_are_a_character(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "\\ud83d\\ude00"}')
    assert texts(read(tmp_path / "a.jsonl")) == ["\U0001f600"]


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_blank_lines_are_no_rows(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("\n \n" if name == "a.jsonl" else "\n \n\u3000\n")
    assert read(tmp_path / name) == [[]]
