"""Temperature scaling: probabilities that are right as often as they say (Guo et al.,
2017, "On Calibration of Modern Neural Networks")."""

import math
from dataclasses import dataclass
from typing import Iterable, List, NamedTuple, Sequence

import numpy
from numpy.typing import NDArray
from spacy.training import Example
from spacy.util import minibatch

from ..lstm_tagger import LSTMTagger
from ..tags.decoding import Lattice, token_probabilities
from .probabilities import NoTagsError

# The range that the best temperature is looked for in, and the precision: a share of
# the temperature.
LOWEST, HIGHEST, PRECISION = 0.1, 10.0, 0.01
GOLDEN = (math.sqrt(5) - 1) / 2
N_BINS = 10
# No tag is taken to be less probable, so that one that a dictionary rules out does not
# make the loss infinite.
TINY = float(numpy.finfo("float32").tiny)


class ConfidenceBin(NamedTuple):
    """Tokens of similar confidence.

    name (str): The range of their confidences.
    n_tokens (int): Number of them.
    confidence (float): The mean of their confidences.
    accuracy (float): The share of those whose tag is right.
    """

    name: str
    n_tokens: int
    confidence: float
    accuracy: float


def group_by_confidence(
    confidence: NDArray, is_correct: NDArray[numpy.bool_]
) -> List[ConfidenceBin]:
    """Group tokens by their confidence, in ten bins of equal width.

    confidence (NDArray): The probability of the tag of each token.
        *Shape:* (n_tokens,)
    is_correct (NDArray[numpy.bool_]): Whether the tag is right. *Shape:* (n_tokens,)
    RETURNS (List[ConfidenceBin]): The bins that have tokens, the least confident first.
    """
    bins = numpy.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    return [
        ConfidenceBin(
            f"{i / N_BINS:.1f} to {(i + 1) / N_BINS:.1f}",
            int((bins == i).sum()),
            float(confidence[bins == i].mean()),
            float(is_correct[bins == i].mean()),
        )
        for i in numpy.unique(bins).tolist()
    ]


def calibration_error(bins: Sequence[ConfidenceBin]) -> float:
    """Return the expected calibration error (Naeini et al., 2015): the mean distance
    of accuracy and confidence, where each bin has the weight of its tokens. It is 0.0
    without tokens."""
    n_tokens = sum(group.n_tokens for group in bins)
    distances = [g.n_tokens * abs(g.confidence - g.accuracy) for g in bins]
    return sum(distances) / max(n_tokens, 1)


class Calibration(NamedTuple):
    """The confidence of a tagger, and the tags that it gets right.

    confidence (NDArray): The probability of the most probable tag of each token.
        *Shape:* (n_tokens,)
    is_correct (NDArray[numpy.bool_]): Whether that is the gold tag.
        *Shape:* (n_tokens,)
    loss (float): The negative log-probability of the gold tags, in nats, the mean
        over all tokens.
    """

    confidence: NDArray
    is_correct: NDArray[numpy.bool_]
    loss: float

    @property
    def error(self) -> float:
        """The expected calibration error."""
        return calibration_error(self.groups())

    def groups(self) -> List[ConfidenceBin]:
        """Return the tokens in bins of similar confidence."""
        return group_by_confidence(self.confidence, self.is_correct)


@dataclass(frozen=True)
class ScoredTokens:
    """The scores that a tagger gives to tokens, kept so that probabilities at any
    temperature can be computed without running its network again.

    lattice (Lattice): The scores, at a temperature of 1.
    gold (NDArray[numpy.int64]): The positions of the gold tags among the labels, -1
        for tokens that are left out. *Shape:* (n_tokens,)
    """

    lattice: Lattice
    gold: NDArray[numpy.int64]


def score_examples(
    tagger: LSTMTagger, examples: Iterable[Example], *, batch_size: int
) -> List[ScoredTokens]:
    """Run the network of a tagger once on all examples, and keep the scores. They take
    4 bytes for each token and label: 5 MB for 25,000 tokens and 50 labels.

    tagger (LSTMTagger): The component.
    examples (Iterable[Example]): Documents as the tagger gets them, and their tags.
        Tokens whose gold tag is missing, or not one of the labels, are left out.
    batch_size (int): How many documents to score at a time.
    RETURNS (List[ScoredTokens]): The scores of one part of the examples after the
        other.
    RAISES (NoTagsError): If there are no tags to compare with.
    """
    positions = {label: i for i, label in enumerate(tagger.labels)}
    scored: List[ScoredTokens] = []
    for batch in minibatch(examples, batch_size):
        tags = [tag for eg in batch for tag in eg.get_aligned("TAG", as_string=True)]
        gold = numpy.asarray([positions.get(tag or "", -1) for tag in tags], "int64")
        for lattice in tagger.score_tags([example.predicted for example in batch]):
            n_tokens = len(lattice.emissions)
            lattice = lattice.divided(1.0 / tagger.temperature)
            scored.append(ScoredTokens(lattice, gold[:n_tokens]))
            gold = gold[n_tokens:]
    if not any((tokens.gold >= 0).any() for tokens in scored):
        raise NoTagsError(
            "Can't measure how sure the tagger is: no token of the data has a gold tag "
            "that is one of its labels. Use data with tags, for example that for "
            "development."
        )
    return scored


def measure(scored: Sequence[ScoredTokens], temperature: float) -> Calibration:
    """Compare the probabilities of tags at a temperature with the annotation.

    scored (Sequence[ScoredTokens]): The scores, from `score_examples`.
    temperature (float): The number that scores are divided by.
    """
    confidence, is_correct, gold_probabilities = [], [], []
    for tokens in scored:
        rows = token_probabilities(tokens.lattice.divided(temperature))
        rows, gold = rows[tokens.gold >= 0], tokens.gold[tokens.gold >= 0]
        confidence.append(rows.max(axis=1))
        is_correct.append(rows.argmax(axis=1) == gold)
        gold_probabilities.append(rows[numpy.arange(len(gold)), gold])
    probabilities = numpy.concatenate(gold_probabilities)
    return Calibration(
        numpy.concatenate(confidence),
        numpy.concatenate(is_correct),
        -float(numpy.log(numpy.maximum(probabilities, TINY)).mean()),
    )


def fit_temperature(scored: Sequence[ScoredTokens]) -> float:
    """Find the temperature at which the gold tags are most probable, by a golden
    section search between 0.1 and 10.

    scored (Sequence[ScoredTokens]): The scores, from `score_examples`, of data that
        the tagger was not trained on.
    RETURNS (float): The temperature, to about one per cent.
    """

    def loss(log_temperature: float) -> float:
        return measure(scored, math.exp(log_temperature)).loss

    low, high = math.log(LOWEST), math.log(HIGHEST)
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    loss_left, loss_right = loss(left), loss(right)
    while high - low > PRECISION:
        if loss_left < loss_right:
            high, right, loss_right = right, left, loss_left
            left = high - GOLDEN * (high - low)
            loss_left = loss(left)
        else:
            low, left, loss_left = left, right, loss_right
            right = low + GOLDEN * (high - low)
            loss_right = loss(right)
    return math.exp((low + high) / 2)
