"""From tables of tags to files."""

import json
from itertools import chain
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import pyarrow as pa
import pyarrow.parquet as pq
from spacy.attrs import IS_SPACE, LEMMA, SENT_START, TAG
from spacy.attrs import POS as POS_ID
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..conllu import format_conllu
from ..files import replace_whole
from .options import LEMMAS, POS, SENTENCE_STARTS, SPACES, TAGS, TOKENS, Format

Tables = Iterator[pa.Table]
# Rows that are in memory as objects of Python at a time.
N_ROWS = 100


def write_tables(path: Path, format: Format, tables: Tables) -> None:
    """Write tables to a file, whole or not at all.

    tables (Tables): At least one, all with one schema.
    RAISES (OSError): If the file can't be written.
    """
    with replace_whole(path) as temporary:
        WRITERS[format](temporary, tables)


def _write_parquet(path: Path, tables: Tables) -> None:
    first = next(tables)
    with pq.ParquetWriter(path, first.schema) as writer:
        for table in chain([first], tables):
            writer.write_table(table)


def _write_jsonl(path: Path, tables: Tables) -> None:
    with path.open("w", encoding="utf8", newline="") as file:
        for table in tables:
            for row in _read_rows(table):
                # Parquet has dates, for example, which JSON has not.
                line = json.dumps(row, ensure_ascii=False, default=str)
                file.write(f"{line}\n")


def _write_conllu(path: Path, tables: Tables) -> None:
    with path.open("w", encoding="utf8", newline="") as file:
        for i, doc in enumerate(_make_docs(tables), 1):
            file.write(format_conllu(doc, str(i)))


def _write_spacy(path: Path, tables: Tables) -> None:
    # Those that documents have: it keeps eight bytes for each token and attribute.
    attributes = [TAG, POS_ID, LEMMA, SENT_START]
    DocBin(attributes, docs=_make_docs(tables)).to_disk(path)


def _make_docs(tables: Tables) -> Iterator[Doc]:
    """Make documents of rows. Those that have failed are empty."""
    vocab = Vocab(lex_attr_getters={IS_SPACE: str.isspace})
    for table in tables:
        for row in _read_rows(table):
            starts = row[SENTENCE_STARTS] or []
            yield Doc(
                vocab,
                words=row[TOKENS] or [],
                spaces=row[SPACES] or [],
                tags=row[TAGS] or [],
                # Null where nobody has looked for sentences.
                sent_starts=None if None in starts else starts,
                pos=row.get(POS),
                lemmas=row.get(LEMMAS),
            )


def _read_rows(table: pa.Table) -> Iterator[Dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=N_ROWS):
        yield from batch.to_pylist()


WRITERS: Dict[Format, Callable[[Path, Tables], None]] = {
    Format.parquet: _write_parquet,
    Format.jsonl: _write_jsonl,
    Format.conllu: _write_conllu,
    Format.spacy: _write_spacy,
}
