"""The words and characters an encoder knows, as sorted arrays of numbers."""

from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from ..arrays import find_rows

# Row 0 of the word table is the unknown word. Row 0 of the character table is
# padding; the next three mark unknown characters and the two ends of a word.
UNKNOWN_WORD = 0
PADDING, UNKNOWN_CHARACTER, WORD_START, WORD_END = range(4)
N_SPECIAL_WORDS = 1
N_SPECIAL_CHARACTERS = 4


@dataclass(frozen=True)
class Vocabulary:
    """The words and characters that have an embedding of their own.

    Words are kept as spaCy's 64-bit hashes of their lower-cased form, so that
    a whole batch is looked up in one step and no strings need to be stored.

    words (NDArray[numpy.uint64]): Sorted hashes. *Shape:* (n_words,)
    word_counts (NDArray[numpy.int64]): The counts of the words in the data that
        the vocabulary was built from. *Shape:* (n_words,)
    characters (NDArray[numpy.int64]): Sorted code points. *Shape:* (n_characters,)
    from_sample (bool): Whether it was built from the few documents that a layer
        is initialized with, and so may be replaced by a better one.
    """

    words: NDArray[numpy.uint64]
    word_counts: NDArray[numpy.int64]
    characters: NDArray[numpy.int64]
    from_sample: bool = False

    @property
    def n_word_rows(self) -> int:
        """The number of rows of the table of word embeddings."""
        return len(self.words) + N_SPECIAL_WORDS

    @property
    def n_character_rows(self) -> int:
        """The number of rows of the table of character embeddings."""
        return len(self.characters) + N_SPECIAL_CHARACTERS

    def word_rows(self, lower: NDArray[numpy.uint64]) -> NDArray[numpy.int64]:
        """Look up lower-cased forms, given by their hashes.

        RETURNS (NDArray[numpy.int64]): Rows of the word table, 0 for unknown
            words. *Shape:* that of the input.
        """
        return find_rows(self.words, lower, N_SPECIAL_WORDS, UNKNOWN_WORD)

    def character_rows(self, codes: NDArray[numpy.int64]) -> NDArray[numpy.int64]:
        """Look up code points.

        RETURNS (NDArray[numpy.int64]): Rows of the character table. *Shape:*
            that of the input.
        """
        return find_rows(
            self.characters, codes, N_SPECIAL_CHARACTERS, UNKNOWN_CHARACTER
        )
