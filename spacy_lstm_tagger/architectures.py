"""The architectures that configs can name: settings in, thinc models out."""

import warnings
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple, cast

import numpy
import torch
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import ArgsKwargs, Model, PyTorchWrapper_v3
from thinc.layers.pytorchwrapper import forward as pytorch_forward
from thinc.types import Floats2d
from thinc.util import torch2xp, xp2torch

from .build_vocabulary import build_vocabulary
from .crf.layer import ChainScores, Decoding
from .forms import Forms, extract_forms
from .modules.word_char_encoder import FormTensors, WindowTensors, WordCharEncoder
from .output import add_crf, add_softmax
from .torch_shim import AveragingShim
from .vectors import find_vectors
from .vocabulary import Vocabulary
from .weights import load_encoder, save_encoder
from .windows import WindowBatch, batch_windows, cut_windows, validate_window

Encoder = Model[List[Doc], List[Floats2d]]


def build_lstm_tagger(
    tok2vec: Encoder, nO: Optional[int] = None, resizable: bool = False
) -> Encoder:
    """Build a tagger model: token vectors, an affine map to tag scores and, in
    training, a softmax.

    tok2vec (Model[List[Doc], List[Floats2d]]): The token-to-vector subnetwork:
        ours or any other of spaCy's.
    nO (Optional[int]): The number of tags. Inferred from the data if None.
    resizable (bool): Whether tags can be added after initialization.
    """
    return add_softmax(tok2vec, nO, is_resizable=resizable)


def build_lstm_crf_tagger(
    tok2vec: Encoder,
    nO: Optional[int] = None,
    decoding: str = "viterbi",
    sentences: bool = False,
    resizable: bool = False,
) -> Model[List[Doc], ChainScores]:
    """Build a tagger model whose tags depend on each other: token vectors, an affine
    map to tag scores, and a linear-chain CRF (Lafferty et al., 2001; Huang et al.,
    2015). It is trained and decoded exactly. Only `lstm_tagger` can use it.

    tok2vec (Model[List[Doc], List[Floats2d]]): The token-to-vector subnetwork:
        ours or any other of spaCy's.
    nO (Optional[int]): The number of tags. Inferred from the data if None.
    decoding (str): "viterbi" for the most probable sequence of tags, "posterior" for
        the most probable tag of each token.
    sentences (bool): Whether sentences are chains of their own, where a component
        earlier in the pipeline has set their boundaries, or else whole documents.
        For training, that component has to be one of the annotating components.
    resizable (bool): Whether tags can be added after initialization.
    RAISES (ValueError): If there is no such decoding.
    """
    if decoding not in ("viterbi", "posterior"):
        raise ValueError(
            f'Can\'t decode with \'decoding = "{decoding}"\': it needs to be "viterbi" '
            f'or "posterior".'
        )
    settings = Decoding(posterior=decoding == "posterior", by_sentence=sentences)
    return add_crf(tok2vec, nO, settings, is_resizable=resizable)


def build_word_char_bilstm(
    width: int = 400,
    depth: int = 2,
    word_width: int = 100,
    character_width: int = 50,
    character_lstm_width: int = 200,
    word_dropout: float = 0.25,
    input_dropout: float = 1.0,
    layer_dropout: float = 1.0,
    min_word_count: int = 1,
    min_character_count: int = 3,
    max_characters: int = 24,
    window: int = 256,
    window_overlap: int = 32,
    include_static_vectors: bool = False,
) -> Encoder:
    """Build a token-to-vector model: word embeddings and a bidirectional LSTM over
    the characters of each word, read by a stack of bidirectional LSTM layers.

    Words and characters get embeddings if the vocabulary has them. The
    `lstm_tagger` builds it from all of its training data. Where another component
    has this model, use the callback `spacy_lstm_tagger.build_vocabulary.v1`.

    width (int): Width of the token vectors: both directions together, so even.
    depth (int): Layers of the BiLSTM.
    word_width (int): Width of the word embeddings, and of the projected vectors.
    character_width (int): Width of the character embeddings.
    character_lstm_width (int): Width of the character vectors of words: both
        directions together, so even.
    word_dropout (float): In training, a word of frequency f is read as an unknown
        one with probability word_dropout / (word_dropout + f), if the dropout of
        the training is not 0.
    input_dropout (float): Dropout on the input of the BiLSTM, as a multiple of
        the dropout of the training.
    layer_dropout (float): Dropout after each of its layers, likewise.
    min_word_count (int): How often a word occurs, lower-cased, to get an embedding.
    min_character_count (int): The same for characters.
    max_characters (int): How many characters of a word are read: of longer ones,
        the first and the last half of that.
    window (int): Longer documents are read in windows of as many tokens.
    window_overlap (int): How many tokens of context such a window has on each side.
    include_static_vectors (bool): Whether to read the vectors of the pipeline's
        vocab, too. They are not trained.
    RAISES (ValueError): If a setting is out of range.
    """
    validate_window(window, window_overlap)
    settings = {
        "width": width,
        "depth": depth,
        "word_width": word_width,
        "character_width": character_width,
        "character_lstm_width": character_lstm_width,
        "word_dropout": word_dropout,
        "input_dropout": input_dropout,
        "layer_dropout": layer_dropout,
    }
    _validate(settings, max_characters=max_characters)
    model = PyTorchWrapper_v3(cast(Any, None), _convert_inputs, _convert_outputs)
    model.name = "word_char_bilstm"
    model.set_dim("nO", width)
    model.shims[0] = AveragingShim(
        None,
        serialize_model=save_encoder,
        deserialize_model=partial(load_encoder, settings),
    )
    model.attrs.update(
        dropout_rate=0.0,
        max_characters=max_characters,
        window=window,
        window_overlap=window_overlap,
        include_static_vectors=include_static_vectors,
        build_vocabulary=partial(
            build_vocabulary,
            min_word_count=min_word_count,
            min_character_count=min_character_count,
        ),
        vocabulary=None,
    )
    model.replace_callbacks(_forward, init=partial(_init, settings))
    return model


def _validate(settings: Dict[str, Any], *, max_characters: int) -> None:
    for name in ("width", "character_lstm_width"):
        if settings[name] < 2 or settings[name] % 2:
            raise ValueError(
                f"Can't build a bidirectional LSTM with '{name} = {settings[name]}': "
                f"half of it belongs to each direction, so it needs to be even and "
                f"at least 2."
            )
    sizes = {**settings, "max_characters": max_characters}
    for name in ("depth", "word_width", "character_width", "max_characters"):
        if sizes[name] < 1:
            raise ValueError(f"'{name} = {sizes[name]}' needs to be at least 1.")
    for name in ("word_dropout", "input_dropout", "layer_dropout"):
        if settings[name] < 0.0:
            raise ValueError(f"'{name} = {settings[name]}' must not be negative.")


def _forward(
    model: Encoder, docs: List[Doc], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]:
    if not any(len(doc) for doc in docs):
        width = model.get_dim("nO")
        return [model.ops.alloc2f(0, width) for _ in docs], lambda d_vectors: []
    if cast(AveragingShim, model.shims[0]).module is None:
        # spaCy asks "Did you forget to call initialize()?" on a KeyError.
        raise KeyError("The word and character BiLSTM is not initialized.")
    return pytorch_forward(model, docs, is_train)


def _convert_inputs(
    model: Encoder, docs: List[Doc], is_train: bool
) -> Tuple[ArgsKwargs, Callable[[ArgsKwargs], List[Doc]]]:
    shim = cast(AveragingShim, model.shims[0])
    attrs = model.attrs
    forms = extract_forms(
        docs, shim.module.vocabulary, max_characters=attrs["max_characters"]
    )
    windows = cut_windows(
        forms.doc_lengths, window=attrs["window"], overlap=attrs["window_overlap"]
    )
    batches = batch_windows(windows)
    inputs = ArgsKwargs(
        args=(
            _form_tensors(model, docs, forms, shim.device),
            [_window_tensors(batch, forms, shim.device) for batch in batches],
            _to_torch(_sources(batches, forms), shim.device),
        ),
        kwargs={"dropout": attrs["dropout_rate"] if is_train else 0.0},
    )
    return inputs, lambda d_inputs: []


def _form_tensors(
    model: Encoder, docs: List[Doc], forms: Forms, device: torch.device
) -> FormTensors:
    vectors = None
    if model.attrs["include_static_vectors"]:
        found = find_vectors(model.ops, docs[0].vocab, forms.vector_keys)
        vectors = xp2torch(found, device=device)
    return FormTensors(
        word_rows=_to_torch(forms.word_rows, device),
        characters=_to_torch(forms.characters, device),
        character_lengths=_to_torch(forms.character_lengths, device),
        static_vectors=vectors,
    )


def _window_tensors(
    batch: WindowBatch, forms: Forms, device: torch.device
) -> WindowTensors:
    return WindowTensors(
        forms=_to_torch(forms.token_forms[batch.tokens], device),
        lengths=_to_torch(batch.lengths, device),
        kept=_to_torch(numpy.flatnonzero(batch.kept), device),
    )


def _sources(batches: List[WindowBatch], forms: Forms) -> NDArray[numpy.int64]:
    """Where the vector of each token stands among those kept of all windows. That
    of whitespace comes after them."""
    n_read = len(forms.token_forms)
    sources = numpy.full(len(forms.is_read), n_read, dtype="int64")
    if batches:
        kept = numpy.concatenate([batch.tokens[batch.kept] for batch in batches])
        sources[forms.is_read] = numpy.argsort(kept)
    return sources


def _to_torch(array: NDArray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(array).to(device)


def _convert_outputs(
    model: Encoder, inputs_outputs: Tuple[List[Doc], torch.Tensor], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], ArgsKwargs]]:
    docs, output = inputs_outputs
    vectors = cast(Floats2d, torch2xp(output))
    lengths = model.ops.asarray1i([len(doc) for doc in docs])

    def backprop(d_vectors: List[Floats2d]) -> ArgsKwargs:
        gradient = xp2torch(model.ops.flatten(d_vectors), device=output.device)
        return ArgsKwargs(args=((output,),), kwargs={"grad_tensors": (gradient,)})

    return model.ops.unflatten(vectors, lengths), backprop


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
