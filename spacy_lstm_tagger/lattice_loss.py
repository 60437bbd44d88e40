"""The loss of a tagger whose tags depend on each other."""

import numpy
from numpy.typing import NDArray

from .crf.chain import Chain, independent
from .crf.inference import find_expectations
from .crf.likelihood import Gradient, negative_log_likelihood
from .decoding import Lattice, token_probabilities


def annotation_gradient(
    lattice: Lattice,
    chain: Chain,
    evidence: NDArray[numpy.bool_],
    *,
    label_smoothing: float,
) -> Gradient:
    """Find the negative log-likelihood of what is known of the tags, and its gradient.

    lattice (Lattice): The scores. Tags that are not allowed can't be predicted.
    chain (Chain): The scores of its chains.
    evidence (NDArray[numpy.bool_]): The tags that each token may have, at least one
        of those that are allowed. *Shape:* (n_tokens, n_labels)
    label_smoothing (float): The probability shared by the other tags.
    """
    emissions = lattice.emissions
    in_chains = negative_log_likelihood(
        emissions[lattice.chained],
        lattice.lengths,
        chain,
        evidence[lattice.chained],
        label_smoothing=label_smoothing,
    )
    # A token by itself is a chain without transitions.
    alone = negative_log_likelihood(
        emissions[lattice.alone],
        numpy.ones(len(lattice.alone), dtype="int64"),
        independent(emissions.shape[1]),
        evidence[lattice.alone],
        label_smoothing=label_smoothing,
    )
    gradient = numpy.empty(emissions.shape)
    gradient[lattice.chained] = in_chains.emissions
    gradient[lattice.alone] = alone.emissions
    return Gradient(in_chains.loss + alone.loss, gradient, in_chains.chain)


def imitation_gradient(
    student: Lattice, student_chain: Chain, teacher: Lattice, teacher_chain: Chain
) -> Gradient:
    """Find the gradient of the cross-entropy between the sequences that a teacher
    expects and those that a student does. The loss that is reported is the sum of the
    squared differences between their marginal probabilities.

    student (Lattice): The scores of the student, and `student_chain` those of its
        chains.
    teacher (Lattice): The same of the teacher, of the same documents.
    """
    gradient = token_probabilities(student) - token_probabilities(teacher)
    found, wanted = (
        find_expectations(lattice.emissions[lattice.chained], lattice.lengths, chain)
        for lattice, chain in ((student, student_chain), (teacher, teacher_chain))
    )
    difference = Chain(
        found.start - wanted.start,
        found.transitions - wanted.transitions,
        found.end - wanted.end,
    )
    return Gradient(float((gradient**2).sum()), gradient, difference)
