"""How many floating-point operations a token takes in tagging: two for each weight that
it is multiplied with. What else there is to do (lookups, activations, normalisation,
the chains of a CRF, context that windows of long documents share) is not counted, so
that a share of the peak is what matrix products leave room for."""

import re

from measure import tagging_components
from spacy.language import Language
from thinc.api import Model
from torch import nn

# What our encoder multiplies once for each word form, not for each token.
BY_FORM = re.compile(
    r"(word|spacing)_embedding|character_lstm|vectors_projection|"
    r"bilstm\.layers\.0\..*weight_ih"
)


def flops_per_token(nlp: Language) -> int:
    """The operations of all components that tags come from."""
    models = [nlp.get_pipe(name).model for name in tagging_components(nlp)]  # type: ignore[attr-defined]
    # Layers may be part of several.
    nodes = {id(node): node for model in models for node in model.walk()}
    return 2 * sum(weights_per_token(node) for node in nodes.values())


def weights_per_token(node: Model) -> int:
    """The weights of one layer of thinc's, without those of the layers inside of it:
    those of its torch module, or else the matrix of an affine or a maxout layer. (The
    tables of embeddings have another name.)"""
    if node.shims:
        return sum(matrix_sizes(node.shims[0]._model))
    return node.get_param("W").size if node.has_param("W") else 0


def matrix_sizes(module: nn.Module) -> list[int]:
    return [
        parameter.numel()
        for name, parameter in module.named_parameters()
        if parameter.ndim == 2 and not BY_FORM.search(name)
    ]
