"""Annotated texts in files of limited size."""

from itertools import chain
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_lstm_tagger.distillation import shards
from spacy_lstm_tagger.distillation.shards import Shard, annotate_file
from spacy_lstm_tagger.texts import Text

TEXTS = ["one two", "three", "four five six", "seven eight"]


class Work:
    """Makes documents of texts, and records the texts."""

    def __init__(self) -> None:
        self.vocab = Vocab()
        self.texts: List[str] = []

    def __call__(self, texts: Iterable[Text]) -> Iterator[Doc]:
        for text in texts:
            self.texts.append(str(text))
            doc = Doc(self.vocab, words=str(text).split(), user_data={"key": "value"})
            doc[0].tag_ = "CD"
            yield doc


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shards, "SHARD_CHARACTERS", 10)
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS) + "\n")
    return path


def run(
    path: Path, work: Any, output: str = "shards", max_length: int = 1000
) -> List[Shard]:
    folder = path.parent / output
    folder.mkdir(exist_ok=True)
    return list(annotate_file(path, folder, work.vocab, work, max_length))


def read(folder: Path) -> List[List[str]]:
    """Return the texts of each shard."""
    return [
        [doc.text.strip() for doc in DocBin().from_disk(file).get_docs(Vocab())]
        for file in sorted(folder.glob("*.spacy"))
    ]


def contents(folder: Path) -> Dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.spacy")}


def test_a_shard_ends_with_the_text_that_fills_it(path: Path) -> None:
    run(path, Work())
    expected = [["one two", "three"], ["four five six"], ["seven eight"]]
    assert read(path.parent / "shards") == expected


def test_texts_of_a_shard_are_annotated_by_length_and_keep_their_order(
    path: Path,
) -> None:
    work = Work()
    run(path, work)
    assert work.texts == ["three", "one two", "four five six", "seven eight"]
    assert list(chain(*read(path.parent / "shards"))) == TEXTS


def test_shards_are_named_after_the_file_and_numbered(path: Path) -> None:
    run(path, Work())
    names = [f"texts.txt-0000{i}.spacy" for i in range(3)]
    assert sorted(contents(path.parent / "shards")) == names


def test_shards_keep_annotation_and_user_data(path: Path) -> None:
    run(path, Work())
    file = path.parent / "shards" / "texts.txt-00002.spacy"
    (doc,) = DocBin().from_disk(file).get_docs(Vocab())
    assert doc[0].tag_ == "CD"
    assert doc.user_data["key"] == "value"


def test_the_last_shard_may_be_smaller(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_CHARACTERS", 30)
    run(path, Work())
    assert read(path.parent / "shards") == [TEXTS[:4]]


def test_a_file_without_texts_has_no_shards(path: Path) -> None:
    path.write_text("\n\n")
    assert run(path, Work()) == []


def test_the_words_and_the_bytes_of_each_shard_are_told(path: Path) -> None:
    assert [shard.n_words for shard in run(path, Work())] == [3, 3, 2]
    assert sum(shard.n_bytes for shard in run(path, Work())) == path.stat().st_size


@given(lengths=st.lists(st.integers(1, 25), max_size=12))
def test_shards_have_all_texts_in_their_order(
    lengths: List[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("shards") / "texts.txt"
    texts = ["x" * length for length in lengths]
    path.write_text("\n".join(texts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_CHARACTERS", 10)
        run(path, Work())
    found = read(path.parent / "shards")
    assert list(chain.from_iterable(found)) == texts
    # Each but the last has as many as it needs, and no more.
    for part in found[:-1]:
        assert sum(map(len, part[:-1])) < 10 <= sum(map(len, part))


def test_texts_are_annotated_shard_by_shard(path: Path) -> None:
    work = Work()
    output = path.parent / "shards"
    output.mkdir()
    made = annotate_file(path, output, work.vocab, work, 1000)
    next(made)
    assert work.texts == sorted(TEXTS[:2], key=len)
    assert len(contents(output)) == 1


def test_a_text_that_is_too_long_becomes_several(path: Path) -> None:
    path.write_text("one two three\nfour\n")
    run(path, Work(), max_length=8)
    found = read(path.parent / "shards")
    assert [text for part in found for text in part] == ["one two", "three", "four"]


def test_a_shard_that_is_there_is_not_made_again(path: Path) -> None:
    run(path, Work())
    before = contents(path.parent / "shards")
    work = Work()
    assert [shard.n_words for shard in run(path, work)] == [0, 0, 0]
    assert work.texts == []
    assert contents(path.parent / "shards") == before


def test_only_the_shard_that_is_missing_is_made(path: Path) -> None:
    run(path, Work())
    before = contents(path.parent / "shards")
    (path.parent / "shards" / "texts.txt-00001.spacy").unlink()
    work = Work()
    run(path, work)
    assert work.texts == ["four five six"]
    assert contents(path.parent / "shards") == before


def test_an_error_in_a_shard_leaves_those_before_it_and_no_part_of_it(
    path: Path,
) -> None:
    class Failing(Work):
        def __call__(self, texts: Iterable[Text]) -> Iterator[Doc]:
            for doc in super().__call__(texts):
                if "six" in doc.text:
                    raise RuntimeError
                yield doc

    with pytest.raises(RuntimeError):
        run(path, Failing())
    assert list(contents(path.parent / "shards")) == ["texts.txt-00000.spacy"]
    run(path, Work())
    run(path, Work(), "uninterrupted")
    assert contents(path.parent / "shards") == contents(path.parent / "uninterrupted")


def test_what_a_killed_run_was_writing_is_removed(path: Path) -> None:
    output = path.parent / "shards"
    output.mkdir()
    (output / ".texts.txt-00001.spacy.123.tmp").write_bytes(b"a part")
    (output / ".other.txt-00001.spacy.123.tmp").write_bytes(b"of another file")
    run(path, Work())
    hidden = [file.name for file in output.glob(".*")]
    assert hidden == [".other.txt-00001.spacy.123.tmp"]
