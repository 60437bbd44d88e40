"""The files that commands write."""

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional, TextIO

from wasabi import Printer

from ..files import write_whole
from .terminal import user_errors


@contextmanager
def open_output(msg: Printer, path: Optional[Path]) -> Iterator[TextIO]:
    """Open a file for text in UTF-8, or take standard output as it is. The file appears
    once it is complete: if there is an error, one that was there before stays as it
    was. Exits with a message if it can't be written.

    msg (Printer): Prints the message.
    path (Optional[Path]): The file, or None for standard output.
    YIELDS (TextIO): What to write to.
    """
    if path is None:
        yield sys.stdout
        return
    title = f"Can't write to '{path}'"
    if path.is_dir():
        msg.fail(title, "It is a directory.", exits=1)
    if not path.absolute().parent.is_dir():
        msg.fail(title, "The directory that it should be in does not exist.", exits=1)
    with user_errors(msg, title, (OSError,)), write_whole(path) as file:
        yield file
