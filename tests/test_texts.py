"""Raw texts are read from files of all kinds."""

import gzip
import json
import lzma
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_lstm_tagger.texts import Text, copy_tokens, find_text_files, read_texts

LINES = ["The dog ate.", "Où est-il ?", "日本語"]
COMPRESS: Dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
}
COMPRESSED = pytest.mark.parametrize("compression", COMPRESS)


def save(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(COMPRESS[path.suffix if path.suffix in COMPRESS else ""](content))
    return path


def save_lines(folder: Path, name: str, lines: List[str] = LINES) -> Path:
    return save(folder, name, "\n".join(lines).encode())


def make_docs() -> List[Doc]:
    """A document with annotation, an empty one, and one whose spaces nobody knows."""
    vocab = Vocab()
    spaced = Doc(vocab, words=["It", "'s", "it"], spaces=[False, True, False])
    spaced[0].tag_ = "PRP"
    spaced.user_data["key"] = "value"
    return [spaced, Doc(vocab), Doc(vocab, words=["a", "b"])]


def read(path: Path) -> List[Text]:
    return [text for text, _ in read_texts(path, Vocab())]


@COMPRESSED
def test_each_line_of_a_file_is_a_text(compression: str, tmp_path: Path) -> None:
    assert read(save_lines(tmp_path, "texts.txt" + compression)) == LINES


@COMPRESSED
def test_each_line_of_a_jsonl_file_has_a_text(compression: str, tmp_path: Path) -> None:
    lines = [json.dumps({"id": 1, "text": line}) for line in LINES]
    assert read(save_lines(tmp_path, "texts.jsonl" + compression, lines)) == LINES


@COMPRESSED
def test_documents_of_a_spacy_file_keep_tokens_and_spaces_and_no_annotation(
    compression: str, tmp_path: Path
) -> None:
    content = DocBin(docs=make_docs(), store_user_data=True).to_bytes()
    found: List[Any] = read(save(tmp_path, "texts.spacy" + compression, content))
    spaced, unknown = found
    assert [token.text_with_ws for token in spaced] == ["It", "'s ", "it"]
    assert not spaced.has_annotation("TAG")
    assert not spaced.user_data
    assert [token.text for token in unknown] == ["a", "b"]
    assert unknown.has_unknown_spaces


def test_documents_that_are_read_have_the_vocabulary_that_is_given(
    tmp_path: Path,
) -> None:
    path = save(tmp_path, "texts.spacy", DocBin(docs=make_docs()).to_bytes())
    vocab = Vocab()
    assert all(doc.vocab is vocab for doc, _ in read_texts(path, vocab))  # type: ignore


def test_a_copy_has_the_vocabulary_that_is_given() -> None:
    vocab = Vocab()
    assert copy_tokens(make_docs()[0], vocab).vocab is vocab


def test_a_text_may_have_several_lines_in_jsonl(tmp_path: Path) -> None:
    assert read(save(tmp_path, "a.jsonl", b'{"text": "one\\n\\ntwo"}')) == [
        "one\n\ntwo"
    ]


@pytest.mark.parametrize("name", ["texts.txt", "texts.jsonl"])
def test_blank_lines_are_skipped(name: str, tmp_path: Path) -> None:
    line = '{"text": "a"}' if name.endswith(".jsonl") else "a"
    assert read(save_lines(tmp_path, name, ["", line, " \t", line, ""])) == ["a", "a"]


def test_blank_texts_of_jsonl_are_skipped(tmp_path: Path) -> None:
    assert read(save(tmp_path, "a.jsonl", b'{"text": " "}\n{"text": "a"}')) == ["a"]


def test_a_mark_of_the_byte_order_and_line_ends_of_windows_are_no_text(
    tmp_path: Path,
) -> None:
    assert read(save(tmp_path, "a.txt", b"\xef\xbb\xbfone\r\ntwo\r\n")) == [
        "one",
        "two",
    ]


def test_a_file_of_any_other_name_has_a_text_in_each_line(tmp_path: Path) -> None:
    assert read(save_lines(tmp_path, "README.md")) == LINES


@COMPRESSED
def test_bytes_that_were_read_grow_to_the_size_of_the_file(
    compression: str, tmp_path: Path
) -> None:
    path = save_lines(tmp_path, "texts.txt" + compression, LINES * 9)
    positions = [position for _, position in read_texts(path, Vocab())]
    assert positions == sorted(positions)
    assert positions[-1] == path.stat().st_size


def test_texts_are_read_one_after_the_other(tmp_path: Path) -> None:
    path = save(tmp_path, "a.jsonl", b'{"text": "a"}\nno object')
    texts = read_texts(path, Vocab())
    assert next(texts)[0] == "a"
    with pytest.raises(ValueError):
        next(texts)


@COMPRESSED
@pytest.mark.parametrize("line", ["text", "[]", "{}", '{"text": 1}', "1", '"text"'])
def test_a_line_without_a_text_is_refused_with_its_number(
    line: str, compression: str, tmp_path: Path
) -> None:
    lines = ['{"text": "a"}', "", line]
    path = save_lines(tmp_path, "a.jsonl" + compression, lines)
    with pytest.raises(ValueError, match="Line 3: expected an object with a"):
        read(path)


@COMPRESSED
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_line_in_another_encoding_is_refused_with_its_number(
    name: str, compression: str, tmp_path: Path
) -> None:
    line = b'{"text": "a"}\n'
    path = save(tmp_path, name + compression, line + line + b"Tr\xe8s\n")
    with pytest.raises(ValueError, match="Line 3 is not in UTF-8"):
        read(path)


@pytest.mark.parametrize("compression", [".gz", ".xz"])
@pytest.mark.parametrize("damage", ["cut", "changed", "not compressed"])
def test_a_damaged_file_is_refused(
    damage: str, compression: str, tmp_path: Path
) -> None:
    path = save_lines(tmp_path, "a.txt" + compression, LINES * 9)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[:-20])
    elif damage == "changed":
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    else:
        path.write_bytes(b"a line\n")
    with pytest.raises(ValueError, match="damaged"):
        read(path)


def test_a_file_that_has_no_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="DocBin"):
        read(save(tmp_path, "a.spacy", b"a line\n"))


def test_files_of_a_folder_and_its_subfolders_are_found_by_their_endings(
    tmp_path: Path,
) -> None:
    names = ["b.txt", "a/b.jsonl.gz", "c.spacy", "d.txt.xz"]
    others = ["README.md", ".hidden.txt", "e.gz", "f.txt.zip"]
    for name in names + others:
        save_lines(tmp_path, name)
    (tmp_path / "folder.txt").mkdir()
    found = find_text_files([tmp_path])
    assert found == [tmp_path / name for name in sorted(names)]


def test_files_that_are_named_are_found_whatever_their_endings(tmp_path: Path) -> None:
    paths = [save_lines(tmp_path, name) for name in ("README.md", "a.txt")]
    assert find_text_files(paths) == paths


def test_a_folder_without_texts_is_refused_with_the_endings(tmp_path: Path) -> None:
    save_lines(tmp_path, "README.md")
    with pytest.raises(ValueError, match=r"\.txt, \.jsonl, \.spacy.*\.gz or \.xz"):
        find_text_files([tmp_path])


def test_a_path_that_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no file or folder '.*missing\.txt'"):
        find_text_files([tmp_path / "missing.txt"])
