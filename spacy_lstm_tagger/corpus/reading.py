"""From files to tables of texts."""

import json
import re
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import (
    IO,
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import pyarrow as pa
import pyarrow.parquet as pq

from ..texts import DAMAGED, DECOMPRESSORS
from . import parts
from .options import Documents
from .parts import JSONL, PARQUET, TEXT, Job, Source, find_separator
from .tables import UNREAD

PATH_COLUMN = "path"
# JSON may have one of two surrogates, or both.
HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
Row = Dict[str, Any]
# Rows and bytes of a table that are read or tagged at a time, roughly.
N_ROWS, TABLE_SIZE = 10_000, 4_000_000
# Bytes that are read to see what fields there are.
MAX_FIRST_LINE = 65_536
DECOMPRESS: Dict[str, Callable[[IO[bytes]], Any]] = {
    **DECOMPRESSORS,
    ".zst": lambda file: pa.CompressedInputStream(file, "zstd"),
}


class Part(NamedTuple):
    """A part of an input.

    number (int): Its number in the file.
    n_bytes (int): The bytes of the file that were read for it.
    read (Callable[[], Iterator[pa.Table]]): Makes tables of it, for `tag_read`, which
        gives all of them one schema. Raises a ValueError if it can't be read at all.
    """

    number: int
    n_bytes: int
    read: Callable[[], Iterator[pa.Table]]


def read_parts(job: Job, documents: Documents, text_column: str) -> Iterator[Part]:
    """Read the parts of a job, of which no more than one is in memory.

    documents (Documents): What a document is in text.
    text_column (str): The column of the documents of text.
    RAISES (ValueError): If a compressed file is damaged.
    RAISES (OSError): If a file can't be read.
    """
    source = job.sources[0]
    if source.kind == PARQUET:
        yield Part(job.number, job.n_bytes, partial(_read_groups, job))
    elif source.kind == TEXT and documents is Documents.file:
        yield Part(job.number, job.n_bytes, partial(_read_files, job, text_column))
    else:
        separator = find_separator(source, documents)
        for i, (data, n_bytes) in enumerate(_read_bytes(job, separator)):
            read = partial(_read_part, source, data, separator, text_column)
            yield Part(job.number + i, n_bytes, read)


def check_text_column(source: Source, text_column: str) -> None:
    """Check that a file has texts where they are looked for, as far as its schema or
    its first line tells.

    RAISES (ValueError): If it has not, or if it is damaged Parquet.
    """
    names = _find_fields(source)
    if names is not None and text_column not in names:
        raise ValueError(
            f"There is no '{text_column}' in '{source.path}', but {names}. Name what "
            f"has the texts with '--text-column'."
        )


def _find_fields(source: Source) -> Optional[List[str]]:
    """Return the columns of a file, or the fields of its first line. None if there are
    none in such a file, or if it can't be told: its part will be reported."""
    if source.kind == PARQUET:
        return list(pq.ParquetFile(source.path).schema_arrow.names)
    if source.kind != JSONL:
        return None
    try:
        with _open(source) as (stream, _):
            block = stream.read(MAX_FIRST_LINE)
        line, _, _ = block.lstrip().partition(b"\n")
        return list(_parse(line, "The first line"))
    except ValueError:
        return None


def read_stream(
    stream: IO[bytes], name: str, documents: Documents, text_column: str
) -> Iterator[Part]:
    """Read the parts of a file that another library has opened, in order.

    stream (IO[bytes]): What is in the file: text or JSONL, not compressed.
    name (str): Its path. The ending tells what is in it.
    documents (Documents): What a document is in text.
    text_column (str): The column of the documents of text.
    """
    source = Source(Path(name), name)
    if source.kind == TEXT and documents is Documents.file:
        data = stream.read()
        yield Part(0, len(data), partial(_read_whole, data, name, text_column))
        return
    separator = find_separator(source, documents)
    for i, data in enumerate(_cut(stream, separator)):
        read = partial(_read_part, source, data, separator, text_column)
        yield Part(i, len(data), read)


def _read_groups(job: Job) -> Iterator[pa.Table]:
    path = job.sources[0].path
    try:
        file = pq.ParquetFile(path)
        # There may be no rows.
        yield file.schema_arrow.empty_table()
        for i in range(job.start, job.stop):
            group = file.metadata.row_group(i)
            n_rows = rows_of_size(group.num_rows, group.total_byte_size, TABLE_SIZE)
            for batch in file.iter_batches(n_rows, row_groups=[i], use_threads=False):
                yield pa.Table.from_batches([batch])
    except OSError as error:
        # Arrow raises one without a number for what it can't unpack.
        if error.errno is not None:
            raise
        raise ValueError(f"'{path}' is damaged: {error}") from error


def rows_of_size(n_rows: int, n_bytes: int, size: int) -> int:
    """Return how many rows of a table have so many bytes: some of N_ROWS, at least one.

    n_rows, n_bytes (int): Of the table.
    size (int): The bytes that are wanted.
    """
    return max(1, min(N_ROWS, n_rows * size // max(1, n_bytes)))


def _read_files(job: Job, text_column: str) -> Iterator[pa.Table]:
    rows = [
        _read_file(partial(_read_source, source), source.name, text_column)
        for source in job.sources
    ]
    yield _make_table(rows, text_column)


def _read_whole(data: bytes, name: str, text_column: str) -> Iterator[pa.Table]:
    yield _make_table([_read_file(lambda: data, name, text_column)], text_column)


def _read_source(source: Source) -> bytes:
    with _open(source) as (stream, _):
        return stream.read()


def _read_file(read: Callable[[], bytes], name: str, text_column: str) -> Row:
    found = _read_row(lambda: {text_column: _decode(read(), f"'{name}'")})
    return {PATH_COLUMN: name, **found}


def _read_document(data: bytes, place: str, text_column: str) -> Row:
    return {text_column: _decode(data, place).strip("\r\n")}


def _read_part(
    source: Source, data: bytes, separator: "re.Pattern[bytes]", text_column: str
) -> Iterator[pa.Table]:
    if source.kind == JSONL:
        return _read_jsonl(data, text_column)
    return _read_text(data, separator, text_column)


def _read_text(
    data: bytes, separator: "re.Pattern[bytes]", text_column: str
) -> Iterator[pa.Table]:
    rows = (
        _read_row(partial(_read_document, document, place, text_column))
        for document, place in _number(_split(data, separator), "Document")
    )
    # There is more white space than that of bytes.
    rows = (row for row in rows if UNREAD in row or row[text_column].strip())
    # There may be none.
    yield _make_table(list(islice(rows, N_ROWS)), text_column)
    while more := list(islice(rows, N_ROWS)):
        yield _make_table(more, text_column)


def _number(found: Iterable[bytes], name: str) -> Iterator[Tuple[bytes, str]]:
    """Yield what is not blank, with how a message calls it."""
    for i, data in enumerate(found, 1):
        if data.strip():
            yield data, f"{name} {i} of the part"


def _read_row(read: Callable[[], Row]) -> Row:
    """Read a row. If it can't be, it has nothing but the reason."""
    try:
        return read()
    except ValueError as error:
        return {UNREAD: str(error)}


def _make_table(rows: Sequence[Row], text_column: str) -> pa.Table:
    names = dict.fromkeys(chain(*rows))
    # Not with Arrow's own reader, to which some strings are dates.
    columns = {name: _make_column(name, rows) for name in names}
    if all(UNREAD in row for row in rows):
        columns[text_column] = pa.nulls(len(rows), pa.string())
    return pa.table(columns)


def _split(data: bytes, separator: "re.Pattern[bytes]") -> Iterator[bytes]:
    """Split bytes at separators, one piece after the other."""
    start = 0
    for found in separator.finditer(data):
        yield data[start : found.start()]
        start = found.end()
    yield data[start:]


def _read_jsonl(data: bytes, text_column: str) -> Iterator[pa.Table]:
    # All at once, since fields have one type in a part.
    lines = _number(data.split(b"\n"), "Line")
    rows = [_read_row(partial(_parse, line, place)) for line, place in lines]
    yield _make_table(rows, text_column)


def _make_column(name: str, rows: Sequence[Row]) -> pa.Array:
    try:
        return pa.array([row.get(name) for row in rows])
    except (pa.ArrowException, OverflowError) as error:
        raise ValueError(f"The field '{name}' has several types: {error}") from error


def _parse(line: bytes, place: str) -> Row:
    text = _decode(line, place)
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{place} is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f"{place} is not an object, but {text[:40]!r}.")
    if HALF_CHARACTER.search(text):
        try:
            json.dumps(row, ensure_ascii=False).encode("utf8")
        except UnicodeEncodeError:
            raise ValueError(f"{place} has half a character: {text[:40]!r}.") from None
    return row


def _decode(data: bytes, place: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{place} is not in UTF-8.") from None


def _read_bytes(
    job: Job, separator: "re.Pattern[bytes]"
) -> Iterator[Tuple[bytes, int]]:
    """Yield the parts of a file, and the bytes of the file that were read for each."""
    (source,) = job.sources
    with _open(source) as (stream, file):
        if not source.is_compressed:
            file.seek(job.start)
            yield file.read(job.n_bytes), job.n_bytes
            return
        n_read = 0
        for data in _cut(stream, separator):
            position = file.tell()
            yield data, position - n_read
            n_read = position


def _cut(stream: Any, separator: "re.Pattern[bytes]") -> Iterator[bytes]:
    """Cut what can only be read once into the parts that a file would be cut into."""
    data, n_searched = bytearray(), 0
    while block := stream.read(parts.BLOCK_SIZE):
        data += block
        # A separator may have begun in the block before.
        n_searched = max(parts.PART_SIZE, n_searched - parts.BLOCK_SIZE)
        while found := separator.search(data, n_searched):
            yield bytes(data[: found.end()])
            del data[: found.end()]
            n_searched = parts.PART_SIZE
        n_searched = len(data)
    if data:
        yield bytes(data)


@contextmanager
def _open(source: Source) -> Iterator[Tuple[Any, IO[bytes]]]:
    """Open a file: what is in it, and the file as it is."""
    with source.path.open("rb") as file:
        try:
            is_compressed = source.is_compressed
            yield DECOMPRESS[source.path.suffix](file) if is_compressed else file, file
        except (*DAMAGED, OSError) as error:
            # Arrow raises one without a number for what zst can't unpack.
            if getattr(error, "errno", None) is not None:
                raise
            raise ValueError(f"'{source.path}' is damaged: {error}") from error
