"""All errors as a table that other programs read."""

import csv
import math
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Optional

from ...files import write_whole
from .comparison import tags_by_token
from .tokens import Collection, TaggedToken


def write_errors(
    path: Path,
    collection: Collection,
    *,
    word_counts: Optional[Mapping[str, int]] = None,
    other: Optional[Collection] = None,
) -> None:
    """Write a line for each wrong tag to a file of tab-separated values in UTF-8, with
    a head. Values with a quotation mark are quoted, as spreadsheets do it.

    path (Path): The file to write. It is written whole or not at all.
    collection (Collection): The tokens and their tags.
    word_counts (Optional[Mapping[str, int]]): How often each word occurs in the
        training data, to tell known words from unknown ones.
    other (Optional[Collection]): The same data, tagged by another pipeline.
    RAISES (OSError): If the file can't be written.
    """
    columns = ["sentence_number", "token_position", "token", "gold", "predicted"]
    columns.append("confidence")
    columns += [] if word_counts is None else ["word"]
    columns += [] if other is None else ["other_predicted"]
    columns.append("sentence")
    with write_whole(path) as file:
        writer = csv.writer(file, dialect="excel-tab", lineterminator="\n")
        writer.writerow(columns)
        for row in _rows(collection, word_counts or {}, other):
            # Line ends and tabs in texts must not be taken for those of the table.
            writer.writerow([" ".join(str(row[name]).split()) for name in columns])


def _rows(
    collection: Collection,
    word_counts: Mapping[str, int],
    other: Optional[Collection],
) -> Iterator[Dict[str, Any]]:
    other_tags = {} if other is None else tags_by_token(other)
    for token in collection.tokens:
        if not token.is_correct:
            yield {
                "sentence_number": token.sentence_number + 1,
                "token_position": token.position + 1,
                "token": token.form,
                "gold": token.gold,
                "predicted": token.predicted,
                "confidence": _confidence(token),
                "word": "known" if word_counts.get(token.form) else "unknown",
                "other_predicted": other_tags.get(token.place, ""),
                "sentence": token.sentence.text,
            }


def _confidence(token: TaggedToken) -> str:
    return "" if math.isnan(token.confidence) else f"{token.confidence:.4f}"
