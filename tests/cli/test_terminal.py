"""Terminals that are not UTF-8."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
import spacy
import srsly
from spacy.util import load_config
from util import make_trained, write_corpus

DEMO_CONFIG = Path(__file__).parents[2] / "configs" / "demo.cfg"

# Characters of code page 1252, and others.
DATA: Any = [
    (["Où", "est", "名前", "?"], ["É", "動詞", "N", "."]),
    (["Où", "est", "名前", "Łódź"], ["É", "動詞", "É", "."]),
]
# Runs several commands, for one import of spaCy, each on a terminal of its own.
CODE = """
import json, sys, spacy.cli, spacy_lstm_tagger.cli
for name, arguments in json.load(open(sys.argv[1], encoding="utf8")).items():
    sys.stdout.reconfigure(errors="strict")
    print("COMMAND", name, flush=True)
    try:
        spacy.cli.app(arguments)
    except SystemExit as error:
        print("EXIT", error.code)
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, str]:
    """The output of each command on a terminal that shows code page 1252 only."""
    folder = tmp_path_factory.mktemp("terminal")
    model, config = folder / "modèle", folder / "config.cfg"
    make_trained(DATA).to_disk(model)
    data = write_corpus(spacy.blank("en"), folder / "données.spacy", DATA)
    changed = load_config(DEMO_CONFIG)
    changed["paths"].update(train=str(data), dev=str(data))
    changed.to_disk(config)
    commands: Dict[str, List[Any]] = {
        "tag": ["lstm-tagger", "tag", model, "Où est 名前?"],
        "debug": ["debug", "lstm-tagger", config],
        "report": ["lstm-tagger", "report", model, data, "-o", folder / "名é.html"],
        "calibrate": ["lstm-tagger", "calibrate", model, data, folder / "名é"],
        "error": ["lstm-tagger", "tag", "名é", "text"],
        "warning": ["lstm-tagger", "tag", model, "名é.txt"],
    }
    texts = {name: list(map(str, command)) for name, command in commands.items()}
    path = folder / "commands.json"
    srsly.write_json(path, texts)
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(path)],
        stdout=subprocess.PIPE,
        # Warnings go there.
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONIOENCODING": "cp1252", "LC_ALL": "C"},
    )
    assert done.returncode == 0, done.stdout.decode("cp1252")
    parts = done.stdout.decode("cp1252").split("COMMAND ")[1:]
    return {part.split()[0]: part for part in parts}


@pytest.mark.parametrize(
    "name, texts",
    [
        ("tag", ["Où", "É", "\\u540d\\u524d"]),
        ("debug", ["'\\xc9'", "\\u52d5\\u8a5e"]),
        ("report", ["\\u540d\\xe9.html"]),
        ("calibrate", ["Calibration error", "\\u540d\\xe9"]),
        ("warning", ["There is no file '\\u540d\\xe9.txt'"]),
    ],
)
def test_a_command_prints_escapes_of_what_the_terminal_cannot_show(
    name: str, texts: List[str], printed: Dict[str, str]
) -> None:
    # Long lines are wrapped.
    found = "".join(printed[name].split())
    assert all("".join(text.split()) in found for text in texts), printed[name]
    assert printed[name].splitlines()[-1] == "EXIT 0"


def test_an_error_prints_escapes_of_what_the_terminal_cannot_show(
    printed: Dict[str, str],
) -> None:
    assert "[x] Can't load the pipeline '\\u540d\\xe9'" in printed["error"]
    assert "Can't find model '\\u540dé'" in printed["error"]
    assert printed["error"].splitlines()[-1] == "EXIT 1"
