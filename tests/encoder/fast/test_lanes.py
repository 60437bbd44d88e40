from typing import List, Tuple

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import DOC_LENGTHS, window_settings

from spacy_lstm_tagger.encoder.fast import lanes as fast_lanes
from spacy_lstm_tagger.encoder.fast.lanes import (
    MAX_LAID_OUT,
    MAX_LANES,
    Lanes,
    lay_out_windows,
)
from spacy_lstm_tagger.encoder.windows import cut_windows


def runs_of(lanes: Lanes) -> List[numpy.ndarray]:
    """Find the tokens of each window in `lanes`: they come window after window."""
    step = numpy.diff(lanes.forward)
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
            numpy.testing.assert_array_equal(
                lanes.backward[run], lanes.forward[run][::-1]
            )


@given(DOC_LENGTHS, window_settings())
def test_no_two_tokens_meet_and_between_windows_a_step_is_free(
    lengths: numpy.ndarray, settings: Tuple[int, int]
) -> None:
    window, overlap = settings
    cut = cut_windows(lengths, window=window, overlap=overlap)
    for lanes in lay_out_windows(cut):
        taken = numpy.full(lanes.n_steps * lanes.n_lanes, -1)
        for number, run in enumerate(runs_of(lanes)):
            assert (taken[lanes.forward[run]] == -1).all()
            taken[lanes.forward[run]] = number
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
        patch.setattr(fast_lanes, "MAX_LANES", max_lanes)
        patch.setattr(fast_lanes, "MAX_LAID_OUT", max_laid_out)
        laid_out = lay_out_windows(cut)
    kept = [token for lanes in laid_out for token in lanes.tokens[lanes.kept]]
    assert sorted(kept) == list(range(lengths.sum()))
    for lanes in laid_out:
        assert lanes.n_lanes <= max_lanes
        assert len(lanes.tokens) <= max_laid_out or len(runs_of(lanes)) == 1
        for positions in (lanes.forward, lanes.backward):
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
