import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, List, Set

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from spacy_lstm_tagger.encoder.fast.form_cache import FormCache

WIDTH = 3
FIRST_ROW = torch.full((1, WIDTH), -1.0)
FORM_BYTES = 4 * WIDTH


class Computed:
    """Makes rows that tell their form, which is the number of its token, and remembers
    of which it did."""

    def __init__(self) -> None:
        self.forms: List[int] = []

    def __call__(self, tokens: NDArray[numpy.int64]) -> Tensor:
        self.forms += tokens.tolist()
        return torch.from_numpy(tokens.astype("float32"))[:, None].repeat(1, WIDTH)


def look_up(
    cache: FormCache, compute: Callable[[NDArray[numpy.int64]], Tensor], *forms: int
) -> None:
    """Look up forms, and see that what comes back is theirs."""
    wanted = numpy.unique(numpy.asarray(forms, dtype="uint64"))
    table, rows = cache.look_up(wanted, wanted.astype("int64"), compute)
    found = table[torch.from_numpy(rows)]
    assert found.tolist() == [[float(form)] * WIDTH for form in wanted]
    assert torch.equal(table[:1], FIRST_ROW)


def test_a_form_is_computed_once() -> None:
    cache, computed = FormCache(FIRST_ROW), Computed()
    look_up(cache, computed, 5, 3)
    look_up(cache, computed, 9, 3, 4)
    look_up(cache, computed, 3, 4, 5, 9)
    assert sorted(computed.forms) == [3, 4, 5, 9]


def test_nothing_may_be_looked_up() -> None:
    look_up(FormCache(FIRST_ROW), Computed())


def test_a_full_cache_is_emptied_of_what_is_not_needed_now() -> None:
    cache, computed = FormCache(FIRST_ROW, max_bytes=4 * FORM_BYTES), Computed()
    look_up(cache, computed, 1, 2, 3, 4)
    look_up(cache, computed, 4, 5)
    assert computed.forms == [1, 2, 3, 4, 5]
    look_up(cache, computed, 1, 4, 5)
    assert computed.forms == [1, 2, 3, 4, 5, 1]


def test_more_forms_than_fit_are_right_when_they_are_needed_at_once() -> None:
    cache, computed = FormCache(FIRST_ROW, max_bytes=2 * FORM_BYTES), Computed()
    for _ in range(2):
        look_up(cache, computed, 1, 2, 3, 4, 5)
        look_up(cache, computed, 6)
    assert computed.forms == [1, 2, 3, 4, 5, 6] * 2


@given(st.lists(st.sets(st.integers(0, 12)), max_size=12), st.integers(0, 8))
def test_rows_are_right_whatever_was_looked_up_before(
    requests: List[Set[int]], max_forms: int
) -> None:
    cache, computed = FormCache(FIRST_ROW, max_bytes=max_forms * FORM_BYTES), Computed()
    for request in requests:
        look_up(cache, computed, *request)
    # What fits is never computed again.
    if len(set().union(*requests)) <= max_forms:
        assert len(computed.forms) == len(set(computed.forms))


def test_the_memory_of_the_table_is_bounded() -> None:
    cache, computed = FormCache(FIRST_ROW, max_bytes=100 * FORM_BYTES), Computed()
    for first in range(0, 5000, 10):
        forms = numpy.arange(first, first + 10, dtype="uint64")
        table, _ = cache.look_up(forms, forms.astype("int64"), computed)
        assert len(table) == 101


def test_a_table_has_room_from_the_first() -> None:
    """Tables that grew would leave gaps in the memory of the process."""
    cache, computed = FormCache(FIRST_ROW, max_bytes=100 * FORM_BYTES), Computed()
    places = set()
    for form in range(100):
        forms = numpy.asarray([form], dtype="uint64")
        table, _ = cache.look_up(forms, forms.astype("int64"), computed)
        places.add(table.data_ptr())
    assert len(places) == 1


def test_rows_that_were_handed_out_stay_as_they_are() -> None:
    cache, computed = FormCache(FIRST_ROW, max_bytes=4 * FORM_BYTES), Computed()
    forms = numpy.asarray([1, 2], dtype="uint64")
    table, rows = cache.look_up(forms, forms.astype("int64"), computed)
    for form in range(3, 20):
        look_up(cache, computed, form)
    assert table[torch.from_numpy(rows)][:, 0].tolist() == [1.0, 2.0]


def test_an_error_leaves_the_cache_as_it_was() -> None:
    cache, computed = FormCache(FIRST_ROW), Computed()
    look_up(cache, computed, 1)

    def fail(tokens: NDArray[numpy.int64]) -> Tensor:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        look_up(cache, fail, 1, 2)
    look_up(cache, computed, 1, 2)
    assert computed.forms == [1, 2]


def test_threads_get_the_rows_of_their_own_forms() -> None:
    cache, computed = FormCache(FIRST_ROW, max_bytes=50 * FORM_BYTES), Computed()
    is_busy = threading.Lock()

    def compute(tokens: NDArray[numpy.int64]) -> Tensor:
        # Two at a time would write into the same rows of the table.
        assert is_busy.acquire(blocking=False)
        time.sleep(0.0005)  # Lets other threads go on, as torch does.
        is_busy.release()
        return computed(tokens)

    def work(seed: int) -> None:
        generator = numpy.random.default_rng(seed)
        for _ in range(100):
            look_up(cache, compute, *generator.integers(0, 100, size=10).tolist())

    with ThreadPoolExecutor(max_workers=4) as executor:
        list(executor.map(work, range(4)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_does_not_wait_for_a_thread_of_its_parent() -> None:
    cache, computed = FormCache(FIRST_ROW), Computed()
    look_up(cache, computed, 1)
    is_computing, may_go_on = threading.Event(), threading.Event()

    def wait(tokens: NDArray[numpy.int64]) -> Tensor:
        is_computing.set()
        may_go_on.wait(60)
        return computed(tokens)

    forms = numpy.asarray([2], dtype="uint64")
    thread = threading.Thread(
        target=cache.look_up, args=(forms, forms.astype("int64"), wait)
    )
    thread.start()
    is_computing.wait(60)
    child = os.fork()
    if not child:
        signal.alarm(60)  # Ends a process that hangs.
        try:
            look_up(cache, computed, 1, 2, 3)
        except BaseException:
            os._exit(1)
        os._exit(0)
    may_go_on.set()
    thread.join()
    _, status = os.waitpid(child, 0)
    assert status == 0
    look_up(cache, computed, 1, 2)
