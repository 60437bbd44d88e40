"""The mark of joined examples, whose sentences are in the corpus a second time: what
counts words has to leave them out."""

from spacy.tokens import Doc
from spacy.training import Example

# In doc.user_data, so that Docs keep it wherever they are read.
MARK = "spacy_lstm_tagger.joined"


def mark_as_joined(example: Example) -> None:
    """Mark both Docs of an example that was joined from others."""
    for doc in (example.predicted, example.reference):
        doc.user_data[MARK] = True


def is_joined(doc: Doc) -> bool:
    """Return whether a Doc is part of a joined example."""
    return MARK in doc.user_data
