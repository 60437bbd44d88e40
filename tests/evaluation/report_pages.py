"""Pages of reports, and the data that they are on."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from util import tags_of

from spacy_lstm_tagger.evaluation.report import write_report
from spacy_lstm_tagger.evaluation.report.tokens import TaggedToken

Data = List[Tuple[List[str], Optional[List[str]]]]
SCRIPT = "<script>alert(1)</script>"

# Sentences that the tagger knows, with gold tags that it doesn't agree with, a word
# that it hasn't seen, and a token without a tag.
TEST_DATA: Data = [
    (["The", "dog", "ate", "the", "apple"], ["DET", "NN", "V", "DET", "NNP"]),
    (["Everybody", "read", "that", "book"], ["PRON", "V", "PRON", "NN"]),
    (["A", "zebra", "saw", "the", "old", "house"], ["DET", "NN", "V", "", "ADJ", "NN"]),
    (["They", "slowly", "walked", "home"], ["PRON", "ADV", "V", "NN"]),
    (["Small", "birds", "often", "sing"], ["ADJ", "NNS", "ADV", "V"]),
]


class Page(HTMLParser):
    """The text of a page, the cells of its tables, and the tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: Dict[str, List[List[str]]] = {}
        self.elements: List[Tuple[str, Dict[str, Optional[str]]]] = []
        self.text = ""
        self._rows: List[List[str]] = []
        self._in_cell = False
        self.feed(html)

    def handle_starttag(
        self, tag: str, attrs: Sequence[Tuple[str, Optional[str]]]
    ) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag == "table":
            self._rows = self.tables[attributes["id"] or ""] = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_cell:
            self._rows[-1][-1] += data


def read_report(nlp: Language, examples: List[Example], path: Path, **kwargs) -> Page:
    write_report(nlp, examples, path, **kwargs)
    return Page(path.read_text(encoding="utf8"))


def pairs_of(nlp: Language, data: Data = TEST_DATA) -> List[Tuple[str, str, str]]:
    """Words with their gold tag and what the pipeline says, counted our own way."""
    found = []
    for words, tags in data:
        predicted = tags_of(nlp(Doc(nlp.vocab, words=words)))
        found += [triple for triple in zip(words, tags or [], predicted) if triple[1]]
    return found


def percent(part: float, whole: float, digits: int = 2) -> str:
    return f"{100 * part / whole:.{digits}f}" if whole else "–"  # noqa: RUF001


def doc_of(nlp: Language, words: List[str]) -> Doc:
    return Doc(nlp.vocab, words=words)


def make_token(
    sentence: Span, position: int, gold: str, predicted: str, confidence: float = 0.5
) -> TaggedToken:
    """Return a token of the first sentence of some data."""
    form = sentence[position].text
    return TaggedToken(sentence, position, form, gold, predicted, confidence, 0)
