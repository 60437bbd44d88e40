from typing import Iterator

import pytest
import torch
from spacy.language import Language
from util import make_trained


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """More threads gain nothing at this size, and take cores from other work."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="session")
def shared_trained() -> Language:
    """A pipeline that knows TRAIN_DATA, for tests that only tag with it."""
    return make_trained()


@pytest.fixture
def trained() -> Language:
    """A pipeline that knows TRAIN_DATA, for tests that change it."""
    return make_trained()
