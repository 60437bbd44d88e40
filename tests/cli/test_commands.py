"""spaCy's commands with pipelines of ours."""

import re
import subprocess
import sysconfig
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List

import pytest
import spacy
import srsly
from spacy.cli import app
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.util import load_config, load_model_from_config
from thinc.api import Config
from typer.testing import CliRunner
from util import (
    SMALL,
    TRAIN_DATA,
    encoder_of,
    make_doc,
    same_weights,
    tag_all,
    tags_of,
    torch_weights,
    write_corpus,
)
from util import run_spacy as run

# Adds the commands to spaCy's, as its entry point does.
import spacy_lstm_tagger.cli  # noqa: F401

CONFIGS = Path(__file__).parents[2] / "configs"
TAGS = sorted({tag for _, tags in TRAIN_DATA for tag in tags})

# Sentences with unknown words, and tags that are not all to be guessed.
DEV_DATA = [
    (["The", "dog", "saw", "a", "zebra"], ["DET", "NN", "V", "DET", "NN"]),
    (["Old", "birds", "often", "walked", "home"], ["ADJ", "NNS", "ADV", "V", "NN"]),
]
TEXTS = ["The old dog likes apples", "Everybody slowly ate that zebra"]


@dataclass(frozen=True)
class Project:
    """A config, its corpora, and what `train` made of them.

    folder (Path): Where all of it lies.
    config (Path): A complete config for corpora of words and tags.
    best (Path): The trained pipeline.
    """

    folder: Path
    config: Path
    best: Path


def write_config(folder: Path, path: Path, changes: Dict[str, Any]) -> Path:
    """The config of the demo, smaller still and complete."""
    config = load_config(CONFIGS / "demo.cfg")
    config["paths"] = {
        "train": str(write_corpus(spacy.blank("en"), folder / "train.spacy")),
        "dev": str(write_corpus(spacy.blank("en"), folder / "dev.spacy", DEV_DATA)),
    }
    config["components"]["lstm_tagger"]["model"]["tok2vec"].update(
        SMALL["model"]["tok2vec"]
    )
    config["training"].update(max_steps=60, eval_frequency=20, dropout=0.05)
    config["training"]["optimizer"]["learn_rate"] = 0.01
    config["training"]["logger"] = {
        "@loggers": "spacy.ConsoleLogger.v3",
        "console_output": False,
        "output_file": str(folder / "log.jsonl"),
    }
    nlp = load_model_from_config(config.merge(changes), auto_fill=True)
    nlp.config.to_disk(path)
    return path


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("cli")
    config = write_config(folder, folder / "config.cfg", {})
    run("train", config, "--output", folder / "training")
    return Project(folder, config, folder / "training" / "model-best")


def count_accuracy(nlp: Language) -> float:
    """The share of right tags in DEV_DATA."""
    pairs = [
        (token.tag_, tag)
        for words, tags in DEV_DATA
        for token, tag in zip(nlp(make_doc(nlp, words)), tags)
    ]
    return sum(found == wanted for found, wanted in pairs) / len(pairs)


# Without a trained tagger, spaCy can't read release.cfg.
@pytest.mark.parametrize(
    "path",
    sorted(set(CONFIGS.glob("*.cfg")) - {CONFIGS / "release.cfg"}),
    ids=lambda path: path.name,
)
def test_fill_config_completes_our_configs(path: Path, tmp_path: Path) -> None:
    if path.name == "transformer.cfg":
        pytest.importorskip("spacy_transformers")
    filled, again = tmp_path / "filled.cfg", tmp_path / "again.cfg"
    run("init", "fill-config", path, filled)
    nlp = load_model_from_config(load_config(filled), auto_fill=False)
    assert "lstm_tagger" in nlp.pipe_names
    assert load_config(filled)["components"]["lstm_tagger"]["overwrite"] is False
    run("init", "fill-config", filled, again)
    assert again.read_text(encoding="utf8") == filled.read_text(encoding="utf8")


def test_debug_config_finds_our_functions_and_wrong_settings(project: Project) -> None:
    output = run("debug", "config", project.config, "--show-functions")
    assert "Config is valid" in output
    # The names and the modules that they are found in.
    assert "spacy_lstm_tagger.WordCharBiLSTM.v1" in output
    assert "spacy_lstm_tagger.architectures" in output
    setting = "--components.lstm_tagger.model.tok2vec.depth"
    command = ["debug", "config", str(project.config), setting, "two"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert re.search(r"depth\s.*'two'", result.output)


def test_debug_model_shows_what_initialization_infers(project: Project) -> None:
    output = run("debug", "model", project.config, "lstm_tagger", "-DIM", "-P0", "-P1")
    before, after = output.split("STEP 1")
    assert "'word_char_bilstm>>with_array(softmax)'" in before
    assert re.findall(r"dim nO: (\w+)", before) == ["None", "32", "None", "None"]
    n_tags = str(len(TAGS))
    assert re.findall(r"dim nO: (\w+)", after) == [n_tags, "32", n_tags, n_tags]


def test_debug_data_reads_our_corpora(project: Project) -> None:
    # It takes six sentences for too few, so it exits with 1.
    result = CliRunner().invoke(app, ["debug", "data", str(project.config)])
    assert "Pipeline can be initialized with data" in result.output
    assert "Training pipeline: lstm_tagger" in result.output
    assert f"{len(TRAIN_DATA)} training docs" in result.output
    assert f"{len(DEV_DATA)} evaluation docs" in result.output
    n_words = sum(len(words) for words, _ in TRAIN_DATA)
    assert f"{n_words} total word(s) in the data" in result.output


def test_labels_of_init_labels_are_those_of_the_training(
    project: Project, tmp_path: Path
) -> None:
    run("init", "labels", project.config, tmp_path)
    path = tmp_path / "lstm_tagger.json"
    assert srsly.read_json(path) == TAGS
    # Another order, and a tag that the data does not have, show what is used.
    labels = ["XX", *reversed(TAGS)]
    srsly.write_json(path, labels)
    reader = {"@readers": "spacy.read_labels.v1", "path": str(path), "require": True}
    changes = {
        "initialize": {"components": {"lstm_tagger": {"labels": reader}}},
        "training": {"max_steps": 1, "eval_frequency": 1},
    }
    config = write_config(tmp_path, tmp_path / "config.cfg", changes)
    run("train", config, "--output", tmp_path / "training")
    nlp = spacy.load(tmp_path / "training" / "model-last")
    assert nlp.get_pipe("lstm_tagger").labels == tuple(labels)


def test_train_raises_the_score_and_saves_the_best_pipeline(project: Project) -> None:
    log = list(srsly.read_jsonl(project.folder / "log.jsonl"))
    scores = [line["scores"]["tag_acc"] for line in log]
    assert log[-1]["step"] == 60
    assert scores[-1] > scores[0]
    nlp = spacy.load(project.best)
    assert tag_all(nlp) == [tags for _, tags in TRAIN_DATA]
    assert 100 * nlp.meta["performance"]["tag_acc"] == pytest.approx(max(scores))


@pytest.mark.parametrize("command", [["evaluate"], ["benchmark", "accuracy"]])
def test_evaluate_equals_our_own_count(
    command: List[str], project: Project, tmp_path: Path
) -> None:
    output, data = tmp_path / "metrics.json", project.folder / "dev.spacy"
    printed = run(*command, project.best, data, "--output", output)
    accuracy = count_accuracy(spacy.load(project.best))
    assert 0 < accuracy < 1
    assert srsly.read_json(output)["tag_acc"] == pytest.approx(accuracy)
    assert re.search(rf"TAG +{100 * accuracy:.2f}\b", printed)


def test_our_report_tells_known_words_from_unknown_ones(
    project: Project, tmp_path: Path
) -> None:
    output, data = tmp_path / "report.html", project.folder / "dev.spacy"
    train = ["--train", project.folder / "train.spacy"]
    run("lstm-tagger", "report", project.best, data, "--output", output, *train)
    html = output.read_text(encoding="utf8")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
    accuracy = count_accuracy(spacy.load(project.best))
    assert f"{100 * accuracy:.2f}% of all words are right" in text
    # "a", "zebra" and "Old": here, case matters.
    assert re.search(r"of unknown words are right \d of 3 ", text)


def test_benchmark_speed_tags_with_our_pipelines(project: Project) -> None:
    data = project.folder / "train.spacy"
    options = ["--batches", "30", "--warmup", "0", "--batch-size", "2"]
    printed = run("benchmark", "speed", project.best, data, *options)
    found = re.search(r"Mean: ([\d.]+) words/s", printed)
    assert found is not None
    assert float(found.group(1)) > 0


def test_apply_saves_the_tags_that_the_pipeline_gives(
    project: Project, tmp_path: Path
) -> None:
    data, output = tmp_path / "texts.jsonl", tmp_path / "tagged.spacy"
    srsly.write_jsonl(data, [{"text": text} for text in TEXTS])
    run("apply", project.best, data, output)
    nlp = spacy.load(project.best)
    docs = list(DocBin().from_disk(output).get_docs(spacy.blank("en").vocab))
    assert [doc.text for doc in docs] == TEXTS
    assert [tags_of(doc) for doc in docs] == [tags_of(nlp(text)) for text in TEXTS]
    assert all(tag in TAGS for doc in docs for tag in tags_of(doc))


def make_environment(folder: Path) -> Path:
    """A fresh environment that borrows what is installed here, for want of a network.
    Returns its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", code], capture_output=True, text=True).stdout
    borrowed = sysconfig.get_path("purelib")
    # Through site, so that editable installs work, too.
    line = f"import site; site.addsitedir({borrowed!r})\n"
    (Path(site.strip()) / "borrowed.pth").write_text(line)
    return python


def test_package_makes_a_wheel_that_can_be_installed_and_loaded(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Build without downloads, with what is installed.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    run("package", project.best, tmp_path, "--build", "wheel", "--name", "cli_test")
    (wheel,) = tmp_path.glob("*/dist/en_cli_test-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("/METADATA"))
        metadata = archive.read(name).decode("utf8")
    assert re.search(r"^Requires-Dist: spacy-lstm-tagger\W", metadata, re.MULTILINE)
    python = make_environment(tmp_path / "environment")
    install = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([python, *install, str(wheel)], check=True)
    code = (
        "import sys, spacy; nlp = spacy.load('en_cli_test');"
        "print([[t.tag_ for t in nlp(text)] for text in sys.argv[1:]])"
    )
    done = subprocess.run(
        [python, "-c", code, *TEXTS],
        capture_output=True,
        text=True,
        check=True,
        # Not the folder that the pipeline was trained in.
        cwd=tmp_path,
    )
    nlp = spacy.load(project.best)
    assert done.stdout.strip() == str([tags_of(nlp(text)) for text in TEXTS])


def test_assemble_takes_a_trained_tagger_from_another_pipeline(
    project: Project, tmp_path: Path
) -> None:
    config = Config(
        {
            "nlp": {"lang": "en", "pipeline": ["sentencizer", "lstm_tagger"]},
            "components": {
                "sentencizer": {"factory": "sentencizer"},
                "lstm_tagger": {"source": str(project.best)},
            },
        }
    )
    config.to_disk(tmp_path / "config.cfg")
    run("assemble", tmp_path / "config.cfg", tmp_path / "assembled")
    nlp, source = spacy.load(tmp_path / "assembled"), spacy.load(project.best)
    assert nlp.pipe_names == ["sentencizer", "lstm_tagger"]
    assert same_weights(torch_weights(nlp), torch_weights(source))
    assert tag_all(nlp) == tag_all(source)


def test_pretrain_trains_the_encoder_that_training_starts_from(
    tmp_path: Path,
) -> None:
    raw = [" ".join(words) for words, _ in TRAIN_DATA] + ["Zebras never sing in rain ."]
    srsly.write_jsonl(tmp_path / "raw.jsonl", [{"text": text} for text in raw])
    reader = {"@readers": "spacy.JsonlCorpus.v1", "path": str(tmp_path / "raw.jsonl")}
    callback = {"@callbacks": "spacy_lstm_tagger.build_vocabulary.v1"}
    changes = {
        "corpora": {"pretrain": reader},
        "pretraining": {
            "component": "lstm_tagger",
            "layer": "tok2vec",
            "corpus": "corpora.pretrain",
            "max_epochs": 2,
            "objective": {
                "@architectures": "spacy.PretrainCharacters.v1",
                "maxout_pieces": 2,
                "hidden_size": 8,
                "n_characters": 2,
            },
        },
        "initialize": {"before_init": {**callback, "corpus": "${corpora.pretrain}"}},
    }
    partial = write_config(tmp_path, tmp_path / "partial.cfg", changes)
    config = tmp_path / "config.cfg"
    run("init", "fill-config", partial, config, "--pretraining")
    run("pretrain", config, tmp_path / "pretrained")
    first, last = (
        tmp_path / "pretrained" / f"{n}.bin" for n in ("model0", "model-last")
    )
    before, after = (initialize(config, weights) for weights in (first, last))
    assert not same_weights(torch_weights(before), torch_weights(after))
    # Training starts from the weights that pretraining saved.
    saved = load_model_from_config(load_config(config))
    encoder_of(saved).from_bytes(last.read_bytes())
    assert same_weights(torch_weights(after), torch_weights(saved))
    vocabulary = encoder_of(after).shims[0].module.vocabulary
    words = {word.lower() for text in raw for word in text.split()}
    assert set(vocabulary.words) == {after.vocab.strings[word] for word in words}


def initialize(config: Path, weights: Path) -> Language:
    """The pipeline that training starts from, with pretrained weights."""
    folder = weights.with_suffix("")
    run("init", "nlp", config, folder, "--initialize.init_tok2vec", weights)
    return spacy.load(folder)
