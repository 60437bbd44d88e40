"""Augmenters that configs can name."""

import random
import re
import warnings
from typing import Callable, Iterator, List, Set

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from ..tags.attributes import underscore_key
from ..tags.constraints import get_allowed_tags
from .joined import mark_as_joined


def create_join_augmenter(
    max_sentences: int = 10,
    gold_preproc: bool = False,
) -> Callable[[Language, Example], Iterator[Example]]:
    """Create an augmenter that adds, to the examples of a corpus, runs of them
    joined into one: a tagger that has only seen single sentences is worse at whole
    documents. Each example is seen alone and, the last few excepted, once more in
    a run of 2 to `max_sentences`, so the corpus has to come in its own order. Examples
    that are left over at the end of the corpus start the first run of the next pass.

    Runs are marked, so that the vocabulary and the tag dictionary do not count their
    words a second time.

    max_sentences (int): The most examples of a run.
    gold_preproc (bool): Whether runs have the tokens of the annotation, instead of
        those that the pipeline's tokenizer finds, as it will in real text.
    """
    if max_sentences < 2:
        raise ValueError(
            f"Can't join runs of at most {max_sentences} sentences: 'max_sentences' "
            f"needs to be at least 2."
        )
    run: List[Example] = []
    run_length = 2

    def join(nlp: Language, example: Example) -> Iterator[Example]:
        nonlocal run_length
        yield example
        if run and run[0].reference.vocab is not example.reference.vocab:
            # Left over from another pipeline.
            run.clear()
        run.append(example)
        if len(run) >= run_length:
            joined = join_examples(nlp, run, gold_preproc=gold_preproc)
            mark_as_joined(joined)
            yield joined
            run.clear()
            run_length = random.randint(2, max_sentences)

    return join


def join_examples(
    nlp: Language, examples: List[Example], *, gold_preproc: bool
) -> Example:
    """Return one example of several, in their order, with all of their annotations."""
    references = [example.reference for example in examples]
    attributes = _find_allowed_tags_attributes(nlp)
    with warnings.catch_warnings():
        for attribute in attributes:
            # These are joined below.
            message = rf"\[W101\].*'{re.escape(attribute)}'"
            warnings.filterwarnings("ignore", message=message)
        reference = Doc.from_docs(references)
    for attribute in attributes:
        _join_allowed_tags(references, reference, attribute)
    # Like spaCy's corpus reader: there is no text to tokenize without spaces.
    if gold_preproc or any(doc.has_unknown_spaces for doc in references):
        predicted = Doc.from_docs([example.predicted for example in examples])
    else:
        predicted = nlp.make_doc(reference.text)
    return Example(predicted, reference)


def _find_allowed_tags_attributes(nlp: Language) -> Set[str]:
    """Find the names of the custom attributes that our components read."""
    names = (
        getattr(pipe, "allowed_tags_attribute", None) for _, pipe in nlp.components
    )
    return {name for name in names if name is not None}


def _join_allowed_tags(docs: List[Doc], joined: Doc, attribute: str) -> None:
    """Join a custom attribute of documents, as spaCy joins what is in the tokens."""
    found = {}
    offset = 0
    for doc in docs:
        for token, tags in (get_allowed_tags(doc, attribute) or {}).items():
            found[offset + token] = tags
        offset += len(doc)
    if found:
        joined.user_data[underscore_key(attribute)] = found
