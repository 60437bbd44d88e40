"""Tagged texts as tables, TSV and JSONL."""

import json
import math
import textwrap
from enum import Enum
from typing import Any, Dict, Optional, Sequence

from spacy.tokens import Doc, Token
from wasabi import row

from ..conllu import find_words, in_one_line

WIDTH = 80
HEADER = ("Token", "Tag", "Probability")
# The lowest probabilities of colors.
COLORS = ((0.8, "green"), (0.5, "yellow"), (0.0, "red"))


class Format(str, Enum):
    """The formats that tagged texts can be printed in."""

    table = "table"
    tsv = "tsv"
    jsonl = "jsonl"
    conllu = "conllu"


def format_table(
    doc: Doc, confidences: Sequence[float], *, use_color: bool = False
) -> str:
    """Return the words of a document as a table, with the document as its headline.

    confidences (Sequence[float]): The probability of the tag of each token.
    use_color (bool): Whether to color words by that.
    """
    title = textwrap.shorten(doc.text, WIDTH - 8, placeholder=" ...")
    rows = [
        (in_one_line(token.text), token.tag_, f"{confidences[token.i]:.2f}")
        for token in find_words(doc)
    ]
    columns = zip(HEADER, *rows)
    widths = [max(len(cell) for cell in column) for column in columns]
    lines = [
        f" {title} ".center(WIDTH, "="),
        "",
        row(HEADER, widths=widths),
        row(["-" * width for width in widths], widths=widths),
    ]
    for token, cells in zip(find_words(doc), rows):
        color = _choose_color(confidences[token.i]) if use_color else None
        colors = None if color is None else (None, color, color)
        lines.append(row(cells, widths=widths, fg_colors=colors).rstrip())
    return "\n" + "\n".join(lines) + "\n"


def format_tsv(doc: Doc, confidences: Sequence[float]) -> str:
    """Return a line for each word, with its tag and the probability of that, and a
    blank line.

    confidences (Sequence[float]): The probability of the tag of each token.
    """
    lines = [
        f"{in_one_line(token.text)}\t{token.tag_}\t{confidences[token.i]:.4f}\n"
        for token in find_words(doc)
    ]
    return "".join([*lines, "\n"])


def format_jsonl(
    doc: Doc, confidences: Sequence[float], *, ensure_ascii: bool = False
) -> str:
    """Return a document and all of its tokens as a line of JSON.

    confidences (Sequence[float]): The probability of the tag of each token. One that is
        not a number is null.
    ensure_ascii (bool): Whether to escape all other characters.
    """
    tokens = [_describe(token, float(confidences[token.i])) for token in doc]
    found = {"text": doc.text, "tokens": tokens}
    return json.dumps(found, ensure_ascii=ensure_ascii) + "\n"


def _describe(token: Token, confidence: float) -> Dict[str, Any]:
    found: Dict[str, Any] = {
        "text": token.text,
        "tag": token.tag_,
        # JSON has no NaN.
        "confidence": None if math.isnan(confidence) else round(confidence, 4),
    }
    if token.pos:
        found["pos"] = token.pos_
    return found


def _choose_color(confidence: float) -> Optional[str]:
    """Return None for what is not a number: the tag is not one of the tagger."""
    found = [color for lowest, color in COLORS if confidence >= lowest]
    return found[0] if found else None
