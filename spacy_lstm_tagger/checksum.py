"""Checksums of what is saved to a directory."""

import hashlib
from pathlib import Path
from typing import Union

# The file with the weights, as spaCy calls it, and the one with their checksum.
WEIGHTS, CHECKSUM = "model", "model.sha256"


def write_checksum(path: Union[str, Path]) -> None:
    """Write the checksum of the weights in a directory."""
    (Path(path) / CHECKSUM).write_text(_checksum(path))


def verify_checksum(path: Union[str, Path]) -> None:
    """Raise a ValueError if the weights in a directory do not match the checksum there.
    Earlier versions wrote none."""
    recorded = Path(path) / CHECKSUM
    if recorded.exists() and recorded.read_text() != _checksum(path):
        raise ValueError(f"the file '{WEIGHTS}' does not match '{CHECKSUM}'")


def checksum_folder(path: Path) -> str:
    """Return the checksum of all files in a folder, and of their names."""
    checksum = hashlib.sha256()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        checksum.update(file.relative_to(path).as_posix().encode("utf8"))
        checksum.update(file.read_bytes())
    return checksum.hexdigest()


def _checksum(path: Union[str, Path]) -> str:
    return hashlib.sha256((Path(path) / WEIGHTS).read_bytes()).hexdigest()
