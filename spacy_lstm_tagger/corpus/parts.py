"""Inputs of any size, cut into parts, each of which becomes one output."""

import glob
import re
from pathlib import Path
from typing import BinaryIO, Dict, Iterator, List, NamedTuple, Sequence, Tuple

import pyarrow.parquet as pq

from .options import Documents

# Bytes of a part: so much work is lost at most in a process that is killed, and so much
# is kept in memory.
PART_SIZE = 16_000_000
# Bytes that are read at a time to find the end of a part.
BLOCK_SIZE = 65_536
# The name of outputs of small files.
JOINED = "documents"
TEXT, JSONL, PARQUET = ".txt", ".jsonl", ".parquet"
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
KINDS, COMPRESSIONS = (TEXT, JSONL, PARQUET), (".gz", ".zst", ".xz")


class Source(NamedTuple):
    """A file of a corpus.

    path (Path): The file.
    name (str): Its name, below the folder that was given. Outputs are named after it.
    """

    path: Path
    name: str

    @property
    def is_compressed(self) -> bool:
        """Whether it can be read from its beginning alone."""
        return self.path.suffix in COMPRESSIONS

    @property
    def kind(self) -> str:
        """The ending of its name, without that of its compression."""
        return Path(self.path.stem).suffix if self.is_compressed else self.path.suffix


class Job(NamedTuple):
    """What is done by one process: one part, or all parts of a compressed file.

    sources (Tuple[Source, ...]): The file, or the files that are a document each.
    name (str): What outputs are named after.
    number (int): The number of the part, or of the first one.
    start, stop (int): Its bytes, or its row groups of Parquet. Of a compressed file,
        all.
    """

    sources: Tuple[Source, ...]
    name: str
    number: int
    start: int
    stop: int

    @property
    def n_bytes(self) -> int:
        """The size of what is read. Of Parquet, roughly."""
        source = self.sources[0]
        if source.kind == PARQUET:
            n_groups = pq.ParquetFile(source.path).num_row_groups
            return source.path.stat().st_size * (self.stop - self.start) // n_groups
        return self.stop - self.start


def is_url(name: str) -> bool:
    """Return whether it names something on an object store, such as s3://bucket, and
    not a file of this machine."""
    return URL.match(name) is not None


def find_sources(inputs: Sequence[str], output_dir: Path) -> List[Source]:
    """Find the files of a corpus: those that are named, those in folders and their
    subfolders, and those that a pattern such as `texts/*.gz` matches. Outputs are none
    of them.

    output_dir (Path): The folder of the outputs.
    RAISES (ValueError): If there are none, if one is of another kind, or if two have
        the same name.
    """
    found = [source for name in inputs for source in _find(name)]
    outputs = output_dir.resolve()
    sources = [s for s in found if not s.path.resolve().is_relative_to(outputs)]
    seen: Dict[str, Source] = {}
    for source in sources:
        is_packed = source.kind == PARQUET and source.is_compressed
        if is_packed or source.kind not in KINDS:
            raise ValueError(
                f"Can't tell what is in '{source.path}'. Names end in {TEXT} or "
                f"{JSONL}, with {', '.join(COMPRESSIONS)} after it if the files are "
                f"compressed, or in {PARQUET}."
            )
        if source.name in seen:
            raise ValueError(
                f"'{seen[source.name].path}' and '{source.path}' have the same name, "
                f"after which outputs are named. Give the folder that has both."
            )
        seen[source.name] = source
    return sources


def cut_sources(sources: Sequence[Source], documents: Documents) -> Iterator[Job]:
    """Cut files into parts. Where depends on the files alone.

    sources (Sequence[Source]): The files.
    documents (Documents): What a document is in those that are text.
    """
    whole: List[Source] = []
    for source in sources:
        if source.kind == TEXT and documents is Documents.file:
            whole.append(source)
        elif source.kind == PARQUET:
            for i in range(pq.ParquetFile(source.path).num_row_groups):
                yield Job((source,), source.name, i, i, i + 1)
        elif source.is_compressed:
            size = source.path.stat().st_size
            yield Job((source,), source.name, 0, 0, size)
        else:
            ends = _find_ends(source.path, find_separator(source, documents))
            for i, (start, stop) in enumerate(ends):
                yield Job((source,), source.name, i, start, stop)
    yield from _join(whole)


def find_separator(source: Source, documents: Documents) -> "re.Pattern[bytes]":
    """Return what stands between the documents of a file."""
    is_paragraphs = source.kind == TEXT and documents is Documents.paragraph
    return re.compile(rb"\n[ \t\r]*\n" if is_paragraphs else rb"\n")


def _find(name: str) -> Iterator[Source]:
    path = Path(name)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if _is_source(file, path))
        sources = [Source(file, file.relative_to(path).as_posix()) for file in files]
    elif path.is_file():
        sources = [Source(path, path.name)]
    else:
        found = sorted(map(Path, glob.glob(name, recursive=True)))
        sources = [Source(file, file.name) for file in found if file.is_file()]
    if not sources:
        raise ValueError(
            f"There are no texts in '{name}': it is neither a file, nor a folder or "
            f"pattern of files that end in {', '.join(KINDS)}."
        )
    yield from sources


def _is_source(file: Path, folder: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not is_hidden and file.is_file() and Source(file, "").kind in KINDS


def _find_ends(path: Path, separator: "re.Pattern[bytes]") -> Iterator[Tuple[int, int]]:
    """Cut a file behind separators, into parts of some size."""
    size, start = path.stat().st_size, 0
    with path.open("rb") as file:
        while start < size:
            stop = _find_end(file, min(start + PART_SIZE, size), separator)
            yield start, stop
            start = stop


def _find_end(file: BinaryIO, start: int, separator: "re.Pattern[bytes]") -> int:
    """Return where the first separator from a place on ends, or where the file does."""
    file.seek(start)
    read = b""
    while block := file.read(BLOCK_SIZE):
        # One may reach from one block into the next.
        read = read[-BLOCK_SIZE:] + block
        found = separator.search(read)
        if found is not None:
            return file.tell() - len(read) + found.end()
    return file.tell()


def _join(sources: Sequence[Source]) -> Iterator[Job]:
    """Join small files that are a document each to parts."""
    joined: List[Source] = []
    n_bytes = number = 0
    for source in sources:
        joined.append(source)
        n_bytes += source.path.stat().st_size
        if n_bytes >= PART_SIZE:
            yield Job(tuple(joined), JOINED, number, 0, n_bytes)
            joined, n_bytes, number = [], 0, number + 1
    if joined:
        yield Job(tuple(joined), JOINED, number, 0, n_bytes)
