"""Corpora that are tagged part by part, in one or more processes."""

import errno
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
import spacy
from spacy.cli import app
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training.converters import conllu_to_docs
from typer.testing import CliRunner
from util import TRAIN_DATA, make_trained, run_spacy

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

# Adds its commands to spaCy's.
import spacy_lstm_tagger.cli  # noqa: E402, F401
from spacy_lstm_tagger.corpus import parts, reading, work, writing  # noqa: E402
from spacy_lstm_tagger.corpus.options import Documents, Format  # noqa: E402
from spacy_lstm_tagger.corpus.parts import cut_sources, find_sources  # noqa: E402
from spacy_lstm_tagger.corpus.tables import TableTagger  # noqa: E402
from spacy_lstm_tagger.corpus.work import (  # noqa: E402
    Done,
    Plan,
    do_job,
    remove_leftovers,
)

TEXTS = [" ".join(words) for words, _ in TRAIN_DATA]
FAILS = "this text fails"
CODE = f"""
import spacy

def fail(doc):
    if doc.text == {FAILS!r}:
        raise RuntimeError("no luck")
    return doc

if not spacy.Language.has_factory("tests_corpus_work"):
    spacy.Language.component("tests_corpus_work", func=fail)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pipeline, the code that it needs, and texts of two kinds."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "code.py").write_text(CODE)
    exec(CODE, {})
    nlp = make_trained()
    nlp.add_pipe("sentencizer", first=True)
    nlp.add_pipe("tests_corpus_work")
    nlp.to_disk(folder / "model")
    lines = "".join(f"{text} {i} .\n" for i in range(5) for text in TEXTS)
    (folder / "texts").mkdir()
    (folder / "texts" / "a.txt").write_text(lines)
    rows = [json.dumps({"id": i, "text": text}) for i, text in enumerate(TEXTS)]
    data = "\n".join(rows).encode()
    (folder / "texts" / "b.jsonl.gz").write_bytes(gzip.compress(data))
    return folder


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_SIZE", 300)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> List[int]:
    """The rows of each table that is tagged in this process."""
    sizes: List[int] = []
    tag = TableTagger.__call__

    def count(tagger: TableTagger, table: Any) -> Any:
        sizes.append(len(table))
        return tag(tagger, table)

    monkeypatch.setattr(TableTagger, "__call__", count)
    return sizes


def make_plan(folder: Path, output: Path, format: Format = Format.parquet) -> Plan:
    tagger = TableTagger(str(folder / "model"), columns=format.needs)
    return Plan(tagger, Documents.line, format, output)


def do_all(plan: Plan, *inputs: Path) -> List[Done]:
    sources = find_sources([str(path) for path in inputs], plan.output_dir)
    jobs = cut_sources(sources, plan.documents)
    return [done for job in jobs for done in do_job(plan, job)]


def count_words(done: List[Done]) -> int:
    return sum(part.n_words for part in done)


def contents(folder: Path) -> Dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def read_tags(folder: Path, pattern: str = "*.parquet") -> List[List[str]]:
    tables = [pq.read_table(path) for path in sorted(folder.glob(pattern))]
    return list(chain(*[table.column("tags").to_pylist() for table in tables]))


def expected_tags(nlp: Language, path: Path) -> List[List[str]]:
    lines = path.read_text().splitlines()
    return [[token.tag_ for token in doc] for doc in nlp.pipe(lines)]


# What is written.


def test_each_part_has_an_output(
    folder: Path, tmp_path: Path, small_parts: None
) -> None:
    path = folder / "texts" / "a.txt"
    plan = make_plan(folder, tmp_path)
    done = do_all(plan, path)
    names = sorted(contents(tmp_path))
    assert names == [f"a.txt-{i:05d}.parquet" for i in range(len(names))]
    assert len(names) > 2
    tags = read_tags(tmp_path)
    assert tags == expected_tags(plan.tagger.nlp, path)
    assert len(done) == len(names)
    assert sum(part.n_bytes for part in done) == path.stat().st_size
    assert count_words(done) == sum(map(len, tags))
    assert sum(part.n_texts for part in done) == len(tags)


def test_outputs_of_files_in_folders_are_in_folders(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "in" / "below").mkdir(parents=True)
    (tmp_path / "in" / "below" / "a.txt").write_text("one\n")
    do_all(make_plan(folder, tmp_path / "out"), tmp_path / "in")
    assert list(contents(tmp_path / "out")) == ["below/a.txt-00000.parquet"]


def test_jsonl_has_the_rows_of_parquet(folder: Path, tmp_path: Path) -> None:
    source = folder / "texts" / "b.jsonl.gz"
    do_all(make_plan(folder, tmp_path), source)
    do_all(make_plan(folder, tmp_path, Format.jsonl), source)
    table = pq.read_table(tmp_path / "b.jsonl.gz-00000.parquet")
    lines = (tmp_path / "b.jsonl.gz-00000.jsonl").read_text("utf8").splitlines()
    assert list(map(json.loads, lines)) == table.to_pylist()
    assert table.column("id").to_pylist() == list(range(len(TEXTS)))


def describe(doc: Doc) -> List[Any]:
    return [(token.text, token.tag_, bool(token.is_sent_start)) for token in doc]


def test_spacy_has_the_documents(folder: Path, tmp_path: Path) -> None:
    source = folder / "texts" / "a.txt"
    plan = make_plan(folder, tmp_path, Format.spacy)
    do_all(plan, source)
    (path,) = tmp_path.glob("*.spacy")
    found = list(DocBin().from_disk(path).get_docs(spacy.blank("en").vocab))
    docs = list(plan.tagger.nlp.pipe(source.read_text().splitlines()))
    assert list(map(describe, found)) == list(map(describe, docs))
    assert [doc.text for doc in found] == [doc.text for doc in docs]


def test_conllu_has_the_sentences(folder: Path, tmp_path: Path) -> None:
    sentences = ["She likes apples.", "They walked home.", "Birds sing."]
    (tmp_path / "a.txt").write_text("{} {}\n{}\n".format(*sentences))
    do_all(make_plan(folder, tmp_path / "out", Format.conllu), tmp_path / "a.txt")
    text = (tmp_path / "out" / "a.txt-00000.conllu").read_text("utf8")
    assert re.findall("# sent_id = (.*)", text) == ["1-1", "1-2", "2-1"]
    assert re.findall("# text = (.*)", text) == sentences
    (doc,) = conllu_to_docs(text, n_sents=3, no_print=True)
    assert all(token.tag_ for token in doc)


@pytest.mark.parametrize("format", list(Format))
def test_a_part_without_texts_has_an_output_without_rows(
    format: Format, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("\n\n")
    (done,) = do_all(make_plan(folder, tmp_path / "out", format), tmp_path / "a.txt")
    assert (done.n_bytes, done.n_texts, done.is_readable) == (2, 0, True)
    assert list(contents(tmp_path / "out")) == [f"a.txt-00000.{format.value}"]


@pytest.mark.parametrize("format", list(Format))
def test_a_text_that_fails_is_counted(
    format: Format, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(f"{TEXTS[0]}\n{FAILS}\n{TEXTS[1]}\n")
    plan = make_plan(folder, tmp_path / "out", format)
    (done,) = do_all(plan, tmp_path / "a.txt")
    assert (done.n_texts, done.n_failed) == (3, 1)
    assert done.problem == "RuntimeError: no luck"
    assert done.n_words == sum(len(words) for words, _ in TRAIN_DATA[:2])


def test_a_text_that_fails_is_an_empty_document(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{TEXTS[0]}\n{FAILS}\n")
    do_all(make_plan(folder, tmp_path / "out", Format.spacy), tmp_path / "a.txt")
    data = DocBin().from_disk(tmp_path / "out" / "a.txt-00000.spacy")
    found = data.get_docs(spacy.blank("en").vocab)
    assert [doc.text.strip() for doc in found] == [TEXTS[0], ""]


# What is done again, and what is not.


def test_what_has_an_output_is_not_done_again(
    folder: Path, tmp_path: Path, small_parts: None
) -> None:
    path = folder / "texts" / "a.txt"
    plan = make_plan(folder, tmp_path)
    first = do_all(plan, path)
    before = contents(tmp_path)
    (tmp_path / "a.txt-00001.parquet").write_bytes(b"mine")
    (tmp_path / "a.txt-00002.parquet").unlink()
    second = do_all(plan, path)
    assert [done.n_bytes for done in second] == [done.n_bytes for done in first]
    assert 0 < count_words(second) < count_words(first)
    assert contents(tmp_path) == {**before, "a.txt-00001.parquet": b"mine"}


@pytest.mark.parametrize("format", list(Format))
def test_a_full_disk_leaves_no_part_of_a_file(
    format: Format, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(path: Path, tables: Iterator[Any]) -> None:
        path.write_bytes(b"half a fi")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(writing.WRITERS, format, fill)
    plan = make_plan(folder, tmp_path, format)
    with pytest.raises(OSError, match="No space left"):
        do_all(plan, folder / "texts" / "a.txt")
    assert not contents(tmp_path)


@pytest.mark.parametrize("format", list(Format))
def test_a_line_that_can_not_be_read_is_a_row_with_the_reason(
    format: Format, folder: Path, tmp_path: Path, small_parts: None
) -> None:
    lines = [text.encode() for text in TEXTS * 6]
    lines[20] = b"\xff"
    path = tmp_path / "a.txt"
    path.write_bytes(b"\n".join(lines))
    done = do_all(make_plan(folder, tmp_path / "out", format), path)
    assert all(part.is_readable for part in done)
    assert sum(part.n_failed for part in done) == 1
    assert sum(part.n_texts for part in done) == len(lines)
    (bad,) = [part for part in done if part.problem]
    assert "not in UTF-8" in str(bad.problem)
    assert len(contents(tmp_path / "out")) == len(done)
    if format is Format.parquet:
        files = sorted((tmp_path / "out").glob("*.parquet"))
        rows = [row for file in files for row in pq.read_table(file).to_pylist()]
        assert [row["tags"] is None for row in rows] == [
            line == b"\xff" for line in lines
        ]
        assert "not in UTF-8" in rows[20]["error"]


def test_a_damaged_compressed_file_is_named(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress("\n".join(TEXTS).encode())[:-20])
    (done,) = do_all(make_plan(folder, tmp_path / "out"), path)
    assert not done.is_readable
    assert str(path) in str(done.problem) and "damaged" in str(done.problem)


@pytest.mark.parametrize("data", [b'{"text": "a", "meta": {}}\n', b"{}\n"])
def test_json_that_has_no_place_in_a_table_is_a_part_that_can_not_be_read(
    data: bytes, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_bytes(data)
    (done,) = do_all(make_plan(folder, tmp_path / "out"), tmp_path / "a.jsonl")
    assert not done.is_readable and done.problem
    assert not contents(tmp_path / "out")


def test_a_part_is_tagged_in_tables_of_few_rows(
    folder: Path, tmp_path: Path, sizes: List[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "N_ROWS", 2)
    path = folder / "texts" / "a.txt"
    do_all(make_plan(folder, tmp_path), path)
    assert len(sizes) > 2 and max(sizes) == 2
    nlp = spacy.load(folder / "model")
    assert read_tags(tmp_path) == expected_tags(nlp, path)


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "txt"])
def test_long_texts_are_tagged_in_smaller_tables(
    kind: str,
    folder: Path,
    tmp_path: Path,
    sizes: List[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (reading, work):
        monkeypatch.setattr(module, "TABLE_SIZE", 300)
    texts = [f"{text} " * 10 for text in TEXTS]
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({"text": texts}), path, compression=None)
    else:
        lines = [json.dumps({"text": t}) if kind == "jsonl" else t for t in texts]
        path.write_text("\n".join(lines))
    (done,) = do_all(make_plan(folder, tmp_path / "out"), path)
    assert done.n_texts == len(texts)
    assert 0 < max(sizes) < 4
    assert len(read_tags(tmp_path / "out")) == len(texts)


def test_damaged_parquet_leaves_the_others_alone(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": TEXTS * 50}), path, row_group_size=100)
    data = bytearray(path.read_bytes())
    # Within the page of the first row group.
    data[20:60] = b"\xff" * 40
    path.write_bytes(data)
    done = do_all(make_plan(folder, tmp_path / "out"), path)
    assert [part.is_readable for part in done] == [False] + [True] * (len(done) - 1)
    assert str(path) in str(done[0].problem)
    assert len(contents(tmp_path / "out")) == len(done) - 1 > 0


def test_white_space_is_no_token_of_conllu(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("She  likes\n\tapples.")
    plan = make_plan(folder, tmp_path / "out", Format.conllu)
    do_all(plan._replace(documents=Documents.file), tmp_path / "a.txt")
    (data,) = contents(tmp_path / "out").values()
    words = re.findall(r"^\d+\t(.*?)\t", data.decode(), re.MULTILINE)
    assert words == ["She", "likes", "apples", "."]
    assert b"# text = She likes apples.\n" in data


def test_without_sentence_boundaries_documents_have_none(tmp_path: Path) -> None:
    make_trained(steps=1).to_disk(tmp_path / "model")
    (tmp_path / "a.txt").write_text("She likes apples. They walked.")
    do_all(make_plan(tmp_path, tmp_path / "out", Format.spacy), tmp_path / "a.txt")
    data = DocBin().from_disk(tmp_path / "out" / "a.txt-00000.spacy")
    (doc,) = data.get_docs(spacy.blank("en").vocab)
    assert not doc.has_annotation("SENT_START")


def test_only_what_a_killed_process_has_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "below" / ".a.txt-00001.parquet.123.tmp"
    mine = tmp_path / ".my-notes.tmp"
    left.parent.mkdir()
    for path in (left, mine):
        path.touch()
    remove_leftovers(tmp_path)
    assert list(contents(tmp_path)) == [".my-notes.tmp"]


# The command.


def command(folder: Path, output: Path, *options: Any) -> List[str]:
    words = ["lstm-tagger", "corpus", folder / "model", folder / "texts", output]
    return [str(word) for word in (*words, "--code", folder / "code.py", *options)]


def test_several_processes_write_what_one_does(folder: Path, tmp_path: Path) -> None:
    do_all(make_plan(folder, tmp_path / "one"), folder / "texts")
    printed = run_spacy(*command(folder, tmp_path / "two", "--workers", 2))
    (words,) = re.findall(r"Tagged ([\d,]+) words", printed)
    tags = read_tags(tmp_path / "one")
    assert int(words.replace(",", "")) == sum(map(len, tags))
    found = contents(tmp_path / "two")
    assert "corpus.json" in found
    del found["corpus.json"]
    assert found == contents(tmp_path / "one")
    printed = run_spacy(*command(folder, tmp_path / "two"))
    assert "nothing left to do" in printed


# As if another process had been killed while it wrote to a disk that is full.
FULL = """
import errno
from spacy_lstm_tagger.corpus import writing

def fill(path, tables):
    path.with_name(".a.txt-00001.parquet.99999.tmp").write_bytes(b"half a file")
    raise OSError(errno.ENOSPC, "No space left on device")

for format in writing.WRITERS:
    writing.WRITERS[format] = fill
"""


def test_after_a_full_disk_nothing_is_left_of_any_process(
    folder: Path, tmp_path: Path
) -> None:
    code = tmp_path / "code.py"
    code.write_text(CODE + FULL)
    output = tmp_path / "out"
    failing = command(folder, output, "--code", code, "--workers", 2)
    result = CliRunner().invoke(app, failing)
    assert result.exit_code == 1 and "No space left" in result.output
    assert sorted(contents(output)) == ["corpus.json"]


def test_each_process_has_one_thread_whatever_the_environment_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "2")
    found = tmp_path / "threads.txt"
    code = tmp_path / "code.py"
    look = "import multiprocessing, pathlib, torch"
    write = f"pathlib.Path({str(found)!r}).write_text(str(torch.get_num_threads()))"
    is_worker = "multiprocessing.parent_process() is not None"
    code.write_text(f"{CODE}\n{look}\nif {is_worker}:\n    {write}\n")
    run_spacy(*command(folder, tmp_path / "out", "--code", code))
    assert found.read_text() == "1"


# Small parts, and time to kill the process while it works.
SLOW = """
import time
from spacy_lstm_tagger.corpus import parts, tables
parts.PART_SIZE = 300
tag = tables.TableTagger.__call__

def slowly(self, table):
    time.sleep(0.5)
    return tag(self, table)

tables.TableTagger.__call__ = slowly
"""


@pytest.mark.skipif(sys.platform == "win32", reason="There is no SIGKILL")
def test_after_a_kill_the_same_command_makes_what_is_missing(
    folder: Path, tmp_path: Path, small_parts: None
) -> None:
    code = tmp_path / "code.py"
    code.write_text(CODE + SLOW)
    output = tmp_path / "out"
    slow = command(folder, output, "--code", code, "--workers", 2)
    process = subprocess.Popen([sys.executable, "-m", "spacy", *slow])
    while not list(output.glob("a.txt-*")):
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = contents(output)
    run_spacy(*command(folder, output))
    after = contents(output)
    assert not [name for name in after if name.endswith(".tmp")]
    made = {name for name in before if name.startswith("a.txt-")}
    assert 0 < len(made) < len(after) - 1
    assert all(after[name] == before[name] for name in made)
    nlp = spacy.load(folder / "model")
    path = folder / "texts" / "a.txt"
    assert read_tags(output, "a.txt-*") == expected_tags(nlp, path)
