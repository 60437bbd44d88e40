"""The parts of the benchmarks that decide what is compared with what. The commands are
run by the tests of the documentation."""

import sys
from functools import partial
from pathlib import Path

import numpy
import pytest
import spacy
import srsly
from spacy.tokens import Doc
from util import make_trained

PROJECT = Path(__file__).parents[1]

# The benchmarks are not installed. The package is, and goes before the checkout.
sys.path.append(str(PROJECT))
# Importing the benchmarks sets the number of threads of their own processes.
with pytest.MonkeyPatch.context() as patch:
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        patch.setenv(variable, "1")
    from benchmarks import common, corpora, crfsuite, speed

SAMPLE = PROJECT / "assets" / "sample"


@pytest.fixture
def bench(tmp_path: Path) -> common.Bench:
    return common.Bench(SAMPLE, tmp_path, "en", max_steps=2, stock_max_steps=2)


def test_a_pipeline_that_is_in_the_work_folder_is_not_trained(
    bench: common.Bench,
) -> None:
    path = bench.work_dir / "mine" / "model-best"
    path.mkdir(parents=True)
    common.train_all([(bench, "mine")], jobs=1)
    assert list(path.parent.iterdir()) == [path]


def test_a_pipeline_that_is_neither_there_nor_a_config_is_an_error(
    bench: common.Bench,
) -> None:
    with pytest.raises(ValueError, match="There is no pipeline 'mine'"):
        common.train_all([(bench, "mine")], jobs=1)


def test_a_pipeline_that_was_trained_with_other_settings_is_an_error(
    bench: common.Bench,
) -> None:
    (bench.work_dir / "default" / "model-best").mkdir(parents=True)
    _, settings = common.make_command(bench, "default", bench.work_dir)
    common.check_settings(bench.work_dir / "default" / "settings.json", settings)
    common.train(bench, "default")
    with pytest.raises(ValueError, match="with other settings"):
        common.train(bench._replace(max_steps=3), "default")


def test_a_training_that_fails_leaves_no_pipeline(bench: common.Bench) -> None:
    # There is no data.
    with pytest.raises(RuntimeError, match=r"default.train\.log"):
        common.train(bench, "default")
    assert not (bench.work_dir / "default" / "model-best").exists()


def test_the_crf_is_left_out_with_a_message_where_it_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(crfsuite, "pycrfsuite", None)
    assert common.choose_pipelines("tagger,crfsuite,fast") == ["tagger", "fast"]
    assert "pip install" in capsys.readouterr().err


def test_the_crf_tags_what_it_was_trained_on_once_it_is_loaded_again(
    tmp_path: Path,
) -> None:
    pytest.importorskip("pycrfsuite")
    doc = Doc(spacy.blank("en").vocab, words=["I", "like", "it"], tags=list("PVP"))
    spacy.tokens.DocBin(docs=[doc]).to_disk(tmp_path / "train.spacy")
    crfsuite.main(tmp_path / "train.spacy", tmp_path, "en")
    tagged = spacy.load(tmp_path / "model-best")("I like it")
    assert [token.tag_ for token in tagged] == list("PVP")


def test_ratios_are_to_the_best_of_the_first_pipeline_and_to_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Of three rounds, the second of which was slow for all. "one" is fastest at 64.
    rounds = numpy.asarray([1.0, 5.0, 1.0])
    times = {("one", 64): 2, ("one", 256): 3, ("one", 1000): 8}
    times.update({("two", 64): 2, ("two", 256): 1, ("two", 1000): 1.6})
    monkeypatch.setattr(
        speed, "time_in_turns", lambda *_: {key: t * rounds for key, t in times.items()}
    )
    nlp = spacy.blank("en")
    docs = [nlp.make_doc("Some words")]
    _, row = speed.compare_batch_sizes(
        {"one": nlp, "two": nlp}, docs, 3, speed.tag_texts
    )
    assert row["best x one"] == row["lowest"] == row["highest"] == 2
    assert row["default x one"] == 5
    assert (row["64"], row["256"]) == (1, 2)


def test_each_round_begins_with_another_task_and_the_first_does_not_count() -> None:
    called: list[str] = []
    tasks = {name: partial(partial, called.append, name) for name in "abc"}
    seconds = common.time_in_turns(tasks, 2, "test")
    assert "".join(called) == "abcbcacab"
    assert all(times.shape == (2,) for times in seconds.values())


def test_corpora_are_tagged_in_all_sizes_and_numbers_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    make_trained().to_disk(tmp_path / "model")
    (tmp_path / "texts.txt").write_text("The dog ate .\nA cat\n")
    # Of lines of 14 and 6 bytes, five are the first to have as many.
    monkeypatch.setattr(corpora, "MEGABYTE", 50)
    work = tmp_path / "work"
    corpora.main(
        tmp_path / "model", tmp_path / "texts.txt", work, sizes="1,2", repeats=1
    )
    rows = srsly.read_json(work / "corpora.json")["rows"]
    assert [(row["MB"], row["workers"]) for row in rows] == [
        *((1, 1), (1, 2), (2, 1), (2, 2)),
    ]
    assert (work / "1.txt").read_text() == "The dog ate .\nA cat\n" * 2 + (
        "The dog ate .\n"
    )
    assert [row["x 1"] for row in rows[::2]] == [1.0, 1.0]
    assert [row["/ 1 MB"] for row in rows[:2]] == [1.0, 1.0]
    assert all(row["words/s"] > 0 for row in rows)
    # Python and spaCy alone take as many MiB.
    assert all(row["memory of a process (MiB)"] > 100 for row in rows)
