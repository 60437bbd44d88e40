"""The encoder as a layer of thinc: settings and documents in, token vectors out."""

import warnings
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple, cast

import numpy
import torch
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model, PyTorchWrapper_v3
from thinc.layers.pytorchwrapper import forward as pytorch_forward
from thinc.types import Floats2d
from thinc.util import torch2xp, xp2torch

from .fast.reading import (
    PreparedEncoder,
    read_docs,
    use_mixed_precision,
    validate_precision,
)
from .forms import find_forms, find_vocabs, read_tokens, spell_forms
from .network.word_char_encoder import WordCharEncoder
from .shim import AveragingShim
from .tensors import form_tensors, sources, window_tensors
from .vectors import find_vectors
from .vocabulary import Vocabulary
from .weights import load_encoder, save_encoder
from .windows import batch_windows, cut_windows

Encoder = Model[List[Doc], List[Floats2d]]


def make_encoder(settings: Dict[str, Any], *, precision: str, **attrs: Any) -> Encoder:
    """Make the layer around a `WordCharEncoder`, which it gets when it is initialized.

    settings (Dict[str, Any]): Arguments of `WordCharEncoder` that come from the
        config.
    precision (str): "float32", "bfloat16", "int8" or "auto".
    attrs (Any): What else its attributes are to be.
    RAISES (ValueError): If there is no such precision.
    """
    validate_precision(precision)
    model = PyTorchWrapper_v3(cast(Any, None), _convert_inputs, _convert_outputs)
    model.name = "word_char_bilstm"
    model.set_dim("nO", settings["width"])
    shim = AveragingShim(
        None,
        serialize_model=save_encoder,
        deserialize_model=partial(load_encoder, settings),
    )
    # Not an attribute, since those are saved with the weights, and win over the config.
    shim.precision = precision
    model.shims[0] = shim
    model.attrs.update(dropout_rate=0.0, vocabulary=None, **attrs)
    model.replace_callbacks(_forward, init=partial(_init, settings))
    return model


def _forward(
    model: Encoder, docs: List[Doc], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]:
    if not any(len(doc) for doc in docs):
        width = model.get_dim("nO")
        return [model.ops.alloc2f(0, width) for _ in docs], lambda d_vectors: []
    shim = cast(AveragingShim, model.shims[0])
    if shim.module is None:
        # spaCy asks "Did you forget to call initialize()?" on a KeyError.
        raise KeyError("The word and character BiLSTM is not initialized.")
    if is_train or shim.device.type != "cpu":
        return pytorch_forward(model, docs, is_train)
    vectors = read_docs(
        shim.derive(partial(PreparedEncoder, precision=shim.precision)),
        docs,
        max_characters=model.attrs["max_characters"],
        window=model.attrs["window"],
        overlap=model.attrs["window_overlap"],
    )
    return _split(model, docs, cast(Floats2d, vectors)), lambda d_vectors: []


def _split(model: Encoder, docs: List[Doc], vectors: Floats2d) -> List[Floats2d]:
    lengths = model.ops.asarray1i([len(doc) for doc in docs])
    return model.ops.unflatten(vectors, lengths)


def _convert_inputs(
    model: Encoder, docs: List[Doc], is_train: bool
) -> Tuple[ArgsKwargs, Callable[[ArgsKwargs], List[Doc]]]:
    shim = cast(AveragingShim, model.shims[0])
    attrs = model.attrs
    tokens = read_tokens(docs)
    has_vectors = attrs["include_static_vectors"]
    keys = tokens.vector_keys if has_vectors else tokens.orths
    first, token_forms = find_forms(tokens.orths, keys)
    forms = spell_forms(
        tokens.orths[first],
        find_vocabs(docs),
        shim.module.vocabulary,
        max_characters=attrs["max_characters"],
    )
    vectors = None
    if has_vectors:
        found = find_vectors(model.ops, docs[0].vocab, keys[first])
        vectors = xp2torch(found, device=shim.device)
    windows = cut_windows(
        tokens.doc_lengths, window=attrs["window"], overlap=attrs["window_overlap"]
    )
    batches = batch_windows(windows)
    inputs = ArgsKwargs(
        args=(
            form_tensors(forms, vectors, shim.device),
            [
                window_tensors(batch, token_forms, tokens.spacing, shim.device)
                for batch in batches
            ],
            sources(batches, tokens.is_read, shim.device),
        ),
        kwargs={
            "dropout": attrs["dropout_rate"] if is_train else 0.0,
            "mixed_precision": use_mixed_precision(shim.precision, shim.device),
        },
    )
    return inputs, lambda d_inputs: []


def _convert_outputs(
    model: Encoder, inputs_outputs: Tuple[List[Doc], torch.Tensor], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], ArgsKwargs]]:
    docs, output = inputs_outputs
    vectors = cast(Floats2d, torch2xp(output))

    def backprop(d_vectors: List[Floats2d]) -> ArgsKwargs:
        gradient = xp2torch(model.ops.flatten(d_vectors), device=output.device)
        return ArgsKwargs(args=((output,),), kwargs={"grad_tensors": (gradient,)})

    return _split(model, docs, vectors), backprop


def _init(
    settings: Dict[str, Any],
    model: Encoder,
    X: Optional[List[Doc]] = None,
    Y: Optional[List[Floats2d]] = None,
) -> None:
    shim = cast(AveragingShim, model.shims[0])
    vectors_width = 0
    if model.attrs["include_static_vectors"]:
        if not X:
            raise ValueError(
                "Can't initialize a word and character BiLSTM with static vectors "
                "without any documents: they tell the width of the vectors. Pass "
                "some as X."
            )
        no_keys = numpy.zeros(0, dtype="uint64")
        vectors_width = find_vectors(model.ops, X[0].vocab, no_keys).shape[1]
    vocabulary = _choose_vocabulary(model, X or [])
    shim.set_module(
        WordCharEncoder(vocabulary, vectors_width=vectors_width, **settings)
    )


def _choose_vocabulary(model: Encoder, docs: List[Doc]) -> Vocabulary:
    """The vocabulary that was set, or else the present one, or else a new one."""
    chosen = model.attrs["vocabulary"]
    shim = cast(AveragingShim, model.shims[0])
    present = getattr(shim.module, "vocabulary", None)
    if chosen is None and present is not None and not present.from_sample:
        chosen = present
    if chosen is None:
        warnings.warn(
            f"The vocabulary of a word and character BiLSTM is built from the "
            f"{len(docs)} documents that spaCy initializes a layer with, which is too "
            f"few for training. Set 'spacy_lstm_tagger.build_vocabulary.v1' as "
            f"[initialize.before_init] to build it from all of your data.",
            stacklevel=2,
        )
        chosen = model.attrs["build_vocabulary"](docs, from_sample=True)
    return chosen
