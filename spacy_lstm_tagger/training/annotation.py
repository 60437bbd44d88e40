"""The tags of predicted tokens, as training data knows them."""

from dataclasses import dataclass
from typing import Dict, Iterable, Optional, Sequence

import numpy
from numpy.typing import NDArray
from spacy.training import Example

from ..tags.attributes import read_alternatives
from ..tags.constraints import allowed_by_user, lift_impossible
from ..tags.negation import split_negation


class UnknownTagError(ValueError):
    """A tag that is not one of the labels is in the training data."""


@dataclass(frozen=True)
class Annotation:
    """The knowledge of the tags of all tokens of some examples.

    evidence (NDArray[numpy.bool_]): The tags that each token may have: all of them
        where nothing is known. *Shape:* (n_tokens, n_labels)
    excluded (NDArray[numpy.int64]): The tag that each token is known not to have, or
        -1. *Shape:* (n_tokens,)
    taught (Optional[NDArray[numpy.float32]]): The probabilities that a teacher gives
        the tags, which sum to 1, or to 0 where it says nothing. None if there is no
        teacher. *Shape:* (n_tokens, n_labels)
    """

    evidence: NDArray[numpy.bool_]
    excluded: NDArray[numpy.int64]
    taught: Optional[NDArray[numpy.float32]] = None


def read_annotation(
    examples: Iterable[Example],
    labels: Sequence[str],
    neg_prefix: str,
    allowed_tags_attribute: Optional[str],
    teacher_attribute: Optional[str] = None,
) -> Annotation:
    """Read the annotation of examples: the tags, and for tokens without one the tags
    that the reference allows.

    examples (Iterable[Example]): At least one.
    labels (Sequence[str]): The tags that can be predicted.
    neg_prefix (str): The prefix of a tag that a token does not have.
    allowed_tags_attribute (Optional[str]): The custom attribute of references that has
        the tags that they allow, or None if there is none.
    teacher_attribute (Optional[str]): The custom attribute of tokens of references that
        has the tags that a teacher finds possible, or None if there is none.
    RAISES (UnknownTagError): If there is another tag.
    """
    examples = list(examples)
    positions = {label: i for i, label in enumerate(labels)}
    certain, excluded = [], []
    for example in examples:
        for tag in example.get_aligned("TAG", as_string=True):
            # Missing is "", and None where the tokens are not aligned.
            label, is_negated = split_negation(tag or "", neg_prefix)
            position = positions.get(label) if tag else -1
            if position is None:
                raise UnknownTagError(tag)
            certain.append(-1 if is_negated else position)
            excluded.append(position if is_negated else -1)
    evidence = numpy.concatenate(
        [_allowed(example, labels, allowed_tags_attribute) for example in examples]
    )
    _restrict(evidence, numpy.asarray(certain, dtype="int64"))
    ruled_out = numpy.asarray(excluded, dtype="int64")
    tokens = numpy.flatnonzero(ruled_out >= 0)
    if len(labels) > 1:
        evidence[tokens, ruled_out[tokens]] = False
    taught = None
    if teacher_attribute is not None:
        taught = numpy.concatenate(
            [_read_teacher(eg, positions, teacher_attribute) for eg in examples]
        )
    return Annotation(lift_impossible(evidence), ruled_out, taught)


def _restrict(evidence: NDArray[numpy.bool_], certain: NDArray[numpy.int64]) -> None:
    (tokens,) = numpy.nonzero(certain >= 0)
    evidence[tokens] = False
    evidence[tokens, certain[tokens]] = True


def _allowed(
    example: Example, labels: Sequence[str], attribute: Optional[str]
) -> NDArray[numpy.bool_]:
    """Find the tags that the reference allows the predicted tokens."""
    allowed = numpy.ones((len(example.predicted), len(labels)), dtype=bool)
    given = allowed_by_user(example.reference, labels, attribute)
    if given is not None:
        given = lift_impossible(given)
        alignment = example.alignment.x2y
        for token in numpy.flatnonzero(alignment.lengths == 1):
            allowed[token] = given[alignment[int(token)][0]]
    return allowed


def _read_teacher(
    example: Example, positions: Dict[str, int], attribute: str
) -> NDArray[numpy.float32]:
    """Read what a teacher knows of the predicted tokens that have a tag. Tags that the
    student does not have are left out."""
    taught = numpy.zeros((len(example.predicted), len(positions)), dtype="float32")
    found = read_alternatives(example.reference, attribute)
    alignment = example.alignment.x2y
    for token in numpy.flatnonzero(alignment.lengths == 1):
        source = int(alignment[int(token)][0])
        if example.reference[source].tag:
            for tag, probability in found[source] or []:
                if tag in positions:
                    taught[token, positions[tag]] = probability
    totals = taught.sum(axis=1, keepdims=True)
    return numpy.divide(taught, totals, out=taught, where=totals > 0.0)
