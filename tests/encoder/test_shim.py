import copy
import pickle
from typing import Any, Dict, List, Tuple

import numpy
import pytest
import spacy
import torch
from spacy.util import registry
from thinc.api import Adam, Model, Optimizer, PyTorchWrapper_v3
from util import SMALL, make_doc, make_examples, make_untrained, torch_weights

from spacy_lstm_tagger.encoder.shim import AveragingShim
from spacy_lstm_tagger.training.build_vocabulary import set_vocabulary

Weights = Dict[str, numpy.ndarray]


def make_layer(seed: int = 0) -> Model:
    """A thinc layer of one linear torch module behind our shim."""
    torch.manual_seed(seed)
    module = torch.nn.Linear(3, 2)
    model = PyTorchWrapper_v3(module)
    model.shims[0] = AveragingShim(module)
    return model


def shim_of(model: Model) -> AveragingShim:
    shim = model.shims[0]
    assert isinstance(shim, AveragingShim)
    return shim


def weights_of(model: Model) -> Weights:
    module = shim_of(model).module
    return {k: v.detach().numpy().copy() for k, v in module.named_parameters()}


def step(model: Model, optimizer: Optimizer, goal: float = 1.0) -> None:
    X = numpy.ones((4, 3), dtype="float32")
    Y, backprop = model.begin_update(X)
    backprop(Y - numpy.float32(goal))
    model.finish_update(optimizer)


def train(model: Model, optimizer: Optimizer, steps: int = 10) -> None:
    for _ in range(steps):
        step(model, optimizer)


def assert_same(left: Weights, right: Weights) -> None:
    assert left.keys() == right.keys()
    for name in left:
        numpy.testing.assert_array_equal(left[name], right[name])


@pytest.fixture
def trained_layer() -> Tuple[Model, Optimizer]:
    model, optimizer = make_layer(), Adam(0.1, use_averages=True)
    train(model, optimizer)
    return model, optimizer


def test_an_update_changes_the_module_in_place() -> None:
    """cuDNN keeps all weights of an LSTM in one piece of memory."""
    model = make_layer()
    places = [p.data_ptr() for p in shim_of(model).module.parameters()]
    before = weights_of(model)
    train(model, Adam(0.1))
    assert [p.data_ptr() for p in shim_of(model).module.parameters()] == places
    assert not numpy.array_equal(weights_of(model)["weight"], before["weight"])


def test_averages_of_the_optimizer_are_used_inside_use_params(
    trained_layer: Tuple[Model, Optimizer],
) -> None:
    model, optimizer = trained_layer
    averages = {
        name: optimizer.averages[(shim_of(model).id, name)].copy()
        for name in ("weight", "bias")
    }
    assert not numpy.allclose(averages["weight"], weights_of(model)["weight"])
    with model.use_params(optimizer.averages):
        assert_same(weights_of(model), averages)


def test_predictions_and_bytes_are_those_of_the_averages_inside_use_params(
    trained_layer: Tuple[Model, Optimizer],
) -> None:
    model, optimizer = trained_layer
    X = numpy.ones((1, 3), dtype="float32")
    outside, saved_outside = model.predict(X), model.to_bytes()
    with model.use_params(optimizer.averages):
        assert not numpy.allclose(model.predict(X), outside)
        assert model.to_bytes() != saved_outside
    numpy.testing.assert_array_equal(model.predict(X), outside)


def test_the_weights_are_put_back_after_use_params(
    trained_layer: Tuple[Model, Optimizer],
) -> None:
    model, optimizer = trained_layer
    before = weights_of(model)
    with model.use_params(optimizer.averages):
        pass
    assert_same(weights_of(model), before)


def test_the_weights_are_put_back_after_an_exception_inside_use_params(
    trained_layer: Tuple[Model, Optimizer],
) -> None:
    model, optimizer = trained_layer
    before = weights_of(model)
    failure = pytest.raises(RuntimeError, match="midway")
    with failure, model.use_params(optimizer.averages):
        raise RuntimeError("midway")
    assert_same(weights_of(model), before)


def test_the_weights_are_put_back_if_use_params_is_given_others_of_the_wrong_shape(
    trained_layer: Tuple[Model, Optimizer],
) -> None:
    """Such as averages from before the layer was initialized again."""
    model, _ = trained_layer
    before = weights_of(model)
    id_ = shim_of(model).id
    params = {(id_, "weight"): before["weight"] * 0, (id_, "bias"): numpy.zeros(9, "f")}
    with pytest.raises(RuntimeError), model.use_params(params):
        pass
    assert_same(weights_of(model), before)


def test_use_params_leaves_the_averages_alone(
    trained_layer: Tuple[Model, Optimizer],
) -> None:
    model, optimizer = trained_layer
    before = {key: value.copy() for key, value in optimizer.averages.items()}
    with model.use_params(optimizer.averages):
        pass
    assert before.keys() == optimizer.averages.keys()
    for key in before:
        numpy.testing.assert_array_equal(optimizer.averages[key], before[key])


def test_parameters_that_are_not_in_use_params_keep_their_values(
    trained_layer: Tuple[Model, Optimizer],
) -> None:
    model, optimizer = trained_layer
    before = weights_of(model)
    key = (shim_of(model).id, "bias")
    with model.use_params({key: optimizer.averages[key]}):
        inside = weights_of(model)
    numpy.testing.assert_array_equal(inside["weight"], before["weight"])
    assert not numpy.array_equal(inside["bias"], before["bias"])
    assert_same(weights_of(model), before)


def test_use_params_ignores_the_parameters_of_other_layers(
    trained_layer: Tuple[Model, Optimizer],
) -> None:
    _, optimizer = trained_layer
    other = make_layer(seed=1)
    before = weights_of(other)
    with other.use_params(optimizer.averages):
        assert_same(weights_of(other), before)


def test_use_params_can_be_nested(trained_layer: Tuple[Model, Optimizer]) -> None:
    model, optimizer = trained_layer
    before = weights_of(model)
    zeros = {key: value * 0 for key, value in optimizer.averages.items()}
    with model.use_params(optimizer.averages):
        averages = weights_of(model)
        with model.use_params(zeros):
            assert not weights_of(model)["weight"].any()
        assert_same(weights_of(model), averages)
    assert_same(weights_of(model), before)


def test_training_goes_on_after_use_params_as_without(
    trained_layer: Tuple[Model, Optimizer],
) -> None:
    model, optimizer = trained_layer
    other, other_optimizer = make_layer(), Adam(0.1, use_averages=True)
    train(other, other_optimizer)
    with model.use_params(optimizer.averages):
        pass
    train(model, optimizer)
    train(other, other_optimizer)
    assert_same(weights_of(model), weights_of(other))


def test_averages_change_the_weights_of_a_whole_pipeline() -> None:
    nlp = make_untrained()
    sgd = Adam(0.01, use_averages=True)
    for _ in range(3):
        nlp.update(make_examples(nlp), sgd=sgd)
    before = torch_weights(nlp)
    with nlp.use_params(sgd.averages):
        inside = torch_weights(nlp)
    assert all(
        not numpy.array_equal(inside[name], before[name])
        for name in before
        if "weight_hh" in name
    )
    assert_same(torch_weights(nlp), before)


def test_gradients_stay_valid_after_they_were_handed_on() -> None:
    """As nlp.rehearse collects them first, and applies them later."""
    model = make_layer()
    collected: List[Tuple[Any, Any, Any]] = []

    def collect(key: Any, weights: Any, gradient: Any, **kwargs: Any) -> Any:
        collected.append((key, weights, gradient))
        return weights, gradient

    X = numpy.ones((4, 3), dtype="float32")
    Y, backprop = model.begin_update(X)
    backprop(Y - numpy.float32(1.0))
    wanted = {k: p.grad.clone() for k, p in shim_of(model).module.named_parameters()}
    model.finish_update(collect)  # type: ignore[arg-type]
    before = weights_of(model)
    assert {key[1] for key, _, _ in collected} == set(wanted)
    for (_, name), _, gradient in collected:
        assert gradient.any()
        numpy.testing.assert_array_equal(gradient, wanted[name].numpy())
    sgd = Adam(0.1)
    for key, weights, gradient in collected:
        sgd(key, weights, gradient)
    assert not numpy.array_equal(weights_of(model)["weight"], before["weight"])


def test_the_next_update_starts_without_the_gradients_of_the_last() -> None:
    model, twin = make_layer(), make_layer()
    step(model, Adam(0.0))
    for layer in (model, twin):
        step(layer, Adam(0.1))
    assert_same(weights_of(model), weights_of(twin))


def test_gradients_add_up_until_the_update() -> None:
    model = make_layer()
    X = numpy.ones((4, 3), dtype="float32")
    gradients = []
    for _ in range(2):
        Y, backprop = model.begin_update(X)
        backprop(Y - numpy.float32(1.0))
        gradients.append(shim_of(model).module.weight.grad.clone())
    torch.testing.assert_close(gradients[1], 2 * gradients[0])


def test_a_copy_has_an_id_and_weights_of_its_own() -> None:
    model = make_layer()
    copied = model.copy()
    assert shim_of(copied).id != shim_of(model).id
    assert shim_of(model.copy()).id != shim_of(copied).id
    before = weights_of(model)
    train(copied, Adam(0.1))
    assert_same(weights_of(model), before)


def test_a_copy_and_its_original_train_in_one_optimizer_as_if_alone() -> None:
    original = make_layer()
    copied = original.copy()
    alone, alone_optimizer = make_layer(), Adam(0.1, use_averages=True)
    optimizer = Adam(0.1, use_averages=True)
    for _ in range(5):
        step(alone, alone_optimizer)
        step(original, optimizer)
        step(copied, optimizer, goal=-2.0)
    assert_same(weights_of(original), weights_of(alone))
    with alone.use_params(alone_optimizer.averages):
        wanted = weights_of(alone)
    with original.use_params(optimizer.averages):
        assert_same(weights_of(original), wanted)


@pytest.fixture
def uninitialized() -> Model:
    config = {
        "@architectures": "spacy_lstm_tagger.WordCharBiLSTM.v1",
        **SMALL["model"]["tok2vec"],
    }
    return registry.resolve({"model": config})["model"]


def initialize(encoder: Model) -> None:
    nlp = spacy.blank("en")
    set_vocabulary(encoder, [make_doc(nlp)])
    encoder.initialize(X=[make_doc(nlp)])


def test_an_encoder_that_is_not_initialized_can_be_saved_and_loaded(
    uninitialized: Model,
) -> None:
    saved = uninitialized.to_bytes()
    other = pickle.loads(pickle.dumps(uninitialized))
    assert shim_of(uninitialized.from_bytes(saved)).module is None
    assert other.to_bytes() == saved


def test_an_encoder_that_is_not_initialized_can_be_copied(uninitialized: Model) -> None:
    copies = [uninitialized.copy(), copy.deepcopy(uninitialized)]
    for copied in copies:
        assert shim_of(copied).module is None
        initialize(copied)
        assert shim_of(copied).module is not None
    assert shim_of(uninitialized).module is None


def test_an_encoder_that_is_not_initialized_takes_no_part_in_training(
    uninitialized: Model, trained_layer: Tuple[Model, Optimizer]
) -> None:
    _, optimizer = trained_layer
    uninitialized.finish_update(optimizer)
    with uninitialized.use_params(optimizer.averages):
        assert shim_of(uninitialized).module is None
    uninitialized.to_cpu()


def test_an_encoder_that_is_not_initialized_can_be_loaded_into(
    uninitialized: Model,
) -> None:
    trained = uninitialized.copy()
    initialize(trained)
    uninitialized.from_bytes(trained.to_bytes())
    docs = [make_doc(spacy.blank("en"))]
    numpy.testing.assert_array_equal(
        uninitialized.predict(docs)[0], trained.predict(docs)[0]
    )


def test_the_learning_rate_is_multiplied_for_the_module_alone() -> None:
    slow, fast = make_layer(), make_layer()
    shim_of(fast).learn_rate_factor = 10.0
    optimizers = Adam(0.01), Adam(0.001)
    for layer, optimizer in zip((slow, fast), optimizers):
        train(layer, optimizer)
        assert optimizer.learn_rate == pytest.approx(0.01 if layer is slow else 0.001)
    slow_weights, fast_weights = weights_of(slow), weights_of(fast)
    for name in slow_weights:
        numpy.testing.assert_allclose(fast_weights[name], slow_weights[name], rtol=1e-5)
