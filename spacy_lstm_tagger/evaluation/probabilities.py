"""The probabilities of the tags that a tagger has set."""

from typing import Iterable, Iterator, List, Sequence, Tuple

import numpy
from numpy.typing import NDArray
from spacy.language import Language
from spacy.pipeline import Morphologizer, SentenceRecognizer, Tagger
from spacy.tokens import Doc
from spacy.util import minibatch

from ..lstm_tagger import LSTMTagger


class NoTagsError(ValueError):
    """Raised when data has no gold tags that those of a tagger can be compared with."""


def find_tagger(nlp: Language) -> Tagger:
    """Find the component that sets the tags.

    nlp (Language): The pipeline.
    RETURNS (Tagger): An `lstm_tagger`, a `tagger` or another subclass.
    RAISES (ValueError): If there is none, or more than one.
    """
    # These two are taggers to spaCy, but what they set are not tags.
    others = (Morphologizer, SentenceRecognizer)
    found = {
        name: component
        for name, component in nlp.pipeline
        if isinstance(component, Tagger) and not isinstance(component, others)
    }
    if len(found) != 1:
        raise ValueError(
            f"Can't tell whose tags are meant: the pipeline has {len(found)} taggers "
            f"among its components {nlp.pipe_names}. Load or enable it with exactly "
            f"one 'lstm_tagger' or 'tagger'."
        )
    return next(iter(found.values()))


def tag_texts(
    nlp: Language, tagger: Tagger, texts: Iterable[str]
) -> Iterator[Tuple[Doc, List[float]]]:
    """Run texts through a pipeline, one batch after the other.

    nlp (Language): The pipeline.
    tagger (Tagger): Its component that sets the tags.
    texts (Iterable[str]): The texts.
    YIELDS (Tuple[Doc, List[float]]): Each document, and the probability of the tag of
        each token, as from `tag_probabilities`.
    """
    for batch in minibatch(nlp.pipe(texts), nlp.batch_size):
        found = tag_probabilities(tagger, batch, batch_size=len(batch))
        for doc, probabilities in zip(batch, found):
            yield doc, probabilities.tolist()


def tag_probabilities(
    tagger: Tagger, docs: Sequence[Doc], *, batch_size: int
) -> Iterator[NDArray]:
    """Find the probabilities of the tags that documents have.

    tagger (Tagger): The component that has set the tags.
    docs (Sequence[Doc]): The documents, after the pipeline.
    batch_size (int): How many of them to score at a time.
    YIELDS (NDArray): For each document, the probability of the tag of each token. It
        is not a number if the tag is not one of the component: rules set some.
        *Shape:* (n_tokens,)
    """
    columns = {tag: column for column, tag in enumerate(tagger.labels)}
    for batch in minibatch(docs, batch_size):
        for doc, scores in zip(batch, predict_probabilities(tagger, batch)):
            found = [columns.get(token.tag_) for token in doc]
            yield numpy.asarray(
                [
                    numpy.nan if column is None else row[column]
                    for row, column in zip(scores, found)
                ]
            )


def predict_probabilities(tagger: Tagger, docs: List[Doc]) -> List[NDArray]:
    """Find the probability of each tag of each token, without changing documents.

    tagger (Tagger): An `lstm_tagger`, a `tagger` or another subclass.
    docs (List[Doc]): The documents, after the components that come before it.
    RETURNS (List[NDArray]): For each document, the columns in the order of
        `tagger.labels`. *Shape:* (n_tokens, n_labels)
    """
    if isinstance(tagger, LSTMTagger):
        return tagger.predict_proba(docs)
    if not any(len(doc) for doc in docs):
        return [numpy.zeros((0, len(tagger.labels))) for _ in docs]
    ops = tagger.model.ops
    scores = tagger.model.predict(docs)
    return [
        ops.to_numpy(rows if _is_normalized(ops.to_numpy(rows)) else ops.softmax(rows))
        for rows in scores
    ]


def _is_normalized(scores: NDArray) -> bool:
    # Architectures differ: spaCy's own has a setting for it, `normalize`.
    return bool((scores >= 0).all() and numpy.allclose(scores.sum(axis=-1), 1.0))
