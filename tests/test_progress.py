"""Progress bars."""

import contextlib
import io
import itertools
import sys
from pathlib import Path
from typing import Any, List

import pytest
import spacy
import tqdm
from spacy.language import Language
from util import make_examples, run_spacy, small, write_corpus

# Adds the commands to spaCy's, as its entry point does.
import spacy_lstm_tagger.cli  # noqa: F401
from spacy_lstm_tagger.progress import SECONDS, show_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> List[float]:
    """Show progress bars without delay, and return the delays that were asked for."""
    found = []

    class Undelayed(tqdm.tqdm):
        def __init__(self, *arguments: Any, delay: float, **settings: Any) -> None:
            found.append(delay)
            super().__init__(*arguments, **settings)

    monkeypatch.setattr(tqdm, "tqdm", Undelayed)
    return found


def run_work(stderr: io.StringIO, **settings: Any) -> str:
    """Return what work of three items prints to standard error."""
    with contextlib.redirect_stderr(stderr):
        items = show_progress(range(3), "Working", unit="doc", **settings)
        assert list(items) == [0, 1, 2]
    return stderr.getvalue()


def test_work_that_takes_long_shows_a_progress_bar(delays: List[float]) -> None:
    printed = run_work(Terminal())
    assert "Working" in printed
    assert "0/3" in printed
    assert delays == [SECONDS] == [2]


def test_work_that_takes_less_than_two_seconds_shows_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A clock that says whenever it is asked that so much time has passed.
    clock = itertools.count(0.0, 0.1)
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))
    assert run_work(Terminal()).strip() == ""


def test_no_progress_bar_goes_where_there_is_no_terminal(delays: List[float]) -> None:
    assert run_work(io.StringIO()) == ""


def test_a_progress_bar_can_be_hidden(delays: List[float]) -> None:
    assert run_work(Terminal(), hide=True) == ""


def test_initialization_shows_its_progress(delays: List[float]) -> None:
    nlp = spacy.blank("xx")
    tagger: Any = nlp.add_pipe("lstm_tagger", config=small())
    examples = make_examples(nlp)
    with contextlib.redirect_stderr(Terminal()) as terminal:
        tagger.initialize(lambda: examples, nlp=nlp, tag_dictionary_min_count=2)
    for work in ("Collecting tags", "the vocabulary", "the tag dictionary"):
        assert work in terminal.getvalue()


def test_calibration_shows_its_progress(
    shared_trained: Language,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = record_shown(monkeypatch, "calibrate")
    shared_trained.to_disk(tmp_path / "model")
    data = write_corpus(shared_trained, tmp_path / "data.spacy")
    run_spacy("lstm-tagger", "calibrate", tmp_path / "model", data, tmp_path / "new")
    assert shown == ["Reading", "Annotating", "Scoring tags"]


@pytest.mark.parametrize("name", ["tag", "view"])
def test_tagging_to_a_file_shows_its_progress(
    name: str,
    shared_trained: Language,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = record_shown(monkeypatch, name)
    shared_trained.to_disk(tmp_path / "model")
    output = ["--output", tmp_path / "output"]
    run_spacy("lstm-tagger", name, tmp_path / "model", "Dogs bark", *output)
    assert shown == ["Tagging"]


def record_shown(monkeypatch: pytest.MonkeyPatch, command: str) -> List[str]:
    """Return a list of the work that a command shows the progress of."""
    shown = []

    def record(items: Any, title: str, *, hide: bool = False, **settings: Any) -> Any:
        if not hide:
            shown.append(title)
        return show_progress(items, title, hide=hide, **settings)

    module = sys.modules[f"spacy_lstm_tagger.cli.{command}"]
    monkeypatch.setattr(module, "show_progress", record)
    return shown
