"""Files are written whole or not at all."""

import copy
import os
import threading
from pathlib import Path
from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_lstm_tagger.files import check_settings, write_whole


def write(path: Path, text: str) -> None:
    with write_whole(path) as file:
        file.write(text)


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "errors.tsv"
    path.write_text("before")
    # This character has no place in UTF-8.
    with pytest.raises(UnicodeEncodeError):
        write(path, "after \ud800")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_goes_on_leading_to_the_file(tmp_path: Path) -> None:
    path, link = tmp_path / "file.tsv", tmp_path / "link.tsv"
    path.write_text("before")
    link.symlink_to(path)
    write(link, "after\n")
    assert link.is_symlink()
    assert path.read_bytes() == b"after\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=write, args=(pipe, "text"), daemon=True)
    writer.start()
    assert pipe.is_fifo()
    assert pipe.read_text() == "text"
    writer.join()


# Settings.

GIVEN = {"teachers": [{"name": "a", "performance": {"tag_acc": 1 / 3}}], "k": 3}


def test_the_same_settings_are_accepted_again(tmp_path: Path) -> None:
    for _ in range(3):
        check_settings(tmp_path / "new" / "folder" / "settings.json", GIVEN)


@given(
    settings=st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=5),
        st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
        | st.text("aé'\"", max_size=3),
    )
)
def test_settings_are_accepted_again_whatever_their_digits(
    tmp_path_factory: pytest.TempPathFactory, settings: Dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("settings")
    for _ in range(2):
        check_settings(folder / "settings.json", copy.deepcopy(settings))


def test_another_value_is_refused_and_both_are_shown(tmp_path: Path) -> None:
    check_settings(tmp_path / "settings.json", GIVEN)
    with pytest.raises(ValueError, match=r"with k = 3, not 4\. Remove it, or name"):
        check_settings(tmp_path / "settings.json", {**GIVEN, "k": 4})


def test_what_is_refused_changes_no_settings(tmp_path: Path) -> None:
    check_settings(tmp_path / "settings.json", GIVEN)
    before = (tmp_path / "settings.json").read_bytes()
    with pytest.raises(ValueError):
        check_settings(tmp_path / "settings.json", {"new": 1, "k": 4})
    assert (tmp_path / "settings.json").read_bytes() == before


def test_settings_that_are_new_are_remembered(tmp_path: Path) -> None:
    check_settings(tmp_path / "settings.json", GIVEN)
    check_settings(tmp_path / "settings.json", {**GIVEN, "new": 1})
    check_settings(tmp_path / "settings.json", GIVEN)
    with pytest.raises(ValueError, match="new = 1, not 2"):
        check_settings(tmp_path / "settings.json", {**GIVEN, "new": 2})
