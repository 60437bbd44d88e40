"""Files that are written whole or not at all."""

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a text file in UTF-8. If that fails, a file that was there stays as it was.

    path (Path): The file.
    text (str): The text. Its line ends are written as they are.
    RAISES (OSError): If the file can't be written.
    """
    # A link goes on leading to the file.
    path = Path(path).resolve()
    if path.exists() and not path.is_file():
        # A pipe, for example /dev/stdout: there is nothing to replace.
        path.write_text(text, encoding="utf8", newline="")
        return
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf8", newline="")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
