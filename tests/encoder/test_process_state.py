"""Whatever state torch is in, set by the caller or by another library, makes no
difference."""

import contextlib
import copy
import pickle
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import numpy
import pytest
import spacy
import torch
from numpy.typing import NDArray
from spacy.language import Language
from spacy.util import load_model_from_config
from taggers import CRF, ENCODER, get_tagger
from thinc.api import Adam
from util import (
    TRAIN_DATA,
    all_weights,
    encoder_of,
    make_doc,
    make_examples,
    make_untrained,
    same_weights,
    small,
)

from spacy_lstm_tagger.encoder.fast.precision import PRODUCTS
from spacy_lstm_tagger.encoder.fast.recurrence import find_fastest


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def default_device(device: str) -> Iterator[None]:
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


STATES: Dict[str, Callable[[], Any]] = {
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "meta": lambda: default_device("meta"),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}
if torch.__version__.startswith("2.4."):
    # Its own initialization of weights overflows then.
    del STATES["float16"]
IN_EVERY_STATE = pytest.mark.parametrize("state", list(STATES))
DEPTH = small(depth=2)


def train(nlp: Language) -> None:
    sgd = Adam(0.01, use_averages=True)
    for _ in range(2):
        nlp.update(make_examples(nlp), drop=0.2, sgd=sgd)
    with nlp.use_params(sgd.averages):
        nlp.evaluate(make_examples(nlp))


def initialize_and_train() -> Language:
    nlp = make_untrained(config=DEPTH)
    train(nlp)
    return nlp


def scores_of(nlp: Language) -> NDArray:
    docs = [make_doc(nlp, [*words, "\n"]) for words, _ in TRAIN_DATA]
    return numpy.concatenate(get_tagger(nlp).model.predict(docs))


@pytest.fixture(scope="module")
def nlp() -> Language:
    """A pipeline that was trained in torch's usual state."""
    return initialize_and_train()


@pytest.fixture
def path(nlp: Language, tmp_path: Path) -> Path:
    nlp.to_disk(tmp_path / "usual")
    return tmp_path / "usual"


@IN_EVERY_STATE
def test_a_pipeline_is_initialized_and_trained_as_usual(
    nlp: Language, state: str
) -> None:
    with STATES[state]():
        other = initialize_and_train()
        inside = scores_of(other)
    assert same_weights(all_weights(other), all_weights(nlp))
    numpy.testing.assert_array_equal(inside, scores_of(nlp))
    numpy.testing.assert_array_equal(scores_of(other), scores_of(nlp))


@IN_EVERY_STATE
def test_a_pipeline_that_was_initialized_in_a_state_is_trained_outside_of_it(
    nlp: Language, state: str
) -> None:
    with STATES[state]():
        other = make_untrained(config=DEPTH)
    train(other)
    assert same_weights(all_weights(other), all_weights(nlp))


@IN_EVERY_STATE
def test_a_pipeline_is_saved_and_loaded_as_usual(
    nlp: Language, path: Path, tmp_path: Path, state: str
) -> None:
    with STATES[state]():
        loaded = spacy.load(path)
        loaded.to_disk(tmp_path / "again")
        inside = scores_of(loaded)
    numpy.testing.assert_array_equal(inside, scores_of(nlp))
    for file in ("model", "model.sha256"):
        saved = (tmp_path / "again" / "lstm_tagger" / file).read_bytes()
        assert saved == (path / "lstm_tagger" / file).read_bytes()
    # What was loaded can be trained outside, too.
    train(loaded)
    assert not same_weights(all_weights(loaded), all_weights(nlp))


@IN_EVERY_STATE
def test_what_is_kept_of_the_first_tagging_is_as_usual(path: Path, state: str) -> None:
    loaded, usual = spacy.load(path), spacy.load(path)
    with STATES[state]():
        inside = scores_of(loaded)
    numpy.testing.assert_array_equal(inside, scores_of(usual))
    numpy.testing.assert_array_equal(scores_of(loaded), scores_of(usual))
    # And the other way round.
    with STATES[state]():
        numpy.testing.assert_array_equal(scores_of(usual), inside)


@pytest.fixture(scope="module")
def low_precisions(nlp: Language) -> Dict[str, NDArray]:
    """The scores in each low precision, in torch's usual state."""
    return {name: scores_in(nlp, name) for name in ("bfloat16", "int8")}


def scores_in(nlp: Language, precision: str) -> NDArray:
    config = nlp.config.copy()
    config["components"]["lstm_tagger"]["model"]["tok2vec"]["precision"] = precision
    return scores_of(load_model_from_config(config).from_bytes(nlp.to_bytes()))


@IN_EVERY_STATE
def test_every_precision_is_as_usual(
    nlp: Language, low_precisions: Dict[str, NDArray], state: str
) -> None:
    with STATES[state]():
        for precision, usual in low_precisions.items():
            numpy.testing.assert_array_equal(scores_in(nlp, precision), usual)


@IN_EVERY_STATE
def test_the_fastest_precision_can_be_found(state: str) -> None:
    with STATES[state](), torch.inference_mode():
        assert find_fastest(16)[0] in PRODUCTS


@IN_EVERY_STATE
def test_copies_tag_as_usual(nlp: Language, state: str) -> None:
    with STATES[state]():
        copies = [encoder_of(nlp).copy(), encoder_of(copy.deepcopy(nlp))]
        copies.append(encoder_of(pickle.loads(pickle.dumps(nlp))))
        found = [copied.predict([make_doc(nlp)])[0] for copied in copies]
    (wanted,) = encoder_of(nlp).predict([make_doc(nlp)])
    for vectors in found:
        numpy.testing.assert_array_equal(vectors, wanted)


def train_with_all_parts() -> List[NDArray]:
    """The probabilities that a tagger with static vectors and a CRF gives."""
    config: Dict[str, Any] = {
        "model": {"@architectures": CRF, "tok2vec": small()["model"]["tok2vec"]}
    }
    config["model"]["tok2vec"]["@architectures"] = ENCODER
    config["model"]["tok2vec"]["include_static_vectors"] = True
    spacy.util.fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.vocab.set_vector("dog", numpy.asarray([1.0, 2.0], dtype="float32"))
    nlp.add_pipe("lstm_tagger", config=config)
    nlp.initialize(lambda: make_examples(nlp))
    train(nlp)
    return get_tagger(nlp).predict_proba([make_doc(nlp)])


@IN_EVERY_STATE
def test_static_vectors_and_a_crf_are_as_usual(state: str) -> None:
    with STATES[state]():
        inside = train_with_all_parts()
    numpy.testing.assert_array_equal(inside[0], train_with_all_parts()[0])
