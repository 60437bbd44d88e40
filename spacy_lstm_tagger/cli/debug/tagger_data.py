"""The data that the checks of `debug lstm-tagger` are given."""

from dataclasses import dataclass
from typing import AbstractSet, Callable, List, Optional, Set

from wasabi import Printer

from ...encoder.vocabulary import Vocabulary
from .tag_data import TagData
from .training_settings import TrainingSettings


@dataclass(frozen=True)
class TaggerData:
    """A tagger and its data.

    name (str): The name of the component.
    earlier_taggers (List[str]): The components whose tags go before its own.
    train (TagData): The training data, without variants made by an augmenter.
    dev (TagData): The development data.
    labels (Optional[Set[str]]): The tags that the tagger has or is given, None if
        it will take those of the training data.
    neg_prefix (str): What marks a tag that a token does not have.
    vocabulary (Vocabulary): The words that it will know.
    window (Optional[int]): Longer documents are read in windows of as many tokens.
        None if its encoder is not ours.
    joins (bool): Whether examples are joined for training.
    lang (str): The language of the pipeline.
    stop_words (AbstractSet[str]): The frequent words that spaCy has of it.
    training (TrainingSettings): The settings of the training.
    """

    name: str
    earlier_taggers: List[str]
    train: TagData
    dev: TagData
    labels: Optional[Set[str]]
    neg_prefix: str
    vocabulary: Vocabulary
    window: Optional[int]
    joins: bool
    lang: str
    stop_words: AbstractSet[str]
    training: TrainingSettings


Check = Callable[[Printer, TaggerData], List[str]]
