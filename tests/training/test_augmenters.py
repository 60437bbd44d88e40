"""Runs of sentences, joined for training."""

import copy
import random
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.training.initialize import init_nlp
from util import SMALL, TRAIN_DATA, encoder_of, write_corpus

from spacy_lstm_tagger.encoder.vocabulary import Vocabulary
from spacy_lstm_tagger.training.augmenters import create_join_augmenter
from spacy_lstm_tagger.training.build_vocabulary import build_vocabulary

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


# Counts. Each sentence of a joined run is in the corpus already.


def read_joined(path: Path, gold_preproc: bool = True) -> Corpus:
    """A corpus of the sentences of TRAIN_DATA, and of runs of them."""
    write_corpus(spacy.blank("en"), path)
    join = create_join_augmenter(max_sentences=3, gold_preproc=gold_preproc)
    return Corpus(path, gold_preproc=True, augmenter=join)


def small_tagger(**initialize: Any) -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config=copy.deepcopy(SMALL))
    nlp.config["initialize"]["components"]["lstm_tagger"] = initialize
    return nlp


def count_words(nlp: Language, vocabulary: Vocabulary) -> Dict[str, int]:
    counts = zip(vocabulary.words.tolist(), vocabulary.word_counts.tolist())
    return {nlp.vocab.strings[word]: count for word, count in counts}


def vocabulary_of(nlp: Language) -> Vocabulary:
    return encoder_of(nlp).shims[0].module.vocabulary


TRUE_COUNTS = Counter(word.lower() for words, _ in TRAIN_DATA for word in words)


@pytest.mark.parametrize("gold_preproc", [True, False])
def test_the_words_of_runs_are_not_counted(gold_preproc: bool, tmp_path: Path) -> None:
    corpus = read_joined(tmp_path / "train.spacy", gold_preproc)
    nlp = small_tagger()
    assert len(list(corpus(nlp))) > len(TRAIN_DATA)
    nlp.initialize(lambda: corpus(nlp))
    assert count_words(nlp, vocabulary_of(nlp)) == TRUE_COUNTS


def test_a_word_of_one_sentence_is_too_rare_for_a_minimum_of_two(
    tmp_path: Path,
) -> None:
    corpus = read_joined(tmp_path / "train.spacy")
    nlp = small_tagger()
    docs = (example.predicted for example in corpus(nlp))
    vocabulary = build_vocabulary(docs, min_word_count=2)
    wanted = {word: count for word, count in TRUE_COUNTS.items() if count >= 2}
    assert count_words(nlp, vocabulary) == wanted


def test_the_words_of_runs_are_not_added_to_the_tag_dictionary(tmp_path: Path) -> None:
    corpus = read_joined(tmp_path / "train.spacy")
    nlp = small_tagger(tag_dictionary_min_count=2)
    nlp.initialize(lambda: corpus(nlp))
    tagger: Any = nlp.get_pipe("lstm_tagger")
    # All other forms occur once.
    assert tagger.cfg["tag_dictionary"] == {"the": ["DET"]}


@pytest.mark.parametrize("max_epochs", [0, -1])
def test_the_callback_does_not_count_the_words_of_runs(
    max_epochs: int, tmp_path: Path
) -> None:
    path = write_corpus(spacy.blank("en"), tmp_path / "train.spacy")
    nlp = small_tagger()
    reader = {
        "@readers": "spacy.Corpus.v1",
        "path": str(path),
        "gold_preproc": True,
        "augmenter": {"@augmenters": "spacy_lstm_tagger.join_sentences.v1"},
    }
    config = nlp.config
    config["corpora"] = {"train": reader, "dev": reader}
    config["training"]["max_epochs"] = max_epochs
    config["initialize"]["before_init"] = {
        "@callbacks": "spacy_lstm_tagger.build_vocabulary.v1",
        "corpus": reader,
    }
    nlp = init_nlp(config)
    assert count_words(nlp, vocabulary_of(nlp)) == TRUE_COUNTS
