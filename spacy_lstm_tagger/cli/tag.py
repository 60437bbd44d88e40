"""The command `lstm-tagger tag`."""

from typing import List

from spacy import util
from wasabi import msg

from ..evaluation.probabilities import find_tagger, tag_probabilities


def tag(model: str, texts: List[str]) -> None:
    """Print a table with the tag of each token and the probability of the tag.

    model (str): Name of or path to a pipeline.
    texts (List[str]): The texts to tag.
    """
    nlp = util.load_model(model)
    docs = list(nlp.pipe(texts))
    confidences = tag_probabilities(find_tagger(nlp), docs, batch_size=nlp.batch_size)
    for doc, confidence in zip(docs, confidences):
        msg.divider(doc.text)
        rows = [(t.text, t.tag_, f"{p:.2f}") for t, p in zip(doc, confidence)]
        msg.table(rows, header=("Token", "Tag", "Probability"), divider=True)
