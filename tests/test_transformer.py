"""The config of a teacher with a transformer, where spacy-transformers is installed."""

from pathlib import Path
from typing import Any

import pytest
import spacy
import torch
from spacy.cli.train import train
from thinc.api import Model
from util import SMALL, TRAIN_DATA, run_spacy, tag_all, write_corpus

transformers = pytest.importorskip("transformers")
pytest.importorskip("spacy_transformers")

CONFIG = Path(__file__).parents[1] / "configs" / "transformer.cfg"
WIDTH = 16
TOK2VEC = "components.lstm_tagger.model.tok2vec"
WORDS = f"{TOK2VEC}.embed.*.words"


def write_transformer(folder: Path) -> Path:
    """A tiny transformer that knows the words of TRAIN_DATA, with random weights."""
    words = sorted({word.lower() for words, _ in TRAIN_DATA for word in words})
    folder.mkdir()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf8")
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def find_transformer(tok2vec: Model) -> Any:
    """The torch module of the transformer in a token-to-vector model."""
    (layer,) = (node for node in tok2vec.walk() if node.name == "transformer")
    return layer.transformer


def test_a_teacher_with_a_transformer_is_trained_saved_and_loaded(
    tmp_path: Path,
) -> None:
    folder = write_transformer(tmp_path / "transformer")
    corpus = str(write_corpus(spacy.blank("en"), tmp_path / "train.spacy"))
    overrides = {
        "paths.train": corpus,
        "paths.dev": corpus,
        "paths.transformer": str(folder),
        "training.max_steps": 60,
        "training.optimizer.learn_rate.total_steps": 60,
        "training.optimizer.learn_rate.warmup_steps": 1,
        "training.optimizer.learn_rate.initial_rate": 0.003,
        **{f"{WORDS}.{name}": v for name, v in SMALL["model"]["tok2vec"].items()},
    }
    # spaCy's own command reads the config as it is, too.
    options = [x for key, value in overrides.items() for x in (f"--{key}", value)]
    run_spacy("debug", "model", CONFIG, "lstm_tagger", *options)
    train(CONFIG, tmp_path / "training", overrides=overrides)
    nlp = spacy.load(tmp_path / "training" / "model-last")
    assert tag_all(nlp) == [tags for _, tags in TRAIN_DATA]
    # The transformer's tokenizer makes nothing of the second one.
    assert all(token.tag_ for token in nlp("dog \u200b ate"))
    tok2vec = nlp.get_pipe("lstm_tagger").model.get_ref("tok2vec")  # type: ignore
    words = SMALL["model"]["tok2vec"]["width"]
    assert tok2vec.get_ref("encode").get_dim("nI") == WIDTH + words
    # The transformer has learned, too.
    before = transformers.BertModel.from_pretrained(folder).state_dict()
    after = find_transformer(tok2vec).state_dict()
    name = "encoder.layer.0.output.dense.weight"
    assert not torch.equal(after[name], before[name])
