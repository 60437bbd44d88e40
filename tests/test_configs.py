"""The configs in configs/: each trains what its first lines say it is for."""

import inspect
import shlex
import shutil
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any, Dict, List

import numpy
import pytest
import spacy
import srsly
from numpy.typing import NDArray
from spacy.cli.init_config import fill_config
from spacy.cli.train import train
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training.pretrain import pretrain
from spacy.util import load_config
from spacy.vectors import Vectors
from util import (
    SMALL,
    TRAIN_DATA,
    encoder_of,
    run_spacy,
    same_weights,
    tag_all,
    tags_of,
    torch_weights,
    write_corpus,
)
from weasel.util import load_project_config

# Adds its commands to spaCy's.
import spacy_lstm_tagger.cli  # noqa: F401
from spacy_lstm_tagger.architectures import build_word_char_bilstm
from spacy_lstm_tagger.training.build_vocabulary import build_vocabulary

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"
NAMES = [
    "accurate",
    "crf",
    "default",
    "demo",
    "fast",
    "gpu",
    "pretraining",
    "shared_tok2vec",
    "small",
    "static_vectors",
]
TAGS = sorted({tag for _, tags in TRAIN_DATA for tag in tags})

# The heads of TRAIN_DATA.
HEADS = [
    [1, 2, 2, 4, 2],
    [1, 1, 3, 1],
    [1, 2, 2, 5, 5, 2],
    [1, 1, 3, 1],
    [2, 2, 2, 2],
    [1, 3, 3, 3],
]
# More documents than the ten that spaCy initializes a shared encoder with.
PAIRS = list(combinations(range(len(TRAIN_DATA)), 2))

# One for each of TAGS: only their vectors tell it.
UNKNOWN = ["blicket", "dax", "wug", "fep", "toma", "zib", "kesh"]

Overrides = Dict[str, Any]


def tok2vec_of(name: str) -> str:
    """Return the section of a config that has the encoder."""
    if name == "shared_tok2vec":
        return "components.tok2vec.model"
    return "components.lstm_tagger.model.tok2vec"


def make_small(name: str, folder: Path, n_copies: int = 1) -> Overrides:
    """Write the corpora of a config, with so many copies of each document. Returns the
    settings that make it small enough for a test."""
    tok2vec = tok2vec_of(name)
    overrides = {f"{tok2vec}.{k}": v for k, v in SMALL["model"]["tok2vec"].items()}
    overrides.update(make_paths(name, folder, n_copies))
    overrides["training.optimizer.learn_rate"] = 0.02
    if name == "shared_tok2vec":
        # Otherwise, the parser has no actions for what it sees less than 30 times.
        overrides["components.parser.min_action_freq"] = 1
    if name in ("accurate", "pretraining", "small"):
        # The words of what they read occur once or twice.
        overrides[f"{tok2vec}.min_word_count"] = 1
    return {**overrides, "training.max_steps": 100, "training.eval_frequency": 20}


def make_paths(name: str, folder: Path, n_copies: int) -> Overrides:
    nlp = spacy.blank("en")
    corpus = folder / "train.spacy"
    if name == "shared_tok2vec":
        docs = [make_pair(nlp, *pair) for pair in PAIRS]
        DocBin(docs=docs * n_copies).to_disk(corpus)
    else:
        write_corpus(nlp, corpus, TRAIN_DATA * n_copies)
    paths = {"paths.train": str(corpus), "paths.dev": str(corpus)}
    if name == "static_vectors":
        paths["paths.vectors"] = str(write_vectors(folder / "vectors", "default"))
    if name == "pretraining":
        paths["paths.raw_text"] = str(write_raw_text(folder / "raw.jsonl"))
    return paths


def make_pair(nlp: Language, *sentences: int) -> Doc:
    """A document of several sentences of TRAIN_DATA, with their trees."""
    words, tags, heads = [], [], []
    for sentence in sentences:
        heads += [len(words) + head for head in HEADS[sentence]]
        words += TRAIN_DATA[sentence][0]
        tags += TRAIN_DATA[sentence][1]
    deps = ["ROOT" if head == i else "dep" for i, head in enumerate(heads)]
    spaces = [True] * len(words)
    return Doc(nlp.vocab, words=words, spaces=spaces, tags=tags, heads=heads, deps=deps)


def write_raw_text(path: Path) -> Path:
    """The words of TRAIN_DATA, and others."""
    texts = [" ".join(words) for words, _ in TRAIN_DATA]
    srsly.write_jsonl(path, [{"text": f"{text} while zebras sing"} for text in texts])
    return path


def write_vectors(path: Path, mode: str, shift: int = 0) -> Path:
    """A pipeline where the vector of a word, also of an unknown one, tells its tag."""
    known = {w: tag for words, tags in TRAIN_DATA for w, tag in zip(words, tags)}
    unknown = {w: TAGS[(i + shift) % len(TAGS)] for i, w in enumerate(UNKNOWN)}
    tag_of = {**known, **unknown}
    rows = numpy.eye(len(TAGS), dtype="float32")[list(map(TAGS.index, tag_of.values()))]
    nlp = spacy.blank("en")
    keys = [nlp.vocab.strings.add(word) for word in tag_of]
    if mode == "floret":
        nlp.vocab.vectors = make_floret(nlp, keys, rows)
    else:
        nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=rows, keys=keys)
    nlp.to_disk(path)
    return path


def make_floret(nlp: Language, keys: List[int], vectors: NDArray) -> Vectors:
    """A floret table that makes these vectors of the subwords of these words."""

    def make(data: NDArray) -> Vectors:
        return Vectors(
            strings=nlp.vocab.strings,
            data=data.astype("float32"),
            mode="floret",
            minn=2,
            maxn=3,
            hash_count=2,
        )

    # A vector is a sum over rows: an identity matrix shows the weights of all rows.
    weights = make(numpy.eye(200)).get_batch(keys)
    return make(numpy.linalg.pinv(weights) @ vectors)


def train_small(name: str, folder: Path, **changes: Any) -> Language:
    """Train with a config as `spacy train` does. Returns the best pipeline."""
    overrides = {**make_small(name, folder), **changes}
    train(CONFIGS / f"{name}.cfg", folder / "training", overrides=overrides)
    return spacy.load(folder / "training" / "model-best")


@pytest.mark.parametrize(
    "name", [*(name for name in NAMES if name != "demo"), "transformer"]
)
def test_a_config_is_what_the_command_in_its_first_line_writes(
    name: str, tmp_path: Path
) -> None:
    text = (CONFIGS / f"{name}.cfg").read_text(encoding="utf8")
    line, *_ = text.splitlines()
    start = f"# python -m spacy init lstm-tagger {name}.cfg "
    assert line.startswith(start)
    options = shlex.split(line.removeprefix(start))
    run_spacy("init", "lstm-tagger", tmp_path / f"{name}.cfg", *options)
    assert (tmp_path / f"{name}.cfg").read_text(encoding="utf8") == text


@pytest.mark.parametrize("name", NAMES)
def test_fill_config_changes_nothing(name: str, tmp_path: Path) -> None:
    path, filled = CONFIGS / f"{name}.cfg", tmp_path / "filled.cfg"
    for pretraining in {False, name == "pretraining"}:
        before, after = fill_config(filled, path, pretraining=pretraining, silent=True)
        assert after == before


@pytest.mark.parametrize("name", NAMES)
def test_the_debug_commands_of_spacy_accept_a_config(name: str, tmp_path: Path) -> None:
    # `debug data` wants a hundred documents.
    small = make_small(name, tmp_path, n_copies=20)
    overrides = [x for key, value in small.items() for x in (f"--{key}", value)]
    path = CONFIGS / f"{name}.cfg"
    run_spacy("debug", "config", path, *overrides)
    run_spacy("debug", "data", path, *overrides)
    printed = run_spacy("debug", "model", path, "lstm_tagger", *overrides)
    assert "Initialized the model with the training corpus" in printed


@pytest.mark.parametrize("name", NAMES)
def test_the_project_looks_at_data_trains_and_evaluates_with_a_config(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my data"
    folder.mkdir()
    small = make_small(name, folder)
    paths = {
        key.removeprefix("paths."): value
        for key, value in small.items()
        if key.startswith("paths.")
    }
    variables = {**paths, "config": name, "test": paths["dev"]}
    project = load_project_config(
        ROOT, overrides={f"vars.{key}": value for key, value in variables.items()}
    )
    scripts = {command["name"]: command["script"] for command in project["commands"]}
    (convert,), (debug,), (train,), (evaluate,) = (
        map(shlex.split, scripts[n]) for n in ("convert", "debug", "train", "evaluate")
    )
    monkeypatch.chdir(tmp_path)
    shutil.copytree(CONFIGS, "configs")
    Path("metrics").mkdir()
    small.update({"training.max_steps": 2, "training.eval_frequency": 1})
    encoder = [f"--{k}={v}" for k, v in small.items() if not k.startswith("paths.")]
    subprocess.run([sys.executable, ROOT / convert[1], *convert[2:]], check=True)
    run_spacy(*debug[3:], *encoder)
    run_spacy(*train[3:], *encoder)
    run_spacy(*evaluate[3:])
    (metrics,) = Path("metrics").iterdir()
    assert "tag_acc" in srsly.read_json(metrics)


# Stands for the value of a setting that a config does not have.
MISSING = "missing"
MODEL = "components.lstm_tagger.model"
TOK2VEC = f"{MODEL}.tok2vec"
CALLBACK = "spacy_lstm_tagger.build_vocabulary.v1"

ENCODER = load_config(CONFIGS / "default.cfg")["components"]["lstm_tagger"]["model"][
    "tok2vec"
]
PARSER = {
    "factory": "parser",
    "moves": None,
    "update_with_oracle_cut_size": 100,
    "learn_tokens": False,
    "min_action_freq": 30,
    "model.@architectures": "spacy.TransitionBasedParser.v2",
    "model.state_type": "parser",
    "model.extra_state_tokens": False,
    "model.hidden_width": 128,
    "model.maxout_pieces": 3,
    "model.use_upper": True,
    "model.nO": None,
    "model.tok2vec.@architectures": "spacy.Tok2VecListener.v1",
    "model.tok2vec.width": "${components.tok2vec.model.width}",
    "model.tok2vec.upstream": "*",
    "scorer.@scorers": "spacy.parser_scorer.v1",
}
PRETRAINING = {
    "max_epochs": 10,
    "dropout": 0.05,
    "n_save_every": None,
    "n_save_epoch": None,
    "component": "lstm_tagger",
    "layer": "tok2vec",
    "corpus": "corpora.pretrain",
    "batcher.@batchers": "spacy.batch_by_words.v1",
    "batcher.size": 3000,
    "batcher.tolerance": 0.2,
    "batcher.discard_oversize": False,
    "batcher.get_length": None,
    "objective.@architectures": "spacy.PretrainCharacters.v1",
    "objective.maxout_pieces": 3,
    "objective.hidden_size": 300,
    "objective.n_characters": 4,
    "optimizer.@optimizers": "Adam.v1",
    "optimizer.L2": 0.0,
    "optimizer.beta1": 0.9,
    "optimizer.beta2": 0.999,
    "optimizer.eps": 1e-8,
    "optimizer.grad_clip": 1.0,
    "optimizer.L2_is_weight_decay": True,
    "optimizer.use_averages": True,
    "optimizer.learn_rate": 0.001,
}

STUDENT = {
    "training.max_steps": 0,
    "training.patience": 4000,
    "training.eval_frequency": 500,
    f"{TOK2VEC}.word_dropout": 1.0,
    f"{TOK2VEC}.input_dropout": 1.0,
    f"{TOK2VEC}.layer_dropout": 1.0,
    f"{TOK2VEC}.min_word_count": 3,
    f"{TOK2VEC}.min_character_count": 10,
    f"{TOK2VEC}.precision": "auto",
}
# All settings that are others than those of default.cfg.
DIFFERENCES: Dict[str, Dict[str, Any]] = {
    "accurate": {**STUDENT, "training.batcher.size": 1600},
    "crf": {
        "components.lstm_tagger.label_smoothing": 0.0,
        f"{MODEL}.@architectures": "spacy_lstm_tagger.LSTMCRFTagger.v1",
        f"{MODEL}.decoding": "viterbi",
        f"{MODEL}.sentences": False,
    },
    "demo": {
        "nlp.batch_size": 1000,
        "corpora.train.augmenter.@augmenters": MISSING,
        "corpora.train.augmenter.max_sentences": MISSING,
        "corpora.train.augmenter.gold_preproc": MISSING,
        "corpora.train.augmenter": None,
        "training.max_steps": 1000,
        "training.eval_frequency": 100,
        "training.patience": 200,
        "training.batcher.size": 200,
        "training.optimizer.beta2": 0.999,
        "training.optimizer.L2": 0.01,
        f"{TOK2VEC}.width": 200,
        f"{TOK2VEC}.word_width": 64,
        f"{TOK2VEC}.character_width": 32,
        f"{TOK2VEC}.character_lstm_width": 100,
        f"{TOK2VEC}.word_dropout": 0.25,
        f"{TOK2VEC}.min_character_count": 1,
    },
    "fast": {f"{TOK2VEC}.width": 128, f"{TOK2VEC}.precision": "auto"},
    "gpu": {
        "system.gpu_allocator": "pytorch",
        "nlp.batch_size": 512,
        "training.batcher.size": 2000,
        "training.batcher.buffer": 512,
        f"{TOK2VEC}.precision": "auto",
    },
    "pretraining": {
        "paths.raw_text": None,
        "corpora.pretrain.@readers": "spacy.JsonlCorpus.v1",
        "corpora.pretrain.path": "${paths.raw_text}",
        "corpora.pretrain.min_length": 5,
        "corpora.pretrain.max_length": 500,
        "corpora.pretrain.limit": 0,
        "initialize.before_init": MISSING,
        "initialize.before_init.@callbacks": CALLBACK,
        "initialize.before_init.corpus": "${corpora.pretrain}",
        "initialize.before_init.max_docs": 1_000_000,
        # The counts are those of the raw text.
        f"{TOK2VEC}.word_dropout": 1.5,
        f"{TOK2VEC}.min_word_count": 3,
        f"{TOK2VEC}.min_character_count": 10,
        **{f"pretraining.{key}": PRETRAINING[key] for key in PRETRAINING},
    },
    "shared_tok2vec": {
        "nlp.pipeline": ["tok2vec", "lstm_tagger", "parser"],
        "nlp.batch_size": 64,
        "corpora.train.gold_preproc": False,
        "corpora.train.augmenter.@augmenters": MISSING,
        "corpora.train.augmenter.max_sentences": MISSING,
        "corpora.train.augmenter.gold_preproc": MISSING,
        "corpora.train.augmenter": None,
        "corpora.dev.gold_preproc": False,
        "training.score_weights.tag_acc": 0.5,
        "training.score_weights.dep_uas": 0.25,
        "training.score_weights.dep_las": 0.25,
        "training.score_weights.dep_las_per_type": None,
        "training.score_weights.sents_p": None,
        "training.score_weights.sents_r": None,
        "training.score_weights.sents_f": 0.0,
        "initialize.before_init": MISSING,
        "initialize.before_init.@callbacks": CALLBACK,
        "initialize.before_init.corpus": "${corpora.train}",
        "initialize.before_init.max_docs": 1_000_000,
        "components.tok2vec.factory": "tok2vec",
        **{f"components.tok2vec.model.{key}": ENCODER[key] for key in ENCODER},
        **{f"components.parser.{key}": PARSER[key] for key in PARSER},
        **{f"{TOK2VEC}.{key}": MISSING for key in ENCODER},
        f"{TOK2VEC}.@architectures": "spacy.Tok2VecListener.v1",
        f"{TOK2VEC}.width": "${components.tok2vec.model.width}",
        f"{TOK2VEC}.upstream": "*",
    },
    "small": {**STUDENT, f"{TOK2VEC}.width": 48},
    "static_vectors": {
        "paths.vectors": "my_vectors",
        f"{TOK2VEC}.include_static_vectors": True,
    },
}


def test_the_default_has_the_network_that_the_component_has_without_settings() -> None:
    config = load_config(CONFIGS / "default.cfg")["components"]["lstm_tagger"]
    model = spacy.blank("en").get_factory_meta("lstm_tagger").default_config["model"]
    assert {"nO": None, "resizable": False, **model} == config["model"]
    parameters = inspect.signature(build_word_char_bilstm).parameters
    settings = {key: x.default for key, x in parameters.items()}
    assert {**settings, "@architectures": ENCODER["@architectures"]} == ENCODER


@pytest.mark.parametrize("name", NAMES)
def test_training_needs_no_number_of_steps(name: str) -> None:
    training = load_config(CONFIGS / f"{name}.cfg")["training"]
    assert training["optimizer"]["learn_rate"] == 0.003
    assert training["optimizer"]["use_averages"]
    assert training["patience"] >= 2 * training["eval_frequency"]


@pytest.mark.parametrize("name", sorted(DIFFERENCES))
def test_a_variant_has_the_other_settings_of_the_default(name: str) -> None:
    default = flatten(load_config(CONFIGS / "default.cfg"))
    variant = flatten(load_config(CONFIGS / f"{name}.cfg"))
    assert find_differences(default, variant) == DIFFERENCES[name]


def find_differences(
    default: Dict[str, Any], variant: Dict[str, Any]
) -> Dict[str, Any]:
    """Find the settings of a variant that are others than those of the default."""
    return {
        key: variant.get(key, MISSING)
        for key in {**default, **variant}
        if variant.get(key, MISSING) != default.get(key, MISSING)
    }


def flatten(config: Dict[str, Any], prefix: str = "") -> Dict[str, Any]:
    """Return the settings by their dotted names."""
    flat = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


@pytest.mark.parametrize("name", [name for name in NAMES if name != "shared_tok2vec"])
def test_the_best_pipeline_of_a_config_knows_the_training_data(
    name: str, tmp_path: Path
) -> None:
    assert tag_all(train_small(name, tmp_path)) == [tags for _, tags in TRAIN_DATA]


@pytest.mark.parametrize("mode", ["default", "floret"])
def test_static_vectors_tell_the_tags_of_unknown_words(
    mode: str, tmp_path: Path
) -> None:
    vectors = write_vectors(tmp_path / mode, mode)
    nlp = train_small("static_vectors", tmp_path, **{"paths.vectors": str(vectors)})
    assert nlp.vocab.vectors.mode == mode
    assert [tags_of(nlp(word)) for word in UNKNOWN] == [[tag] for tag in TAGS]
    other = write_vectors(tmp_path / "other", mode, shift=1)
    nlp.vocab.vectors = spacy.load(other).vocab.vectors
    shifted = [*TAGS[1:], TAGS[0]]
    assert [tags_of(nlp(word)) for word in UNKNOWN] == [[tag] for tag in shifted]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Language:
    """A tagger and a parser with one encoder, that know their training data."""
    return train_small("shared_tok2vec", tmp_path_factory.mktemp("shared"))


def test_a_shared_encoder_serves_the_tagger_and_the_parser(shared: Language) -> None:
    for pair in PAIRS:
        gold = make_pair(shared, *pair)
        doc = shared(gold.text)
        assert tags_of(doc) == tags_of(gold)
        assert [token.head.i for token in doc] == [token.head.i for token in gold]


def test_a_shared_encoder_has_the_vocabulary_of_the_whole_training_data(
    shared: Language,
) -> None:
    vocabulary = encoder_of(shared, "tok2vec").shims[0].module.vocabulary
    wanted = build_vocabulary(make_pair(shared, *pair) for pair in PAIRS)
    assert vocabulary.words.tolist() == wanted.words.tolist()
    assert vocabulary.word_counts.tolist() == wanted.word_counts.tolist()


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `spacy pretrain` fills with the config as it is."""
    folder = tmp_path_factory.mktemp("pretrained")
    small = {**make_small("pretraining", folder), "pretraining.max_epochs": 2}
    config = load_config(CONFIGS / "pretraining.cfg", overrides=small, interpolate=True)
    pretrain(config, folder)
    return folder


@pytest.mark.parametrize("name", ["model0", "model-last"])
def test_training_starts_from_the_weights_of_pretraining(
    name: str, pretrained: Path, tmp_path: Path
) -> None:
    weights = pretrained / f"{name}.bin"
    # Training that changes nothing shows what it starts from. Averages change it.
    still = {"learn_rate": 0.0, "use_averages": False}
    changes: Dict[str, Any] = {f"training.optimizer.{k}": v for k, v in still.items()}
    changes.update({"paths.init_tok2vec": str(weights), "training.max_steps": 1})
    nlp = train_small("pretraining", tmp_path, **changes)
    trained = torch_weights(nlp)
    encoder_of(nlp).from_bytes(weights.read_bytes())
    assert same_weights(trained, torch_weights(nlp))


def test_pretraining_changes_the_weights(pretrained: Path) -> None:
    first, last = (pretrained / f"{n}.bin" for n in ("model0", "model-last"))
    assert first.read_bytes() != last.read_bytes()
