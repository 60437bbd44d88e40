"""The names that options of corpora have. Imports nothing, for commands that only list
them."""

from enum import Enum
from typing import Tuple

# The columns that tables get.
TOKENS, TAGS, POS, LEMMAS = "tokens", "tags", "pos", "lemmas"
SPACES, SENTENCE_STARTS, CONFIDENCES = "spaces", "sentence_starts", "confidences"


class Documents(str, Enum):
    """What a document is in a text file."""

    file = "file"
    line = "line"
    paragraph = "paragraph"


class Engine(str, Enum):
    """What the work is done by."""

    processes = "processes"
    ray = "ray"


class Format(str, Enum):
    """The formats of outputs."""

    parquet = "parquet"
    jsonl = "jsonl"
    conllu = "conllu"
    spacy = "spacy"

    @property
    def needs(self) -> Tuple[str, ...]:
        """The columns that it is made of."""
        if self in (Format.conllu, Format.spacy):
            return TOKENS, TAGS, SPACES, SENTENCE_STARTS
        return TOKENS, TAGS
