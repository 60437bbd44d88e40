"""The command `lstm-tagger annotate`."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from test_errors import assert_refused
from tqdm import tqdm
from util import make_trained, run_forked, run_spacy, tags_of

# Adds the commands to spaCy's, as its entry point does.
import spacy_lstm_tagger.cli  # noqa: F401
from spacy_lstm_tagger.distillation import shards
from spacy_lstm_tagger.distillation.shards import find_annotated
from spacy_lstm_tagger.distillation.teacher import TEACHER_TAGS
from spacy_lstm_tagger.tags.attributes import read_alternatives

# A teacher that only sets tags, which many processes load fast. It makes small shards.
CODE = """
from spacy.language import Language
from spacy_lstm_tagger.distillation import shards

shards.SHARD_CHARACTERS = 60

def tag(doc):
    for token in doc:
        token.tag_ = f"N{len(token)}"
    return doc

if not Language.has_factory("tests_annotate_length"):
    Language.component("tests_annotate_length", func=tag)
"""
# What a process does at a given moment.
SIGNALS = """
import os, signal
from pathlib import Path
from spacy.tokens import DocBin
from spacy_lstm_tagger.distillation import teacher

# It is ignored in what a script has started in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)

def stop():
    os.kill(os.getpid(), signal.NAME)

store = teacher.store_alternatives

def store_and_stop(doc, *arguments):
    if "7" in doc.text:
        stop()
    store(doc, *arguments)

def write_half(self, path):
    content = self.to_bytes()
    stops = "00002" in path.name
    Path(path).write_bytes(content[:len(content) // 2] if stops else content)
    if stops:
        stop()

if "WHEN" == "tagging":
    teacher.store_alternatives = store_and_stop
else:
    DocBin.to_disk = write_half
"""
LINES = [f"text number {i} is here" for i in range(12)]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    # Put back after the test, whatever the code has set.
    monkeypatch.setattr(shards, "SHARD_CHARACTERS", 60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with texts, a teacher, and the code that it needs."""
    folder = tmp_path_factory.mktemp("annotate")
    (folder / "texts.txt").write_text("\n".join(LINES) + "\n")
    (folder / "code.py").write_text(CODE)
    exec(CODE, {})
    nlp = spacy.blank("xx")
    nlp.add_pipe("tests_annotate_length")
    nlp.to_disk(folder / "teacher")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Tuple[Language, Path]:
    nlp = make_trained(steps=5)
    path = tmp_path_factory.mktemp("annotate") / "model"
    nlp.to_disk(path)
    return nlp, path


def annotate(teacher: Any, *arguments: Any) -> str:
    return run_spacy("lstm-tagger", "annotate", teacher, *arguments)


def read(folder: Path) -> List[Doc]:
    files = sorted(folder.glob("*.spacy"))
    vocab = Vocab()
    return [doc for file in files for doc in DocBin().from_disk(file).get_docs(vocab)]


def contents(folder: Path) -> Dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def alternatives(doc: Doc) -> List[Dict[str, float]]:
    return [dict(found or []) for found in read_alternatives(doc, TEACHER_TAGS)]


# What is written.


def test_files_have_the_tags_of_the_teacher(
    trained: Tuple[Language, Path], tmp_path: Path
) -> None:
    nlp, model = trained
    texts = ["The dog ate the apple", "She likes green birds"]
    (tmp_path / "texts.txt").write_text("\n".join(texts))
    annotate(model, tmp_path / "texts.txt", "-o", tmp_path / "silver")
    found = read(tmp_path / "silver")
    assert [doc.text for doc in found] == texts
    assert [tags_of(doc) for doc in found] == [tags_of(nlp(text)) for text in texts]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_files_have_as_many_alternatives_as_asked_for(
    k: int, trained: Tuple[Language, Path], tmp_path: Path
) -> None:
    (tmp_path / "texts.txt").write_text("The dog ate the apple")
    output = tmp_path / "silver"
    annotate(trained[1], tmp_path / "texts.txt", "-o", output, "--n-alternatives", k)
    (doc,) = read(output)
    assert [len(found) for found in alternatives(doc)] == [k] * len(doc)


def test_sentences_below_the_confidence_have_no_tags(
    trained: Tuple[Language, Path], tmp_path: Path
) -> None:
    (tmp_path / "texts.txt").write_text("The dog ate the apple")
    for confidence, has_tags in ((0.0, True), (1.0, False)):
        output = tmp_path / str(confidence)
        settings = ["-o", output, "--min-confidence", confidence]
        annotate(trained[1], tmp_path / "texts.txt", *settings)
        (doc,) = read(output)
        assert len(doc) == 5
        assert all(tags_of(doc)) is has_tags


def test_several_teachers_vote(
    folder: Path, trained: Tuple[Language, Path], tmp_path: Path
) -> None:
    (tmp_path / "texts.txt").write_text("dog")
    teachers = f"{folder / 'teacher'}, {trained[1]}"
    annotate(teachers, tmp_path / "texts.txt", "-o", tmp_path / "silver")
    (doc,) = read(tmp_path / "silver")
    (found,) = alternatives(doc)
    assert found["N3"] == pytest.approx(0.5)
    assert len(found) == 3


def test_files_of_folders_are_annotated_to_one_folder(
    folder: Path, tmp_path: Path
) -> None:
    texts = tmp_path / "texts"
    (texts / "inner").mkdir(parents=True)
    (texts / "a.txt").write_text("one\n")
    (texts / "inner" / "b.jsonl").write_text('{"text": "two"}\n')
    DocBin(docs=[Doc(Vocab(), words=["th", "ree"])]).to_disk(texts / "c.spacy")
    annotate(folder / "teacher", texts, "-o", tmp_path / "silver")
    found = {path.name for path in (tmp_path / "silver").glob("*.spacy")}
    assert found == {f"{n}-00000.spacy" for n in ("a.txt", "b.jsonl", "c.spacy")}
    tags = sorted(tags_of(doc) for doc in read(tmp_path / "silver"))
    assert tags == [["N2", "N3"], ["N3"], ["N3"]]


def test_code_is_imported_once_and_before_the_teacher(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text(
        "from spacy.language import Language\n"
        "from spacy.tokens import Token\n"
        # An error the second time.
        "Token.set_extension('tests_annotate_once', default=1)\n"
        "@Language.component('tests_annotate_code')\n"
        "def tag(doc):\n"
        "    doc[0].tag_ = 'CODE'\n"
        "    return doc\n"
    )
    Language.component("tests_annotate_code", func=lambda doc: doc)
    nlp = spacy.blank("xx")
    nlp.add_pipe("tests_annotate_code")
    nlp.to_disk(tmp_path / "model")
    (tmp_path / "a.txt").write_text("one")
    output = tmp_path / "silver"
    annotate(tmp_path / "model", tmp_path / "a.txt", "-o", output, "--code", code)
    assert [tags_of(doc) for doc in read(output)] == [["CODE"]]


# Doing it once.


def test_the_number_of_words_and_the_folder_are_printed(
    folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "silver"
    printed = annotate(folder / "teacher", folder / "texts.txt", "-o", output)
    assert f"Annotated {5 * len(LINES)} words (" in printed
    assert str(output) in printed.replace("\n", "")


def test_it_is_said_if_words_have_no_tags(
    trained: Tuple[Language, Path],
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    command = [trained[1], folder / "texts.txt"]
    printed = annotate(*command, "-o", tmp_path / "a", "--min-confidence", 1)
    assert "None of them has a tag" in printed + capsys.readouterr().err
    printed = annotate(*command, "-o", tmp_path / "b", "--min-confidence", 0.0001)
    assert f"{5 * len(LINES)} of them (100.0%) have a tag" in printed


def test_what_was_there_is_not_counted_in_the_estimate(
    folder: Path, tmp_path: Path, bars: List[tqdm]
) -> None:
    command = [folder / "teacher", folder / "texts.txt", "-o", tmp_path]
    annotate(*command)
    (tmp_path / "texts.txt-00001.spacy").unlink()
    annotate(*command)
    first, second = bars
    size = (folder / "texts.txt").stat().st_size
    assert [(bar.n, bar.total) for bar in bars] == [(size, size)] * 2
    assert "words/s" in first.postfix
    assert first.initial == 0
    # One of the four shards was made.
    assert 0.5 * size < second.initial < size


def test_a_second_call_changes_nothing_and_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [folder / "teacher", folder / "texts.txt", "-o", tmp_path]
    annotate(*command)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.spacy")}
    assert len(before) == 4
    monkeypatch.setattr(Language, "pipe", None)
    assert "All texts are annotated already" in annotate(*command)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_more_texts_are_added_to_those_that_are_there(
    folder: Path, tmp_path: Path
) -> None:
    command = [folder / "teacher", folder / "texts.txt"]
    annotate(*command, "-o", tmp_path / "silver")
    (tmp_path / "more.txt").write_text("one more\n")
    printed = annotate(*command, tmp_path / "more.txt", "-o", tmp_path / "silver")
    assert "Annotated 2 words" in printed
    assert len(read(tmp_path / "silver")) == len(LINES) + 1


def run_process(*arguments: Any) -> int:
    """Run a command of spaCy's in a process of its own. Returns its exit code."""
    command = [sys.executable, "-m", "spacy", *map(str, arguments)]
    return subprocess.run(command, capture_output=True).returncode


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize(
    "run, name, when",
    [
        (run_process, "SIGKILL", "tagging"),
        (run_forked, "SIGKILL", "writing"),
        (run_forked, "SIGINT", "tagging"),
    ],
)
def test_after_an_interruption_the_same_command_gives_what_one_run_gives(
    run: Any, name: str, when: str, folder: Path, tmp_path: Path
) -> None:
    code = tmp_path / "signals.py"
    code.write_text(CODE + SIGNALS.replace("NAME", name).replace("WHEN", when))
    command = [
        "lstm-tagger",
        "annotate",
        folder / "teacher",
        folder / "texts.txt",
        "-o",
    ]
    exit_code = run(*command, tmp_path / "silver", "--code", code)
    assert exit_code == (-signal.SIGKILL if name == "SIGKILL" else 130)
    # It loses one shard at most.
    whole = [f"texts.txt-0000{i}.spacy" for i in range(2)]
    assert sorted(path.name for path in (tmp_path / "silver").glob("*.spacy")) == whole
    before = contents(tmp_path / "silver")
    run_spacy(*command, tmp_path / "silver")
    run_spacy(*command, tmp_path / "uninterrupted")
    after = contents(tmp_path / "silver")
    assert after == contents(tmp_path / "uninterrupted")
    assert {name: after[name] for name in whole} == {n: before[n] for n in whole}


# What is refused.


def change_meta(teacher: Path, **changes: Any) -> None:
    meta = json.loads((teacher / "meta.json").read_text())
    (teacher / "meta.json").write_text(json.dumps({**meta, **changes}))


@pytest.mark.parametrize(
    "options", [["--n-alternatives", 2], ["--min-confidence", 0.5]], ids=str
)
def test_other_settings_for_the_same_folder_are_refused(
    options: List[Any],
    trained: Tuple[Language, Path],
    folder: Path,
    tmp_path: Path,
) -> None:
    command = [trained[1], folder / "texts.txt", "-o", tmp_path]
    annotate(*command)
    before = contents(tmp_path)
    title = f"Can't annotate to '{tmp_path}'"
    refused = ["lstm-tagger", "annotate", *command, *options]
    assert_refused(refused, title, str(options[1]), "Remove it, or name another")
    assert contents(tmp_path) == before


def test_the_same_settings_are_accepted_whatever_their_digits(
    trained: Tuple[Language, Path], folder: Path, tmp_path: Path
) -> None:
    command = [trained[1], folder / "texts.txt", "-o", tmp_path]
    for _ in range(2):
        annotate(*command, "--min-confidence", 0.12345678901234567)


def test_a_confidence_is_not_asked_of_a_teacher_without_probabilities(
    folder: Path, tmp_path: Path
) -> None:
    command = [folder / "teacher", folder / "texts.txt", "-o", tmp_path]
    refused = ["lstm-tagger", "annotate", *command, "--min-confidence", 0.5]
    assert_refused(refused, "is unsure of", "Leave out '--min-confidence'")


@pytest.mark.parametrize(
    "changes", [{"name": "other"}, {"performance": {"tag_acc": 1}}]
)
def test_another_teacher_for_the_same_folder_is_refused(
    changes: Any, folder: Path, tmp_path: Path
) -> None:
    (folder / "other").mkdir(exist_ok=True)
    spacy.load(folder / "teacher").to_disk(folder / "other")
    command = [folder / "texts.txt", "-o", tmp_path]
    annotate(folder / "teacher", *command)
    change_meta(folder / "other", **changes)
    refused = ["lstm-tagger", "annotate", folder / "other", *command]
    assert_refused(refused, f"Can't annotate to '{tmp_path}'", "teachers")


def test_a_file_that_has_changed_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("one\n")
    command = [folder / "teacher", path, "-o", tmp_path / "silver"]
    annotate(*command)
    path.write_text("one\ntwo\n")
    refused = ["lstm-tagger", "annotate", *command]
    assert_refused(refused, "had 4 bytes", "has 8", "remove")
    for shard in (tmp_path / "silver").glob("texts.txt-*.spacy"):
        shard.unlink()
    annotate(*command)
    assert [doc.text for doc in read(tmp_path / "silver")] == ["one", "two"]
    annotate(*command)


def test_a_file_that_could_not_be_read_may_be_mended(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "more.jsonl"
    path.write_text("{}\n")
    command = [folder / "teacher", folder / "texts.txt", path, "-o", tmp_path]
    assert_refused(["lstm-tagger", "annotate", *command], "Line 1")
    before = contents(tmp_path)
    path.write_text('{"text": "one"}\n')
    annotate(*command)
    assert len(read(tmp_path)) == len(LINES) + 1
    assert (
        before["texts.txt-00000.spacy"] == contents(tmp_path)["texts.txt-00000.spacy"]
    )


def test_a_file_that_was_not_reached_may_be_left_out(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.jsonl").write_text("{}\n")
    output = tmp_path / "silver"
    command = [folder / "teacher", folder / "texts.txt"]
    more = [tmp_path / "broken.jsonl", "-o", output]
    assert_refused(["lstm-tagger", "annotate", *command, *more], "Line 1")
    assert find_annotated(output) == {"texts.txt"}


TEXTS: Dict[str, Tuple[bytes, str]] = {
    "missing.txt": (b"", "There is no file or folder"),
    "empty": (b"", "has no files whose names end in .txt"),
    "no_object.jsonl": (b'{"text": "a"}\n{}\n', "Line 2"),
    "latin1.txt": ("a\nTr\u00e8s bien\n".encode("latin1"), "Line 2 is not in UTF-8"),
    "text.txt.gz": (b"a line\n", "damaged"),
    "cut.txt.xz": (b"\xfd7zXZ\x00", "damaged"),
    "text.spacy": (b"a line\n", "DocBin"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_cannot_be_read_are_refused(
    name: str, folder: Path, tmp_path: Path
) -> None:
    content, expected = TEXTS[name]
    if name == "empty":
        (tmp_path / name).mkdir()
    elif content:
        (tmp_path / name).write_bytes(content)
    command = [folder / "teacher", tmp_path / name, "-o", tmp_path / "silver"]
    assert_refused(["lstm-tagger", "annotate", *command], name, expected)
    assert list((tmp_path / "silver").glob("*.spacy")) == []


def test_two_files_of_one_name_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("one\n")
    command = [folder / "teacher", folder / "texts.txt", tmp_path / "texts.txt"]
    refused = ["lstm-tagger", "annotate", *command, "-o", tmp_path / "silver"]
    assert_refused(refused, "have the same name", "Rename one of them")


@pytest.mark.parametrize("output", ["", "below"])
def test_a_folder_of_texts_is_not_written_to(
    output: str, folder: Path, tmp_path: Path
) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "texts.txt").write_text("one\n")
    command = [folder / "teacher", texts, "-o", texts / output]
    refused = ["lstm-tagger", "annotate", *command]
    assert_refused(refused, "is in the folder of texts", "another directory")
    assert list(contents(texts)) == ["texts.txt"]


def test_files_without_texts_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "blank.txt").write_text("\n\n")
    command = [folder / "teacher", tmp_path / "blank.txt", "-o", tmp_path / "silver"]
    assert_refused(["lstm-tagger", "annotate", *command], "There is no text")


def test_a_teacher_that_is_not_there_is_refused(folder: Path, tmp_path: Path) -> None:
    command = [f"{folder / 'teacher'},missing", folder / "texts.txt", "-o", tmp_path]
    expected = ("Can't load the teacher 'missing'", "Can't find model 'missing'")
    assert_refused(["lstm-tagger", "annotate", *command], *expected)


def test_a_folder_that_cannot_be_written_is_refused(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    output = tmp_path / "file" / "silver"
    command = [folder / "teacher", folder / "texts.txt", "-o", output]
    assert_refused(["lstm-tagger", "annotate", *command], "Can't annotate to")
