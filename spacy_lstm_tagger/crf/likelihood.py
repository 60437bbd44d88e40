"""The loss of a linear-chain CRF, and its gradient."""

from typing import NamedTuple, Tuple

import numpy
from numpy.typing import NDArray

from .chain import Chain, find_ends
from .forward_backward import find_expectations


class Gradient(NamedTuple):
    """A loss, and its gradient with respect to the scores that it comes from.

    loss (float): In nats, of all chains together.
    emissions (NDArray): *Shape:* (n_tokens, n_labels)
    chain (Chain): Of the same shapes as the scores of the chain.
    """

    loss: float
    emissions: NDArray
    chain: Chain


def negative_log_likelihood(
    emissions: NDArray,
    lengths: NDArray[numpy.int64],
    chain: Chain,
    evidence: NDArray[numpy.bool_],
    *,
    label_smoothing: float = 0.0,
) -> Gradient:
    """Find the negative log-likelihood of the set of all sequences that agree with an
    annotation, which may be a partial one (Tsuboi et al., 2008).

    With label smoothing, chains in which each token has exactly one tag have a second
    term: the tag sequence is one drawn at random, each tag alike, with probability
    `label_smoothing * n_labels / (n_labels - 1)`. So, as with a softmax, the other tags
    of a token share the probability `label_smoothing`.

    emissions (NDArray): The scores of the tags of each token, one chain after the
        other; -inf for a tag that the model rules out. *Shape:* (n_tokens, n_labels)
    lengths (NDArray[numpy.int64]): The number of tokens of each chain.
        *Shape:* (n_chains,)
    chain (Chain): The scores of the chain.
    evidence (NDArray[numpy.bool_]): The tags that each token may have, at least one
        of those that the model does not rule out. *Shape:* (n_tokens, n_labels)
    label_smoothing (float): The probability shared by the other tags.
    """
    chains = numpy.repeat(numpy.arange(len(lengths)), lengths)
    is_known = (numpy.isfinite(emissions) & ~evidence).any(axis=1)
    # A chain about which nothing is known has no gradient.
    has_evidence = numpy.bincount(chains[is_known], minlength=len(lengths)) > 0
    tokens = has_evidence[chains]
    found = _gradient(
        emissions[tokens].astype("float64"),
        lengths[has_evidence],
        chain.astype("float64"),
        evidence[tokens],
        label_smoothing,
    )
    gradient = numpy.zeros(emissions.shape)
    gradient[tokens] = found.emissions
    return found._replace(emissions=gradient)


def _gradient(
    emissions: NDArray,
    lengths: NDArray[numpy.int64],
    chain: Chain,
    evidence: NDArray[numpy.bool_],
    label_smoothing: float,
) -> Gradient:
    free = find_expectations(emissions, lengths, chain)
    restricted = numpy.where(evidence, emissions, -numpy.inf)
    clamped = find_expectations(restricted, lengths, chain)
    gradient = Gradient(
        float((free.log_partition - clamped.log_partition).sum()),
        free.marginals - clamped.marginals,
        free.less(clamped),
    )
    n_labels = emissions.shape[1]
    if label_smoothing == 0.0 or n_labels == 1:
        return gradient
    weight = label_smoothing * n_labels / (n_labels - 1)
    added = _annotated_less_random(emissions, lengths, evidence)
    return _add(gradient, added, weight, emissions, chain)


def _annotated_less_random(
    emissions: NDArray, lengths: NDArray[numpy.int64], evidence: NDArray[numpy.bool_]
) -> Tuple[NDArray, Chain]:
    """Count the tags and the pairs of tags of the annotation, less those that a random
    sequence is expected to have. Chains in which a token has no tag, or more than one,
    do not count."""
    chains = numpy.repeat(numpy.arange(len(lengths)), lengths)
    is_open = evidence.sum(axis=1) != 1
    is_complete = numpy.bincount(chains[is_open], minlength=len(lengths)) == 0
    tokens = is_complete[chains].astype("float64")[:, None]
    first, last = find_ends(lengths)
    pairs = tokens[1:].copy()
    pairs[first[1:] - 1] = 0.0
    annotated = evidence * tokens
    possible = numpy.isfinite(emissions)
    random = possible / possible.sum(axis=1, keepdims=True) * tokens
    difference = annotated - random
    return difference, Chain(
        difference[first].sum(axis=0),
        (annotated[:-1] * pairs).T @ annotated[1:]
        - (random[:-1] * pairs).T @ random[1:],
        difference[last].sum(axis=0),
    )


def _add(
    gradient: Gradient,
    counts: Tuple[NDArray, Chain],
    weight: float,
    emissions: NDArray,
    chain: Chain,
) -> Gradient:
    """Add a weighted sum of scores to the loss, and the weights to its gradient."""
    tokens, others = counts
    possible = numpy.where(numpy.isfinite(emissions), emissions, 0.0)
    scores = others.map(numpy.multiply, chain)
    added = (
        (tokens * possible).sum()
        + scores.start.sum()
        + scores.transitions.sum()
        + scores.end.sum()
    )
    return Gradient(
        gradient.loss + weight * float(added),
        gradient.emissions + weight * tokens,
        gradient.chain.map(lambda present, more: present + weight * more, others),
    )
