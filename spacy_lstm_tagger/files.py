"""Files that are written whole or not at all, in every room."""

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, TextIO


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
