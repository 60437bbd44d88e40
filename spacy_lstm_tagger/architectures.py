"""The architectures that configs can name: settings in, thinc models out."""

from functools import partial
from typing import Any, Dict, List, Literal, Optional

from spacy.tokens import Doc
from thinc.api import Model

from .encoder.context import ContextSettings, Encode, make_bilstm_encoder
from .encoder.fast.precision import Precision
from .encoder.layer import Encoder, ReadingSettings, make_encoder
from .encoder.windows import validate_window
from .tags.crf_layer import ChainScores, Decoding
from .tags.output import add_crf, add_softmax
from .training.build_vocabulary import build_vocabulary

# The lowest values of settings of the encoder.
LOWEST = {
    "depth": 1,
    "word_width": 0,
    "character_width": 1,
    # A single character can't tell words apart.
    "max_characters": 2,
    "spacing_width": 0,
    "word_dropout": 0,
    "spacing_dropout": 0,
    "input_dropout": 0,
    "layer_dropout": 0,
    "learn_rate_factor": 0,
}


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
    decoding: Literal["viterbi", "posterior"] = "viterbi",
    sentences: bool = False,
    resizable: bool = False,
) -> Model[List[Doc], ChainScores]:
    """Build a tagger model whose tags depend on each other: token vectors, an affine
    map to tag scores, and a linear-chain CRF (Lafferty et al., 2001; Huang et al.,
    2015). It is trained and decoded exactly. Only `lstm_tagger` can use it.

    tok2vec (Model[List[Doc], List[Floats2d]]): The token-to-vector subnetwork:
        ours or any other of spaCy's.
    nO (Optional[int]): The number of tags. Inferred from the data if None.
    decoding (Literal["viterbi", "posterior"]): "viterbi" for the most probable
        sequence of tags, "posterior" for the most probable tag of each token.
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


def build_bilstm_encoder(
    width: int = 256,
    depth: int = 1,
    input_dropout: float = 1.0,
    layer_dropout: float = 2.0,
    window: int = 256,
    window_overlap: int = 32,
    learn_rate_factor: float = 1.0,
) -> Encode:
    """Build the `encode` layer of a `spacy.Tok2Vec.v2`: a BiLSTM over the vectors that
    its `embed` layer makes of tokens, of any width (Huang et al., 2015).

    width (int): Width of the output: both directions together, so even.
    depth (int): Layers of the BiLSTM.
    input_dropout (float): How many times over the dropout of the training is applied
        to the input.
    layer_dropout (float): The same for the output of each layer.
    window (int): The most tokens that are read at a time: longer documents are read in
        windows.
    window_overlap (int): The number of tokens of context on each side of a window.
    learn_rate_factor (float): What the learning rate of the training is multiplied by.
        If it is more than 1, the vectors are as many times longer at the start, so that
        an output layer that learns more slowly changes its scores as fast.
    RAISES (ValueError): If a setting is out of range.
    """
    _validate_even("width", width)
    validate_window(window, window_overlap)
    settings = {
        "input_dropout": input_dropout,
        "layer_dropout": layer_dropout,
        "learn_rate_factor": learn_rate_factor,
    }
    for name, value in {"depth": depth, **settings}.items():
        _validate_lowest(name, value)
    return make_bilstm_encoder(
        {"width": width, "depth": depth},
        ContextSettings(window=window, window_overlap=window_overlap, **settings),
    )


def build_word_char_bilstm(
    width: int = 256,
    depth: int = 1,
    word_width: int = 150,
    character_width: int = 50,
    character_lstm_width: int = 300,
    spacing_width: int = 10,
    word_dropout: float = 0.75,
    spacing_dropout: float = 0.1,
    input_dropout: float = 5.0,
    layer_dropout: float = 2.0,
    min_word_count: int = 1,
    min_character_count: int = 2,
    max_characters: int = 24,
    window: int = 256,
    window_overlap: int = 32,
    include_static_vectors: bool = False,
    precision: Precision = "float32",
    learn_rate_factor: float = 1.0,
) -> Encoder:
    """Build a token-to-vector model: word embeddings and a bidirectional LSTM over
    the characters of each word, read by a stack of bidirectional LSTM layers.

    Words and characters get embeddings if the vocabulary has them. The
    `lstm_tagger` builds it from all of its training data. Where another component
    has this model, use the callback `spacy_lstm_tagger.build_vocabulary.v1`.

    width (int): Width of the token vectors: both directions together, so even.
    depth (int): Layers of the BiLSTM.
    word_width (int): Width of the word embeddings, and of the projected vectors. 0 for
        neither: beside a model that knows words better, those of the training data are
        only learned by heart.
    character_width (int): Width of the character embeddings.
    character_lstm_width (int): Width of the character vectors of words: both
        directions together, so even.
    spacing_width (int): Width of the embeddings that tell on which sides a word has
        whitespace. 0 for a model that does not read it.
    word_dropout (float): In training, a word of frequency f is read as an unknown
        one with probability word_dropout / (word_dropout + f), if the dropout of
        the training is not 0.
    spacing_dropout (float): In training, the rate of windows whose words are all
        read as if they had whitespace on both sides, as those of Docs without known
        spaces are, likewise.
    input_dropout (float): How many times over the dropout of the training is applied to
        the input of the BiLSTM. The default is fitted to spaCy's dropout of 0.1: it
        makes 1 - (1 - 0.1) ** 5, which is 0.41.
    layer_dropout (float): The same for the output of each of its layers.
    min_word_count (int): The least number of times that a word occurs, lower-cased, to
        get an embedding.
    min_character_count (int): The same for characters.
    max_characters (int): The most characters of a word that are read, at least 2: of
        longer ones, the first and the last half of that.
    window (int): Longer documents are read in windows of as many tokens.
    window_overlap (int): The number of tokens of context on each side of a window.
    include_static_vectors (bool): Whether to read the vectors of the pipeline's
        vocab, too, scaled to length 1. They are not trained.
    precision (str): The precision in which tagging on the CPU multiplies the states of
        the BiLSTM by its weights: "float32", which gives the same tags on every CPU,
        "bfloat16" or "int8", which give the same tags but for a few, or "auto", the
        one that is fastest on this CPU. Training on the CPU is in float32. On a GPU,
        "bfloat16" and "auto" mean mixed precision, in training, too.
    learn_rate_factor (float): What the learning rate of the training is multiplied by,
        beside a part of the model that has to learn more slowly, such as a transformer.
    RAISES (ValueError): If a setting is out of range, or this torch has no such
        precision.
    """
    validate_window(window, window_overlap)
    module_settings = {
        "width": width,
        "depth": depth,
        "word_width": word_width,
        "character_width": character_width,
        "character_lstm_width": character_lstm_width,
        "spacing_width": spacing_width,
        "word_dropout": word_dropout,
        "spacing_dropout": spacing_dropout,
        "input_dropout": input_dropout,
        "layer_dropout": layer_dropout,
    }
    _validate(
        {
            **module_settings,
            "max_characters": max_characters,
            "learn_rate_factor": learn_rate_factor,
        }
    )
    if include_static_vectors and not word_width:
        raise ValueError(
            "Can't read static vectors with 'word_width = 0': they are projected to "
            "that width."
        )
    return make_encoder(
        module_settings,
        ReadingSettings(
            max_characters=max_characters,
            window=window,
            window_overlap=window_overlap,
            include_static_vectors=include_static_vectors,
            precision=precision,
            learn_rate_factor=learn_rate_factor,
        ),
        partial(
            build_vocabulary,
            min_word_count=min_word_count,
            min_character_count=min_character_count,
        ),
    )


def _validate(settings: Dict[str, Any]) -> None:
    for name in ("width", "character_lstm_width"):
        _validate_even(name, settings[name])
    for name in LOWEST:
        _validate_lowest(name, settings[name])
    if settings["spacing_dropout"] > 1.0:
        raise ValueError(
            f"'spacing_dropout = {settings['spacing_dropout']}' is a rate: it must not "
            f"be greater than 1."
        )


def _validate_even(name: str, width: int) -> None:
    if width < 2 or width % 2:
        raise ValueError(
            f"Can't build a bidirectional LSTM with '{name} = {width}': half of it "
            f"belongs to each direction, so it needs to be even and at least 2."
        )


def _validate_lowest(name: str, value: float) -> None:
    if value < LOWEST[name]:
        raise ValueError(f"'{name} = {value}' needs to be at least {LOWEST[name]}.")
