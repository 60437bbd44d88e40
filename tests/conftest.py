import os
from typing import Any, List

# More threads gain nothing at this size and, where cores are busy, wait for each other
# many times as long as they compute. Read by torch when it is imported, here and in
# all processes that tests start.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
from hypothesis import HealthCheck, settings
from spacy.language import Language
from tqdm import tqdm
from util import make_trained

# No test fails because a machine is slow.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def shared_trained() -> Language:
    """A pipeline that knows TRAIN_DATA, for tests that only tag with it."""
    return make_trained()


@pytest.fixture
def trained() -> Language:
    """A pipeline that knows TRAIN_DATA, for tests that change it."""
    return make_trained()


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> List[tqdm]:
    """The progress bars that wait for two seconds, which are shown at once."""
    shown: List[tqdm] = []

    class Bar(tqdm):
        def __init__(self, **settings: Any) -> None:
            assert settings["delay"] == 2
            super().__init__(**{**settings, "delay": 0, "disable": False})
            shown.append(self)

    monkeypatch.setattr("tqdm.tqdm", Bar)
    return shown
