"""Callbacks that configs can name."""

from typing import Callable, Iterable

from spacy.language import Language
from spacy.training import Example
from thinc.api import Model

from .build_vocabulary import find_encoders, set_vocabulary


def create_build_vocabulary(
    corpus: Callable[[Language], Iterable[Example]],
) -> Callable[[Language], None]:
    """Create a callback for [initialize.before_init] that builds the vocabulary of
    each word and character BiLSTM of the pipeline from a whole corpus. Use it where
    a component of spaCy's has one, such as a shared `tok2vec`, for pretraining, and
    for corpora that are streamed: spaCy initializes those from a sample.

    corpus (Callable[[Language], Iterable[Example]]): A corpus reader.
    """

    def build_vocabulary(nlp: Language) -> None:
        # Not only those enabled: `spacy pretrain` disables all of them.
        for _, component in nlp.components:
            model = getattr(component, "model", None)
            if isinstance(model, Model):
                for encoder in find_encoders(model):
                    set_vocabulary(encoder, (eg.predicted for eg in corpus(nlp)))

    return build_vocabulary
