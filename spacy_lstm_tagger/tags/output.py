"""Output layers: from token vectors to tag scores, with room for more tags."""

from functools import partial
from typing import List, Optional

from spacy.tokens import Doc
from thinc.api import Linear, Model, Softmax_v2, chain, resizable, with_array, zero_init
from thinc.layers.resizable import resize_linear_weighted, resize_model
from thinc.types import Floats2d

from .crf_layer import CRF, ChainScores, Decoding, resize_crf

Tok2Vec = Model[List[Doc], List[Floats2d]]


def add_softmax(
    tok2vec: Tok2Vec, nO: Optional[int], *, is_resizable: bool
) -> Model[List[Doc], List[Floats2d]]:
    """Add an affine map to tag scores and, in training, a softmax. This is the output
    layer of spaCy's own tagger, except that it can be resizable."""
    softmax = Softmax_v2(nO, _width(tok2vec), init_W=zero_init, normalize_outputs=False)
    layer = resizable(softmax, resize_linear_weighted) if is_resizable else softmax
    model: Model = chain(tok2vec, with_array(layer))
    model.set_ref("softmax", softmax)
    return _finish(model, tok2vec, softmax, is_resizable)


def add_crf(
    tok2vec: Tok2Vec, nO: Optional[int], decoding: Decoding, *, is_resizable: bool
) -> Model[List[Doc], ChainScores]:
    """Add an affine map to tag scores, and the scores of a chain of tags."""
    linear = Linear(nO, _width(tok2vec), init_W=zero_init)
    crf = CRF(nO, decoding=decoding)
    if is_resizable:
        model: Model = chain(
            tok2vec,
            with_array(resizable(linear, resize_linear_weighted)),
            resizable(crf, partial(resize_crf, decoding=decoding)),
        )
    else:
        model = chain(tok2vec, with_array(linear), crf)
    model.set_ref("crf", crf)
    return _finish(model, tok2vec, linear, is_resizable)


def _width(tok2vec: Tok2Vec) -> Optional[int]:
    return tok2vec.get_dim("nO") if tok2vec.has_dim("nO") else None


def _finish(
    model: Model, tok2vec: Tok2Vec, output_layer: Model, is_resizable: bool
) -> Model:
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("output_layer", output_layer)
    if is_resizable:
        # spaCy asks for this attribute before it lets labels be added.
        model.attrs["resize_output"] = resize_output
    return model


def resize_output(model: Model, nO: int) -> Model:
    """Make room for more tags in a model that is resizable. What it has learned of
    the present ones is kept.

    model (Model): The model of a tagger. It is changed.
    nO (int): The new number of tags.
    """
    # Found in the model each time, since the model may be a copy of what was built.
    outputs = [node for node in model.walk() if "resize_layer" in node.attrs]
    for node in outputs:
        replaced = node.layers[0]
        resize_model(node, nO)
        for name in model.ref_names:
            if model.maybe_get_ref(name) is replaced:
                model.set_ref(name, node.layers[0])
    for node in [model, *model.layers[1:], *outputs]:
        if node.maybe_get_dim("nO") is not None:
            node.set_dim("nO", nO, force=True)
    return model
