"""The tags that are taken for other tags, with examples."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Dict, Iterable, List, Tuple

from .tokens import TaggedToken

N_CONFUSIONS = 15
N_FORMS = 6
N_CONTEXTS = 3
# Tokens shown on each side of a word: sentences of real text may be endless.
CONTEXT = 20
# More rows of a matrix can't be read.
MAX_TAGS = 60


@dataclass
class Context:
    """A wrong tag in its sentence.

    left (str): The text before the word.
    right (str): The text after it.
    token (TaggedToken): The word.
    """

    left: str
    right: str
    token: TaggedToken


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


def frequent_confusions(tokens: Iterable[TaggedToken]) -> List[Confusion]:
    """Return the most frequent confusions, with words and sentences."""
    groups: Dict[Tuple[str, str], List[TaggedToken]] = defaultdict(list)
    for token in tokens:
        if not token.is_correct:
            groups[token.gold, token.predicted].append(token)
    pairs = sorted(groups, key=lambda pair: (-len(groups[pair]), pair))
    return [_describe(groups[pair]) for pair in pairs[:N_CONFUSIONS]]


def _describe(tokens: List[TaggedToken]) -> Confusion:
    firsts: Dict[str, TaggedToken] = {}
    for token in tokens:
        firsts.setdefault(token.form, token)
    forms = Counter(token.form for token in tokens).most_common(N_FORMS)
    return Confusion(
        gold=tokens[0].gold,
        predicted=tokens[0].predicted,
        count=len(tokens),
        forms=forms,
        contexts=[_context(firsts[form]) for form, _ in forms[:N_CONTEXTS]],
    )


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
