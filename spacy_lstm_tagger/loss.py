"""The loss of a tagger whose scores are a softmax over the tags."""

from typing import Optional

from thinc.types import Floats2d, Ints1d
from thinc.util import get_array_module


def validate_label_smoothing(label_smoothing: float, n_labels: int) -> None:
    """Raise a ValueError if so much smoothing would favour the other tags."""
    n_others = n_labels - 1
    if label_smoothing < 0.0 or label_smoothing * n_labels > n_others > 0:
        raise ValueError(
            f"Can't train {n_labels} tags with 'label_smoothing = {label_smoothing}': "
            f"it needs to be at least 0 and at most {n_others / n_labels:.3g}, where "
            f"all tags are wanted alike."
        )


def cross_entropy_gradient(
    probabilities: Floats2d,
    evidence: Floats2d,
    domain: Optional[Floats2d] = None,
    *,
    label_smoothing: float,
) -> Floats2d:
    """The gradient of the negative log-likelihood of what is known of the tags, with
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
    """Change the gradient where a tag is known not to be the one. It is pushed down by
    its own probability, and no other tag is touched, as in spaCy's `tagger`.

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
