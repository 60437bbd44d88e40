"""The loss of a tagger whose scores are a softmax over the tags."""

from typing import Any, List, Optional, Sequence, Tuple, cast

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Ops
from thinc.types import Floats2d, Ints1d
from thinc.util import get_array_module

from .annotation import Annotation


def validate_label_smoothing(label_smoothing: float, n_labels: int) -> None:
    """Raise a ValueError if so much smoothing would favour the other tags."""
    n_others = n_labels - 1
    if label_smoothing < 0.0 or label_smoothing * n_labels > n_others > 0:
        raise ValueError(
            f"Can't train {n_labels} tags with 'label_smoothing = {label_smoothing}': "
            f"it needs to be at least 0 and at most {n_others}/{n_labels}, where all "
            f"tags are wanted alike."
        )


def softmax_loss(
    ops: Ops,
    docs: Sequence[Doc],
    probabilities: Sequence[Floats2d],
    annotation: Annotation,
    domain: Optional[NDArray[numpy.bool_]],
    *,
    label_smoothing: float,
) -> Tuple[float, List[Floats2d]]:
    """Find the gradient of the negative log-likelihood of the annotation, and the sum
    of its squares, which spaCy's `tagger` reports as the loss.

    ops (Ops): The operations that compute the probabilities.
    docs (Sequence[Doc]): The documents.
    probabilities (Sequence[Floats2d]): For each of them. *Shape:* (n_tokens, n_labels)
    annotation (Annotation): The annotation of all of their tokens.
    domain (Optional[NDArray[numpy.bool_]]): The tags that the model may choose for all
        tokens, None for any. *Shape:* (n_tokens, n_labels)
    label_smoothing (float): The probability shared by the other tags.
    RETURNS (Tuple[float, List[Floats2d]]): The loss, and the gradient for the scores of
        each document before the softmax.
    """
    flat = cast(Floats2d, ops.flatten(probabilities))
    gradient = cross_entropy_gradient(
        flat,
        ops.asarray2f(cast(Any, annotation.evidence)),
        None if domain is None else ops.asarray2f(cast(Any, domain)),
        label_smoothing=label_smoothing,
    )
    tokens: Any = numpy.flatnonzero(annotation.excluded >= 0)
    excluded: Any = annotation.excluded[tokens]
    exclude_tags(gradient, flat, ops.asarray1i(tokens), ops.asarray1i(excluded))
    loss = float(cast(Any, gradient**2).sum())
    lengths = ops.asarray1i([len(doc) for doc in docs])
    return loss, ops.unflatten(gradient, lengths)


def cross_entropy_gradient(
    probabilities: Floats2d,
    evidence: Floats2d,
    domain: Optional[Floats2d] = None,
    *,
    label_smoothing: float,
) -> Floats2d:
    """Return the gradient of the negative log-likelihood of the annotation, with
    respect to the scores before the softmax.

    probabilities (Floats2d): *Shape:* (n_tokens, n_labels)
    evidence (Floats2d): 1 for each tag that the token may have, or else 0. If all
        are 1, nothing is known. *Shape:* (n_tokens, n_labels)
    domain (Optional[Floats2d]): 1 for each tag that the model may choose, or else 0.
        *Shape:* (n_tokens, n_labels)
    label_smoothing (float): The probability that the other tags share where
        one tag is known (Szegedy et al., 2016).
    RETURNS (Floats2d): Zeros where nothing is known. *Shape:* (n_tokens, n_labels)
    """
    xp = get_array_module(probabilities)
    n_labels = probabilities.shape[1]
    if domain is None:
        domain = xp.ones_like(probabilities)
    else:
        evidence = evidence * domain
        probabilities = _normalize(probabilities * domain, domain)
    target = _normalize(probabilities * evidence, evidence)
    if label_smoothing > 0.0 and n_labels > 1:
        is_certain = evidence.sum(axis=1, keepdims=True) == 1.0
        weight = is_certain.astype(probabilities.dtype)
        weight *= label_smoothing * n_labels / (n_labels - 1)
        target = (1.0 - weight) * target + weight * _normalize(domain, domain)
    gradient = probabilities - target
    gradient[(evidence == domain).all(axis=1)] = 0.0
    return gradient


def exclude_tags(
    gradient: Floats2d, probabilities: Floats2d, tokens: Ints1d, tags: Ints1d
) -> None:
    """Change the gradient of tokens that are known not to have a tag: it lowers the
    score of that tag in proportion to its probability, and leaves the other tags alone,
    as in spaCy's `tagger`.

    gradient (Floats2d): Changed in place. *Shape:* (n_tokens, n_labels)
    probabilities (Floats2d): *Shape:* (n_tokens, n_labels)
    tokens (Ints1d): The tokens. *Shape:* (n_excluded,)
    tags (Ints1d): The tag that each does not have. *Shape:* (n_excluded,)
    """
    gradient[tokens] = 0.0
    gradient[tokens, tags] = probabilities[tokens, tags]


def _normalize(weights: Floats2d, support: Floats2d) -> Floats2d:
    """Make rows sum to 1. Where all weights have vanished, use those of `support`."""
    xp = get_array_module(weights)
    totals = weights.sum(axis=1, keepdims=True)
    weights = xp.where(totals > 0.0, weights, support)
    return weights / weights.sum(axis=1, keepdims=True)
