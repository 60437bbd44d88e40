"""Raw texts in files of any size, compressed or not."""

import gzip
import json
import lzma
import re
import zlib
from pathlib import Path
from typing import (
    IO,
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

# Documents keep their tokens, and lose all annotation.
Text = Union[str, Doc]
DECOMPRESSORS: Dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
# What damaged files of these kinds raise.
DAMAGED = (gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError)
# Of the files of a folder, the others are left alone, and so are hidden ones.
ENDINGS = (".txt", ".jsonl", ".spacy")
WHITESPACE = re.compile(r"\s")


def find_text_files(paths: Sequence[Path]) -> List[Path]:
    """Return the files among the paths, and all text files in folders and their
    subfolders, in the order of their names.

    RAISES (ValueError): If there is no such path, or no text file in a folder.
    """
    found: List[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if _is_text_file(file)]
            if not inside:
                raise ValueError(
                    f"'{path}' has no files whose names end in {', '.join(ENDINGS)}, "
                    f"with or without {' or '.join(DECOMPRESSORS)} after it."
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise ValueError(f"There is no file or folder '{path}'.")
    return found


def read_texts(path: Path, vocab: Vocab) -> Iterator[Tuple[Text, int]]:
    """Read the texts of a file, one after the other. Each line is a text, and in a
    `.jsonl` file the "text" of the object in that line; a `.spacy` file has documents.
    Blank texts are skipped.

    path (Path): The file.
    vocab (Vocab): The vocabulary of documents.
    YIELDS (Tuple[Text, int]): A string, or a document without annotation, and the
        number of bytes of the file that have been read.
    RAISES (ValueError): If a line can't be read, or if the file is damaged.
    """
    try:
        with path.open("rb") as file:
            for text in _read(file, path, vocab):
                if text.strip() if isinstance(text, str) else len(text):
                    yield text, file.tell()
    except DAMAGED as error:
        raise ValueError(f"The file is damaged: {error}") from error


def _is_text_file(path: Path) -> bool:
    is_hidden = path.name.startswith(".")
    has_texts = _strip_compression(path).endswith(ENDINGS)
    return has_texts and not is_hidden and path.is_file()


def _strip_compression(path: Path) -> str:
    return path.stem if path.suffix in DECOMPRESSORS else path.name


def _read(file: IO[bytes], path: Path, vocab: Vocab) -> Iterator[Text]:
    name = _strip_compression(path)
    content = DECOMPRESSORS[path.suffix](file) if path.suffix in DECOMPRESSORS else file
    if name.endswith(".spacy"):
        for doc in DocBin().from_bytes(content.read()).get_docs(vocab):
            yield copy_tokens(doc, vocab)
        return
    for i, line in enumerate(content, 1):
        try:
            text = line.decode("utf-8-sig").rstrip("\r\n")
        except UnicodeDecodeError:
            raise ValueError(f"Line {i} is not in UTF-8.") from None
        if name.endswith(".jsonl") and text.strip():
            found = parse_json_line(text)
            if found is None:
                raise ValueError(f'Line {i}: expected an object with a "text".')
            text = found
        yield text


def cut_text(text: str, max_length: int) -> List[str]:
    """Cut a text after white space, so that no word is cut. Only a run of characters
    without any that is too long is cut within.

    text (str): The text.
    max_length (int): The most characters of a piece.
    RETURNS (List[str]): The pieces, which make up the text. None of them is empty.
    """
    pieces: List[str] = []
    start = 0
    while len(text) - start > max_length:
        end = start + max_length
        # In the piece turned around: the first white space is the last one.
        found = WHITESPACE.search(text[start:end][::-1])
        if found is not None:
            end -= found.start()
        pieces.append(text[start:end])
        start = end
    if start < len(text):
        pieces.append(text[start:])
    return pieces


def copy_tokens(doc: Doc, vocab: Vocab) -> Doc:
    """Return a document of the same tokens without annotation."""
    spaces = None if doc.has_unknown_spaces else [bool(t.whitespace_) for t in doc]
    return Doc(vocab, words=[token.text for token in doc], spaces=spaces)


def parse_json_line(line: str) -> Optional[str]:
    """Return the "text" of the JSON object in a line, or None if there is none."""
    try:
        text = json.loads(line)["text"]
    except (ValueError, KeyError, TypeError):
        return None
    return text if isinstance(text, str) else None
