"""Runs of sentences, joined for training."""

import random
import warnings
from collections import Counter
from typing import List

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_lstm_tagger.training.augmenters import create_join_augmenter

N_SENTENCES = 40


def make_sentences(nlp: Language) -> List[Example]:
    """Sentences with a number each, and a word that spaCy's tokenizer splits."""
    examples = []
    for i in range(N_SENTENCES):
        words, spaces = [f"word{i}", "semi-dry", "."], [True, False, True]
        reference = Doc(nlp.vocab, words=words, spaces=spaces, tags=["NN", "JJ", "."])
        predicted = Doc(nlp.vocab, words=words, spaces=spaces)
        examples.append(Example(predicted, reference))
    return examples


def augment(gold_preproc: bool = True) -> List[Example]:
    nlp = spacy.blank("en")
    join = create_join_augmenter(max_sentences=4, gold_preproc=gold_preproc)
    return [new for example in make_sentences(nlp) for new in join(nlp, example)]


def test_each_sentence_is_seen_alone_and_at_most_once_more_in_a_run() -> None:
    augmented = augment()
    alone = [eg for eg in augmented if len(eg.reference) == 3]
    runs = [eg for eg in augmented if len(eg.reference) > 3]
    assert len(alone) == N_SENTENCES
    assert {len(eg.reference) // 3 for eg in runs} <= {2, 3, 4}
    seen = Counter(t.text for eg in runs for t in eg.reference if t.tag_ == "NN")
    assert N_SENTENCES - 4 < len(seen) <= N_SENTENCES
    assert set(seen.values()) == {1}


def test_the_lengths_of_runs_vary() -> None:
    random.seed(0)
    lengths = Counter(len(eg.reference) // 3 for eg in augment())
    assert set(lengths) == {1, 2, 3, 4}


def test_runs_keep_the_order_of_the_corpus() -> None:
    runs = [eg for eg in augment() if len(eg.reference) > 3]
    words = [t.text for eg in runs for t in eg.reference if t.tag_ == "NN"]
    assert words == [f"word{i}" for i in range(len(words))]


def test_runs_have_the_tags_of_their_sentences() -> None:
    for example in augment():
        tags = example.get_aligned("TAG", as_string=True)
        assert tags == ["NN", "JJ", "."] * (len(tags) // 3)


def test_runs_have_the_tokens_of_the_tokenizer_unless_asked_for_gold_ones() -> None:
    for gold_preproc in (True, False):
        runs = [eg for eg in augment(gold_preproc) if len(eg.reference) > 3]
        for run in runs:
            is_split = "semi" in [token.text for token in run.predicted]
            assert is_split is not gold_preproc
            assert "semi-dry" in [token.text for token in run.reference]


def test_a_corpus_can_be_read_by_two_pipelines() -> None:
    join = create_join_augmenter(max_sentences=2)
    for lang in ("en", "de"):
        nlp = spacy.blank(lang)
        # An odd number leaves one behind for the next pass.
        augmented = [eg for s in make_sentences(nlp)[:3] for eg in join(nlp, s)]
        assert [len(eg.reference) for eg in augmented] == [3, 3, 6, 3]


def test_a_run_needs_two_sentences() -> None:
    with pytest.raises(ValueError, match="at most 1"):
        create_join_augmenter(max_sentences=1)


def test_runs_keep_the_allowed_tags_that_any_component_reads() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    name = "allowed (fine)"
    nlp.add_pipe("lstm_tagger", name="fine", config={"allowed_tags_attribute": name})
    nlp.add_pipe("lstm_tagger", name="off", config={"allowed_tags_attribute": None})
    examples = make_sentences(nlp)[:2]
    for example in examples:
        example.reference._.allowed_tags = {1: ["JJ", "NN"]}
    examples[1].reference._.set(name, {0: ["NN"]})
    join = create_join_augmenter(max_sentences=2, gold_preproc=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        *_, run = [new for example in examples for new in join(nlp, example)]
    assert run.reference._.allowed_tags == {1: ["JJ", "NN"], 4: ["JJ", "NN"]}
    assert run.reference._.get(name) == {3: ["NN"]}
    Doc.remove_extension(name)
