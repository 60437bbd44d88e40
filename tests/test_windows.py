from typing import Any, List, Tuple

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_lstm_tagger import windows
from spacy_lstm_tagger.windows import (
    MAX_BATCH_POSITIONS,
    MAX_LAID_OUT,
    MAX_LANES,
    Lanes,
    batch_windows,
    cut_windows,
    lay_out_windows,
    validate_window,
)

DOC_LENGTHS = st.lists(st.integers(0, 90), max_size=8).map(
    lambda lengths: numpy.asarray(lengths, dtype="int64")
)


@st.composite
def window_settings(draw: Any) -> Tuple[int, int]:
    overlap = draw(st.integers(0, 6))
    return draw(st.integers(2 * overlap + 1, 2 * overlap + 20)), overlap


def doc_bounds(lengths: numpy.ndarray, position: int) -> Tuple[int, int]:
    """Where the document of a token begins and ends."""
    ends = numpy.cumsum(lengths)
    doc = int(numpy.searchsorted(ends, position, side="right"))
    return int(ends[doc] - lengths[doc]), int(ends[doc])


@given(DOC_LENGTHS, window_settings())
def test_every_token_is_kept_exactly_once(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    kept: List[int] = []
    for start, end in zip(cut.keep_start, cut.keep_end):
        kept.extend(range(start, end))
    assert kept == list(range(lengths.sum()))


@given(DOC_LENGTHS, window_settings())
def test_a_window_lies_inside_one_document_and_keeps_tokens_of_its_own(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    for start, end, first, last in zip(
        cut.start, cut.end, cut.keep_start, cut.keep_end
    ):
        doc_start, doc_end = doc_bounds(lengths, start)
        assert doc_start <= start <= first < last <= end <= doc_end
        assert end - start <= window


@given(DOC_LENGTHS, window_settings())
def test_kept_tokens_have_context_wherever_the_document_goes_on(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    for start, end, first, last in zip(
        cut.start, cut.end, cut.keep_start, cut.keep_end
    ):
        doc_start, doc_end = doc_bounds(lengths, start)
        assert first - start >= min(overlap, first - doc_start)
        assert end - last >= min(overlap, doc_end - last)


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


def runs_of(lanes: Lanes) -> List[numpy.ndarray]:
    """Where in `lanes` the tokens of each window are: they come window after window."""
    step = numpy.diff(lanes.ahead)
    return numpy.split(
        numpy.arange(len(lanes.tokens)), numpy.flatnonzero(step != lanes.n_lanes) + 1
    )


@given(DOC_LENGTHS, window_settings())
def test_lanes_keep_every_token_exactly_once(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    window, overlap = settings
    laid_out = lay_out_windows(cut_windows(lengths, window=window, overlap=overlap))
    kept = [token for lanes in laid_out for token in lanes.tokens[lanes.kept]]
    assert sorted(kept) == list(range(lengths.sum()))


@given(DOC_LENGTHS, window_settings())
def test_each_window_stands_in_one_lane_step_after_step(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    found: List[Tuple[int, int]] = []
    for lanes in lay_out_windows(cut):
        for tokens in (lanes.tokens[run] for run in runs_of(lanes)):
            assert (numpy.diff(tokens) == 1).all()
            found.append((tokens[0], tokens[-1] + 1))
    assert sorted(found) == sorted(zip(cut.start, cut.end))


@given(DOC_LENGTHS, window_settings())
def test_the_directions_read_a_window_the_two_ways_round(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    for lanes in lay_out_windows(cut):
        for run in runs_of(lanes):
            numpy.testing.assert_array_equal(lanes.back[run], lanes.ahead[run][::-1])


@given(DOC_LENGTHS, window_settings())
def test_no_two_tokens_meet_and_between_windows_a_step_is_free(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    for lanes in lay_out_windows(cut):
        taken = numpy.full(lanes.n_steps * lanes.n_lanes, -1)
        for number, run in enumerate(runs_of(lanes)):
            assert (taken[lanes.ahead[run]] == -1).all()
            taken[lanes.ahead[run]] = number
        for lane in taken.reshape(lanes.n_steps, lanes.n_lanes).T:
            before, after = lane[:-1], lane[1:]
            assert ((before == after) | (before == -1) | (after == -1)).all()


@given(DOC_LENGTHS, window_settings())
def test_lanes_are_bounded_and_mostly_filled(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    for lanes in lay_out_windows(cut):
        assert lanes.n_lanes <= MAX_LANES and len(lanes.tokens) <= MAX_LAID_OUT
        # What is free is what the windows are apart, and less than one more a lane.
        longest = max(len(run) for run in runs_of(lanes)) + 1
        n_needed = len(lanes.tokens) + len(runs_of(lanes))
        assert lanes.n_steps * lanes.n_lanes < n_needed + longest * lanes.n_lanes


@given(DOC_LENGTHS, window_settings(), st.integers(1, 5), st.integers(1, 60))
def test_windows_in_several_lots_of_lanes_lose_no_token(
    lengths: numpy.ndarray,
    settings: Tuple[int, int],
    max_lanes: int,
    max_laid_out: int,
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "MAX_LANES", max_lanes)
        patch.setattr(windows, "MAX_LAID_OUT", max_laid_out)
        laid_out = lay_out_windows(cut)
    kept = [token for lanes in laid_out for token in lanes.tokens[lanes.kept]]
    assert sorted(kept) == list(range(lengths.sum()))
    for lanes in laid_out:
        assert lanes.n_lanes <= max_lanes
        assert len(lanes.tokens) <= max_laid_out or len(runs_of(lanes)) == 1
        for positions in (lanes.ahead, lanes.back):
            assert positions.max() < lanes.n_steps * lanes.n_lanes


def test_no_windows_have_no_lanes() -> None:
    cut = cut_windows(numpy.asarray([0, 0]), window=8, overlap=2)
    assert lay_out_windows(cut) == []


@pytest.mark.parametrize(
    "lengths, window", [([100] * 1000, 256), ([40_000, 10], 50_000)]
)
def test_windows_that_are_laid_out_together_are_bounded(
    lengths: List[int], window: int
) -> None:
    cut = cut_windows(numpy.asarray(lengths), window=window, overlap=32)
    for lanes in lay_out_windows(cut):
        assert len(runs_of(lanes)) == 1 or len(lanes.tokens) <= MAX_LAID_OUT


def test_a_huge_document_makes_many_full_lanes_of_bounded_size() -> None:
    cut = cut_windows(numpy.asarray([1_000_000]), window=256, overlap=32)
    laid_out = lay_out_windows(cut)
    assert max(len(lanes.tokens) for lanes in laid_out) <= MAX_LAID_OUT
    assert {lanes.n_lanes for lanes in laid_out[:-1]} == {MAX_LANES}
    assert {lanes.n_steps for lanes in laid_out} == {256}


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
