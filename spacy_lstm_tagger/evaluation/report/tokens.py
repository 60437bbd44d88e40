"""The tokens of a report: each with its gold tag and the tag that it got."""

from collections import Counter
from dataclasses import dataclass
from typing import Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from numpy.typing import NDArray
from spacy.language import Language
from spacy.scorer import Scorer
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import minibatch

from ...progress import show_progress
from ..probabilities import find_tagger, tag_probabilities

# Stands for the tag of a token that the pipeline left without one.
NO_TAG = "(no tag)"


class TaggedToken(NamedTuple):
    """A gold token and the tag it got.

    sentence (Span): The gold sentence; the whole document if it isn't divided.
    position (int): Where the token stands in it.
    form (str): Its text.
    gold (str): Its gold tag.
    predicted (str): The tag that the pipeline gave it.
    confidence (float): The probability of that tag, or not a number.
    sentence_number (int): Number of the sentence in the data, from 0.
    """

    sentence: Span
    position: int
    form: str
    gold: str
    predicted: str
    confidence: float
    sentence_number: int

    @property
    def place(self) -> Tuple[int, int]:
        """The place of the gold token in the data: its sentence, and its position."""
        return self.sentence_number, self.position

    @property
    def is_correct(self) -> bool:
        return self.gold == self.predicted


@dataclass(frozen=True)
class Collection:
    """The data of a report.

    tokens (List[TaggedToken]): The tokens that can be compared.
    gold_counts (Counter[str]): How many gold tokens have each tag, those included
        that can't be compared.
    n_docs (int): Number of documents.
    n_sentences (int): Number of gold sentences.
    n_untagged (int): Number of gold tokens without a tag.
    n_misaligned (int): Number of gold tokens with a tag that no token of the
        pipeline is part of or equal to.
    tag_acc (Optional[float]): The score that spaCy gives the pipeline.
    """

    tokens: List[TaggedToken]
    gold_counts: "Counter[str]"
    n_docs: int
    n_sentences: int
    n_untagged: int
    n_misaligned: int
    tag_acc: Optional[float]

    @property
    def n_tokens(self) -> int:
        """The number of gold tokens, with or without a tag."""
        return self.gold_counts.total() + self.n_untagged


def count_words(docs: Iterable[Doc]) -> "Counter[str]":
    """Count the words of the training data, as `write_report` takes them.

    docs (Iterable[Doc]): The documents that the tagger was trained on.
    RETURNS (Counter[str]): How often each form occurs. Case matters.
    """
    return Counter(token.text for doc in docs for token in doc)


def collect(nlp: Language, examples: Iterable[Example]) -> Collection:
    """Tag the examples and compare the tags with the gold ones. The examples
    themselves stay as they are.

    nlp (Language): The pipeline.
    examples (Iterable[Example]): Documents to tag and their gold tags.
    RETURNS (Collection): The tokens with both of their tags.
    """
    tagged = list(_tag(nlp, list(examples)))
    tokens: List[TaggedToken] = []
    gold_counts: Counter[str] = Counter()
    n_sentences = n_untagged = n_compared = 0
    for example, confidence in tagged:
        sentences = _sentences(example.reference)
        places = [
            (number, sentence, position)
            for number, sentence in enumerate(sentences, n_sentences)
            for position in range(len(sentence))
        ]
        pairs = list(_pairs(example, confidence))
        for gold_i, tag, probability in pairs:
            gold = example.reference[gold_i]
            number, sentence, position = places[gold_i]
            tokens.append(
                TaggedToken(
                    sentence=sentence,
                    position=position,
                    form=gold.text,
                    gold=gold.tag_,
                    predicted=tag,
                    confidence=probability,
                    sentence_number=number,
                )
            )
        gold_counts.update(token.tag_ for token in example.reference if token.tag)
        n_sentences += len(sentences)
        n_untagged += sum(not token.tag for token in example.reference)
        n_compared += len({gold_i for gold_i, _, _ in pairs})
    return Collection(
        tokens=tokens,
        gold_counts=gold_counts,
        n_docs=len(tagged),
        n_sentences=n_sentences,
        n_untagged=n_untagged,
        n_misaligned=gold_counts.total() - n_compared,
        tag_acc=Scorer.score_token_attr([eg for eg, _ in tagged], "tag")["tag_acc"],
    )


def _tag(nlp: Language, examples: List[Example]) -> Iterator[Tuple[Example, NDArray]]:
    """Tag copies of the examples, and show a progress bar if that takes a while.

    YIELDS (Tuple[Example, NDArray]): A tagged copy of each example, and the probability
        of the tag of each token.
    """
    tagger = find_tagger(nlp)
    shown = show_progress(examples, "Tagging", unit="doc")
    for batch in minibatch(shown, nlp.batch_size):
        docs = list(nlp.pipe(example.predicted.copy() for example in batch))
        confidences = tag_probabilities(tagger, docs, batch_size=len(docs))
        for example, doc, confidence in zip(batch, docs, confidences):
            yield Example(doc, example.reference), confidence


def _pairs(example: Example, confidence: NDArray) -> Iterator[Tuple[int, str, float]]:
    """Find the pairs that spaCy's scorer compares: a token of the pipeline, and the
    gold token that it is part of or equal to. Parts with the same tag count once.

    YIELDS (Tuple[int, str, float]): The position of the gold token, and the tag of the
        pipeline's token with its probability.
    """
    seen: Set[Tuple[int, str]] = set()
    alignment = example.alignment.x2y
    for token in example.predicted:
        if token.is_space or alignment.lengths[token.i] != 1:
            continue
        gold_i = int(alignment[token.i][0])
        tag = token.tag_ or NO_TAG
        if example.reference[gold_i].tag and (gold_i, tag) not in seen:
            seen.add((gold_i, tag))
            yield gold_i, tag, float(confidence[token.i])


def _sentences(doc: Doc) -> List[Span]:
    return list(doc.sents) if doc.has_annotation("SENT_START") else [doc[:]]
