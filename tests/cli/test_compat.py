"""Versions of spaCy that lack what the commands need of its insides."""

import importlib
import sys
from pathlib import Path
from typing import List

import pytest
import spacy.cli
from spacy.language import Language
from typer.testing import CliRunner

import spacy_lstm_tagger.cli
from spacy_lstm_tagger import compat

APP = spacy.cli.app


def test_without_groups_of_commands_the_module_still_imports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """spaCy imports it for its own commands, too."""
    monkeypatch.setattr(spacy_lstm_tagger, "cli", spacy_lstm_tagger.cli)
    for name in list(sys.modules):
        if name.startswith("spacy_lstm_tagger.cli"):
            monkeypatch.delitem(sys.modules, name)
    for name in ("app", "debug_cli"):
        monkeypatch.delattr(f"spacy.cli._util.{name}")
    with pytest.warns(UserWarning, match="commands are missing") as warnings:
        importlib.import_module("spacy_lstm_tagger.cli")
    texts = [str(warning.message) for warning in warnings]
    assert any("has no 'app' in 'spacy.cli._util'" in text for text in texts)
    assert any("has no 'debug_cli' in 'spacy.cli._util'" in text for text in texts)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("import_code", ["lstm-tagger", "tag", "MODEL", "text", "--code", "code.py"]),
        ("setup_gpu", ["lstm-tagger", "tag", "MODEL", "text"]),
        ("parse_config_overrides", ["debug", "lstm-tagger", "config.cfg"]),
    ],
)
def test_without_a_function_only_what_needs_it_says_so(
    name: str, arguments: List[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(f"spacy.cli._util.{name}")
    result = CliRunner().invoke(APP, arguments)
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 1
    assert f"has no '{name}' in 'spacy.cli._util'" in result.output


def test_without_the_function_that_imports_code_texts_are_tagged_all_the_same(
    shared_trained: Language, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_trained.to_disk(tmp_path / "model")
    monkeypatch.delattr("spacy.cli._util.import_code")
    arguments = ["lstm-tagger", "tag", str(tmp_path / "model"), "The dog"]
    result = CliRunner().invoke(APP, arguments)
    assert result.exit_code == 0, result.output
    assert "dog" in result.output


def test_without_the_schema_of_training_it_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("spacy.schemas.ConfigSchemaTraining")
    with pytest.raises(ImportError, match="has no 'ConfigSchemaTraining'"):
        compat.training_schema()
