"""The tags that are taken for other tags: in a matrix, and with examples."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import (
    Callable,
    Dict,
    Iterable,
    List,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from .tokens import TaggedToken

N_CONFUSIONS = 15
N_FORMS = 6
N_CONTEXTS = 3
# Tokens shown on each side of a word: sentences of real text may be endless.
CONTEXT = 20
# More rows of a matrix can't be read.
MAX_TAGS = 60

KeyT = TypeVar("KeyT", bound=Tuple[str, ...])
ItemT = TypeVar("ItemT")


@dataclass
class Context:
    """A word in its sentence.

    left (str): The text before the word.
    right (str): The text after it.
    token (TaggedToken): The word.
    """

    left: str
    right: str
    token: TaggedToken


@dataclass
class MatrixCell:
    """The tokens with a gold tag that got a tag.

    predicted (str): The tag that they got.
    count (int): Number of tokens.
    share (float): Their share of the tokens with the gold tag.
    shade (float): 0 for no color to 1 for the strongest one. 0 if the tag is right.
    """

    predicted: str
    count: int
    share: float
    shade: float


@dataclass
class MatrixRow:
    """The tokens with a gold tag.

    gold (str): The tag.
    n_tokens (int): Number of tokens that are compared.
    cells (List[Optional[MatrixCell]]): A cell for each tag of the matrix, None if no
        token got it.
    """

    gold: str
    n_tokens: int
    cells: List[Optional[MatrixCell]]


@dataclass
class Confusion:
    """Two tags that are taken for each other, in one direction.

    gold (str): The tag that is right.
    predicted (str): The one that was given.
    count (int): Number of tokens.
    forms (List[Tuple[str, int]]): The words that occur most often.
    contexts (List[Context]): Some of the tokens, each of another word.
    """

    gold: str
    predicted: str
    count: int
    forms: List[Tuple[str, int]]
    contexts: List[Context]


def count_confusions(
    tokens: Iterable[TaggedToken],
) -> "Counter[Tuple[str, str]]":
    """Count each pair of a gold tag and a predicted tag, equal ones included."""
    return Counter((token.gold, token.predicted) for token in tokens)


def matrix_tags(tokens: Iterable[TaggedToken]) -> List[str]:
    """Return the tags of a confusion matrix: all, or those with the most errors."""
    errors: Counter[str] = Counter()
    for token in tokens:
        errors.update({token.gold: 0, token.predicted: 0})
        if not token.is_correct:
            errors.update([token.gold, token.predicted])
    return sorted(sorted(errors, key=lambda tag: (-errors[tag], tag))[:MAX_TAGS])


def matrix_rows(tokens: Iterable[TaggedToken], tags: Sequence[str]) -> List[MatrixRow]:
    """Return a confusion matrix: a row for each gold tag, a column for each predicted
    tag.

    tokens (Iterable[TaggedToken]): The tokens.
    tags (Sequence[str]): The tags of rows and columns: those of `matrix_tags`.
    """
    counts = count_confusions(tokens)
    totals: Counter[str] = Counter()
    for (gold, _), count in counts.items():
        totals[gold] += count
    shown = set(tags)
    highest = max(
        (
            count / totals[gold]
            for (gold, predicted), count in counts.items()
            if gold != predicted and {gold, predicted} <= shown
        ),
        default=1.0,
    )

    def cell(gold: str, predicted: str) -> Optional[MatrixCell]:
        count = counts[gold, predicted]
        if not count:
            return None
        share = count / totals[gold]
        # The root makes small shares visible beside large ones.
        shade = 0.0 if gold == predicted else math.sqrt(share / highest)
        return MatrixCell(predicted, count, share, shade)

    return [
        MatrixRow(gold, totals[gold], [cell(gold, tag) for tag in tags])
        for gold in tags
    ]


def frequent_confusions(tokens: Iterable[TaggedToken]) -> List[Confusion]:
    """Return the most frequent confusions, with words and sentences."""
    errors = (token for token in tokens if not token.is_correct)
    groups = largest_groups(errors, lambda token: (token.gold, token.predicted))
    return [
        Confusion(
            gold=gold,
            predicted=predicted,
            count=len(group),
            forms=frequent_forms(group),
            contexts=contexts(group),
        )
        for (gold, predicted), group in groups
    ]


def largest_groups(
    items: Iterable[ItemT], key: Callable[[ItemT], KeyT]
) -> List[Tuple[KeyT, List[ItemT]]]:
    """Group items by their tags and return the largest groups, with their tags."""
    groups: Dict[KeyT, List[ItemT]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return ordered[:N_CONFUSIONS]


def frequent_forms(tokens: Iterable[TaggedToken]) -> List[Tuple[str, int]]:
    """Return the words that occur most often, with their numbers."""
    return Counter(token.form for token in tokens).most_common(N_FORMS)


def contexts(tokens: Sequence[TaggedToken]) -> List[Context]:
    """Return sentences of the words that occur most often, one of each word."""
    firsts: Dict[str, TaggedToken] = {}
    for token in tokens:
        firsts.setdefault(token.form, token)
    forms = frequent_forms(tokens)[:N_CONTEXTS]
    return [_context(firsts[form]) for form, _ in forms]


def _context(token: TaggedToken) -> Context:
    sentence, position = token.sentence, token.position
    start, end = max(0, position - CONTEXT), position + 1 + CONTEXT
    return Context(
        left=("… " if start else "") + sentence[start:position].text_with_ws,
        # The space belongs to the word, but is not to be marked with it.
        right=sentence[position].whitespace_
        + sentence[position + 1 : end].text
        + (" …" if end < len(sentence) else ""),
        token=token,
    )
