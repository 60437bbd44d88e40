"""The tags of predicted tokens, as training data knows them."""

from dataclasses import dataclass
from typing import Iterable, Optional, Sequence

import numpy
from numpy.typing import NDArray
from spacy.training import Example

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
    """

    evidence: NDArray[numpy.bool_]
    excluded: NDArray[numpy.int64]


def read_annotation(
    examples: Iterable[Example],
    labels: Sequence[str],
    neg_prefix: str,
    allowed_tags_attribute: Optional[str],
) -> Annotation:
    """Read the annotation of examples: the tags, and for tokens without one the tags
    that the reference allows.

    examples (Iterable[Example]): At least one.
    labels (Sequence[str]): The tags that can be predicted.
    neg_prefix (str): The prefix of a tag that a token does not have.
    allowed_tags_attribute (Optional[str]): The custom attribute of references that has
        the tags that they allow, or None if there is none.
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
    return Annotation(lift_impossible(evidence), ruled_out)


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
