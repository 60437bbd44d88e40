"""Build vocabularies of documents, and give them to the encoders of a model."""

from collections import Counter
from typing import Dict, Iterable, List

import numpy
from spacy.tokens import Doc
from thinc.api import Model

from ..encoder.vocabulary import Vocabulary
from ..progress import show_progress
from .joined import is_joined


def build_vocabulary(
    docs: Iterable[Doc],
    *,
    min_word_count: int = 1,
    min_character_count: int = 1,
    from_sample: bool = False,
) -> Vocabulary:
    """Collect the words and characters of the documents. The same documents
    give the same vocabulary, in whatever order they come.

    docs (Iterable[Doc]): The documents. Whitespace tokens are skipped, and so are
        documents that were joined from others of the corpus.
    min_word_count (int): The fewest occurrences of a lower-cased form that is known.
    min_character_count (int): The fewest occurrences of a character that is known.
    from_sample (bool): Whether the documents are a sample of the corpus: recorded in
        the vocabulary.
    """
    words: Dict[int, int] = Counter()
    forms: Dict[str, int] = Counter()
    for doc in show_progress(docs, "Building the vocabulary", unit="doc"):
        if is_joined(doc):
            continue
        for token in doc:
            if not token.is_space:
                words[token.lower] += 1
                forms[token.text] += 1
    characters: Dict[str, int] = Counter()
    for form, count in forms.items():
        for character in form:
            characters[character] += count
    known_words = sorted(w for w, count in words.items() if count >= min_word_count)
    known_characters = sorted(
        ord(c) for c, count in characters.items() if count >= min_character_count
    )
    return Vocabulary(
        words=numpy.asarray(known_words, dtype="uint64"),
        word_counts=numpy.asarray([words[w] for w in known_words], dtype="int64"),
        characters=numpy.asarray(known_characters, dtype="int64"),
        from_sample=from_sample,
    )


def find_encoders(model: Model) -> List[Model]:
    """Return the layers of a model that have a vocabulary."""
    return [node for node in model.walk() if "build_vocabulary" in node.attrs]


def set_vocabulary(encoder: Model, docs: Iterable[Doc]) -> None:
    """Build the vocabulary that the encoder will be initialized with."""
    encoder.attrs["vocabulary"] = encoder.attrs["build_vocabulary"](docs)
