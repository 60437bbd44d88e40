"""The README's commands and examples do what it promises."""

import contextlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, TypeVar, Union

import pytest

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf8")
# Settings that make commands short, by how they begin.
SHORTER = {
    "spacy train": "--training.max_steps 4 --training.eval_frequency 2 "
    "--components.lstm_tagger.model.tok2vec.width 16",
    "benchmarks.accuracy": "--max-steps 2 --stock-max-steps 2",
    # Another plot, not the one that is committed.
    "benchmarks.speed": "--max-steps 2 --stock-max-steps 2 --pipelines "
    "tagger,crfsuite,fast --repeats 1 --docs 10 --plot speed.svg",
    "benchmarks.decoding": "--seeds 1 --max-steps 2",
}
# Part of what each command has to print, by how it begins.
EXPECTED = {
    "mkdir": "",
    "spacy convert": "Generated output file",
    "spacy debug lstm-tagger": "Tags",
    "spacy train": "Saved pipeline",
    "spacy evaluate": "TAG",
    "spacy lstm-tagger report": "Saved report to report.html",
    "spacy lstm-tagger tag": "Probability",
    "spacy lstm-tagger calibrate": "Calibration error",
    "spacy package": "Successfully created binary wheel",
    "benchmarks.accuracy": "| tagger-documents |",
    "benchmarks.speed": "| fast |",
    "benchmarks.decoding": "| crf posterior |",
}
# Files that commands have to leave behind, by how they begin.
FILES = {
    "spacy lstm-tagger report": "report.html",
    "spacy package": "packages/*/dist/*.whl",
}
# How commands begin that others need to have been run, by how those begin.
NEEDED = {
    "spacy": ["mkdir", "spacy"],
    "benchmarks/whitespace.py": ["benchmarks/accuracy.py"],
}
T = TypeVar("T")


def code_blocks(language: str) -> List[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> List[str]:
    """Return all commands but the two that CI runs in an environment of their own."""
    lines = [line for block in code_blocks("bash") for line in block.splitlines()]
    return [line for line in lines if ".venv/bin/" not in line]


def begins_with(command: str, start: str) -> bool:
    words = command.removeprefix("python ").removeprefix("-m ") + " "
    return words.startswith(f"{start} ")


def look_up(command: str, known: Dict[str, T], missing: T) -> T:
    """Return the value of the commands that begin as this one does."""
    found = [known[start] for start in known if begins_with(command, start)]
    return found[0] if found else missing


def run(command: str, folder: Path) -> str:
    """Run a command in the folder, made short, and return what it prints."""
    words = shlex.split(re.sub(r"path/to/UD_\S+", "assets/sample", command))
    if words[0] == "python":
        words[0] = sys.executable
        words += shlex.split(look_up(command, SHORTER, ""))
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Reader:
    """A reader of the README, who runs its commands in a copy of the project: each one
    once, and only after the earlier ones that it needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results: Dict[str, Union[str, AssertionError]] = {}

    def output_of(self, command: str) -> str:
        """Return what a command prints. Raises AssertionError if it fails."""
        needed = look_up(command, NEEDED, [])
        earlier = commands()[: commands().index(command)]
        for other in earlier:
            if any(begins_with(other, start) for start in needed):
                self._run_once(other)
        result = self._run_once(command)
        if isinstance(result, AssertionError):
            raise result
        return result

    def _run_once(self, command: str) -> Union[str, AssertionError]:
        if command not in self.results:
            try:
                self.results[command] = run(command, self.folder)
            except AssertionError as error:
                self.results[command] = error
        return self.results[command]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder = tmp_path_factory.mktemp("project")
    for name in ("configs", "benchmarks", "assets"):
        (folder / name).symlink_to(PROJECT / name)
    for path in (PROJECT / "assets" / "sample").glob("*.conllu"):
        (folder / path.name).symlink_to(path)
    return Reader(folder)


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_does_what_it_says(
    command: str, reader: Reader
) -> None:
    printed = reader.output_of(command)
    assert look_up(command, EXPECTED, "nothing is expected yet") in printed
    if pattern := look_up(command, FILES, ""):
        assert list(reader.folder.glob(pattern))


def test_a_command_that_fails_leaves_the_results_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = ["mkdir one", "ls missing", "mkdir two"]
    monkeypatch.setattr(sys.modules[__name__], "commands", lambda: known)
    monkeypatch.setitem(NEEDED, "mkdir", ["mkdir", "ls"])
    reader = Reader(tmp_path)
    assert reader.output_of("mkdir two") == ""
    assert (tmp_path / "one").exists()
    with pytest.raises(AssertionError, match="ls missing"):
        reader.output_of("ls missing")


@pytest.mark.parametrize("example", code_blocks("python"))
def test_a_python_example_prints_what_the_readme_says(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(example, {})
    promised = re.findall("^# (.*)", example, re.MULTILINE)
    assert promised == printed.getvalue().splitlines()


@pytest.mark.parametrize("name", ["demo", "test"])
def test_ci_finds_the_commands_of_the_readme(name: str) -> None:
    (command,) = re.findall(rf"<!-- {name} -->\n```bash\n(.*)\n```", README)
    assert ".venv/bin/" in command
