"""The spacing of words, and tags that depend on it."""

from typing import List, Tuple

import numpy
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.symbols import IDS
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed
from torch import Tensor
from util import assert_as_plain, encoder_of, small, tags_of

from spacy_lstm_tagger.encoder.fast.tagging_encoder import TaggingEncoder
from spacy_lstm_tagger.encoder.forms import read_tokens
from spacy_lstm_tagger.encoder.network.word_char_encoder import FormTensors
from spacy_lstm_tagger.encoder.spacing import (
    JOINED_AFTER,
    JOINED_BEFORE,
    N_SPACINGS,
    spaced_forms,
)

VOCAB = spacy.blank("en").vocab
TOKENS = st.tuples(st.sampled_from(["a", "bc", "-", " ", "\n\n", "\t"]), st.booleans())


def make_doc(tokens: List[Tuple[str, bool]]) -> Doc:
    words, spaces = [word for word, _ in tokens], [space for _, space in tokens]
    return Doc(VOCAB, words=words, spaces=spaces)


def spacing_in_text(doc: Doc) -> List[int]:
    """The spacing of the tokens that are not whitespace, from the text."""
    found = []
    for token in doc:
        if not token.is_space:
            before, after = doc.text[: token.idx], doc.text[token.idx + len(token) :]
            joined_before = bool(before) and not before[-1].isspace()
            joined_after = bool(after) and not after[0].isspace()
            found.append(JOINED_BEFORE * joined_before + JOINED_AFTER * joined_after)
    return found


@given(st.lists(st.lists(TOKENS, max_size=6).map(make_doc), min_size=1, max_size=4))
def test_the_spacing_is_that_of_the_text(docs: List[Doc]) -> None:
    # A space at the end says nothing of what follows.
    wanted = [spacing for doc in docs for spacing in spacing_in_text(doc)]
    assert read_tokens(docs).spacing.tolist() == wanted


def test_the_same_form_with_another_spacing_is_another_one() -> None:
    # spaCy's symbols have small numbers, one after the other.
    words = ["a", "b", "-", *(word for word in IDS if word)]
    orths = numpy.asarray([VOCAB.strings.add(word) for word in words], dtype="uint64")
    found = [
        spaced_forms(orths, numpy.full(len(orths), spacing))
        for spacing in range(N_SPACINGS)
    ]
    assert len(numpy.unique(numpy.concatenate(found))) == N_SPACINGS * len(words)


# Compounds and pauses have the same words.
WORDS = ["ice", "-", "cold"]
TAGS = {"ice-cold": ["NN", "HYPH", "JJ"], "ice - cold": ["NN", ":", "JJ"]}


def make_example(nlp: Language, text: str) -> Example:
    spaces = [" " in text, " " in text, False]
    doc = Doc(nlp.vocab, words=WORDS, spaces=spaces, tags=TAGS[text])
    return Example(Doc(nlp.vocab, words=WORDS, spaces=spaces), doc)


def train(texts: List[str], drop: float = 0.1, **settings: float) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config=small(**settings))
    examples = [make_example(nlp, text) for text in texts]
    sgd = nlp.initialize(lambda: [make_example(nlp, text) for text in TAGS])
    sgd.learn_rate = 0.01
    for _ in range(60):
        nlp.update(examples, sgd=sgd, drop=drop)
    return nlp


@pytest.fixture(scope="module")
def nlp() -> Language:
    return train(list(TAGS))


def test_words_that_differ_by_their_spacing_are_told_apart(nlp: Language) -> None:
    for text, tags in TAGS.items():
        assert tags_of(nlp(make_example(nlp, text).x)) == tags


def test_the_network_reads_the_same_in_tagging(nlp: Language) -> None:
    spaced, joined = (make_example(nlp, text).x for text in TAGS)
    # Together, and what is known of forms by then is used again.
    assert_as_plain(encoder_of(nlp), [spaced, joined, joined, spaced])
    assert_as_plain(encoder_of(nlp), [joined])
    assert_as_plain(encoder_of(nlp), [spaced])


def test_words_without_known_spaces_are_read_as_between_spaces(nlp: Language) -> None:
    doc = Doc(nlp.vocab, words=WORDS)
    assert doc.has_unknown_spaces
    assert tags_of(nlp(doc)) == TAGS["ice - cold"]


@pytest.mark.parametrize("whitespace", ["\n", "\t\t", " "])
def test_whitespace_tokens_are_spaces(nlp: Language, whitespace: str) -> None:
    words = ["ice", whitespace, "-", whitespace, "cold"]
    doc = nlp(Doc(nlp.vocab, words=words, spaces=[False] * 5))
    assert tags_of(doc)[::2] == TAGS["ice - cold"]


def vectors_differ(nlp: Language) -> bool:
    docs = [make_example(nlp, text).x for text in TAGS]
    one, other = encoder_of(nlp).predict(docs)
    return not numpy.array_equal(one, other)


def test_the_spacing_can_be_left_out() -> None:
    assert not vectors_differ(train(list(TAGS), spacing_width=0))


@pytest.mark.parametrize("spacing_width, n_forms", [(0, 3), (2, 6)])
def test_forms_are_computed_once_for_each_spacing_that_is_read(
    spacing_width: int, n_forms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nlp = train(list(TAGS), spacing_width=spacing_width)
    computed = []

    def form_gates(self: TaggingEncoder, forms: FormTensors, spacing: Tensor) -> Tensor:
        computed.extend(forms.word_rows.tolist())
        return compute(self, forms, spacing)

    compute = TaggingEncoder.form_gates
    monkeypatch.setattr(TaggingEncoder, "form_gates", form_gates)
    docs = [make_example(nlp, text).x for text in TAGS]
    encoder_of(nlp).predict(docs)
    encoder_of(nlp).predict(docs)
    assert len(computed) == n_forms


def test_spacing_that_is_never_seen_in_training_changes_nothing() -> None:
    assert not vectors_differ(train(["ice - cold"]))
    assert vectors_differ(train(["ice-cold"]))


def test_spacing_that_is_always_dropped_is_not_learned() -> None:
    assert not vectors_differ(train(list(TAGS), spacing_dropout=1.0))


def test_spacing_is_not_dropped_without_dropout() -> None:
    assert vectors_differ(train(list(TAGS), drop=0.0, spacing_dropout=1.0))
