"""Settings that are changed after training: they take effect, or are refused."""

from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy
import pytest
import spacy
import srsly
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from spacy.language import Language
from spacy.tokens import Doc
from taggers import get_tagger
from util import (
    TRAIN_DATA,
    assert_as_plain,
    encoder_of,
    make_doc,
    make_examples,
    make_trained,
    make_untrained,
    same_weights,
    small,
    tag_all,
    torch_weights,
)

from spacy_lstm_tagger.encoder.shim import AveragingShim

TOK2VEC = "components.lstm_tagger.model.tok2vec"
WORDS = [word for words, _ in TRAIN_DATA for word in words]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a trained pipeline."""
    path = tmp_path_factory.mktemp("trained")
    make_trained(steps=5).to_disk(path)
    return path


def load_with(path: Path, **settings: Any) -> Language:
    overrides = {f"{TOK2VEC}.{name}": value for name, value in settings.items()}
    return spacy.load(path, config=overrides)


def vectors_of(nlp: Language) -> NDArray:
    return encoder_of(nlp).predict([make_doc(nlp, [*WORDS, "unbelievably"])])[0]


# What may change after training


@pytest.mark.parametrize(
    "settings",
    [
        {"window": 8, "window_overlap": 2},
        {"window": 20, "window_overlap": 3},
        {"max_characters": 2},
    ],
)
def test_a_setting_given_to_load_is_that_of_a_model_built_with_it(
    path: Path, settings: Any
) -> None:
    nlp = load_with(path, **settings)
    built = make_untrained(config=small(**settings))
    encoder_of(built).shims[0].set_module(encoder_of(nlp).shims[0].module)
    numpy.testing.assert_array_equal(vectors_of(nlp), vectors_of(built))
    assert_as_plain(encoder_of(nlp), [make_doc(nlp, WORDS)])


@pytest.mark.parametrize("name, value", [("window", 65), ("max_characters", 2)])
def test_a_setting_given_to_load_changes_what_is_tagged(
    path: Path, name: str, value: int
) -> None:
    long = [*WORDS * 10, "unbelievably"]
    docs = [Doc(spacy.blank("en").vocab, words=long)]
    before = encoder_of(load_with(path)).predict(docs)[0]
    after = encoder_of(load_with(path, **{name: value})).predict(docs)[0]
    assert not numpy.allclose(before, after, atol=1e-5)


def test_a_setting_given_to_load_is_saved_with_the_pipeline(
    path: Path, tmp_path: Path
) -> None:
    nlp = load_with(path, window=8, window_overlap=2)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert loaded.config["components"]["lstm_tagger"]["model"]["tok2vec"]["window"] == 8
    numpy.testing.assert_array_equal(vectors_of(loaded), vectors_of(nlp))


def test_settings_that_earlier_versions_saved_with_the_weights_are_ignored(
    path: Path,
) -> None:
    nlp = spacy.load(path)
    message = encoder_of(nlp).to_dict()
    message["attrs"][0]["window"] = srsly.msgpack_dumps(8)
    message["attrs"][0]["window_overlap"] = srsly.msgpack_dumps(2)
    before = vectors_of(nlp)
    encoder_of(nlp).from_dict(message)
    numpy.testing.assert_array_equal(vectors_of(nlp), before)


def test_bytes_are_loaded_into_the_settings_of_the_config(path: Path) -> None:
    wanted = load_with(path, window=8, window_overlap=2)
    built = make_untrained(config=small(window=8, window_overlap=2))
    get_tagger(built).from_bytes(get_tagger(spacy.load(path)).to_bytes())
    numpy.testing.assert_array_equal(vectors_of(built), vectors_of(wanted))


def test_a_copy_keeps_a_setting_given_to_load(path: Path) -> None:
    nlp = load_with(path, window=8, window_overlap=2)
    encoder, docs = encoder_of(nlp), [make_doc(nlp, WORDS)]
    numpy.testing.assert_array_equal(
        encoder.copy().predict(docs)[0], encoder.predict(docs)[0]
    )


def train_on(nlp: Language) -> Any:
    spacy.util.fix_random_seed(0)
    nlp.update(make_examples(nlp), drop=0.2, sgd=nlp.create_optimizer())
    return torch_weights(nlp)


@pytest.mark.parametrize(
    "name, value",
    [
        ("word_dropout", 9.0),
        ("input_dropout", 0.1),
        ("layer_dropout", 0.1),
    ],
)
def test_a_dropout_given_to_load_is_that_of_further_training(
    path: Path, name: str, value: float
) -> None:
    before, after = (
        train_on(load_with(path)),
        train_on(load_with(path, **{name: value})),
    )
    assert not same_weights(before, after)


def test_spacing_dropout_given_to_load_is_that_of_further_training(path: Path) -> None:
    module = encoder_of(load_with(path, spacing_dropout=0.75)).shims[0].module
    assert module.spacing_dropout == 0.75


def test_a_count_given_to_load_is_that_of_the_next_initialization(path: Path) -> None:
    nlp = load_with(path, min_word_count=2)
    nlp.initialize(lambda: make_examples(nlp))
    counts = encoder_of(nlp).shims[0].module.vocabulary.word_counts
    assert counts.tolist() == [3]  # "the"


# What may not


@pytest.mark.parametrize(
    "name, trained, value",
    [
        ("depth", "1", 2),
        ("word_width", "16", 8),
        ("character_width", "8", 16),
        ("character_lstm_width", "16", 8),
        ("spacing_width", "10", 0),
        ("include_static_vectors", "false", True),
    ],
)
def test_a_setting_that_weights_are_made_for_is_refused_by_its_name(
    path: Path, name: str, trained: str, value: Any
) -> None:
    shown = str(value).lower()
    with pytest.raises(ValueError, match=rf"{name} = {trained}.*{name} = {shown}"):
        load_with(path, **{name: value})


def test_the_width_cannot_be_changed_after_training(path: Path) -> None:
    with pytest.raises(ValueError, match="from 64 to 32"):
        load_with(path, width=64)


def test_static_vectors_cannot_be_left_out_after_training(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.vocab.set_vector("dog", numpy.ones(4, dtype="float32"))
    nlp.add_pipe("lstm_tagger", config=small(include_static_vectors=True))
    nlp.initialize(lambda: make_examples(nlp))
    nlp.to_disk(tmp_path)
    with pytest.raises(ValueError, match=r"include_static_vectors = true.* = false"):
        load_with(tmp_path, include_static_vectors=False)


# Weights that were saved by version 0.1.0


Tensors = Dict[str, torch.Tensor]


def save_changed(nlp: Language, change: Callable[[Tensors], Tensors]) -> bytes:
    """The bytes of an encoder, with other weights or names of them."""
    encoder = encoder_of(nlp)
    message = encoder.to_dict()
    shim = srsly.msgpack_loads(message["shims"][0][0])
    shim["state"] = save(change(load(shim["state"])))
    message["shims"][0][0] = srsly.msgpack_dumps(shim)
    return srsly.msgpack_dumps(message)


def test_pretrained_weights_with_the_first_names_of_directions_are_loaded(
    path: Path,
) -> None:
    nlp = spacy.load(path)
    old: List[str] = []

    def rename(name: str) -> str:
        renamed = name.replace("forward_lstm", "ahead").replace("backward_lstm", "back")
        old.extend({renamed} - {name})
        return renamed

    def change(weights: Tensors) -> Tensors:
        return {rename(name): tensor for name, tensor in weights.items()}

    encoder = encoder_of(make_untrained(seed=1))
    encoder.from_bytes(save_changed(nlp, change))
    assert len(old) == 16
    assert isinstance(encoder.shims[0], AveragingShim)
    docs = [make_doc(nlp, WORDS)]
    numpy.testing.assert_array_equal(
        encoder.predict(docs)[0], encoder_of(nlp).predict(docs)[0]
    )


def test_static_vectors_keep_the_length_that_they_had_in_training() -> None:
    nlp = spacy.blank("en")
    for i, word in enumerate(WORDS):
        nlp.vocab.set_vector(word, numpy.arange(4, dtype="float32") + i)
    nlp.add_pipe("lstm_tagger", config=small(include_static_vectors=True))
    nlp.initialize(lambda: make_examples(nlp))
    docs, encoder = [make_doc(nlp, WORDS)], encoder_of(nlp)
    normalized = encoder.predict(docs)[0]

    def change(weights: Tensors) -> Tensors:
        return {k: v for k, v in weights.items() if k != "normalize_vectors"}

    encoder.from_bytes(save_changed(nlp, change))
    encoder.from_bytes(encoder.to_bytes())
    found = encoder.predict(docs)[0]
    assert not numpy.allclose(found, normalized, atol=1e-3)
    trained, _ = encoder.begin_update(docs)
    numpy.testing.assert_allclose(trained[0], found, atol=1e-5)
    data = nlp.vocab.vectors.data
    data /= numpy.linalg.norm(data, axis=1, keepdims=True).clip(min=1e-6)
    numpy.testing.assert_allclose(encoder.predict(docs)[0], normalized, atol=1e-5)


def test_without_word_embeddings_words_are_read_by_their_characters(
    tmp_path: Path,
) -> None:
    nlp = make_trained(config=small(word_width=0))
    assert tag_all(nlp) == [tags for _, tags in TRAIN_DATA]
    nlp.to_disk(tmp_path)
    assert tag_all(spacy.load(tmp_path)) == tag_all(nlp)
    # Training computes as tagging does.
    encoder = encoder_of(nlp)
    docs = [make_doc(nlp, words) for words, _ in TRAIN_DATA]
    trained, _ = encoder.begin_update(docs)
    for one, other in zip(trained, encoder.predict(docs), strict=True):
        numpy.testing.assert_allclose(one, other, atol=1e-5)
