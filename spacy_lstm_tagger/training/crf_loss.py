"""The loss of a tagger whose tags depend on each other."""

from typing import Any, Optional, Sequence, Tuple, cast

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc
from thinc.api import Ops

from ..crf.chain import Chain, independent
from ..crf.forward_backward import Expectations, find_expectations, softmax
from ..crf.likelihood import negative_log_likelihood
from ..tags.crf_layer import ChainScores
from ..tags.decoding import Lattice, make_lattice
from .annotation import Annotation


def crf_loss(
    ops: Ops,
    docs: Sequence[Doc],
    scores: ChainScores,
    annotation: Annotation,
    domain: Optional[NDArray[numpy.bool_]],
    *,
    label_smoothing: float,
) -> Tuple[float, ChainScores]:
    """Find the negative log-likelihood of the annotation under a linear-chain CRF
    (Lafferty et al., 2001), in nats, and its gradient. The arguments are those of
    `softmax_loss`, with the scores of a CRF."""
    lattice = _make_lattice(ops, docs, scores, domain)
    in_chains = negative_log_likelihood(
        lattice.emissions[lattice.chained],
        lattice.lengths,
        scores.chain,
        annotation.evidence[lattice.chained],
        label_smoothing=label_smoothing,
    )
    # A token by itself is a chain without transitions.
    alone = negative_log_likelihood(
        lattice.emissions[lattice.alone],
        numpy.ones(len(lattice.alone), dtype="int64"),
        independent(lattice.emissions.shape[1]),
        annotation.evidence[lattice.alone],
        label_smoothing=label_smoothing,
    )
    gradient = numpy.empty(lattice.emissions.shape)
    gradient[lattice.chained] = in_chains.emissions
    gradient[lattice.alone] = alone.emissions
    loss = in_chains.loss + alone.loss
    return loss, _to_scores(ops, docs, gradient, in_chains.chain, scores)


def imitation_loss(
    ops: Ops, docs: Sequence[Doc], student: ChainScores, teacher: ChainScores
) -> Tuple[float, ChainScores]:
    """Find the gradient of the cross-entropy between the tag sequences of a teacher and
    those of a student, and the sum of the squared differences between their marginal
    probabilities.

    ops (Ops): The operations that compute the scores.
    docs (Sequence[Doc]): The documents.
    student (ChainScores): The scores of the model that learns.
    teacher (ChainScores): The scores of the model that it learns from.
    RETURNS (Tuple[float, ChainScores]): The loss, and the gradient for the scores of
        the student.
    """
    probabilities, found = _expect(ops, docs, student)
    taught_probabilities, taught = _expect(ops, docs, teacher)
    gradient = probabilities - taught_probabilities
    loss = float((gradient**2).sum())
    return loss, _to_scores(ops, docs, gradient, found.less(taught), student)


def _expect(
    ops: Ops, docs: Sequence[Doc], scores: ChainScores
) -> Tuple[NDArray, Expectations]:
    """Return the probabilities of the tags of all tokens, and the expectations of the
    chains."""
    lattice = _make_lattice(ops, docs, scores)
    emissions = lattice.emissions.astype("float64")
    found = find_expectations(emissions[lattice.chained], lattice.lengths, scores.chain)
    probabilities = softmax(emissions)
    probabilities[lattice.chained] = found.marginals
    return probabilities, found


def _make_lattice(
    ops: Ops,
    docs: Sequence[Doc],
    scores: ChainScores,
    domain: Optional[NDArray[numpy.bool_]] = None,
) -> Lattice:
    return make_lattice(
        docs,
        # One copy from the device, not one for each document.
        ops.to_numpy(ops.flatten(scores)),
        scores.chain,
        by_sentence=scores.decoding.by_sentence,
        allowed=domain,
    )


def _to_scores(
    ops: Ops, docs: Sequence[Doc], gradient: NDArray, chain: Chain, scores: ChainScores
) -> ChainScores:
    """Return a gradient in the form of its scores."""
    lengths = ops.asarray1i([len(doc) for doc in docs])
    rows = ops.unflatten(ops.asarray2f(cast(Any, gradient)), lengths)
    return ChainScores(rows, chain, scores.decoding)
