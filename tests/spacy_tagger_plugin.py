"""A pytest plugin that makes `tagger` a name of our factory, so that spaCy's own
tests of its tagger test ours: pytest -p spacy_tagger_plugin --pyargs spacy.tests."""

import dataclasses
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.util import fix_random_seed, registry

from spacy_lstm_tagger.lstm_tagger import LSTMTagger, make_lstm_tagger

N_SEEDS = 6


def check_tagger() -> None:
    """Fail if `tagger` is spaCy's: its tests would then say nothing of ours."""
    component = spacy.blank("en").add_pipe("tagger")
    if not isinstance(component, LSTMTagger):
        raise pytest.UsageError(f"'tagger' gives {component!r}, not an LSTMTagger.")


def pytest_configure(config: Any) -> None:
    # Factories of entry points are registered when they are first asked for.
    spacy.blank("en").add_pipe("lstm_tagger")
    meta = Language.get_factory_meta("lstm_tagger")
    Language.set_factory_meta("tagger", dataclasses.replace(meta, factory="tagger"))
    registry.factories.register("tagger", func=make_lstm_tagger)
    check_tagger()


@pytest.fixture(autouse=True)
def seed(request: Any) -> None:
    """spaCy's tests train without a seed of their own."""
    fix_random_seed(getattr(request, "param", 0))


def pytest_generate_tests(metafunc: Any) -> None:
    # It wants the right tag for a word that it never saw: chance must not decide.
    if metafunc.function.__name__ == "test_incomplete_data":
        metafunc.parametrize("seed", range(N_SEEDS), indirect=True)


def pytest_sessionfinish(session: Any) -> None:
    check_tagger()
