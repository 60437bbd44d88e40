"""The callback that builds vocabularies, with corpora that are streamed."""

import copy
import itertools
import logging
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Set

import pytest
import spacy
from spacy.language import Language
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import registry
from thinc.api import Config
from util import SMALL, encoder_of

WORDS = ("one", "two", "three", "four", "five")


@registry.readers("tests.endless_corpus.v1")
def read_endlessly() -> Callable[[Language], Iterator[Example]]:
    """Create a reader of docs of one word each, over and over again."""

    def read(nlp: Language) -> Iterator[Example]:
        for word in itertools.cycle(WORDS):
            yield Example.from_dict(nlp.make_doc(word), {"tags": ["CD"]})

    return read


READER = {"@readers": "tests.endless_corpus.v1"}
CALLBACK: Dict[str, Any] = {
    "@callbacks": "spacy_lstm_tagger.build_vocabulary.v1",
    "corpus": READER,
}


def make_config(**settings: Any) -> Config:
    """The config of a pipeline whose corpora are streamed, with settings of the
    callback."""
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger", config=copy.deepcopy(SMALL))
    config = nlp.config
    config["corpora"] = {"train": READER, "dev": READER}
    config["training"]["max_epochs"] = -1
    config["initialize"]["before_init"] = {**CALLBACK, **settings}
    return config


def known_words(nlp: Language) -> Set[str]:
    vocabulary = encoder_of(nlp).shims[0].module.vocabulary
    return {nlp.vocab.strings[word] for word in vocabulary.words.tolist()}


def test_the_vocabulary_of_an_endless_corpus_is_that_of_its_first_docs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "spacy"):
        nlp = init_nlp(make_config(max_docs=3))
    assert known_words(nlp) == set(WORDS[:3])
    assert "Read 3 docs for the vocabulary of 'lstm_tagger'" in caplog.text
    assert "'max_docs = 3'" in caplog.text


def test_a_corpus_that_is_shorter_than_the_limit_is_read_to_its_end(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    path = tmp_path / "raw.jsonl"
    path.write_text('{"text": "six"}\n{"text": "seven"}\n', encoding="utf8")
    corpus = {"@readers": "spacy.JsonlCorpus.v1", "path": str(path)}
    with caplog.at_level(logging.INFO, "spacy"):
        nlp = init_nlp(make_config(corpus=corpus, max_docs=3))
    assert known_words(nlp) == {"six", "seven"}
    assert "Read 2 docs for the vocabulary of 'lstm_tagger'" in caplog.text
    assert "max_docs" not in caplog.text


def test_there_is_a_limit_unless_it_is_turned_off() -> None:
    filled = registry.fill({"it": CALLBACK})
    assert filled["it"]["max_docs"] == 1_000_000
    assert callable(registry.resolve({"it": {**CALLBACK, "max_docs": None}})["it"])


@pytest.mark.parametrize("max_docs", [0, -1])
def test_a_limit_of_no_docs_is_refused(max_docs: int) -> None:
    with pytest.raises(ValueError, match=f"max_docs = {max_docs}"):
        registry.resolve({"it": {**CALLBACK, "max_docs": max_docs}})


def test_a_corpus_without_a_path_is_refused_with_what_to_do() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("lstm_tagger")
    corpus = {"@readers": "spacy.JsonlCorpus.v1", "path": None}
    config = {"callback": {**CALLBACK, "corpus": corpus}}
    build_vocabulary = registry.resolve(config)["callback"]
    with pytest.raises(
        ValueError, match=r"path of the corpus of \[initialize.before_init\] is null"
    ):
        build_vocabulary(nlp)
