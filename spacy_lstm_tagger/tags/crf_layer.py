"""The scores of a chain as the parameters of a thinc layer."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Iterable, List, Optional, Tuple

from thinc.api import Model
from thinc.types import Floats2d
from thinc.util import get_width

from ..crf.chain import Chain

PARAMETERS = ("start", "transitions", "end")


@dataclass(frozen=True)
class Decoding:
    """The way to find tags from the scores of a CRF.

    posterior (bool): Whether to take the most probable tag of each token, instead of
        the most probable sequence.
    by_sentence (bool): Whether a chain is a sentence, instead of a document.
    """

    posterior: bool
    by_sentence: bool


class ChainScores(List[Floats2d]):
    """The scores of the tags of each document, and those of the chain. A CRF tagger
    model gives them, and its gradient has the same form.

    emissions (Iterable[Floats2d]): For each document. *Shape:* (n_tokens, n_labels)
    chain (Chain): The scores of the chain, as numpy arrays.
    decoding (Decoding): The way to find tags.
    """

    def __init__(
        self, emissions: Iterable[Floats2d], chain: Chain, decoding: Decoding
    ) -> None:
        super().__init__(emissions)
        self.chain = chain
        self.decoding = decoding


def CRF(
    nO: Optional[int] = None, *, decoding: Decoding
) -> Model[List[Floats2d], ChainScores]:
    """Build the layer that has the start, transition and end scores. It returns them
    together with the scores of tokens that it is given.

    nO (Optional[int]): The number of tags.
    decoding (Decoding): The way to find tags, which the scores come with.
    """
    return Model(
        "crf",
        partial(_forward, decoding),
        init=_init,
        dims={"nO": nO},
        params=dict.fromkeys(PARAMETERS),
    )


def resize_crf(layer: Model, nO: int, *, decoding: Decoding) -> Model:
    """Make a copy of a CRF layer for more tags. The scores of the new ones are 0.

    layer (Model): The layer. It is changed and returned if it has no scores yet.
    nO (int): The new number of tags.
    decoding (Decoding): The way to find tags, which the scores come with.
    """
    if not layer.has_param("start"):
        layer.set_dim("nO", nO, force=True)
        return layer
    # A new layer has a new id, for which an optimizer has no moments of the old shape.
    resized: Model = CRF(nO, decoding=decoding)
    resized.ops = layer.ops
    resized.initialize()
    for name in PARAMETERS:
        old = layer.get_param(name)
        new: Any = resized.get_param(name)
        new[tuple(slice(size) for size in old.shape)] = old
        resized.set_param(name, new)
    return resized


def _init(
    model: Model,
    X: Optional[List[Floats2d]] = None,
    Y: Optional[List[Floats2d]] = None,
) -> None:
    if X is not None:
        model.set_dim("nO", get_width(X))
    n_labels = model.get_dim("nO")
    model.set_param("start", model.ops.alloc1f(n_labels))
    model.set_param("transitions", model.ops.alloc2f(n_labels, n_labels))
    model.set_param("end", model.ops.alloc1f(n_labels))


def _forward(
    decoding: Decoding, model: Model, emissions: List[Floats2d], is_train: bool
) -> Tuple[ChainScores, Callable[[ChainScores], List[Floats2d]]]:
    to_numpy = model.ops.to_numpy
    chain = Chain(*(to_numpy(model.get_param(name)) for name in PARAMETERS))

    def backprop(gradient: ChainScores) -> List[Floats2d]:
        if not isinstance(gradient, ChainScores):
            raise ValueError(
                f"Can't train a CRF with a gradient of type '{type(gradient).__name__}'"
                f", which has none for the transitions. Use the architecture "
                f"'spacy_lstm_tagger.LSTMCRFTagger.v1' in an 'lstm_tagger'."
            )
        for name in PARAMETERS:
            values = getattr(gradient.chain, name)
            model.inc_grad(name, model.ops.asarray_f(values))
        return list(gradient)

    return ChainScores(emissions, chain, decoding), backprop
