"""The files that commands write."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional, TextIO

from wasabi import Printer

from .terminal import user_errors


@contextmanager
def open_output(msg: Printer, path: Optional[Path]) -> Iterator[TextIO]:
    """Open a file, or standard output, for text in UTF-8. The file appears once it is
    complete: if there is an error, one that was there before stays as it was. Exits
    with a message if it can't be written.

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
    # A link stays a link.
    path = path.resolve()
    # A device such as /dev/null is nothing to put a file in place of.
    in_place = path.exists() and not path.is_file()
    temporary = path if in_place else path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with user_errors(msg, title, (OSError,)):
        file = temporary.open("w", encoding="utf8", newline="\n")
    try:
        with file:
            yield file
        if not in_place:
            with user_errors(msg, title, (OSError,)):
                temporary.replace(path)
    except BaseException:
        if not in_place:
            temporary.unlink(missing_ok=True)
        raise
