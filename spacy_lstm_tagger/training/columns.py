"""Tagged text in columns or as `word/TAG`, and what becomes of it: documents."""

import re
from itertools import chain
from typing import Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from .upos import UPOS

# Names of columns that are not read, and the value of those that are not annotated.
IGNORED = ("_", "-")
MISSING = "_"
# The first word of the lines with which documents of CoNLL-2003 start.
DOCUMENT_START = "-DOCSTART-"


class Token(NamedTuple):
    """A word with its tag and its UPOS. "" is a missing one."""

    word: str
    tag: str
    upos: str


# An empty sentence stands between documents.
Sentence = List[Token]


def parse_columns(text: str) -> List[str]:
    """Split the names of columns at commas.

    text (str): For example "word,tag,upos" or "_,word,tag".
    RAISES (ValueError): If a name is unknown, missing or there twice.
    """
    columns = [name.strip() for name in text.split(",")]
    known = [name for name in columns if name not in IGNORED]
    unknown = sorted(set(known) - {"word", "tag", "upos"})
    if unknown:
        problem = f"there is no column '{unknown[0]}'"
    elif len(known) > len(set(known)):
        problem = "a column is there twice"
    elif "word" not in known or len(known) == 1:
        problem = "'word' and one of 'tag' and 'upos' are needed"
    else:
        return columns
    raise ValueError(
        f"Columns are 'word', 'tag', 'upos', and '_' for one to ignore, with commas "
        f"between them, but in '{text}' {problem}."
    )


def read_columns(lines: Iterable[str], columns: Sequence[str]) -> Iterator[Sentence]:
    """Read sentences with a word and its annotation on each line, and blank lines
    between sentences. Columns are separated by tabs if the first word's are, and by
    spaces or tabs otherwise. With tabs, lines that start with "#" and have no other
    column are comments.

    lines (Iterable[str]): The lines of a file.
    columns (Sequence[str]): What stands in each column, see `parse_columns`.
    YIELDS (List[Token]): Sentences. One without tokens starts a new document.
    RAISES (ValueError): If a line is malformed.
    """
    sentence: Sentence = []
    for number, cells in _split_lines(lines):
        if any(cells) and cells[0] != DOCUMENT_START:
            if len(cells) != len(columns):
                hint = (
                    " Name all columns with '--columns', those to ignore '_'."
                    if len(cells) > len(columns)
                    else ""
                )
                raise ValueError(
                    f"Line {number}: expected {len(columns)} columns "
                    f"({', '.join(columns)}), found {len(cells)}: {_shorten(cells)}."
                    f"{hint}"
                )
            sentence.append(_make_token(cells, columns, number))
            continue
        if sentence:
            yield sentence
            sentence = []
        if cells[0] == DOCUMENT_START:
            yield []
    if sentence:
        yield sentence


def read_running_text(
    lines: Iterable[str], columns: Sequence[str], separator: str
) -> Iterator[Sentence]:
    """Read sentences from lines such as "The/DT dog/NN". A word may contain the
    separator, an annotation may not.

    lines (Iterable[str]): The lines of a file, each with a sentence or blank.
    columns (Sequence[str]): What stands between separators, see `parse_columns`.
    separator (str): What stands between a word and its annotation.
    YIELDS (List[Token]): Sentences.
    RAISES (ValueError): If a line is malformed.
    """
    position = columns.index("word")
    n_after = len(columns) - position - 1
    for number, line in enumerate(lines, 1):
        sentence = []
        for text in _split_at_space(line):
            parts = text.split(separator)
            if len(parts) < len(columns):
                raise ValueError(
                    f"Line {number}: expected '{separator.join(columns)}', found "
                    f"'{text}'."
                )
            end = len(parts) - n_after
            word = separator.join(parts[position:end])
            cells = [*parts[:position], word, *parts[end:]]
            sentence.append(_make_token(cells, columns, number))
        if sentence:
            yield sentence


def group_sentences(
    sentences: Iterable[Sentence], n_sents: int
) -> Iterator[List[Sentence]]:
    """Group sentences into documents.

    sentences (Iterable[List[Token]]): Sentences. One without tokens ends a document.
    n_sents (int): The most sentences of a document, or 0 for any number.
    YIELDS (List[List[Token]]): The sentences of each document.
    """
    document: List[Sentence] = []
    for sentence in sentences:
        if sentence:
            document.append(sentence)
        if document and (not sentence or len(document) == n_sents):
            yield document
            document = []
    if document:
        yield document


def pack_documents(
    documents: Iterable[Sequence[Sentence]], max_words: int
) -> Iterator[DocBin]:
    """Pack documents. Memory holds one package at a time.

    documents (Iterable[Sequence[List[Token]]]): The sentences of each document.
    max_words (int): The most words of a package that has more than one document.
    YIELDS (DocBin): The packages, with one document at least.
    """
    vocab, docbin, n_words = Vocab(), DocBin(), 0
    for document in documents:
        doc = _make_doc(vocab, document)
        if n_words and n_words + len(doc) > max_words:
            yield docbin
            # A vocabulary keeps all words that it has ever seen.
            vocab, docbin, n_words = Vocab(), DocBin(), 0
        docbin.add(doc)
        n_words += len(doc)
    if n_words:
        yield docbin


def _split_lines(lines: Iterable[str]) -> Iterator[Tuple[int, List[str]]]:
    """Find the numbers and the cells of lines. Blank lines have empty cells."""
    lines = iter(lines)
    head = []
    for line in lines:
        head.append(line)
        if line.strip() and not line.startswith(("#", DOCUMENT_START)):
            break
    has_tabs = "\t" in "".join(head[-1:])
    for number, line in enumerate(chain(head, lines), 1):
        if not has_tabs:
            yield number, _split_at_space(line) or [""]
        elif "\t" in line or not line.startswith("#"):
            yield number, [cell.strip(" \n") for cell in line.split("\t")]


def _split_at_space(line: str) -> List[str]:
    """Split a line, but not at no-break spaces: some treebanks have them in words."""
    return re.findall(r"[^ \t\n]+", line)


def _make_token(cells: Sequence[str], columns: Sequence[str], number: int) -> Token:
    values = {c: cell for c, cell in zip(columns, cells) if c not in IGNORED}
    for column, value in values.items():
        if not value:
            raise ValueError(
                f"Line {number}: expected a value in column '{column}', found none: "
                f"{_shorten(cells)}. A missing tag or UPOS is written '{MISSING}'."
            )
    upos = values.get("upos", MISSING)
    if upos != MISSING and upos not in UPOS:
        raise ValueError(
            f"Line {number}: expected '{MISSING}' or a UPOS, such as 'NOUN', in column "
            f"'upos', found '{upos}'. A column of other tags is called 'tag'."
        )
    # As spaCy's converter does where a treebank has no other tags.
    tag = values.get("tag", upos)
    tag, upos = ("" if value == MISSING else value for value in (tag, upos))
    return Token(values["word"], tag, upos)


def _shorten(cells: Sequence[str]) -> str:
    text = " | ".join(cells)
    return f"'{text}'" if len(text) <= 80 else f"'{text[:80]}…'"


def _make_doc(vocab: Vocab, document: Sequence[Sentence]) -> Doc:
    tokens = list(chain.from_iterable(document))
    return Doc(
        vocab,
        words=[token.word for token in tokens],
        tags=[token.tag for token in tokens],
        pos=[token.upos for token in tokens],
        sent_starts=[i == 0 for sentence in document for i in range(len(sentence))],
    )
