"""Figures of the tags and tokens of training data."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Tuple

import numpy
from spacy.strings import get_string_id
from spacy.tokens import Doc
from spacy.training import Example

from ...encoder.vocabulary import UNKNOWN_WORD, Vocabulary
from ...tags.negation import split_negation


@dataclass
class TagData:
    """Figures of a corpus, as a tagger meets it in training: of the tokens of the
    pipeline's tokenizer, with the tags that the annotation has for them.

    tags (Counter[str]): How many tokens have each tag, whitespace included.
    negated (Counter[str]): How many tokens are known not to have each tag.
    whitespace_tags (Counter[str]): How many whitespace tokens have each tag.
    form_tags (Dict[str, Counter[str]]): How often each form has each tag.
    words (Counter[str]): How often each form occurs, lower-cased. Whitespace is not
        among the words or the forms.
    doc_lengths (List[int]): How many tokens each document has, without whitespace.
    divided_lengths (List[int]): How many gold tokens each sentence has, of documents
        of several tokens whose annotation has sentence boundaries.
    n_undivided (int): How many documents of several tokens have no boundaries.
    n_single (int): How many documents are a single token. spaCy takes that for a
        sentence, whether or not boundaries are annotated.
    n_joined (int): How many documents have more than one sentence.
    n_whitespace (int): How many tokens are whitespace.
    n_misaligned (int): How many others have no tag, as they match no gold token.
    n_missing (int): How many others have no tag, as their gold token has none.
    """

    tags: "Counter[str]" = field(default_factory=Counter)
    negated: "Counter[str]" = field(default_factory=Counter)
    whitespace_tags: "Counter[str]" = field(default_factory=Counter)
    form_tags: Dict[str, "Counter[str]"] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    words: "Counter[str]" = field(default_factory=Counter)
    doc_lengths: List[int] = field(default_factory=list)
    divided_lengths: List[int] = field(default_factory=list)
    n_undivided: int = 0
    n_single: int = 0
    n_joined: int = 0
    n_whitespace: int = 0
    n_misaligned: int = 0
    n_missing: int = 0

    @property
    def n_docs(self) -> int:
        """Number of documents."""
        return len(self.doc_lengths)

    @property
    def n_words(self) -> int:
        """Number of tokens that are not whitespace."""
        return sum(self.doc_lengths)

    @property
    def sentence_lengths(self) -> List[int]:
        """Number of gold tokens of each sentence, where boundaries are known."""
        if not self.divided_lengths:
            return []
        return self.divided_lengths + [1] * self.n_single

    def add(self, example: Example, *, neg_prefix: str) -> None:
        """Count one more document.

        example (Example): The document and its annotation.
        neg_prefix (str): What marks a tag that a token does not have.
        """
        tags = example.get_aligned("TAG", as_string=True)
        n_whitespace = 0
        for token, tag in zip(example.predicted, tags):
            n_whitespace += token.is_space
            if not token.is_space:
                self.words[token.lower_] += 1
                self.n_misaligned += tag is None
                self.n_missing += tag == ""
            label, is_negated = split_negation(tag or "", neg_prefix)
            if is_negated:
                self.negated[label] += 1
            elif tag:
                self.tags[tag] += 1
                if token.is_space:
                    self.whitespace_tags[tag] += 1
                else:
                    self.form_tags[token.text][tag] += 1
        self.n_whitespace += n_whitespace
        self.doc_lengths.append(len(tags) - n_whitespace)
        self._add_sentences(example.reference)

    def _add_sentences(self, doc: Doc) -> None:
        if len(doc) < 2:
            self.n_single += len(doc)
        elif doc.has_annotation("SENT_START"):
            lengths = [len(sentence) for sentence in doc.sents]
            self.divided_lengths.extend(lengths)
            self.n_joined += len(lengths) > 1
        else:
            self.n_undivided += 1

    def ambiguous_forms(self) -> List[Tuple[str, "Counter[str]"]]:
        """Return the forms with more than one tag, those with the most tokens first."""
        ambiguous = [item for item in self.form_tags.items() if len(item[1]) > 1]
        return sorted(ambiguous, key=lambda item: (-item[1].total(), item[0]))

    def unknown_words(self, vocabulary: Vocabulary) -> "Counter[str]":
        """Count the words that the vocabulary does not have.

        vocabulary (Vocabulary): The words that an encoder knows.
        """
        words = list(self.words)
        hashes = numpy.asarray([get_string_id(word) for word in words], dtype="uint64")
        unknown = numpy.flatnonzero(vocabulary.word_rows(hashes) == UNKNOWN_WORD)
        return Counter({words[i]: self.words[words[i]] for i in unknown})


def collect_tag_data(examples: Iterable[Example], *, neg_prefix: str = "!") -> TagData:
    """Count the tags and tokens of a corpus.

    examples (Iterable[Example]): The corpus. It is read once and not kept.
    neg_prefix (str): What marks a tag that a token does not have.
    """
    data = TagData()
    for example in examples:
        data.add(example, neg_prefix=neg_prefix)
    return data
