"""From tags to UPOS, the coarse parts of speech of Universal Dependencies: rules for
spaCy's attribute ruler, from training data."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import (
    Any,
    Dict,
    Hashable,
    Iterable,
    List,
    Mapping,
    Optional,
    Tuple,
    TypeVar,
)

from spacy.parts_of_speech import IDS
from spacy.tokens import Doc
from spacy.training.corpus import FILE_TYPE, Corpus, walk_corpus
from spacy.util import logger
from spacy.vocab import Vocab

from ..tags.negation import split_negation

# All that spaCy takes for one.
UPOS = frozenset(IDS) - {""}

# A tag with a lower-cased word.
Pair = Tuple[str, str]
# The number of tokens with each UPOS. "" is none.
UposCounts = Dict[str, int]
Key = TypeVar("Key", bound=Hashable)


def create_tag_to_upos(
    path: Optional[Path], neg_prefix: str = "!", min_word_count: int = 3
) -> List[Dict[str, Any]]:
    """Create the patterns of an attribute ruler that sets `token.pos` to the UPOS that
    is most frequent for the token's tag, with rare words if there are any. Words that
    most often have another one with that tag get theirs. Tags that have no UPOS in the
    data and are UPOS themselves stay as they are. Whitespace gets SPACE, as in spaCy's
    pipelines.

    path (Optional[Path]): The training data: a .spacy file, or a directory of them.
    neg_prefix (str): The prefix of a tag that a token does not have. Such tags are
        left out.
    min_word_count (int): How often a lower-cased word must occur with a tag to get its
        own UPOS, or 0 for no such words.
    RETURNS (List[Dict[str, Any]]): The `patterns` of `AttributeRuler.initialize`.
    RAISES (ValueError): If there is no path, or nothing that tells the UPOS of a tag.
    """
    if path is None:
        raise ValueError(
            "Can't map tags to UPOS: the path of the training data is null. Set it in "
            "the config, or with '--paths.train' on the command line."
        )
    docs = Corpus(path).read_docbin(Vocab(), walk_corpus(path, FILE_TYPE))
    of_pairs = _count_upos(docs, neg_prefix)
    of_tags = _sum_words(of_pairs)
    if not _is_mappable(of_tags):
        raise ValueError(
            f"Can't map tags to UPOS: {_describe_missing(of_tags)} in '{path}'. Add "
            f"UPOS to the data, or take 'attribute_ruler' out of the pipeline."
        )
    # Rare words tell what other words of the tag are: "is" and "has" make AUX the most
    # frequent UPOS of VBZ, and have rules of their own.
    rare = {
        pair: counts
        for pair, counts in of_pairs.items()
        if sum(counts.values()) < min_word_count
    }
    tags = {
        **_find_most_frequent(of_tags),
        **_find_most_frequent(_sum_words(rare)),
    }
    tags.update({tag: tag for tag in UPOS & of_tags.keys() - tags.keys()})
    words = {
        (tag, word): upos
        for (tag, word), upos in _find_most_frequent(of_pairs).items()
        if upos != tags[tag] and 0 < min_word_count <= sum(of_pairs[tag, word].values())
    }
    _log(of_pairs, tags, words, path)
    return _make_patterns(tags, words)


def has_upos(docs: Iterable[Doc], neg_prefix: str = "!") -> bool:
    """Return True if the tags of documents can be mapped to UPOS: tokens with tags have
    a UPOS, too, or all tags are UPOS.

    docs (Iterable[Doc]): The documents.
    neg_prefix (str): The prefix of a tag that a token does not have.
    """
    return _is_mappable(_sum_words(_count_upos(docs, neg_prefix)))


def _count_upos(docs: Iterable[Doc], neg_prefix: str) -> Dict[Pair, UposCounts]:
    """Count the UPOS of each tag with each word. Negated tags are left out."""
    counts: Dict[Pair, UposCounts] = defaultdict(Counter)
    for doc in docs:
        for token in doc:
            tag, is_negated = split_negation(token.tag_, neg_prefix)
            if tag and not is_negated:
                counts[tag, token.text.lower()][token.pos_] += 1
    return counts


def _sum_words(of_pairs: Mapping[Pair, UposCounts]) -> Dict[str, UposCounts]:
    """Count the UPOS of each tag."""
    counts: Dict[str, UposCounts] = defaultdict(Counter)
    for (tag, _), found in of_pairs.items():
        for upos, count in found.items():
            counts[tag][upos] += count
    return counts


def _drop_missing(counts: UposCounts) -> UposCounts:
    return {upos: count for upos, count in counts.items() if upos}


def _is_mappable(of_tags: Mapping[str, UposCounts]) -> bool:
    is_annotated = any(map(_drop_missing, of_tags.values()))
    return is_annotated or (len(of_tags) > 0 and UPOS.issuperset(of_tags))


def _describe_missing(of_tags: Mapping[str, UposCounts]) -> str:
    if not of_tags:
        return "no token has a tag"
    others = sorted(of_tags.keys() - UPOS)
    return f"no token has a UPOS, and tags such as '{others[0]}' are none"


def _find_most_frequent(counts: Mapping[Key, UposCounts]) -> Dict[Key, str]:
    """Find the most frequent UPOS of each key that has any. Of several that are as
    frequent, it is the first in the alphabet."""
    known = {key: _drop_missing(found) for key, found in counts.items()}
    return {
        key: min(found, key=lambda upos: (-found[upos], upos))
        for key, found in known.items()
        if found
    }


def _log(
    of_pairs: Mapping[Pair, UposCounts],
    tags: Mapping[str, str],
    words: Mapping[Pair, str],
    path: Path,
) -> None:
    n_tokens = n_by_tag = n_right = 0
    for pair, counts in of_pairs.items():
        known = _drop_missing(counts)
        n_tokens += sum(known.values())
        by_tag = tags.get(pair[0], "")
        n_by_tag += known.get(by_tag, 0)
        n_right += known.get(words.get(pair, by_tag), 0)
    if n_tokens:
        message = "Mapped %d tags to UPOS: right for %.1f%% of the %s tokens of '%s'"
        share = 100 * n_by_tag / n_tokens
        logger.info(message, len(tags), share, f"{n_tokens:,}", path)
    else:
        logger.info("Mapped %d tags to themselves: all of them are UPOS", len(tags))
    if words:
        message = "Mapped %d pairs of tag and word to another UPOS: right for %.1f%%"
        logger.info(message, len(words), 100 * n_right / n_tokens)
    unknown = sorted({tag for tag, _ in of_pairs} - tags.keys())
    if unknown:
        logger.warning(
            "%d tags have no UPOS in '%s'. Tokens with them get none: %s",
            len(unknown),
            path,
            ", ".join(unknown),
        )


def _make_patterns(
    tags: Mapping[str, str], words: Mapping[Pair, str]
) -> List[Dict[str, Any]]:
    """Make few rules of many tags and words: the time that the attribute ruler takes
    grows with their number, and some treebanks have a thousand tags."""
    tags_of = defaultdict(list)
    for tag, upos in sorted(tags.items()):
        tags_of[upos].append(tag)
    words_of = defaultdict(list)
    for (tag, word), upos in sorted(words.items()):
        words_of[upos, tag].append(word)
    # The last rule that matches counts.
    rules: List[Tuple[Dict[str, Any], str]] = [
        *(({"TAG": _match(tags_of[upos])}, upos) for upos in sorted(tags_of)),
        *(
            ({"TAG": tag, "LOWER": _match(words_of[upos, tag])}, upos)
            for upos, tag in sorted(words_of)
        ),
        ({"IS_SPACE": True}, "SPACE"),
    ]
    return [{"patterns": [[token]], "attrs": {"POS": upos}} for token, upos in rules]


def _match(values: List[str]) -> Any:
    # Comparing is faster than looking up in a set.
    return values[0] if len(values) == 1 else {"IN": values}
