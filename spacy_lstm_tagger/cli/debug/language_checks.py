"""The check of `debug lstm-tagger` on the language of the texts. It knows languages by
the stop words that spaCy has of them."""

import importlib
import pkgutil
import unicodedata
from collections import Counter
from typing import AbstractSet, Dict, Iterable, List, Mapping, Set, Tuple

import spacy.lang
from wasabi import Printer

from .tagger_data import TaggerData

# A greater share of stop words is that of a text in the language.
FEW_STOP_WORDS = 0.1
# Another language is named if it has a greater share than this.
MANY_STOP_WORDS = 0.15


def check_language(msg: Printer, tagger: TaggerData) -> List[str]:
    """Warn of texts in another script or language than that of the config."""
    words = {
        word: count
        for word, count in (tagger.train.words + tagger.dev.words).items()
        if word.isalpha()
    }
    stop_words = _clean(tagger.stop_words)
    if not words or not stop_words:
        # `xx`, for example, stands for any language.
        return []
    advice = (
        f"If the texts are not in the language '{tagger.lang}', set 'lang' in [nlp] to "
        f"that of the texts, or to 'xx' if spaCy does not have it: the tokenizer "
        f"depends on it."
    )
    expected = set(_count_scripts(dict.fromkeys(stop_words, 1)))
    scripts = _count_scripts(words)
    share = sum(scripts[name] for name in expected) / scripts.total()
    if share < 0.5:
        ((most, _),) = scripts.most_common(1)
        msg.warn(
            f"The config's language is '{tagger.lang}', but most letters of the data "
            f"are {most.lower()}, unlike those of spaCy's words of that language"
        )
        return [advice]
    own = _find_share(words, stop_words)
    if own >= FEW_STOP_WORDS:
        return []
    other, found = _find_best(words)
    if found < MANY_STOP_WORDS or found < 2 * own:
        return []
    msg.warn(
        f"The config's language is '{tagger.lang}', but the data looks like '{other}': "
        f"{found:.0%} of the words are frequent words of '{other}', and {own:.0%} of "
        f"'{tagger.lang}'"
    )
    return [advice]


def _count_scripts(words: Mapping[str, int]) -> "Counter[str]":
    """Count letters by their scripts: the first words of their names in Unicode."""
    scripts: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            name = unicodedata.name(character, "UNKNOWN")
            scripts[name.replace("-", " ").split()[0]] += count
    return scripts


def _find_share(words: Mapping[str, int], stop_words: AbstractSet[str]) -> float:
    return sum(words.get(word, 0) for word in stop_words) / sum(words.values())


def _find_best(words: Mapping[str, int]) -> Tuple[str, float]:
    """Return the language whose stop words are the greatest share of the words, and
    that share."""
    shares = {
        lang: _find_share(words, stop_words)
        for lang, stop_words in _read_stop_words().items()
    }
    best = max(shares, key=lambda lang: shares[lang])
    return best, shares[best]


def _read_stop_words() -> Dict[str, Set[str]]:
    """Return the stop words of all languages of spaCy that have some."""
    found = {}
    for module in pkgutil.iter_modules(spacy.lang.__path__):
        try:
            words = importlib.import_module(f"spacy.lang.{module.name}.stop_words")
        except ImportError:
            # It has none, or needs a package that is not installed.
            continue
        found[module.name] = _clean(words.STOP_WORDS)
    return found


def _clean(words: Iterable[str]) -> Set[str]:
    return {word.lower() for word in words if word.isalpha()}
