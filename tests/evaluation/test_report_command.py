"""The command `lstm-tagger report`: what it hands on, and what it refuses."""

import datetime
import re
from pathlib import Path
from typing import Any, List

import pytest
from report_pages import TEST_DATA, Page
from spacy.cli import app
from spacy.language import Language
from typer.testing import CliRunner
from util import TRAIN_DATA, make_trained, run_spacy, write_corpus

import spacy_lstm_tagger.cli  # noqa: F401


@pytest.fixture(scope="module")
def folder(shared_trained: Language, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two pipelines and data."""
    path = tmp_path_factory.mktemp("command")
    shared_trained.to_disk(path / "first")
    make_trained(steps=20, seed=1).to_disk(path / "second")
    write_corpus(shared_trained, path / "train.spacy", TRAIN_DATA)
    write_corpus(shared_trained, path / "test.spacy", TEST_DATA)
    return path


def command(folder: Path, output: Path, *options: Any) -> List[Any]:
    arguments = [folder / "first", folder / "test.spacy", "--output", output]
    return ["lstm-tagger", "report", *arguments, *options]


def test_the_command_compares_exports_errors_and_names_what_it_was_given(
    folder: Path, tmp_path: Path
) -> None:
    output, errors = tmp_path / "report.html", tmp_path / "errors.tsv"
    options = ["--compare", folder / "second", "--errors", errors]
    options += ["--train", folder / "train.spacy"]
    today = datetime.date.today()
    printed = run_spacy(*command(folder, output, *options))
    head = dict(Page(output.read_text(encoding="utf8")).tables["table-head"])
    assert f"from {folder / 'first'}" in head["Pipeline"]
    assert f"from {folder / 'second'}" in head["Compared with"]
    assert head["Data"].startswith(f"{folder / 'test.spacy'}")
    # At midnight, the day may be the next one.
    assert today <= datetime.date.fromisoformat(head["Date"]) <= datetime.date.today()
    columns = errors.read_text(encoding="utf8").splitlines()[0].split("\t")
    assert {"word", "other_predicted"} <= set(columns)
    assert re.search(r"Saved errors to\s", printed)
    assert printed.count("Using CPU") == 1


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--errors", "missing/errors.tsv"], "Output directory not found"),
        (["--errors", "."], "is a directory"),
        (["--errors", "report.html"], "both the report and the errors"),
        (["--compare", "missing"], "Can't load the pipeline 'missing'"),
    ],
)
def test_what_cannot_be_used_is_refused(
    options: List[str],
    expected: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = command(folder, Path("report.html"), *options)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert expected in re.sub(r"\s+", " ", result.output)
    assert not list(tmp_path.iterdir())
