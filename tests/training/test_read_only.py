"""Pipelines whose arrays can't be written to: those that come from Ray's object store,
from joblib's memory maps, or from any pickle with buffers out of band."""

import copy
import pickle
import warnings
from typing import Any, Callable, Iterator, List

import numpy
import pytest
import spacy
import torch
from numpy.typing import NDArray
from spacy.language import Language
from spacy.util import fix_random_seed
from spacy.vectors import Vectors
from taggers import CRF, SOFTMAX, configure, get_tagger
from thinc.api import Adam, Model
from util import (
    TRAIN_DATA,
    all_weights,
    make_examples,
    make_trained,
    same_weights,
    small,
    tag_all,
)

from spacy_lstm_tagger.training.parameters import make_writable

ARCHITECTURES = pytest.mark.parametrize("architecture", [SOFTMAX, CRF])


def ship(nlp: Language) -> Language:
    """Return the pipeline as another process gets it: its arrays are views of bytes."""
    buffers: List[pickle.PickleBuffer] = []
    data = pickle.dumps(nlp, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(data, buffers=[bytes(buffer.raw()) for buffer in buffers])


def lock(nlp: Language) -> Language:
    """Return the pipeline itself, with parameters that are marked as read-only."""
    for array in arrays_of(get_tagger(nlp).model):
        array.setflags(write=False)
    return nlp


def arrays_of(model: Model) -> Iterator[Any]:
    """Yield the parameters and the gradients that thinc keeps."""
    for node in model.walk():
        for name in node.param_names:
            yield node.get_param(name)
            if node.has_grad(name):
                yield node.get_grad(name)


def shares_memory(nlp: Language, other: List[NDArray]) -> bool:
    arrays = list(arrays_of(get_tagger(nlp).model))
    return all(numpy.shares_memory(*pair) for pair in zip(arrays, other, strict=True))


def update(nlp: Language) -> None:
    nlp.update(make_examples(nlp), sgd=Adam(0.01, L2=0.01))


def update_twice_with_averages(nlp: Language) -> None:
    sgd = Adam(0.01, use_averages=True)
    for _ in range(2):
        nlp.update(make_examples(nlp), sgd=sgd)
    with nlp.use_params(sgd.averages):
        tag_all(nlp)


def accumulate(nlp: Language) -> None:
    nlp.update(make_examples(nlp, TRAIN_DATA[:2]))
    nlp.update(make_examples(nlp, TRAIN_DATA[2:]), sgd=Adam(0.01))


def rehearse(nlp: Language) -> None:
    sgd = nlp.resume_training()
    sgd.learn_rate = 0.01
    # The student has to differ from its teacher.
    nlp.update(make_examples(nlp), sgd=sgd)
    nlp.rehearse(make_examples(nlp), sgd=sgd)


def rehearse_first(nlp: Language) -> None:
    nlp.resume_training()
    nlp.rehearse(make_examples(nlp), sgd=Adam(0.01, L2=0.01))


def initialize_again(nlp: Language) -> None:
    nlp.initialize(lambda: make_examples(nlp))
    nlp.update(make_examples(nlp), sgd=Adam(0.01))


TRAININGS = pytest.mark.parametrize(
    "train",
    [
        update,
        update_twice_with_averages,
        accumulate,
        rehearse,
        rehearse_first,
        initialize_again,
    ],
)


@ARCHITECTURES
@TRAININGS
def test_a_pipeline_from_another_process_learns_what_the_original_does(
    architecture: str, train: Callable[[Language], None]
) -> None:
    nlp = make_trained(config=configure(architecture), steps=2)
    check_training(ship(nlp), nlp, train)


@ARCHITECTURES
@pytest.mark.parametrize("steps", [0, 2])
def test_a_pipeline_that_is_marked_as_read_only_learns_what_another_one_does(
    architecture: str, steps: int
) -> None:
    """Once it was trained, a pipeline has gradients, too."""
    nlp = make_trained(config=configure(architecture), steps=steps)
    usual = copy.deepcopy(nlp)
    check_training(lock(nlp), usual, update)


def check_training(
    read_only: Language, usual: Language, train: Callable[[Language], None]
) -> None:
    assert not any(a.flags.writeable for a in arrays_of(get_tagger(read_only).model))
    before = all_weights(read_only)
    for pipeline in (usual, read_only):
        fix_random_seed(0)
        train(pipeline)
    assert not same_weights(all_weights(read_only), before)
    assert same_weights(all_weights(read_only), all_weights(usual))


@ARCHITECTURES
def test_what_is_read_only_is_shared_until_it_is_trained(architecture: str) -> None:
    """Many workers tag from one piece of memory."""
    nlp = lock(make_trained(config=configure(architecture)))
    arrays = list(arrays_of(get_tagger(nlp).model))
    values = [array.copy() for array in arrays]
    assert tag_all(nlp) == [tags for _, tags in TRAIN_DATA]
    assert shares_memory(nlp, arrays)
    update(nlp)
    assert not shares_memory(nlp, arrays)
    for array, value in zip(arrays, values):
        numpy.testing.assert_array_equal(array, value)


def test_what_can_be_written_to_is_not_copied() -> None:
    nlp = make_trained(steps=1)
    arrays = list(arrays_of(get_tagger(nlp).model))
    make_writable(get_tagger(nlp).model)
    assert shares_memory(nlp, arrays)


@pytest.fixture
def warn_always() -> Iterator[None]:
    """torch warns once for each process, otherwise."""
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(False)


def test_a_read_only_pipeline_with_vectors_is_used_without_a_warning(
    warn_always: None,
) -> None:
    """torch warns of arrays that it can't write to, where it takes them as they are."""
    nlp = spacy.blank("en")
    words = [word for words, _ in TRAIN_DATA for word in words]
    data = numpy.random.default_rng(0).normal(size=(len(words), 4)).astype("float32")
    keys = [nlp.vocab.strings.add(word) for word in words]
    nlp.vocab.vectors = Vectors(strings=nlp.vocab.strings, data=data, keys=keys)
    nlp.add_pipe("lstm_tagger", config=small(include_static_vectors=True))
    nlp.initialize(lambda: make_examples(nlp))
    update(nlp)
    usual = tag_all(nlp), nlp.to_bytes()
    shipped = ship(nlp)
    assert not shipped.vocab.vectors.data.flags.writeable
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (tag_all(shipped), shipped.to_bytes()) == usual
        update(shipped)
        shipped.initialize(lambda: make_examples(shipped))
