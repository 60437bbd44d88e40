"""Files are written whole or not at all."""

import os
import threading
from pathlib import Path

import pytest

from spacy_lstm_tagger.files import write_whole


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
