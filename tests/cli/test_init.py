"""`spacy init lstm-tagger`. tests/test_configs.py has what it writes for configs/."""

import re
import shlex
from pathlib import Path
from typing import Any, List

import pytest
import spacy
from spacy.cli import app
from spacy.cli.init_config import fill_config
from spacy.tokens import Doc, DocBin
from spacy.util import load_config
from thinc.api import Config
from typer.testing import CliRunner
from util import TRAIN_DATA, run_spacy, tag_all, write_corpus

# Adds the commands to spaCy's, as its entry point does.
import spacy_lstm_tagger.cli  # noqa: F401
from spacy_lstm_tagger.cli.init import command, corpus_size

ENCODER = "components.lstm_tagger.model.tok2vec"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_corpus(spacy.blank("en"), tmp_path / "my data.spacy")


def init(tmp_path: Path, *options: Any) -> Config:
    """Run the command, and read the config that it writes."""
    run_spacy("init", "lstm-tagger", tmp_path / "new" / "config.cfg", *options)
    return load_config(tmp_path / "new" / "config.cfg").interpolate()


def encoder_in(config: Config) -> Any:
    return config["components"]["lstm_tagger"]["model"]["tok2vec"]


@pytest.mark.parametrize(
    "options",
    [
        "--lang de --gpu --crf --vectors my_vectors",
        "--lang zh --optimize efficiency",
        "--lang xx --pipeline sentencizer,lstm_tagger",
        "--pipeline lstm_tagger,senter,ner",
        "--pipeline morphologizer,lstm_tagger,parser --pretraining --gpu",
        "--distillation --crf --vectors my_vectors --gpu",
    ],
)
def test_a_config_of_any_options_is_complete(options: str, tmp_path: Path) -> None:
    init(tmp_path, *options.split())
    path, filled = tmp_path / "new" / "config.cfg", tmp_path / "filled.cfg"
    pretraining = "--pretraining" in options
    before, after = fill_config(filled, path, pretraining=pretraining, silent=True)
    assert after == before


def test_a_config_has_comments(tmp_path: Path) -> None:
    init(tmp_path)
    text = (tmp_path / "new" / "config.cfg").read_text(encoding="utf8")
    assert "\n# Training ends 1,600 steps after the best evaluation" in text
    assert max(map(len, text.splitlines())) <= 88


def test_the_paths_and_the_language_are_filled_in(tmp_path: Path, data: Path) -> None:
    config = init(tmp_path, "--train", data, "--lang", "de", "--vectors", "my_vectors")
    assert config["paths"]["train"] == str(data)
    assert config["paths"]["dev"] is None
    assert config["paths"]["vectors"] == config["initialize"]["vectors"] == "my_vectors"
    assert config["nlp"]["lang"] == "de"
    assert encoder_in(config)["include_static_vectors"]


def test_a_small_corpus_gets_all_its_characters_and_small_batches(
    tmp_path: Path, data: Path
) -> None:
    small = init(tmp_path, "--train", data)
    assert encoder_in(small)["min_character_count"] == 1
    assert small["training"]["batcher"]["size"] == 200
    unknown = init(tmp_path, "--dev", data, "-F")
    assert encoder_in(unknown)["min_character_count"] == 2
    assert unknown["training"]["batcher"]["size"] == 800


def test_a_large_corpus_gets_no_limit_of_steps_and_no_rare_words(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus_size, "LARGE", 10)
    config = init(tmp_path, "--train", data)
    assert config["training"]["max_steps"] == 0
    assert encoder_in(config)["min_word_count"] == 2
    without = init(tmp_path, "-F")
    assert without["training"]["max_steps"] > 0
    assert encoder_in(without)["min_word_count"] == 1


def test_the_size_of_a_corpus_is_that_of_all_files_of_a_folder(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    for i, tags in enumerate((["A", "B"], ["B", ""])):
        doc = Doc(nlp.vocab, words=["some", "words"], tags=tags)
        DocBin(docs=[doc]).to_disk(tmp_path / f"{i}.spacy")
    assert corpus_size.measure_corpus(tmp_path) == corpus_size.CorpusSize(4, 2, False)


def test_components_that_listen_share_one_encoder_and_read_whole_documents(
    tmp_path: Path,
) -> None:
    config = init(tmp_path, "--pipeline", "parser,lstm_tagger,senter,ner")
    pipeline = ["tok2vec", "parser", "lstm_tagger", "senter", "ner"]
    assert config["nlp"]["pipeline"] == pipeline
    for name in ("parser", "lstm_tagger", "ner"):
        tok2vec = config["components"][name]["model"]["tok2vec"]
        assert tok2vec["@architectures"] == "spacy.Tok2VecListener.v1"
        assert tok2vec["width"] == config["components"]["tok2vec"]["model"]["width"]
    assert not config["corpora"]["train"]["gold_preproc"]
    assert sum(filter(None, config["training"]["score_weights"].values())) > 0.9


def test_components_that_learn_nothing_leave_the_encoder_to_the_tagger(
    tmp_path: Path,
) -> None:
    config = init(tmp_path, "--pipeline", "sentencizer,lstm_tagger")
    assert config["nlp"]["pipeline"] == ["sentencizer", "lstm_tagger"]
    assert encoder_in(config)["width"] == 256
    assert config["corpora"]["train"]["gold_preproc"]


def test_the_config_goes_to_stdout_alone(tmp_path: Path) -> None:
    init(tmp_path)
    text = (tmp_path / "new" / "config.cfg").read_text(encoding="utf8")
    printed = run_spacy("init", "lstm-tagger", "-")
    assert printed == text.replace("lstm-tagger config.cfg", "lstm-tagger -")


def test_the_commands_that_are_printed_train_a_tagger(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dev.spacy").write_bytes(data.read_bytes())
    printed = run_spacy("init", "lstm-tagger", "my.cfg", "--train", data)
    assert f"{sum(len(w) for w, _ in TRAIN_DATA)} words" in printed
    commands = re.findall(r"^python -m spacy (.*)$", printed, re.MULTILINE)
    debug, train = map(shlex.split, commands)
    assert debug[:2] == ["debug", "lstm-tagger"]
    run_spacy(*debug)
    small = {
        "--training.max_steps": 60,
        "--training.eval_frequency": 20,
        "--training.optimizer.learn_rate": 0.01,
        f"--{ENCODER}.width": 32,
    }
    run_spacy(*train, *(x for pair in small.items() for x in pair))
    assert tag_all(spacy.load("training/model-best")) == [
        tags for _, tags in TRAIN_DATA
    ]


def test_all_commands_that_are_printed_name_the_raw_text_and_the_gpu(
    tmp_path: Path,
) -> None:
    path = tmp_path / "my  config.cfg"
    printed = run_spacy("init", "lstm-tagger", path, "--pretraining", "--gpu")
    commands = re.findall(r"^python -m spacy (.*)$", printed, re.MULTILINE)
    paths = "--paths.train ./train.spacy --paths.dev ./dev.spacy"
    paths += " --paths.raw_text ./raw.jsonl"
    weights = "--paths.init_tok2vec training/pretrain/model-last.bin"
    assert commands == [
        f"debug lstm-tagger '{path}' {paths}",
        f"pretrain '{path}' training/pretrain {paths} --gpu-id 0",
        f"train '{path}' --output training {paths} {weights} --gpu-id 0",
    ]


def test_a_file_is_overwritten_on_request_only(tmp_path: Path) -> None:
    init(tmp_path)
    result = CliRunner().invoke(
        app, ["init", "lstm-tagger", str(tmp_path / "new" / "config.cfg")]
    )
    assert result.exit_code == 1
    assert "set the --force or -F flag" in " ".join(result.output.split())
    init(tmp_path, "--force")


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--pipeline", "parser"], "'lstm_tagger' among them"),
        (
            ["--pipeline", "tok2vec,lstm_tagger"],
            "Leave out 'transformer', and 'tok2vec'",
        ),
        (["--pipeline", "lstm_tagger,no_such"], "no_such"),
        (["--lang", "german"], "Languages have codes, such as 'de'"),
        (["--train", "missing.spacy"], "Can't read the data 'missing.spacy'"),
        (["--dev", "missing.spacy"], "Can't read the data 'missing.spacy'"),
    ],
)
def test_options_that_make_no_config_are_refused(
    options: List[str], expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.cfg"
    result = CliRunner().invoke(app, ["init", "lstm-tagger", str(path), *options])
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == 1
    assert expected in " ".join(result.output.split())
    assert not path.exists()


def test_vectors_that_are_not_there_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["init", "lstm-tagger", "config.cfg", "-F", "--vectors", "my_vectors"]
    expected = "There is no pipeline 'my_vectors'"
    assert expected in run_spacy(*arguments)
    spacy.blank("en").to_disk("my_vectors")
    assert expected not in run_spacy(*arguments)


def test_what_many_tags_cost_a_crf_is_said(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MANY_TAGS", 3)
    arguments = ["init", "lstm-tagger", tmp_path / "config.cfg", "-F", "--train", data]
    assert "A CRF computes with 49 pairs of 7 tags" in run_spacy(*arguments, "--crf")
    assert "A CRF" not in run_spacy(*arguments)


UPOS = {"ADJ": "ADJ", "ADV": "ADV", "DET": "DET", "NN": "NOUN", "NNS": "NOUN"}


@pytest.fixture
def data_with_upos(tmp_path: Path) -> Path:
    nlp = spacy.blank("en")
    path = tmp_path / "upos.spacy"
    docs = [
        Doc(nlp.vocab, words=words, tags=tags, pos=[UPOS.get(t, "X") for t in tags])
        for words, tags in TRAIN_DATA
    ]
    DocBin(docs=docs).to_disk(path)
    return path


def test_a_pipeline_sets_upos_if_the_training_data_has_it(
    tmp_path: Path, data_with_upos: Path
) -> None:
    config = init(tmp_path, "--train", data_with_upos, "--dev", data_with_upos)
    assert config["nlp"]["pipeline"] == ["lstm_tagger", "attribute_ruler"]
    path, filled = tmp_path / "new" / "config.cfg", tmp_path / "filled.cfg"
    before, after = fill_config(filled, path, silent=True)
    assert after == before
    run_spacy(
        *("train", path, "--output", tmp_path / "training", f"--{ENCODER}.width", 32),
        *("--training.max_steps", 1, "--training.eval_frequency", 1),
    )
    nlp = spacy.load(tmp_path / "training" / "model-last")
    for token in nlp(" ".join(TRAIN_DATA[0][0])):
        assert token.pos_ == UPOS.get(token.tag_, "X")


def test_a_morphologizer_sets_upos_by_itself(
    tmp_path: Path, data_with_upos: Path
) -> None:
    pipeline = ["--pipeline", "lstm_tagger,morphologizer"]
    config = init(tmp_path, "--train", data_with_upos, *pipeline)
    assert config["nlp"]["pipeline"] == ["tok2vec", "lstm_tagger", "morphologizer"]
    assert config["initialize"]["components"] == {}


def test_a_pipeline_without_upos_in_its_data_has_no_rules_for_it(
    tmp_path: Path, data: Path
) -> None:
    config = init(tmp_path, "--train", data)
    assert config["nlp"]["pipeline"] == ["lstm_tagger"]
    assert config["initialize"]["components"] == {}


@pytest.mark.parametrize("options", ["--pretraining", "--pipeline lstm_tagger,parser"])
def test_a_transformer_is_refused_where_it_would_not_be_used(
    options: str, tmp_path: Path
) -> None:
    arguments = ["init", "lstm-tagger", str(tmp_path / "config.cfg")]
    arguments += ["--transformer", "my_transformer", *options.split()]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "Can't put the transformer 'my_transformer' beside" in result.output
    assert not (tmp_path / "config.cfg").exists()


@pytest.mark.parametrize(
    "options, expected",
    [
        ("--transformer my_transformer", "the transformer 'my_transformer'"),
        ("--pretraining", "whose encoder is pretrained"),
        ("--pipeline lstm_tagger,ner", "with the components ['ner']"),
        ("--pipeline morphologizer,lstm_tagger", "with the components"),
    ],
)
def test_what_a_student_can_not_be_or_have_is_refused(
    options: str, expected: str, tmp_path: Path
) -> None:
    arguments = ["init", "lstm-tagger", str(tmp_path / "config.cfg"), "--distillation"]
    result = CliRunner().invoke(app, [*arguments, *options.split()])
    assert result.exit_code == 1
    assert "Can't make a student" in result.output
    assert expected in " ".join(result.output.split())
    assert not list(tmp_path.iterdir())


def test_a_student_may_have_rules_beside_it(tmp_path: Path) -> None:
    config = init(tmp_path, "--distillation", "--pipeline", "sentencizer,lstm_tagger")
    assert config["nlp"]["pipeline"] == ["sentencizer", "lstm_tagger"]
    assert encoder_in(config)["min_word_count"] == 3


def test_batches_of_a_student_are_no_smaller_for_little_data_of_its_own(
    tmp_path: Path, data: Path
) -> None:
    config = init(tmp_path, "--distillation", "--train", data)
    assert config["training"]["batcher"]["size"] == 1600


def test_the_command_for_a_student_distills(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    printed = run_spacy("init", "lstm-tagger", "my.cfg", "--distillation")
    (line,) = [line for line in printed.splitlines() if " distill " in line]
    words = shlex.split(line)
    assert words[5:8] == ["./teacher", "my.cfg", "./texts.txt"]
    assert " train my.cfg" not in printed
