"""Checks of `spacy debug lstm-tagger` on the language and the settings of training."""

import re
from pathlib import Path
from typing import Any, List

import pytest
import spacy
from spacy.cli import app
from typer.testing import CliRunner
from util import write_corpus

# Adds the commands to spaCy's, as its entry point does.
import spacy_lstm_tagger.cli  # noqa: F401

CONFIGS = Path(__file__).parents[2] / "configs"
TOK2VEC = "components.lstm_tagger.model.tok2vec"
OPTIMIZER = "training.optimizer"
GOOD = "Training settings are near those that were measured to be good"

ENGLISH = "The dog and the cat were in the house when we came back to it"
GERMAN = "Der Hund und die Katze waren in dem Haus als wir wieder zu ihm kamen"
RUSSIAN = "Собака и кошка были в доме когда мы снова к нему пришли"
KOREAN = "우리가 집으로 돌아왔을 때 개와 고양이가 있었다"
# A script that spaCy has no language of.
GOTHIC = "𐌰𐍄𐍄𐌰 𐌿𐌽𐍃𐌰𐍂 𐌸𐌿 𐌹𐌽 𐌷𐌹𐌼𐌹𐌽𐌰𐌼"


def debug(
    folder: Path,
    *overrides: Any,
    text: str = ENGLISH,
    n_sentences: int = 600,
    config: str = "default",
    code: int = 0,
) -> str:
    """Run the command on copies of a sentence, and return its output on one line."""
    words = text.split()
    data = [(words, ["X"] * len(words))] * n_sentences
    path = write_corpus(spacy.blank("xx"), folder / "data.spacy", data)
    arguments = ["debug", "lstm-tagger", CONFIGS / f"{config}.cfg"]
    arguments += ["--paths.train", path, "--paths.dev", path, *overrides]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return re.sub(r"\s+", " ", result.output)


@pytest.mark.parametrize(
    "config",
    [
        # Not those of students, whose data is not all there.
        *("crf", "default", "demo", "fast", "gpu", "static_vectors"),
    ],
)
def test_our_configs_are_good(config: str, tmp_path: Path) -> None:
    (tmp_path / "vectors").mkdir()
    spacy.blank("en").to_disk(tmp_path / "vectors")
    n_sentences = 2000 if config == "gpu" else 600
    vectors = ["--paths.vectors", tmp_path / "vectors"]
    printed = debug(tmp_path, *vectors, config=config, n_sentences=n_sentences)
    assert GOOD in printed


@pytest.mark.parametrize(
    "overrides, warning, advice",
    [
        (
            [f"--{TOK2VEC}.input_dropout", 1.0],
            "dropout (0.1), applied input_dropout (1.0) times, is 0.1, far from 0.41",
            "3 points of accuracy",
        ),
        (
            [f"--{TOK2VEC}.layer_dropout", 5.0],
            "dropout (0.1), applied layer_dropout (5.0) times, is 0.41, far from 0.19",
            "3 points of accuracy",
        ),
        (
            [f"--{OPTIMIZER}.use_averages", "false"],
            "The learning rate stays the same, and weights are not averaged",
            "cost half a point",
        ),
        (
            [f"--{OPTIMIZER}.learn_rate", 0.0003],
            "The learning rate is 0.0003, far from 0.003",
            "2 points of accuracy were lost",
        ),
        (
            [f"--{OPTIMIZER}.learn_rate", 0.1],
            "The learning rate is 0.1, far from 0.003",
            "2 points of accuracy were lost",
        ),
        (
            ["--training.batcher.size", 1000],
            "Batches of 1000 words are large for 9000 words",
            "took 14 passes with batches of 200 words",
        ),
        (
            ["--training.accumulate_gradient", 2],
            "Batches of 1600 words are large for 9000 words",
            "took 14 passes with batches of 200 words",
        ),
        (
            ["--training.max_steps", 18],
            "ends after 1.6 passes over the train data",
            "After 1 pass over 200,000 words, 89.6 % of the tags were right",
        ),
        (
            ["--training.max_epochs", 3],
            "ends after 3.0 passes over the train data",
            "let 'patience' end the training",
        ),
        (
            ["--training.patience", 200],
            "ends at the first evaluation that is no better",
            "such as 1600 and 200",
        ),
    ],
)
def test_a_setting_that_is_far_from_ours_is_named_with_what_it_costs(
    overrides: List[Any], warning: str, advice: str, tmp_path: Path
) -> None:
    printed = debug(tmp_path, *overrides)
    found, summary = printed.split("Summary")
    assert warning in found
    assert advice in summary
    assert GOOD not in printed


def test_the_dropout_of_old_configs_is_named(tmp_path: Path) -> None:
    printed = debug(tmp_path, "--training.dropout", 0.4)
    assert "applied input_dropout (5.0) times, is 0.92, far from 0.41" in printed


def test_dropout_that_leaves_nothing_is_an_error(tmp_path: Path) -> None:
    printed = debug(tmp_path, "--training.dropout", 1.0, code=1)
    assert "Can't train with this dropout" in printed
    assert "a dropout of 1.0: it needs to be at least 0 and less than 1" in printed


def test_the_default_dropout_of_pretraining_is_warned_of(tmp_path: Path) -> None:
    texts = tmp_path / "raw.jsonl"
    texts.write_text('{"text": "The dog and the cat were in the house."}\n')
    raw = ["--paths.raw_text", texts, f"--{TOK2VEC}.min_word_count", 1]
    warning = "[pretraining] dropout makes a rate of 0.67"
    stock = debug(tmp_path, *raw, "--pretraining.dropout", 0.2, config="pretraining")
    assert warning in stock
    assert GOOD in debug(tmp_path, *raw, config="pretraining")


def test_pretrained_weights_that_spacy_does_not_read_are_warned_of(
    tmp_path: Path,
) -> None:
    weights = ["--paths.init_tok2vec", "model-last.bin"]
    found, summary = debug(tmp_path, *weights).split("Summary")
    assert "init_tok2vec (model-last.bin) is not read: [pretraining] is empty" in found
    assert "the config that the weights were pretrained with" in summary


def test_the_quickstart_of_spacy_is_told_what_it_misses(tmp_path: Path) -> None:
    path = tmp_path / "quickstart.cfg"
    arguments = ["init", "config", str(path), "--pipeline", "lstm_tagger"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    printed = debug(tmp_path, config=str(path.with_suffix("")))
    assert "weights are not averaged" in printed
    assert "The learning rate is 0.001" in printed
    assert "far from 0.4" not in printed


@pytest.mark.parametrize("lang", ["ru", "ko", "xx"])
def test_data_in_the_language_of_the_config_is_not_warned_of(
    lang: str, tmp_path: Path
) -> None:
    text = {"ru": RUSSIAN, "ko": KOREAN, "xx": GOTHIC}[lang]
    # The tokenizer of Korean needs more packages than spaCy.
    tokenizer = ["--nlp.tokenizer.@tokenizers", "spacy.Tokenizer.v1"]
    printed = debug(tmp_path, "--nlp.lang", lang, *tokenizer, text=text, n_sentences=2)
    assert "The config's language" not in printed


@pytest.mark.parametrize(
    "text, script", [(RUSSIAN, "cyrillic"), (KOREAN, "hangul"), (GOTHIC, "gothic")]
)
def test_data_in_another_script_than_the_language_is_warned_of(
    text: str, script: str, tmp_path: Path
) -> None:
    printed = debug(tmp_path, text=text, n_sentences=2)
    assert f"language is 'en', but most letters of the data are {script}" in printed
    assert "set 'lang' in [nlp]" in printed.split("Summary")[1]


@pytest.mark.parametrize(
    "text, lang, other", [(ENGLISH, "de", "en"), (GERMAN, "en", "de")]
)
def test_data_in_another_language_is_warned_of(
    text: str, lang: str, other: str, tmp_path: Path
) -> None:
    printed = debug(tmp_path, "--nlp.lang", lang, text=text, n_sentences=2)
    assert f"language is '{lang}', but the data looks like '{other}'" in printed
    printed = debug(tmp_path, "--nlp.lang", other, text=text, n_sentences=2)
    assert "looks like" not in printed
