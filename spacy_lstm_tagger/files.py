"""Files that are written whole or not at all, in every room."""

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, TextIO


@contextmanager
def write_whole(path: Path) -> Iterator[TextIO]:
    """Open a file for text in UTF-8. It appears once all has been written: if there is
    an error before that, a file that was there stays as it was.

    path (Path): The file.
    YIELDS (TextIO): The file to write to. Line ends are written as they are.
    RAISES (OSError): If the file can't be written.
    """
    # A link goes on leading to its file.
    path = Path(path).resolve()
    if path.exists() and not path.is_file():
        # Nothing can take the place of a pipe or a device, such as /dev/stdout.
        with path.open("w", encoding="utf8", newline="") as file:
            yield file
        return
    with (
        replace_whole(path) as temporary,
        temporary.open("w", encoding="utf8", newline="") as file,
    ):
        yield file


@contextmanager
def replace_whole(path: Path) -> Iterator[Path]:
    """Give the path of a temporary file to write to, which takes the place of the file
    at the end. If there is an error before that, a file that was there stays as it was.

    path (Path): The file.
    YIELDS (Path): The temporary file, in the same folder.
    RAISES (OSError): If the file can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_settings(path: Path, settings: Dict[str, Any]) -> None:
    """Compare settings with those that the other files of a folder were made with, and
    save those that are new.

    path (Path): The file of the settings, in that folder.
    settings (Dict[str, Any]): Values that JSON has, by any names.
    RAISES (ValueError): If the folder was made with another value.
    """
    # Not with srsly, which writes numbers with fewer digits.
    before = json.loads(path.read_text(encoding="utf8")) if path.exists() else {}
    saved = dict(before)
    for name, value in settings.items():
        if saved.setdefault(name, value) != value:
            raise ValueError(
                f"'{path.parent}' was made with {name} = {saved[name]!r}, not "
                f"{value!r}. Remove it, or name another directory."
            )
    if saved == before:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_whole(path) as file:
        json.dump(saved, file, indent=2)
