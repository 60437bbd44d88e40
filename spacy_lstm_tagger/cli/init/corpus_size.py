"""The size of the training data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator, Set

from spacy.tokens import Doc
from spacy.training.corpus import FILE_TYPE, Corpus, walk_corpus
from spacy.vocab import Vocab

from ...progress import show_progress
from ...training.upos import has_upos
from ..inputs import NO_TOKENS

# Corpora of fewer words are small, and those of more are large.
SMALL = 10_000
LARGE = 1_000_000


@dataclass(frozen=True)
class CorpusSize:
    """Figures of a corpus.

    n_words (int): The number of its tokens.
    n_tags (int): The number of different tags.
    has_upos (bool): Whether its tags can be mapped to UPOS.
    """

    n_words: int
    n_tags: int
    has_upos: bool

    @property
    def is_small(self) -> bool:
        """True if it has so few words that rare characters matter."""
        return self.n_words < SMALL

    @property
    def is_large(self) -> bool:
        """True if it has so many words that rare ones don't matter."""
        return self.n_words > LARGE


def measure_corpus(path: Path) -> CorpusSize:
    """Count the tokens and the tags of a corpus.

    path (Path): A .spacy file, or a directory of them.
    RAISES (ValueError): If there are no tokens.
    """
    vocab = Vocab()
    n_words = 0
    tags: Set[int] = set()
    docs = Corpus(path).read_docbin(vocab, walk_corpus(path, FILE_TYPE))

    def count(docs: Iterable[Doc]) -> Iterator[Doc]:
        nonlocal n_words
        for doc in docs:
            n_words += len(doc)
            tags.update(token.tag for token in doc)
            yield doc

    # The corpus is read once: it is counted on the way.
    is_mappable = has_upos(count(show_progress(docs, f"Reading {path}", unit="doc")))
    if not n_words:
        raise ValueError(NO_TOKENS)
    return CorpusSize(n_words, len(tags - {0}), is_mappable)
