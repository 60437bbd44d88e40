"""A BiLSTM over vectors of any token-to-vector model."""

from pathlib import Path
from typing import Any, List

import numpy
import pytest
import spacy
import torch
from numpy.typing import NDArray
from spacy.util import fix_random_seed
from thinc.api import Adam, Model, set_dropout_rate
from util import SMALL, SMALL_CNN, TRAIN_DATA, make_trained, tag_all

from spacy_lstm_tagger.architectures import build_bilstm_encoder

LENGTHS = [3, 0, 7, 1]
TOK2VEC = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {
        "@architectures": "spacy_lstm_tagger.ConcatenatedTok2Vec.v1",
        "*": {
            "cnn": {**SMALL_CNN, "width": 8},
            "lstm": {
                "@architectures": "spacy_lstm_tagger.WordCharBiLSTM.v1",
                **SMALL["model"]["tok2vec"],
            },
        },
    },
    "encode": {
        "@architectures": "spacy_lstm_tagger.BiLSTMEncoder.v1",
        "width": 24,
        "depth": 2,
    },
}


def make_vectors(width: int = 5) -> List[NDArray]:
    rng = numpy.random.default_rng(0)
    return [rng.normal(size=(n, width)).astype("float32") for n in LENGTHS]


def make(**settings: Any) -> Model:
    fix_random_seed(0)
    return build_bilstm_encoder(**{"width": 8, **settings}).initialize(make_vectors())


@pytest.mark.parametrize("depth", [1, 2])
def test_vectors_are_those_of_torchs_bidirectional_lstm(depth: int) -> None:
    model = make(depth=depth)
    module = model.shims[0].module
    reference = torch.nn.LSTM(5, 4, depth, bidirectional=True, batch_first=True)
    for i, layer in enumerate(module.bilstm.layers):
        for lstm, end in ((layer.forward_lstm, ""), (layer.backward_lstm, "_reverse")):
            for name, weights in lstm.named_parameters():
                name = name.replace("l0", f"l{i}{end}")
                getattr(reference, name).data.copy_(weights)
    for X, Y in zip(make_vectors(), model.predict(make_vectors()), strict=True):
        assert Y.shape == (len(X), 8)
        if len(X):
            states, _ = reference(torch.from_numpy(X)[None])
            expected = module.layer_norm(states[0]).detach().numpy()
            numpy.testing.assert_allclose(Y, expected, atol=1e-6)


def test_a_document_is_read_alike_alone_and_beside_others() -> None:
    model = make(depth=2, window=4, window_overlap=1)
    together = model.predict(make_vectors())
    for X, Y in zip(make_vectors(), together, strict=True):
        numpy.testing.assert_allclose(model.predict([X])[0], Y, atol=1e-6)


def test_long_documents_are_read_in_windows() -> None:
    model, X = make(window=4, window_overlap=1), make_vectors()[2]
    moved = X.copy()
    moved[6] += 1.0
    before, after = model.predict([X])[0], model.predict([moved])[0]
    # The first window has the tokens 0 to 3, and keeps 0 to 2.
    numpy.testing.assert_array_equal(before[:3], after[:3])
    assert not numpy.allclose(before[6], after[6])


@pytest.mark.parametrize("name", ["inference", "autocast"])
def test_the_state_of_torch_changes_nothing(name: str) -> None:
    states = {
        "inference": torch.inference_mode,
        "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    }
    model = make()
    expected = model.predict(make_vectors())
    with states[name]():
        found = model.predict(make_vectors())
        vectors, backprop = model.begin_update(make_vectors())
        (gradient, *_) = backprop([numpy.ones_like(Y) for Y in vectors])
    for Y, wanted in zip(found, expected, strict=True):
        numpy.testing.assert_array_equal(Y, wanted)
    assert numpy.isfinite(gradient).all()


def test_training_without_dropout_gives_the_same_vectors() -> None:
    model = make()
    vectors, _ = model.begin_update(make_vectors())
    for trained, predicted in zip(vectors, model.predict(make_vectors()), strict=True):
        numpy.testing.assert_allclose(trained, predicted, atol=1e-6)


def test_the_gradient_of_the_input_is_that_of_finite_differences() -> None:
    model, factors, epsilon = make(depth=2), numpy.arange(8), 1e-2
    X = make_vectors()
    vectors, backprop = model.begin_update(X)
    d_X = backprop([numpy.ones_like(Y) * factors for Y in vectors])
    for doc, token, column in [(0, 0, 0), (2, 3, 1), (2, 6, 4), (3, 0, 2)]:
        sums = []
        for step in (epsilon, -epsilon):
            moved = [rows.copy() for rows in X]
            moved[doc][token, column] += step
            sums.append(sum((Y * factors).sum() for Y in model.predict(moved)))
        expected = (sums[0] - sums[1]) / (2 * epsilon)
        assert d_X[doc][token, column] == pytest.approx(expected, rel=1e-2, abs=1e-2)


def test_dropout_is_applied_as_often_as_the_settings_say() -> None:
    settings = {"input_dropout": 0.0, "layer_dropout": 0.0}
    for name in settings:
        model = make(**{**settings, name: 3.0})
        set_dropout_rate(model, 0.5)
        predicted = model.predict(make_vectors())
        vectors, _ = model.begin_update(make_vectors())
        assert not numpy.allclose(vectors[2], predicted[2])
    model = make(**settings)
    set_dropout_rate(model, 0.5)
    vectors, _ = model.begin_update(make_vectors())
    numpy.testing.assert_allclose(
        vectors[2], model.predict(make_vectors())[2], atol=1e-6
    )


@pytest.mark.parametrize("factor", [1.0, 10.0])
def test_it_learns_at_a_multiple_of_the_rate(factor: float) -> None:
    model = make(learn_rate_factor=factor)
    weights = model.shims[0].module.bilstm.layers[0].forward_lstm.weight_hh_l0
    before = weights.detach().clone()
    vectors, backprop = model.begin_update(make_vectors())
    backprop([numpy.ones_like(Y) * numpy.arange(8) for Y in vectors])
    model.finish_update(Adam(1e-4))
    # The first step of Adam is as long as the rate.
    moved = (weights.detach() - before).abs()
    assert float(moved.max()) == pytest.approx(factor * 1e-4, rel=0.01)


@pytest.mark.parametrize("factor, gain", [(0.0, 1.0), (0.1, 1.0), (10.0, 10.0)])
def test_an_output_layer_that_learns_slowly_gets_larger_vectors(
    factor: float, gain: float
) -> None:
    X = make_vectors()[2:3]
    size = numpy.std(make().predict(X)[0])
    larger = numpy.std(make(learn_rate_factor=factor).predict(X)[0])
    assert float(larger) == pytest.approx(gain * float(size), rel=1e-4)


def test_dropout_is_that_of_the_config_when_weights_are_loaded() -> None:
    data = make(input_dropout=4.0).to_bytes()
    model = build_bilstm_encoder(width=8, input_dropout=0.0, layer_dropout=0.0)
    model.from_bytes(data)
    set_dropout_rate(model, 0.5)
    vectors, _ = model.begin_update(make_vectors())
    numpy.testing.assert_allclose(
        vectors[2], model.predict(make_vectors())[2], atol=1e-6
    )


def test_documents_without_tokens_have_no_vectors() -> None:
    model = make()
    empty = [numpy.zeros((0, 5), dtype="float32")]
    vectors, backprop = model.begin_update(empty)
    assert [Y.shape for Y in vectors] == [(0, 8)]
    assert [d_X.shape for d_X in backprop(vectors)] == [(0, 5)]


def test_weights_are_saved_and_loaded() -> None:
    model = make(depth=2)
    loaded = build_bilstm_encoder(width=8, depth=2).from_bytes(model.to_bytes())
    expected = model.predict(make_vectors())
    for Y, wanted in zip(loaded.predict(make_vectors()), expected, strict=True):
        numpy.testing.assert_array_equal(Y, wanted)


def test_one_that_is_not_initialized_is_saved_as_such_and_says_so() -> None:
    model = build_bilstm_encoder(width=8)
    loaded = build_bilstm_encoder(width=8).from_bytes(model.to_bytes())
    with pytest.raises(KeyError, match="not initialized"):
        loaded.predict(make_vectors())


def test_weights_of_other_settings_are_refused() -> None:
    data = make(depth=2).to_bytes()
    for settings in ({"width": 8, "depth": 1}, {"width": 6, "depth": 2}):
        with pytest.raises(ValueError):
            build_bilstm_encoder(**settings).from_bytes(data)


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 7},
        {"width": 0},
        {"depth": 0},
        {"input_dropout": -1},
        {"layer_dropout": -1},
        {"window": 10},
        {"learn_rate_factor": -1},
    ],
)
def test_settings_out_of_range_are_refused(settings: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        build_bilstm_encoder(**settings)


def test_a_tagger_learns_on_top_of_several_models_and_is_saved(tmp_path: Path) -> None:
    nlp = make_trained(config={"model": {"tok2vec": TOK2VEC}})
    assert tag_all(nlp) == [tags for _, tags in TRAIN_DATA]
    nlp.to_disk(tmp_path)
    assert tag_all(spacy.load(tmp_path)) == tag_all(nlp)
