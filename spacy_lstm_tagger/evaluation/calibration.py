"""Temperature scaling: probabilities that are right as often as they say (Guo et al.,
2017)."""

import math
from typing import List, NamedTuple, Sequence

import numpy
from numpy.typing import NDArray
from spacy.training import Example
from spacy.util import minibatch

from ..lstm_tagger import LSTMTagger

# Where the best temperature is looked for, and how closely: as a share of it.
LOWEST, HIGHEST, PRECISION = 0.1, 10.0, 0.01
GOLDEN = (math.sqrt(5) - 1) / 2
N_BINS = 10
# float32 has no smaller numbers than this, with all of its digits.
TINY = float(numpy.finfo("float32").tiny)


def bin_name(i: int) -> str:
    """The confidence of a group of tokens, for people."""
    return f"{i / N_BINS:.1f} to {(i + 1) / N_BINS:.1f}"


class Reliability(NamedTuple):
    """Tokens of similar confidence.

    name (str): What their confidence is.
    n_tokens (int): Number of them.
    confidence (float): The mean of their confidences.
    accuracy (float): The share of those whose tag is right.
    """

    name: str
    n_tokens: int
    confidence: float
    accuracy: float


class Calibration(NamedTuple):
    """How sure a tagger is of its tags, and how often it is right.

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
        """The expected calibration error (Naeini et al., 2015): the mean distance of
        accuracy and confidence, of tokens in ten groups of similar confidence."""
        differences = [
            group.n_tokens * abs(group.confidence - group.accuracy)
            for group in self.groups()
        ]
        return sum(differences) / len(self.confidence)

    def groups(self) -> List[Reliability]:
        """Tokens of similar confidence, from the least to the greatest. Groups without
        tokens are left out."""
        bins = numpy.minimum((self.confidence * N_BINS).astype(int), N_BINS - 1)
        return [
            Reliability(
                bin_name(i),
                int((bins == i).sum()),
                float(self.confidence[bins == i].mean()),
                float(self.is_correct[bins == i].mean()),
            )
            for i in numpy.unique(bins).tolist()
        ]


def measure(
    tagger: LSTMTagger, examples: Sequence[Example], *, batch_size: int
) -> Calibration:
    """Compare the probabilities that a tagger gives with the annotation. Tokens whose
    gold tag is missing, or not one of the labels, are left out.

    tagger (LSTMTagger): The component.
    examples (Sequence[Example]): Documents as the tagger gets them, and their tags.
    batch_size (int): How many documents to score at a time.
    RAISES (ValueError): If there are no tags to compare with.
    """
    positions = {label: i for i, label in enumerate(tagger.labels)}
    confidence, is_correct, gold_probabilities = [], [], []
    for batch in minibatch(examples, batch_size):
        found = tagger.predict_proba([example.predicted for example in batch])
        for example, rows in zip(batch, found):
            tags = example.get_aligned("TAG", as_string=True)
            gold = numpy.asarray([positions.get(tag or "", -1) for tag in tags], int)
            rows, gold = rows[gold >= 0], gold[gold >= 0]
            confidence.append(rows.max(axis=1))
            is_correct.append(rows.argmax(axis=1) == gold)
            gold_probabilities.append(rows[numpy.arange(len(gold)), gold])
    if not sum(map(len, is_correct)):
        raise ValueError(
            "Can't measure how sure the tagger is: no token of the data has a gold tag "
            "that is one of its labels. Use data with tags, for example that for "
            "development."
        )
    probabilities = numpy.concatenate(gold_probabilities).astype("float64")
    return Calibration(
        numpy.concatenate(confidence),
        numpy.concatenate(is_correct),
        -float(numpy.log(numpy.maximum(probabilities, TINY)).mean()),
    )


def fit_temperature(
    tagger: LSTMTagger, examples: Sequence[Example], *, batch_size: int
) -> float:
    """Find the temperature at which the gold tags are most probable, by a golden
    section search. The tagger is left as it was.

    tagger (LSTMTagger): The component.
    examples (Sequence[Example]): Data that the tagger was not trained on.
    batch_size (int): How many documents to score at a time.
    """
    present = tagger.temperature

    def loss(log_temperature: float) -> float:
        tagger.temperature = math.exp(log_temperature)
        return measure(tagger, examples, batch_size=batch_size).loss

    try:
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
    finally:
        tagger.temperature = present
    return math.exp((low + high) / 2)
