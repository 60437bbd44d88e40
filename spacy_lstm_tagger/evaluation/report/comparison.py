"""Two pipelines on the same data, and where they differ."""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from .confusions import Context, contexts, frequent_forms, largest_groups
from .tokens import Collection, TaggedToken

N_TAGS = 15


class Pair(NamedTuple):
    """A gold token and the tags that two pipelines gave it.

    token (TaggedToken): The token, as the first pipeline tagged it.
    first (str): The tag of the first pipeline.
    second (str): The tag of the second one.
    """

    token: TaggedToken
    first: str
    second: str


@dataclass
class Comparison:
    """The numbers of tokens of a group that two pipelines tagged right.

    name (str): The name of the group.
    n_both (int): Number of tokens that both pipelines tagged right.
    n_only_first (int): Number of those that only the first one did.
    n_only_second (int): Number of those that only the second one did.
    n_same_error (int): Number of those that both gave the same wrong tag.
    n_other_errors (int): Number of those that they gave different wrong tags.
    """

    name: str
    n_both: int = 0
    n_only_first: int = 0
    n_only_second: int = 0
    n_same_error: int = 0
    n_other_errors: int = 0

    def add(self, pair: Pair) -> None:
        gold = pair.token.gold
        if pair.first == gold == pair.second:
            self.n_both += 1
        elif pair.first == gold:
            self.n_only_first += 1
        elif pair.second == gold:
            self.n_only_second += 1
        elif pair.first == pair.second:
            self.n_same_error += 1
        else:
            self.n_other_errors += 1

    @property
    def n_tokens(self) -> int:
        """The number of tokens of the group."""
        right = self.n_both + self.n_only_first + self.n_only_second
        return right + self.n_same_error + self.n_other_errors

    @property
    def first(self) -> Optional[float]:
        """The accuracy of the first pipeline, None if the group is empty."""
        return self._share(self.n_both + self.n_only_first)

    @property
    def second(self) -> Optional[float]:
        """The accuracy of the second pipeline, None if the group is empty."""
        return self._share(self.n_both + self.n_only_second)

    @property
    def n_only_one(self) -> int:
        """The number of tokens that only one of the pipelines tagged right."""
        return self.n_only_first + self.n_only_second

    @property
    def gain(self) -> int:
        """The number of right tags that the second pipeline has more than the first."""
        return self.n_only_second - self.n_only_first

    @property
    def p_value(self) -> float:
        """The p-value of the sign test on the tokens that one pipeline got right."""
        return sign_test(self.n_only_first, self.n_only_second)

    def _share(self, count: int) -> Optional[float]:
        return count / self.n_tokens if self.n_tokens else None


@dataclass
class Difference:
    """Two tags that pipelines gave to tokens of the same gold tag.

    gold (str): The tag that is right.
    first (str): The tag of the first pipeline.
    second (str): The tag of the second one.
    count (int): Number of tokens.
    forms (List[Tuple[str, int]]): The words that occur most often.
    contexts (List[Context]): Some of the tokens, each of another word.
    """

    gold: str
    first: str
    second: str
    count: int
    forms: List[Tuple[str, int]]
    contexts: List[Context]


def tags_by_token(collection: Collection) -> Dict[Tuple[int, int], str]:
    """Return the tag that each gold token got, by its place. A token that the pipeline
    divides into parts with different tags has all of them, joined by "+": that is never
    right."""
    found: Dict[Tuple[int, int], List[str]] = defaultdict(list)
    for token in collection.tokens:
        found[token.place].append(token.predicted)
    return {place: "+".join(tags) for place, tags in found.items()}


def pair(first: Collection, second: Collection) -> List[Pair]:
    """Find the gold tokens that both pipelines tagged.

    first (Collection): The data, tagged by the first pipeline.
    second (Collection): The same data, tagged by the second one.
    RETURNS (List[Pair]): The tokens with both tags, in their order.
    """
    first_tags, second_tags = tags_by_token(first), tags_by_token(second)
    tokens = {token.place: token for token in first.tokens}
    return [
        Pair(token, first_tags[place], second_tags[place])
        for place, token in tokens.items()
        if place in second_tags
    ]


def compare(pairs: Iterable[Pair], name: str) -> Comparison:
    """Count the right tags of two pipelines in a group of tokens."""
    result = Comparison(name)
    for item in pairs:
        result.add(item)
    return result


def compare_by_knowledge(
    pairs: Iterable[Pair], word_counts: Mapping[str, int]
) -> List[Comparison]:
    """Compare on words of the training data, and on those that are new."""
    known, unknown = Comparison("Known words"), Comparison("Unknown words")
    for item in pairs:
        (known if word_counts.get(item.token.form, 0) else unknown).add(item)
    return [known, unknown]


def compare_by_tag(pairs: Iterable[Pair]) -> List[Comparison]:
    """Return the gold tags that only one of the pipelines got right in some place:
    first those that one of them gains most with."""
    groups: Dict[str, Comparison] = {}
    for item in pairs:
        tag = item.token.gold
        groups.setdefault(tag, Comparison(tag)).add(item)
    different = [group for group in groups.values() if group.n_only_one]
    different.sort(key=lambda group: (-abs(group.gain), -group.n_only_one, group.name))
    return different[:N_TAGS]


def frequent_differences(pairs: Iterable[Pair]) -> List[Difference]:
    """Return the most frequent pairs of different tags, with words and sentences."""
    different = (item for item in pairs if item.first != item.second)
    groups = largest_groups(
        different, lambda item: (item.token.gold, item.first, item.second)
    )
    found = []
    for (gold, first, second), group in groups:
        tokens = [item.token for item in group]
        forms, sentences = frequent_forms(tokens), contexts(tokens)
        found.append(Difference(gold, first, second, len(group), forms, sentences))
    return found


def sign_test(n_first: int, n_second: int) -> float:
    """Return the two-sided p-value of the exact sign test (McNemar's exact test): how
    probable a difference at least this large is if each token is as likely to be won by
    one side as by the other.

    n_first (int): Number of tokens that only the first side got right.
    n_second (int): Number of those that only the second side did.
    """
    n_all = n_first + n_second
    # Logarithms, since the binomial coefficients exceed any float.
    start = math.lgamma(n_all + 1) - n_all * math.log(2)
    tail = math.fsum(
        math.exp(start - math.lgamma(i + 1) - math.lgamma(n_all - i + 1))
        for i in range(min(n_first, n_second) + 1)
    )
    return min(1.0, 2 * tail)
