"""The share of right tags: of all tokens, of some of them, and of each tag."""

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Callable, Dict, Iterable, List, Mapping, Optional, Sequence

from spacy.scorer import PRFScore

from .tokens import Collection, TaggedToken

# The least values of the groups that tokens are put in.
FREQUENCIES = (0, 1, 2, 5, 10, 100, 1000)
SENTENCE_LENGTHS = (1, 6, 11, 21, 31, 41)


@dataclass
class Accuracy:
    """The number of tokens of a group, and of those with the right tag.

    name (str): The name of the group.
    n_correct (int): Number of tokens with the right tag.
    n_tokens (int): Number of tokens.
    """

    name: str
    n_correct: int = 0
    n_tokens: int = 0

    @property
    def value(self) -> Optional[float]:
        """The share of right tags, None if the group is empty."""
        return self.n_correct / self.n_tokens if self.n_tokens else None

    def add(self, token: TaggedToken) -> None:
        self.n_correct += token.is_correct
        self.n_tokens += 1


@dataclass
class TagScore:
    """Precision and recall of one tag.

    tag (str): The tag.
    score (PRFScore): Precision, recall and F1.
    mistaken_for (Counter[str]): What tokens of the tag got instead.
    """

    tag: str
    score: PRFScore
    mistaken_for: "Counter[str]"

    @property
    def support(self) -> int:
        """The number of gold tokens with the tag."""
        return self.score.tp + self.score.fn

    @property
    def precision(self) -> Optional[float]:
        """The share of right ones among the tokens that got the tag, if any did."""
        return self.score.precision if self.score.tp + self.score.fp else None

    @property
    def recall(self) -> Optional[float]:
        """The share of tokens of the tag that got it, if there are any."""
        return self.score.recall if self.support else None


def accuracy(tokens: Iterable[TaggedToken], name: str) -> Accuracy:
    """Count the right tags of a group of tokens."""
    result = Accuracy(name)
    for token in tokens:
        result.add(token)
    return result


def count_clean_sentences(tokens: Iterable[TaggedToken]) -> Accuracy:
    """Count the sentences in which all tags are right, among those with any."""
    correct: Dict[int, bool] = defaultdict(lambda: True)
    for token in tokens:
        correct[token.sentence_number] &= token.is_correct
    return Accuracy("sentences", sum(correct.values()), len(correct))


def by_knowledge(
    tokens: Iterable[TaggedToken], word_counts: Mapping[str, int]
) -> List[Accuracy]:
    """Return the accuracy on words of the training data, and on those that are new."""
    known, unknown = Accuracy("Known words"), Accuracy("Unknown words")
    for token in tokens:
        (known if word_counts.get(token.form, 0) else unknown).add(token)
    return [known, unknown]


def by_frequency(
    tokens: Iterable[TaggedToken], word_counts: Mapping[str, int]
) -> List[Accuracy]:
    """Return the accuracy on words by their frequency in the training data."""
    return _by(tokens, lambda token: word_counts.get(token.form, 0), FREQUENCIES)


def by_sentence_length(tokens: Iterable[TaggedToken]) -> List[Accuracy]:
    """Return the accuracy by the number of tokens of the sentence."""
    return _by(tokens, lambda token: len(token.sentence), SENTENCE_LENGTHS)


def by_tag(collection: Collection) -> List[TagScore]:
    """Return precision, recall and F1 of each tag, the most frequent tags first. Gold
    tokens that no token of the pipeline matches are misses, as in spaCy's scorer."""
    hits = Counter(token.gold for token in collection.tokens if token.is_correct)
    given = Counter(token.predicted for token in collection.tokens)
    mistakes: Dict[str, Counter[str]] = defaultdict(Counter)
    for token in collection.tokens:
        if not token.is_correct:
            mistakes[token.gold][token.predicted] += 1
    wanted = collection.gold_counts
    return [
        TagScore(
            tag=tag,
            score=PRFScore(
                tp=hits[tag], fp=given[tag] - hits[tag], fn=wanted[tag] - hits[tag]
            ),
            mistaken_for=mistakes[tag],
        )
        for tag in sorted(wanted | given, key=lambda tag: (-wanted[tag], tag))
    ]


def mean_fscore(scores: Sequence[TagScore]) -> float:
    """Return the mean F1 of the tags of the gold data, each with the same weight."""
    wanted = [tag_score.score.fscore for tag_score in scores if tag_score.support]
    return sum(wanted) / len(wanted)


def _by(
    tokens: Iterable[TaggedToken],
    measure: Callable[[TaggedToken], int],
    bounds: Sequence[int],
) -> List[Accuracy]:
    groups = [Accuracy(name) for name in _names(bounds)]
    for token in tokens:
        groups[bisect_right(bounds, measure(token)) - 1].add(token)
    return groups


def _names(bounds: Sequence[int]) -> List[str]:
    pairs = zip(bounds, [bound - 1 for bound in bounds[1:]])
    names = [f"{low}" if low == high else f"{low} to {high}" for low, high in pairs]
    return [*names, f"{bounds[-1]} or more"]
