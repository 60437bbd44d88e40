"""The config of a teacher with a transformer, where spacy-transformers is installed."""

from pathlib import Path

import pytest
import spacy
from spacy.cli.train import train
from util import SMALL, TRAIN_DATA, tag_all, write_corpus

transformers = pytest.importorskip("transformers")
pytest.importorskip("spacy_transformers")

CONFIG = Path(__file__).parents[1] / "configs" / "transformer.cfg"
TOK2VEC = "components.lstm_tagger.model.tok2vec.*.words"


def write_transformer(folder: Path) -> Path:
    """A tiny transformer that knows the words of TRAIN_DATA, with random weights."""
    words = sorted({word.lower() for words, _ in TRAIN_DATA for word in words})
    folder.mkdir()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf8")
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


def test_a_teacher_with_a_transformer_is_trained_saved_and_loaded(
    tmp_path: Path,
) -> None:
    corpus = str(write_corpus(spacy.blank("en"), tmp_path / "train.spacy"))
    overrides = {
        "paths.train": corpus,
        "paths.dev": corpus,
        "paths.transformer": str(write_transformer(tmp_path / "transformer")),
        "training.max_steps": 60,
        "training.optimizer.learn_rate.warmup_steps": 1,
        "training.optimizer.learn_rate.initial_rate": 0.003,
        **{f"{TOK2VEC}.{name}": v for name, v in SMALL["model"]["tok2vec"].items()},
    }
    train(CONFIG, tmp_path / "training", overrides=overrides)
    nlp = spacy.load(tmp_path / "training" / "model-last")
    assert tag_all(nlp) == [tags for _, tags in TRAIN_DATA]
