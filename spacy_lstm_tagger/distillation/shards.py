"""Annotated texts in files of limited size, made in as many runs as it takes."""

import glob
import json
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Set, Tuple

import numpy
from spacy.attrs import TAG
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..files import replace_whole, write_whole
from ..texts import Text, cut_text, read_texts

# The fewest characters of a shard that is not the last one of its file: some 20,000
# words. So much is lost at most if the work is interrupted, and kept in memory.
SHARD_CHARACTERS = 100_000
SETTINGS = "annotation.json"
SIZE = re.compile(r"size of '(.*)'")
SHARD = re.compile(r"(.*)-\d{5,}\.spacy")

Annotate = Callable[[Iterable[Text]], Iterable[Doc]]


class Shard(NamedTuple):
    """A shard that is there.

    n_words (int): Its words, or 0 if it was there before.
    n_tagged (int): How many of them have a tag.
    n_bytes (int): The bytes of the file of texts that were read for it.
    """

    n_words: int
    n_tagged: int
    n_bytes: int


def check_files(files: Iterable[Path], output_dir: Path) -> None:
    """Check that files of texts have not changed since shards were made of them.

    files (Iterable[Path]): The files.
    output_dir (Path): The folder of the shards.
    RAISES (ValueError): If one has changed.
    """
    settings = _read_settings(output_dir)
    begun = _find_begun(output_dir)
    for file in files:
        size = file.stat().st_size
        before = settings.get(_size_of(file), size)
        if before != size and file.name in begun:
            raise ValueError(
                f"'{file}' had {before} bytes when it was annotated, and has {size} "
                f"now. To annotate it anew, remove '{output_dir / file.name}-*.spacy'."
            )


def _record_file(file: Path, output_dir: Path) -> None:
    """Save what tells whether a file changes after it was annotated."""
    settings = _read_settings(output_dir)
    size = file.stat().st_size
    if settings.get(_size_of(file)) != size:
        settings[_size_of(file)] = size
        with write_whole(output_dir / SETTINGS) as output:
            json.dump(settings, output, indent=2)


def _read_settings(output_dir: Path) -> Dict[str, Any]:
    path = output_dir / SETTINGS
    return json.loads(path.read_text("utf8")) if path.exists() else {}


def _size_of(file: Path) -> str:
    return f"size of '{file.name}'"


def find_annotated(output_dir: Path) -> Set[str]:
    """Return the names of the files of texts that a folder was made of, those that are
    blank included."""
    recorded = map(SIZE.fullmatch, _read_settings(output_dir))
    return _find_begun(output_dir) | {match[1] for match in recorded if match}


def _find_begun(output_dir: Path) -> Set[str]:
    """Return the names of the files of texts that have shards."""
    shards = (SHARD.fullmatch(path.name) for path in output_dir.glob("*.spacy"))
    return {match[1] for match in shards if match}


def annotate_file(
    path: Path, output_dir: Path, vocab: Vocab, annotate: Annotate, max_length: int
) -> Iterator[Shard]:
    """Annotate the texts of a file into shards, each of which is written whole or not
    at all. Those that are there already are not made again.

    path (Path): A file, as for `read_texts`.
    output_dir (Path): The folder of the shards.
    vocab (Vocab): The vocabulary of documents that are read.
    annotate (Annotate): Makes documents of texts.
    max_length (int): The most characters of a text. Longer ones become several.
    YIELDS (Shard): Each shard, once it is there.
    RAISES (ValueError): If a text can't be read.
    """
    # Left by a run that was killed while it wrote.
    for leftover in output_dir.glob(f".{glob.escape(path.name)}-*.tmp"):
        leftover.unlink()
    n_read = 0
    found = _cut(read_texts(path, vocab), max_length)
    for i, (texts, position) in enumerate(_split(found)):
        file = output_dir / f"{path.name}-{i:05d}.spacy"
        n_words = n_tagged = 0
        if not file.exists():
            docs = _annotate_by_length(texts, annotate)
            n_words = sum(map(len, docs))
            n_tagged = sum(int(numpy.count_nonzero(doc.to_array(TAG))) for doc in docs)
            with replace_whole(file) as temporary:
                DocBin(docs=docs, store_user_data=True).to_disk(temporary)
            _record_file(path, output_dir)
        yield Shard(n_words, n_tagged, position - n_read)
        n_read = position
    # Of one that is blank, there is no shard.
    _record_file(path, output_dir)


def _annotate_by_length(texts: List[Text], annotate: Annotate) -> List[Doc]:
    """Annotate texts of similar length together, and return them in their own order. A
    transformer pads all texts of a batch to the longest: this makes it three times as
    fast."""
    order = sorted(range(len(texts)), key=lambda i: _count_characters(texts[i]))
    docs = dict(zip(order, annotate(texts[i] for i in order)))
    return [docs[i] for i in range(len(texts))]


def _count_characters(text: Text) -> int:
    return len(text if isinstance(text, str) else text.text)


def _cut(
    texts: Iterable[Tuple[Text, int]], max_length: int
) -> Iterator[Tuple[Text, int]]:
    for text, position in texts:
        pieces = cut_text(text, max_length) if isinstance(text, str) else [text]
        for piece in pieces:
            yield piece, position


def _split(texts: Iterable[Tuple[Text, int]]) -> Iterator[Tuple[List[Text], int]]:
    """Split texts into the parts that become shards, each with how far the file has
    been read then. It depends on the texts alone what is split where."""
    part: List[Text] = []
    n_characters = position = 0
    for text, position in texts:
        part.append(text)
        n_characters += _count_characters(text)
        if n_characters >= SHARD_CHARACTERS:
            yield part, position
            part, n_characters = [], 0
    if part:
        yield part, position
