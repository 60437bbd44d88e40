from typing import Iterator, List, Tuple

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import DOC_LENGTHS, window_settings

from spacy_lstm_tagger.encoder.windows import (
    MAX_BATCH_POSITIONS,
    batch_windows,
    cut_windows,
    validate_window,
)


def doc_bounds(lengths: numpy.ndarray, position: int) -> Tuple[int, int]:
    """Return the start and the end of the document of a token."""
    ends = numpy.cumsum(lengths)
    doc = int(numpy.searchsorted(ends, position, side="right"))
    return int(ends[doc] - lengths[doc]), int(ends[doc])


def cut_all(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> Iterator[Tuple[Tuple[int, int], Tuple[int, int], Tuple[int, int]]]:
    """Yield the bounds of each window, of what is kept of it and of its document."""
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    windows, kept = zip(cut.start, cut.end), zip(cut.keep_start, cut.keep_end)
    for bounds, kept_bounds in zip(windows, kept):
        yield bounds, kept_bounds, doc_bounds(lengths, bounds[0])


@given(DOC_LENGTHS, window_settings())
def test_every_token_is_kept_exactly_once(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    kept: List[int] = []
    for _, bounds, _ in cut_all(lengths, settings):
        kept.extend(range(*bounds))
    assert kept == list(range(lengths.sum()))


@given(DOC_LENGTHS, window_settings())
def test_a_window_lies_inside_one_document_and_keeps_tokens_of_its_own(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    for (start, end), (first, last), doc in cut_all(lengths, settings):
        assert doc[0] <= start <= first < last <= end <= doc[1]
        assert end - start <= settings[0]


@given(DOC_LENGTHS, window_settings())
def test_kept_tokens_have_context_wherever_the_document_goes_on(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    overlap = settings[1]
    for (start, end), (first, last), doc in cut_all(lengths, settings):
        assert first - start >= min(overlap, first - doc[0])
        assert end - last >= min(overlap, doc[1] - last)


@given(DOC_LENGTHS, window_settings())
def test_windows_of_a_long_document_are_all_of_full_length(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    for start, end in zip(cut.start, cut.end):
        doc_start, doc_end = doc_bounds(lengths, start)
        assert end - start == min(window, doc_end - doc_start)


@given(DOC_LENGTHS, window_settings())
def test_windows_do_not_depend_on_the_documents_beside(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    window, overlap = settings
    together = cut_windows(lengths, window=window, overlap=overlap)
    offset = 0
    alone = []
    for length in lengths:
        cut = cut_windows(numpy.asarray([length]), window=window, overlap=overlap)
        alone.extend((cut.start + offset).tolist())
        offset += length
    assert together.start.tolist() == alone


@given(DOC_LENGTHS, window_settings())
def test_the_cost_of_a_token_stays_flat(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    read = int((cut.end - cut.start).sum())
    stride = window - 2 * overlap
    # Each further window of a document brings at least one new token, and all
    # but the last bring `stride` of them.
    bound = sum(n if n <= window else (n / stride + 1) * window for n in lengths)
    assert read <= bound


@given(DOC_LENGTHS, window_settings(), st.integers(1, 200))
def test_batches_are_bounded(
    lengths: numpy.ndarray, settings: Tuple[int, int], max_positions: int
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    for batch in batch_windows(cut, max_positions=max_positions):
        n_windows, max_length = batch.tokens.shape
        assert n_windows == 1 or n_windows * max_length <= max_positions


@given(DOC_LENGTHS, window_settings(), st.integers(1, 200))
def test_batches_keep_every_token_exactly_once(
    lengths: numpy.ndarray, settings: Tuple[int, int], max_positions: int
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    batches = batch_windows(cut, max_positions=max_positions)
    kept = [token for batch in batches for token in batch.tokens[batch.kept]]
    assert sorted(kept) == list(range(lengths.sum()))


@given(DOC_LENGTHS, window_settings(), st.integers(1, 200))
def test_a_batch_holds_consecutive_tokens_longest_window_first(
    lengths: numpy.ndarray, settings: Tuple[int, int], max_positions: int
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    for batch in batch_windows(cut, max_positions=max_positions):
        assert (numpy.diff(batch.lengths) <= 0).all()
        for tokens, length, kept in zip(batch.tokens, batch.lengths, batch.kept):
            assert (numpy.diff(tokens[:length]) == 1).all()
            assert not kept[length:].any()


def test_a_huge_document_makes_many_full_batches_of_bounded_size() -> None:
    cut = cut_windows(numpy.asarray([1_000_000]), window=256, overlap=32)
    batches = batch_windows(cut)
    assert max(batch.tokens.size for batch in batches) <= MAX_BATCH_POSITIONS
    assert all((batch.lengths == 256).all() for batch in batches)
    assert sum(batch.tokens.size for batch in batches) < 1_000_000 * 1.35


@pytest.mark.parametrize("window, overlap", [(64, 32), (1, 1), (0, 0), (8, -1)])
def test_windows_that_make_no_progress_are_refused(window: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=f"{window} tokens"):
        validate_window(window, overlap)


@pytest.mark.parametrize("window, overlap", [(1, 0), (65, 32)])
def test_the_smallest_window_that_makes_progress_is_accepted(
    window: int, overlap: int
) -> None:
    validate_window(window, overlap)
    cut = cut_windows(numpy.asarray([200]), window=window, overlap=overlap)
    assert (cut.keep_end - cut.keep_start).sum() == 200
