"""Mistakes of users, and what the commands say to them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, List

import pytest
import spacy
from spacy.cli import app
from spacy.language import Language
from spacy.util import load_config
from typer.testing import CliRunner
from util import write_corpus

# Adds the commands to spaCy's, as its entry point does.
import spacy_lstm_tagger.cli  # noqa: F401
from spacy_lstm_tagger.lstm_tagger import LSTMTagger

DEMO_CONFIG = Path(__file__).parents[2] / "configs" / "demo.cfg"

# Names of pipelines, and what is said of them.
MODELS = {
    "no_such_pipeline": "Can't find model 'no_such_pipeline'",
    # As `training` is, in which `training/model-best` is.
    "empty_folder": "such as 'training/model-best'",
    "untrained": "has not been trained",
    "without_tagger": "the pipeline has 0 taggers",
    "two_taggers": "the pipeline has 2 taggers",
    "invalid_setting": "'temperature = 0.0' needs to be a number",
    "unknown_factory": "Can't find factory for 'no_such_factory'",
    "damaged": "The weights are damaged",
    "file.txt": "Could not read meta.json",
}
# Names of data, and what is said of them.
DATA = {
    "missing.spacy": "No such file",
    "empty.spacy": "in DocBin (.spacy) format",
    "text.spacy": "in DocBin (.spacy) format",
    "empty_folder": "It has no .spacy file",
    "file.txt": "'spacy convert' and 'spacy lstm-tagger convert' make such files",
    "no_docs.spacy": "It has no .spacy file with a Doc",
}
# Names of texts to tag, and what is said of them.
INPUTS = {
    "empty_folder": "It is a directory",
    "empty.spacy": "There is no text to tag",
    "latin1.txt": "It is not a text in UTF-8",
    "long.txt": "Can't tag line 2 of",
    "no_text.jsonl": "line 2 of",
    "not_json.jsonl": 'It is not an object with a "text"',
}
CONFIGS = {
    "missing.cfg": "Could not read config file",
    "empty.cfg": "no [nlp] section found",
    "file.txt": "Config validation error",
    "invalid_setting.cfg": "'temperature = 0.0' needs to be a number",
    "invalid_type.cfg": "Config validation error",
    "unknown_factory.cfg": "Can't find factory for 'no_such_factory'",
    "unknown_corpus.cfg": "corpora.nothing",
    "no_labels.cfg": "labels.json",
}


@dataclass(frozen=True)
class Folder:
    """A folder with pipelines, data and configs that are right, and with wrong ones."""

    path: Path

    def __call__(self, name: str) -> Any:
        return name if name == "no_such_pipeline" else self.path / name


def add_config(folder: Path, name: str, changes: Any) -> None:
    config = load_config(DEMO_CONFIG).merge(changes)
    data = str(folder / "data.spacy")
    config["paths"].update(train=data, dev=data)
    config.to_disk(folder / name)


def change_config(model: Path, old: str, new: str) -> None:
    text = (model / "config.cfg").read_text(encoding="utf8")
    assert old in text
    (model / "config.cfg").write_text(text.replace(old, new), encoding="utf8")


@pytest.fixture(scope="module")
def folder(
    shared_trained: Language, tmp_path_factory: pytest.TempPathFactory
) -> Folder:
    path = tmp_path_factory.mktemp("errors")
    for name in ("model", "invalid_setting", "unknown_factory", "damaged"):
        shared_trained.to_disk(path / name)
    change_config(path / "invalid_setting", "temperature = 1.0", "temperature = 0.0")
    change_config(path / "unknown_factory", '"lstm_tagger"\n', '"no_such_factory"\n')
    weights = path / "damaged" / "lstm_tagger" / "model"
    weights.write_bytes(weights.read_bytes()[:-9])
    nlp = spacy.blank("en")
    nlp.to_disk(path / "without_tagger")
    nlp.add_pipe("lstm_tagger")
    nlp.to_disk(path / "untrained")
    nlp.add_pipe("tagger")
    nlp.to_disk(path / "two_taggers")

    write_corpus(nlp, path / "data.spacy")
    write_corpus(nlp, path / "no_docs.spacy", [])
    write_corpus(nlp, path / "no_tags.spacy", [(["a", "b"], None)])
    (path / "empty.spacy").touch()
    (path / "text.spacy").write_text("some text")
    (path / "file.txt").write_text("some text")
    (path / "empty_folder").mkdir()
    (path / "latin1.txt").write_bytes("Tr\u00e8s bien\n".encode("latin1"))
    (path / "long.txt").write_text("Short.\n" + "long " * 200_001)
    (path / "no_text.jsonl").write_text('{"text": "Some text."}\n{"body": ""}\n')
    (path / "not_json.jsonl").write_text("Some text.\n")

    component = "lstm_tagger"
    add_config(path, "config.cfg", {})
    (path / "empty.cfg").touch()
    wrong = {"components": {component: {"temperature": 0.0}}}
    add_config(path, "invalid_setting.cfg", wrong)
    add_config(path, "invalid_type.cfg", {"training": {"seed": "x"}})
    wrong = {"components": {component: {"factory": "no_such_factory"}}}
    add_config(path, "unknown_factory.cfg", wrong)
    wrong = {"training": {"train_corpus": "corpora.nothing"}}
    add_config(path, "unknown_corpus.cfg", wrong)
    reader = {
        "@readers": "spacy.read_labels.v1",
        "path": str(path / "labels.json"),
        "require": True,
    }
    wrong = {"initialize": {"components": {component: {"labels": reader}}}}
    add_config(path, "no_labels.cfg", wrong)
    return Folder(path)


def assert_refused(arguments: List[Any], *expected: str) -> None:
    """Check that a command ends in a message with these texts, and with exit code 1."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == 1, result.output
    # Terminals that are not UTF-8 get the second one.
    assert re.search(r"✘|\[x\]", result.output), result.output
    printed = re.sub(r"\s+", " ", result.output)
    assert all(text in printed for text in expected), printed


def command(name: str, model: Any, data: Any, output: Path) -> List[Any]:
    arguments = {
        "tag": [model, "Some text."],
        "view": [model, "Some text.", "--output", output / "tags.html"],
        "report": [model, data, "--output", output / "report.html"],
        "calibrate": [model, data, output / "calibrated"],
    }
    return ["lstm-tagger", name, *arguments[name]]


COMMANDS = pytest.mark.parametrize("name", ["tag", "view", "report", "calibrate"])


@COMMANDS
@pytest.mark.parametrize("model, expected", MODELS.items())
def test_a_pipeline_that_cannot_be_used_is_refused(
    name: str, model: str, expected: str, folder: Folder, tmp_path: Path
) -> None:
    data = folder("data.spacy")
    assert_refused(command(name, folder(model), data, tmp_path), expected)


@pytest.mark.parametrize("name", ["report", "calibrate"])
@pytest.mark.parametrize("data, expected", DATA.items())
def test_data_that_cannot_be_read_is_refused(
    name: str, data: str, expected: str, folder: Folder, tmp_path: Path
) -> None:
    arguments = command(name, folder("model"), folder(data), tmp_path)
    assert_refused(arguments, f"Can't read the data '{folder(data)}'", expected)


@pytest.mark.parametrize("data, expected", DATA.items())
def test_training_data_that_cannot_be_read_is_refused(
    data: str, expected: str, folder: Folder, tmp_path: Path
) -> None:
    model, test = folder("model"), folder("data.spacy")
    arguments = [*command("report", model, test, tmp_path), "--train", folder(data)]
    assert_refused(arguments, expected)


def test_data_without_tags_is_refused(folder: Folder, tmp_path: Path) -> None:
    model, data = folder("model"), folder("no_tags.spacy")
    expected = "0 tokens have a gold tag"
    assert_refused(command("report", model, data, tmp_path), expected)
    expected = "no token of the data has a gold tag"
    assert_refused(command("calibrate", model, data, tmp_path), expected)


@pytest.mark.parametrize("text", ["", " \n"])
@pytest.mark.parametrize("name", ["tag", "view"])
def test_an_empty_text_is_refused(name: str, text: str, folder: Folder) -> None:
    command = ["lstm-tagger", name, folder("model"), "Some text.", text]
    assert_refused(command, "Can't tag an empty text")


@pytest.mark.parametrize("input, expected", INPUTS.items())
@pytest.mark.parametrize("name", ["tag", "view"])
def test_an_input_that_cannot_be_read_is_refused(
    name: str, input: str, expected: str, folder: Folder, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    command = ["lstm-tagger", name, folder("model"), folder(input), "-o", output]
    assert_refused(command, expected)
    # Nor is there a half of it.
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "output, expected",
    [
        ("empty_folder", "It is a directory"),
        ("file.txt/tags", "should be in does not exist"),
        ("missing/tags", "should be in does not exist"),
    ],
)
@pytest.mark.parametrize("name", ["tag", "view"])
def test_tags_that_cannot_be_written_are_refused(
    name: str, output: str, expected: str, folder: Folder
) -> None:
    command = ["lstm-tagger", name, folder("model"), "Some text."]
    title = f"Can't write to '{folder(output)}'"
    assert_refused([*command, "--output", folder(output)], title, expected)


@pytest.mark.parametrize(
    "output", ["empty_folder", "file.txt/a.html", "missing/a.html"]
)
def test_a_report_that_cannot_be_written_is_refused(
    output: str, folder: Folder
) -> None:
    command = ["lstm-tagger", "report", folder("model"), folder("data.spacy")]
    expected = "is a directory" if output == "empty_folder" else "directory not found"
    assert_refused([*command, "--output", folder(output)], expected)


@pytest.mark.parametrize("output", ["file.txt", "file.txt/calibrated"])
def test_a_pipeline_that_cannot_be_saved_is_refused(
    output: str, folder: Folder
) -> None:
    command = ["lstm-tagger", "calibrate", folder("model"), folder("data.spacy")]
    assert_refused([*command, folder(output)], f"Can't save to '{folder(output)}'")


@COMMANDS
@pytest.mark.parametrize(
    "option, value, expected",
    [("--code", "missing.py", "not found"), ("--gpu-id", "7", "Can't use GPU 7")],
)
def test_code_and_a_gpu_that_are_not_there_are_refused(
    name: str, option: str, value: str, expected: str, folder: Folder, tmp_path: Path
) -> None:
    arguments = command(name, folder("model"), folder("data.spacy"), tmp_path)
    assert_refused([*arguments, option, value], expected)


@pytest.mark.parametrize("config, expected", CONFIGS.items())
def test_a_config_that_cannot_be_used_is_refused(
    config: str, expected: str, folder: Folder
) -> None:
    assert_refused(["debug", "lstm-tagger", folder(config)], expected)


@pytest.mark.parametrize(
    "override, expected",
    [("--patience", "as in --paths.train"), ("corpus", "should start with --")],
)
def test_an_override_that_is_not_a_setting_is_refused(
    override: str, expected: str, folder: Folder
) -> None:
    command = ["debug", "lstm-tagger", folder("config.cfg"), override, "1"]
    assert_refused(command, expected)


@pytest.mark.parametrize("split", ["train", "dev"])
@pytest.mark.parametrize("data, expected", DATA.items())
def test_corpora_that_cannot_be_read_are_refused(
    split: str, data: str, expected: str, folder: Folder
) -> None:
    option = [f"--paths.{split}", folder(data)]
    if data in ("empty_folder", "file.txt", "no_docs.spacy"):
        expected = f"No tags in the {split} data"
    assert_refused(["debug", "lstm-tagger", folder("config.cfg"), *option], expected)


def test_a_component_without_a_temperature_is_refused(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger").add_label("X")
    nlp.initialize()
    nlp.to_disk(tmp_path / "model")
    data = write_corpus(nlp, tmp_path / "data.spacy")
    arguments = command("calibrate", tmp_path / "model", data, tmp_path)
    assert_refused(arguments, "It is not an 'lstm_tagger'")


@COMMANDS
def test_an_error_that_is_not_the_users_keeps_its_traceback(
    name: str, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ValueError("operands could not be broadcast together")

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(LSTMTagger, "_predict_lattice", fail)
    arguments = command(name, folder("model"), folder("data.spacy"), tmp_path)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is error


def test_tag_imports_code_before_the_pipeline_is_loaded(
    shared_trained: Language, tmp_path: Path
) -> None:
    code = tmp_path / "code.py"
    code.write_text(
        "from spacy.language import Language\n"
        "@Language.component('of_code')\n"
        "def component(doc):\n"
        "    doc[0].tag_ = 'CODE'\n"
        "    return doc\n"
    )
    shared_trained.to_disk(tmp_path / "model")
    changes = {
        "nlp": {"pipeline": ["lstm_tagger", "of_code"]},
        "components": {"of_code": {"factory": "of_code"}},
    }
    path = tmp_path / "model" / "config.cfg"
    load_config(path).merge(changes).to_disk(path)
    arguments = ["lstm-tagger", "tag", str(tmp_path / "model"), "Dogs bark"]
    result = CliRunner().invoke(app, [*arguments, "--code", str(code)])
    assert result.exit_code == 0, result.output
    assert re.search(r"Dogs +CODE +nan", result.output)
