"""The encoder as a layer of thinc: settings and documents in, token vectors out."""

import contextlib
import warnings
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, ContextManager, Dict, List, Optional, Tuple, cast

import numpy
import torch
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model, torch2xp, xp2torch
from thinc.types import Floats2d

from .fast.precision import Precision, use_mixed_precision, validate_precision
from .fast.reading import PreparedEncoder, read_docs
from .forms import find_forms, find_vocabs, read_tokens, spell_forms
from .network.word_char_encoder import WordCharEncoder
from .shim import AveragingShim
from .tensors import form_tensors, sources, window_tensors
from .vectors import find_vectors
from .vocabulary import Vocabulary
from .weights import load_encoder, save_encoder
from .windows import batch_windows, cut_windows

Encoder = Model[List[Doc], List[Floats2d]]


@dataclass(frozen=True)
class ReadingSettings:
    """The settings of an encoder that its torch module does not know.

    max_characters (int): The most characters of a word that are read.
    window (int): The most tokens of a window.
    window_overlap (int): The number of tokens of context on each side of a window.
    include_static_vectors (bool): Whether the vectors of the vocab are read.
    precision (Precision): The precision of tagging on the CPU. For that of a GPU, see
        `use_mixed_precision`.
    learn_rate_factor (float): What the learning rate of the training is multiplied by.
    """

    max_characters: int
    window: int
    window_overlap: int
    include_static_vectors: bool
    precision: Precision
    learn_rate_factor: float


def make_encoder(
    module_settings: Dict[str, Any],
    settings: ReadingSettings,
    build_vocabulary: Callable[..., Vocabulary],
) -> Encoder:
    """Make the layer around a `WordCharEncoder`, which it gets when it is initialized.

    module_settings (Dict[str, Any]): Arguments of `WordCharEncoder` that come from the
        config.
    settings (ReadingSettings): The other settings.
    build_vocabulary (Callable[..., Vocabulary]): Makes a vocabulary of documents.
    RAISES (ValueError): If the precision is none that this torch has.
    """
    validate_precision(settings.precision)
    # thinc makes tensors here, too, and moves them to the device that it uses.
    with torch.device("cpu"):
        shim = AveragingShim(
            None,
            serialize_model=save_encoder,
            deserialize_model=partial(
                load_encoder, module_settings, settings.include_static_vectors
            ),
        )
    shim.learn_rate_factor = settings.learn_rate_factor
    return Model(
        "word_char_bilstm",
        _forward,
        init=partial(_init, module_settings),
        dims={"nI": None, "nO": module_settings["width"]},
        shims=[shim],
        attrs={
            "dropout_rate": 0.0,
            "vocabulary": None,
            "build_vocabulary": build_vocabulary,
            # thinc can't save a dataclass, and is not meant to: what is saved with the
            # weights comes back with them, and would win over the config.
            "settings": settings,
        },
    )


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
        return run_network(model, docs, is_train)
    settings: ReadingSettings = model.attrs["settings"]
    # What is kept must not depend on the mode that torch happens to be in.
    with torch.inference_mode(), _without_autocast():
        vectors = read_docs(
            shim.derive(PreparedEncoder, settings.precision, settings.max_characters),
            docs,
            window=settings.window,
            overlap=settings.window_overlap,
        )
    return _split(model, docs, cast(Floats2d, vectors)), lambda d_vectors: []


def _without_autocast() -> ContextManager[Any]:
    """Return a context in which the CPU computes in float32."""
    # It takes a while even where there is nothing to turn off.
    if torch.is_autocast_enabled("cpu"):
        return torch.autocast("cpu", enabled=False)
    return contextlib.nullcontext()


def run_network(
    model: Encoder, docs: List[Doc], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]:
    """Run the torch module on documents, at least one of which has tokens.

    model (Encoder): The layer.
    docs (List[Doc]): The documents.
    is_train (bool): Whether gradients are needed, and dropout is used.
    RETURNS (Tuple[List[Floats2d], Callable]): The token vectors, and a callback that
        takes their gradients. *Shape:* (n_tokens, width)
    """
    shim = cast(AveragingShim, model.shims[0])
    # Training needs gradients, even where the caller has turned them off, and those of
    # what was computed, even where the caller computes in less than float32.
    with torch.inference_mode(False), torch.set_grad_enabled(is_train):
        output, backprop_output = shim(_make_inputs(model, docs, is_train), is_train)

    device = output.device

    def backprop(d_vectors: List[Floats2d]) -> List[Doc]:
        with torch.inference_mode(False), torch.autocast(device.type, enabled=False):
            gradient = xp2torch(model.ops.flatten(d_vectors), device=device)
            backprop_output(
                ArgsKwargs(args=((output,),), kwargs={"grad_tensors": (gradient,)})
            )
        return []

    return _split(model, docs, cast(Floats2d, torch2xp(output))), backprop


def _split(model: Encoder, docs: List[Doc], vectors: Floats2d) -> List[Floats2d]:
    lengths = model.ops.asarray1i([len(doc) for doc in docs])
    return model.ops.unflatten(vectors, lengths)


def _make_inputs(model: Encoder, docs: List[Doc], is_train: bool) -> ArgsKwargs:
    shim = cast(AveragingShim, model.shims[0])
    settings: ReadingSettings = model.attrs["settings"]
    tokens = read_tokens(docs)
    has_vectors = settings.include_static_vectors
    keys = tokens.vector_keys if has_vectors else tokens.orths
    first, token_forms = find_forms(tokens.orths, keys)
    forms = spell_forms(
        tokens.orths[first],
        find_vocabs(docs),
        shim.module.vocabulary,
        max_characters=settings.max_characters,
    )
    vectors = None
    if has_vectors:
        found = find_vectors(model.ops, docs[0].vocab, keys[first])
        vectors = xp2torch(found, device=shim.device)
    windows = cut_windows(
        tokens.doc_lengths, window=settings.window, overlap=settings.window_overlap
    )
    batches = batch_windows(windows)
    return ArgsKwargs(
        args=(
            form_tensors(forms, vectors, shim.device),
            [
                window_tensors(batch, token_forms, tokens.spacing, shim.device)
                for batch in batches
            ],
            sources(batches, tokens.is_read, shim.device),
        ),
        kwargs={
            "dropout": model.attrs["dropout_rate"] if is_train else 0.0,
            "mixed_precision": use_mixed_precision(settings.precision, shim.device),
        },
    )


def _init(
    module_settings: Dict[str, Any],
    model: Encoder,
    X: Optional[List[Doc]] = None,
    Y: Optional[List[Floats2d]] = None,
) -> None:
    shim = cast(AveragingShim, model.shims[0])
    vectors_width = 0
    if model.attrs["settings"].include_static_vectors:
        if not X:
            raise ValueError(
                "Can't initialize a word and character BiLSTM with static vectors "
                "without any documents: they tell the width of the vectors. Pass "
                "some as X."
            )
        no_keys = numpy.zeros(0, dtype="uint64")
        vectors_width = find_vectors(model.ops, X[0].vocab, no_keys).shape[1]
    vocabulary = _choose_vocabulary(model, X or [])
    # Parameters made in inference mode could never be trained.
    with torch.inference_mode(False):
        module = WordCharEncoder(
            vocabulary, vectors_width=vectors_width, **module_settings
        )
        shim.set_module(module)


def _choose_vocabulary(model: Encoder, docs: List[Doc]) -> Vocabulary:
    """Return the vocabulary that was set, or the present one, or else a new one."""
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
