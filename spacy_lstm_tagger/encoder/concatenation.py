"""Several token-to-vector models side by side."""

from typing import Callable, List, Optional, Tuple

from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats2d

Tok2Vec = Model[List[Doc], List[Floats2d]]


def concatenate_tok2vecs(*tok2vecs: Tok2Vec) -> Tok2Vec:
    """Build a token-to-vector model of several, all of which read the same documents:
    the vector of a token is that of the first, then that of the second, and so on.

    thinc's own `concatenate` does not take documents.

    tok2vecs (Model[List[Doc], List[Floats2d]]): The models, at least one.
    RAISES (ValueError): If there is none.
    """
    if not tok2vecs:
        raise ValueError("Can't concatenate token-to-vector models: there is none.")
    return Model(
        "concatenate_tok2vecs",
        _forward,
        init=_init,
        dims={"nO": None},
        layers=list(tok2vecs),
    )


def _forward(
    model: Tok2Vec, docs: List[Doc], is_train: bool
) -> Tuple[List[Floats2d], Callable[[List[Floats2d]], List[Doc]]]:
    parts, callbacks = zip(*(layer(docs, is_train) for layer in model.layers))

    def backprop(d_vectors: List[Floats2d]) -> List[Doc]:
        start = 0
        for part, callback in zip(parts, callbacks):
            end = start + (part[0].shape[1] if part else 0)
            callback(
                [model.ops.as_contig(gradient[:, start:end]) for gradient in d_vectors]
            )
            start = end
        return []

    xp = model.ops.xp
    return [xp.concatenate(vectors, axis=1) for vectors in zip(*parts)], backprop


def _init(
    model: Tok2Vec,
    X: Optional[List[Doc]] = None,
    Y: Optional[List[Floats2d]] = None,
) -> None:
    for layer in model.layers:
        layer.initialize(X=X)
    if X:
        # Not all of them know their width before they have read a document.
        model.set_dim("nO", model.predict(X[:1])[0].shape[1])
