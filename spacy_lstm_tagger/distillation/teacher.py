"""The tags that a trained pipeline, or the vote of several, gives to texts."""

from collections import defaultdict
from itertools import islice
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence

import numpy
from spacy.language import Language
from spacy.pipeline import Tagger
from spacy.tokens import Doc
from spacy.util import minibatch

from ..evaluation.probabilities import find_tagger, predict_probabilities
from ..lstm_tagger import LSTMTagger
from ..tags.attributes import (
    read_alternatives,
    register_alternatives,
    set_alternatives,
    store_alternatives,
)
from ..texts import Text, copy_tokens

# The custom attribute of tokens that has the tags that the teachers find possible.
TEACHER_TAGS = "teacher_tags"
# The tags that a teacher is asked for, if fewer are to be kept: one may be the second
# of each who votes, and that of a CRF's best sequence less probable than others.
N_ASKED = 20
# The probabilities of the tags that one token may have. Empty if nothing is known.
Opinion = Dict[str, float]


class Teacher(NamedTuple):
    """A pipeline whose tags are learned from.

    nlp (Language): The pipeline.
    tagger (Optional[Tagger]): Its component that knows probabilities. Without one,
        every tag that is set counts as certain.
    """

    nlp: Language
    tagger: Optional[Tagger]


def make_teacher(nlp: Language) -> Teacher:
    """Prepare a pipeline for teaching: its `lstm_tagger` has to keep alternatives."""
    try:
        tagger = find_tagger(nlp)
    except ValueError:
        return Teacher(nlp, None)
    if isinstance(tagger, LSTMTagger):
        register_alternatives(TEACHER_TAGS)
        tagger.alternatives_attribute = TEACHER_TAGS
    return Teacher(nlp, tagger)


def annotate(
    teachers: Sequence[Teacher],
    texts: Iterable[Text],
    *,
    n_alternatives: int,
    min_confidence: float = 0.0,
) -> Iterator[Doc]:
    """Tag texts. Several teachers vote: each tag has the mean of their probabilities.

    teachers (Sequence[Teacher]): At least one. The first one's tokenizer and sentence
        boundaries are used.
    texts (Iterable[Text]): The texts.
    n_alternatives (int): The number of tags of each token that are kept.
    min_confidence (float): The tags of a sentence are left out if their mean
        probability is lower. A document without sentence boundaries is one sentence.
    YIELDS (Doc): Documents with tags and sentence boundaries, and in the custom
        attribute `TEACHER_TAGS` of tokens the most probable tags. They have no other
        annotation.
    RAISES (ValueError): If a teacher joins or splits the tokens of the first one.
    """
    first, *others = teachers
    limit = n_alternatives
    if others or _has_chain(first):
        limit = max(limit, N_ASKED)
    for teacher in teachers:
        if isinstance(teacher.tagger, LSTMTagger):
            teacher.tagger.n_alternatives = limit
    for docs in minibatch(first.nlp.pipe(texts), first.nlp.batch_size):
        found = [_ask(first, docs, limit)]
        for teacher in others:
            copies = (copy_tokens(doc, teacher.nlp.vocab) for doc in docs)
            tagged = list(teacher.nlp.pipe(copies))
            if [len(doc) for doc in tagged] != [len(doc) for doc in docs]:
                raise ValueError(
                    f"The pipeline '{teacher.nlp.path}' joins or splits "
                    f"tokens, so it can't vote with another one. Name it first, or "
                    f"remove the component that does so."
                )
            found.append(_ask(teacher, tagged, limit))
        for doc, *opinions in zip(docs, *found):
            votes = [_vote(token, n_alternatives) for token in zip(*opinions)]
            yield _make_doc(doc, votes, min_confidence)


def _ask(teacher: Teacher, docs: List[Doc], limit: int) -> List[List[Opinion]]:
    """Return the opinions on the tokens of documents that the teacher has tagged."""
    tagger = teacher.tagger
    if tagger is not None and not isinstance(tagger, LSTMTagger):
        for doc, rows in zip(docs, predict_probabilities(tagger, docs)):
            set_alternatives(doc, TEACHER_TAGS, rows, tagger.labels, limit)
    has_chain = _has_chain(teacher)
    return [_read_opinions(doc, has_chain) for doc in docs]


def _has_chain(teacher: Teacher) -> bool:
    """Return whether tags are those of the best sequence, which at their own places may
    be less probable than others."""
    return teacher.tagger is not None and bool(teacher.tagger.model.has_ref("crf"))


def _read_opinions(doc: Doc, has_chain: bool) -> List[Opinion]:
    """Return the opinion on each token, in which its tag is the first."""
    opinions: List[Opinion] = []
    for token, alternatives in zip(doc, read_alternatives(doc, TEACHER_TAGS)):
        opinion = dict(alternatives or [])
        possible = list(opinion) if has_chain else list(opinion)[:1]
        if token.is_space or not token.tag_:
            # Nobody has taught the teacher what whitespace is.
            opinions.append({})
        elif token.tag_ in possible:
            opinions.append({token.tag_: opinion[token.tag_], **opinion})
        else:
            # A tag that a rule has set, against what the tagger found, is certain.
            opinions.append({token.tag_: 1.0})
    return opinions


def _vote(opinions: Sequence[Opinion], n_alternatives: int) -> Opinion:
    """Return the mean of opinions on one token, with the most probable tag first. Those
    that know nothing do not count. The tag of a single opinion is kept, although a CRF
    may find another one more probable at that place."""
    votes: Dict[str, float] = defaultdict(float)
    known = [opinion for opinion in opinions if opinion]
    if len(known) == 1:
        return dict(islice(known[0].items(), n_alternatives))
    for opinion in known:
        for tag, probability in opinion.items():
            votes[tag] += probability / len(known)
    ranked = sorted(votes.items(), key=lambda vote: vote[1], reverse=True)
    return dict(ranked[:n_alternatives])


def _make_doc(tagged: Doc, opinions: List[Opinion], min_confidence: float) -> Doc:
    doc = copy_tokens(tagged, tagged.vocab)
    if tagged.has_annotation("SENT_START"):
        for token, source in zip(doc, tagged):
            token.is_sent_start = source.is_sent_start
    store_alternatives(doc, TEACHER_TAGS, opinions)
    has_sentences = doc.has_annotation("SENT_START")
    for sentence in doc.sents if has_sentences else [doc[:]]:
        known = {token: opinions[token.i] for token in sentence if opinions[token.i]}
        confidences = [next(iter(opinion.values())) for opinion in known.values()]
        if known and numpy.mean(confidences) >= min_confidence:
            for token, opinion in known.items():
                token.tag_ = next(iter(opinion))
    return doc
