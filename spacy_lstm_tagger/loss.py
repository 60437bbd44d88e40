"""The loss of a tagger whose scores are a softmax over the tags."""

from thinc.types import Floats2d, Ints1d
from thinc.util import get_array_module

MISSING = -1


def cross_entropy_gradient(
    probabilities: Floats2d, tags: Ints1d, negated: Ints1d, *, label_smoothing: float
) -> Floats2d:
    """The gradient of the negative log-likelihood of the tags, with respect to the
    scores before the softmax.

    A negated tag is pushed down by its own probability, and no other tag is touched,
    as spaCy's `tagger` does it.

    probabilities (Floats2d): *Shape:* (n_tokens, n_labels)
    tags (Ints1d): Positions of the tags among the labels, or MISSING.
        *Shape:* (n_tokens,)
    negated (Ints1d): Not 0 where the tag is one that the token does not have.
        *Shape:* (n_tokens,)
    label_smoothing (float): The probability that the other tags share
        (Szegedy et al., 2016).
    RETURNS (Floats2d): Zeros where the tag is missing. *Shape:* (n_tokens, n_labels)
    RAISES (ValueError): If so much smoothing would favour the other tags.
    """
    n_labels = probabilities.shape[1]
    n_others = n_labels - 1
    if label_smoothing < 0.0 or label_smoothing * n_labels > n_others > 0:
        raise ValueError(
            f"Can't train {n_labels} tags with 'label_smoothing = {label_smoothing}': "
            f"it needs to be at least 0 and at most {n_others / n_labels:.3g}, where "
            f"all tags are wanted alike."
        )
    other = label_smoothing / n_others if n_others else 0.0
    xp = get_array_module(probabilities)
    rows = xp.arange(len(tags))
    target = xp.full_like(probabilities, other)
    target[rows, tags] = xp.where(negated, 0.0, 1.0 - n_others * other)
    counted = xp.zeros_like(probabilities)
    counted[negated == 0] = 1.0
    counted[rows, tags] = 1.0
    counted[tags == MISSING] = 0.0
    return (probabilities - target) * counted
