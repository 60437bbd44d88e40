"""What the README promises."""

import contextlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

import pytest

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf8")
# What makes commands short, by how they begin.
SHORTER = {
    "spacy train": "--training.max_steps 4 --training.eval_frequency 2 "
    "--training.optimizer.learn_rate.total_steps 4 "
    "--components.lstm_tagger.model.tok2vec.width 16",
    "benchmarks.accuracy": "--max-steps 2 --stock-max-steps 2",
    # Another plot, not the one that is committed.
    "benchmarks.speed": "--max-steps 2 --stock-max-steps 2 --pipelines "
    "tagger,crfsuite,fast --repeats 1 --docs 10 --plot speed.svg",
    "benchmarks.decoding": "--seeds 1 --max-steps 2",
}
# What each command has to print or to leave behind, by how it begins.
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


def code_blocks(language: str) -> List[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> List[str]:
    """All commands but the two that CI runs in an environment of their own."""
    lines = [line for block in code_blocks("bash") for line in block.splitlines()]
    return [line for line in lines if ".venv/bin/" not in line]


def look_up(command: str, known: Dict[str, str], missing: str = "") -> str:
    """What is known of commands that begin as this one does."""
    words = command.removeprefix("python ").removeprefix("-m ") + " "
    found = [known[start] for start in known if words.startswith(f"{start} ")]
    return found[0] if found else missing


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, str]:
    """The output of all commands, run in their order in a copy of the project."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("configs", "benchmarks", "assets"):
        (folder / name).symlink_to(PROJECT / name)
    for path in (PROJECT / "assets" / "sample").glob("*.conllu"):
        (folder / path.name).symlink_to(path)
    found = {}
    for command in commands():
        words = shlex.split(re.sub(r"path/to/UD_\S+", "assets/sample", command))
        if words[0] == "python":
            words[0] = sys.executable
            words += shlex.split(look_up(command, SHORTER))
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        found[command] = done.stdout
    assert (folder / "report.html").read_text(encoding="utf8").startswith("<!DOCTYPE")
    assert list((folder / "packages").glob("*/dist/*.whl"))
    return found


@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_readme_does_what_it_says(
    command: str, printed: Dict[str, str]
) -> None:
    assert look_up(command, EXPECTED, "nothing is expected yet") in printed[command]


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
