"""Callbacks that configs can name."""

from itertools import islice
from typing import Callable, Iterable, Iterator, Optional

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import logger
from thinc.api import Model

from .build_vocabulary import find_encoders, set_vocabulary

Corpus = Callable[[Language], Iterable[Example]]


def create_build_vocabulary(
    corpus: Corpus, max_docs: Optional[int] = 1_000_000
) -> Callable[[Language], None]:
    """Create a callback for [initialize.before_init] that builds the vocabulary of
    each word and character BiLSTM of the pipeline from a whole corpus. Use it where
    a component of spaCy's has one, such as a shared `tok2vec`, for pretraining, and
    for corpora that are streamed: spaCy initializes those from a sample.

    corpus (Callable[[Language], Iterable[Example]]): A corpus reader.
    max_docs (Optional[int]): The most documents that are read: a corpus that is
        streamed may have no end. None for all documents of the corpus.
    RAISES (ValueError): If `max_docs` is less than 1.
    """
    if max_docs is not None and max_docs < 1:
        raise ValueError(
            f"Can't build a vocabulary with 'max_docs = {max_docs}': it needs to be at "
            f"least 1, or null to read the whole corpus."
        )

    def build_vocabulary(nlp: Language) -> None:
        # Not only those enabled: `spacy pretrain` disables all of them.
        for name, component in nlp.components:
            model = getattr(component, "model", None)
            if isinstance(model, Model):
                for encoder in find_encoders(model):
                    set_vocabulary(encoder, _read(nlp, corpus, max_docs, name))

    return build_vocabulary


def _read(
    nlp: Language, corpus: Corpus, max_docs: Optional[int], name: str
) -> Iterator[Doc]:
    """Read the documents for the vocabulary of a component, and log how many.

    RAISES (ValueError): If the corpus has a path, and that is null.
    """
    if getattr(corpus, "path", "") is None:
        raise ValueError(
            f"Can't build the vocabulary of '{name}': the path of the corpus of "
            f"[initialize.before_init] is null. Set it in the config or on the command "
            f"line, for example '--paths.raw_text raw.jsonl'."
        )
    n_docs = 0
    for example in islice(corpus(nlp), max_docs):
        n_docs += 1
        yield example.predicted
    reached = f", as limited by 'max_docs = {max_docs}'" if n_docs == max_docs else ""
    logger.info("Read %d docs for the vocabulary of '%s'%s", n_docs, name, reached)
