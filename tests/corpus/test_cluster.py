"""Corpora that are tagged on a cluster of Ray: a local one of two CPUs."""

import gzip
import json
import lzma
import os
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
import spacy
from spacy.cli import app
from typer.testing import CliRunner
from util import TRAIN_DATA, make_trained, run_spacy

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
ray = pytest.importorskip("ray")
pytest.importorskip("ray.data")

# Adds its commands to spaCy's.
import spacy_lstm_tagger.cli  # noqa: E402, F401
from spacy_lstm_tagger.corpus import TableTagger, cluster, parts  # noqa: E402
from spacy_lstm_tagger.corpus.options import Documents  # noqa: E402

TEXTS = [" ".join(words) for words, _ in TRAIN_DATA]
KILLS_ONCE, KILLS = "this text kills once", "this text kills"
# Ends the process that reads some texts, and fails if there are more threads than one.
CODE = f"""
import os
import signal
import spacy
import torch
from pathlib import Path

def check(doc):
    killed = Path(__file__).with_name("killed")
    if doc.text == {KILLS!r} or doc.text == {KILLS_ONCE!r} and not killed.exists():
        killed.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if torch.get_num_threads() > 1:
        raise RuntimeError("several threads")
    return doc

if not spacy.Language.has_factory("tests_corpus_cluster"):
    spacy.Language.component("tests_corpus_cluster", func=check)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pipeline and the code that it needs."""
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "code.py").write_text(CODE)
    spacy.util.import_file("tests_corpus_cluster", folder / "code.py")
    nlp = make_trained()
    nlp.add_pipe("tests_corpus_cluster", first=True)
    nlp.to_disk(folder / "model")
    return folder


@pytest.fixture(scope="module")
def two_cpus() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        # Those of the cluster, not those of the processes that tag.
        patch.setenv("OMP_NUM_THREADS", "2")
        start_cluster()
    yield
    ray.shutdown()


def start_cluster() -> None:
    for i in range(5):
        try:
            ray.init(
                num_cpus=2,
                include_dashboard=False,
                object_store_memory=80_000_000,
                log_to_driver=False,
            )
            return
        except Exception:
            # Ray gives its own processes half a minute, which may be too short where
            # others are busy.
            ray.shutdown()
            if i == 4:
                raise


@pytest.fixture
def small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """More tables than processes."""
    monkeypatch.setattr(cluster, "PART_SIZE", 500)


def make_plan(folder: Path, inputs: List[Any], output: Any, **options: Any) -> Any:
    output = str(output)
    return cluster.Plan(
        TableTagger(str(folder / "model")),
        Documents.line,
        cluster.find_paths([str(name) for name in inputs], output),
        cluster.check_output(output),
        options.get("n_workers", 2),
        folder / "code.py",
    )


def tag_here(folder: Path, columns: Dict[str, List[Any]]) -> Any:
    """Return what one process makes of a table."""
    return TableTagger(str(folder / "model"))(pa.table(columns)).to_pylist()


def read_rows(output: Path) -> List[Dict[str, Any]]:
    paths = sorted(output.glob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


# On two workers.


def test_tags_and_their_order_are_those_of_one_process(
    folder: Path, tmp_path: Path, two_cpus: None, small_tables: None
) -> None:
    lines = [f"{text} {i} ." for i in range(30) for text in TEXTS]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("\n".join(lines[:100]))
    for i, pack, ending in ((100, gzip, "gz"), (140, lzma, "xz")):
        data = "\n".join(lines[i : 140 if i == 100 else None]).encode()
        (tmp_path / "in" / f"b{i}.txt.{ending}").write_bytes(pack.compress(data))
    words = ["lstm-tagger", "corpus", folder / "model", tmp_path / "in"]
    options = ["--engine", "ray", "--workers", 2, "--code", folder / "code.py"]
    printed = run_spacy(*words, tmp_path / "out", *options)
    expected = tag_here(folder, {"text": lines})
    assert read_rows(tmp_path / "out") == expected
    assert len(list((tmp_path / "out").iterdir())) > 2
    n_words = sum(len(row["tokens"]) for row in expected)
    assert f"Tagged {n_words:,} words" in printed


def test_a_worker_that_is_killed_changes_nothing(
    folder: Path, tmp_path: Path, two_cpus: None, small_tables: None
) -> None:
    texts = [*TEXTS * 10, KILLS_ONCE, *TEXTS * 10]
    columns = {"id": list(range(len(texts))), "text": texts}
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table(columns), tmp_path / "in" / "a.parquet")
    plan = make_plan(folder, [(tmp_path / "in").as_uri()], (tmp_path / "out").as_uri())
    counts = cluster.tag_corpus(plan)
    assert (folder / "killed").exists()
    expected = tag_here(folder, columns)
    assert read_rows(tmp_path / "out") == expected
    n_words = sum(len(row["tokens"]) for row in expected)
    assert counts == (n_words, len(texts), 0)


def test_a_part_that_can_not_be_read_is_a_row_with_the_reason(
    folder: Path, tmp_path: Path, two_cpus: None
) -> None:
    rows = [{"id": i, "text": text} for i, text in enumerate(TEXTS)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "b.jsonl").write_text('{"body": "no text"}')
    (tmp_path / "c.jsonl").write_bytes(b'{"text": "\xff"}')
    (tmp_path / "d.jsonl").write_bytes(b"\n\n")
    # More than there are CPUs.
    plan = make_plan(folder, [tmp_path / "*.jsonl"], tmp_path / "out", n_workers=3)
    counts = cluster.tag_corpus(plan)
    found = read_rows(tmp_path / "out")
    tags = tag_here(folder, {"text": TEXTS})
    assert [row["tags"] for row in found] == [
        *(row["tags"] for row in tags),
        None,
        None,
    ]
    assert [row["error"] for row in found[: len(TEXTS)]] == [None] * len(TEXTS)
    assert "b.jsonl'" in found[-2]["error"] and "'body'" in found[-2]["error"]
    assert "Line 1 of the part is not in UTF-8" in found[-1]["error"]
    assert counts[1:] == (len(TEXTS) + 2, 2)


def test_a_text_that_kills_each_process_ends_the_job(
    folder: Path, tmp_path: Path, two_cpus: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "N_RETRIES", 0)
    (tmp_path / "a.txt").write_text(KILLS)
    plan = make_plan(folder, [tmp_path / "a.txt"], tmp_path / "out", n_workers=1)
    with pytest.raises(cluster.ClusterError, match="actor"):
        cluster.tag_corpus(plan)


# Without one.


def test_urls_of_files_go_to_ray_as_they_are(tmp_path: Path) -> None:
    urls = ["s3://bucket/a.parquet", "az://container/b.parquet"]
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "c.parquet")
    found = cluster.find_paths([urls[0], str(tmp_path), urls[1]], "s3://bucket/out")
    assert found == [str(tmp_path / "c.parquet"), *urls]


def test_urls_of_folders_are_listed(tmp_path: Path) -> None:
    names = ["a.txt.gz", "below/b.txt", "below/.c.txt", "d.html"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    url = tmp_path.as_uri()
    found = cluster.find_paths([f"{url}/"], "s3://bucket/out")
    assert found == [f"{url}/a.txt.gz", f"{url}/below/b.txt"]


@pytest.mark.parametrize(
    "names, reason",
    [
        (["a.txt", "s3://bucket/b.jsonl"], ".jsonl, .txt"),
        (["nothing"], "no texts"),
        (["out"], "folder of the outputs"),
        (["file://{}/empty"], "no files in"),
        (["large.txt"], "1,000,000,001 bytes"),
    ],
)
def test_inputs_that_ray_can_not_read_are_refused(
    names: List[str], reason: str, tmp_path: Path
) -> None:
    for name in ("empty", "out"):
        (tmp_path / name).mkdir()
    for name in ("a.txt", "out/b.txt", "large.txt"):
        (tmp_path / name).write_text("text")
    os.truncate(tmp_path / "large.txt", 1_000_000_001)
    inputs = [
        name.format(tmp_path) if parts.is_url(name) else str(tmp_path / name)
        for name in names
    ]
    with pytest.raises(ValueError, match=reason):
        cluster.find_paths(inputs, str(tmp_path / "out"))


@pytest.mark.parametrize("is_url", [False, True])
@pytest.mark.parametrize("name, reason", [("full", "not empty"), ("file", "a file")])
def test_an_output_with_something_in_it_is_refused(
    name: str, reason: str, is_url: bool, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    for file in ("full/a.parquet", "file"):
        (tmp_path / file).touch()
    path = tmp_path / name
    with pytest.raises(ValueError, match=reason):
        cluster.check_output(path.as_uri() if is_url else str(path))


@pytest.mark.parametrize("name", ["new", "empty"])
def test_a_new_or_an_empty_folder_is_an_output(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    path = str(tmp_path / name)
    assert cluster.check_output(path) == path


# The command, before it starts one.


@pytest.mark.parametrize(
    "options, reason",
    [
        (["--format", "jsonl"], "Can't write the format 'jsonl' with Ray"),
        (["no such file"], "no texts in 'no such file'"),
        (["--columns", "heads"], "Can't add the columns"),
    ],
)
def test_what_ray_can_not_do_is_a_message(
    options: List[str], reason: str, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    inputs = [str(folder / "model"), str(tmp_path / "a.txt")]
    words = ["lstm-tagger", "corpus", *inputs, *options, str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*words, "--engine", "ray"])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert reason in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("inputs", [["s3://bucket/a.txt", "out"], ["a.txt", "s3://b"]])
def test_processes_of_this_machine_refuse_urls(inputs: List[str], folder: Path) -> None:
    words = ["lstm-tagger", "corpus", str(folder / "model"), *inputs]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert "--engine ray" in result.output
