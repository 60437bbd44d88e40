"""Windows laid out in lanes: dense batches for tagging, whatever their lengths."""

import heapq
from dataclasses import dataclass
from typing import List, Tuple

import numpy
import torch
from numpy.typing import NDArray

from ...arrays import split_by_total
from ..windows import Windows
from .tagging_encoder import LaneTensors

# The most lanes that tagging reads side by side. With more of them the gates no longer
# fit into the CPU's caches, with fewer the matrix products are slower.
MAX_LANES = 128
# The most tokens of the windows that are laid out together, unless it is one window.
MAX_LAID_OUT = 32768


@dataclass(frozen=True)
class Lanes:
    """Windows laid out in lanes, one after the other with at least one step between
    them, so that nearly all steps of all lanes have something to read.

    A position is a step of a lane: step * n_lanes + lane.

    n_lanes (int): The number of lanes.
    n_steps (int): The number of steps of each.
    tokens (NDArray[numpy.int64]): The tokens of the windows, as positions in the flat
        sequence. *Shape:* (n_tokens,)
    forward (NDArray[numpy.int64]): The position at which the forward direction meets
        each of them. *Shape:* (n_tokens,)
    backward (NDArray[numpy.int64]): The same for the backward direction.
        *Shape:* (n_tokens,)
    kept (NDArray[numpy.bool_]): True where the vector of the window is the one that
        the token takes. *Shape:* (n_tokens,)
    """

    n_lanes: int
    n_steps: int
    tokens: NDArray[numpy.int64]
    forward: NDArray[numpy.int64]
    backward: NDArray[numpy.int64]
    kept: NDArray[numpy.bool_]


def lay_out_windows(windows: Windows) -> List[Lanes]:
    """Sort windows by length and lay them out in batches of at most `MAX_LAID_OUT`
    tokens, or a single window, in at most `MAX_LANES` lanes."""
    lengths = windows.end - windows.start
    order = numpy.argsort(-lengths, kind="stable")
    return [
        _lay_out(windows, order[batch])
        for batch in split_by_total(lengths[order], MAX_LAID_OUT)
    ]


def _lay_out(windows: Windows, selected: NDArray[numpy.int64]) -> Lanes:
    lengths = (windows.end - windows.start)[selected]
    n_lanes = min(MAX_LANES, -(-int((lengths + 1).sum()) // int(lengths[0] + 1)))
    lane, first_step, n_steps = _fill_lanes(lengths, n_lanes)
    window = numpy.repeat(numpy.arange(len(lengths)), lengths)
    first_token = numpy.cumsum(lengths) - lengths
    step = numpy.arange(len(window)) - first_token[window]
    tokens = windows.start[selected][window] + step
    backward_step = first_step[window] + lengths[window] - 1 - step
    return Lanes(
        n_lanes=n_lanes,
        n_steps=n_steps,
        tokens=tokens,
        forward=(first_step[window] + step) * n_lanes + lane[window],
        backward=backward_step * n_lanes + lane[window],
        kept=(tokens >= windows.keep_start[selected][window])
        & (tokens < windows.keep_end[selected][window]),
    )


def _fill_lanes(
    lengths: NDArray[numpy.int64], n_lanes: int
) -> Tuple[NDArray[numpy.int64], NDArray[numpy.int64], int]:
    """Put each window, the longest first, into the lane that has been filled least
    (Graham, 1969). RETURNS: The lane and the first step of each, and the steps of the
    longest lane."""
    filled = [(0, lane) for lane in range(n_lanes)]
    places = []
    for length in lengths.tolist():
        step, lane = filled[0]
        places.append((lane, step))
        heapq.heapreplace(filled, (step + length + 1, lane))
    lanes, steps = numpy.asarray(places, dtype="int64").T
    return lanes, steps, max(filled)[0] - 1


def lane_tensors(lanes: Lanes) -> LaneTensors:
    """Return windows laid out in lanes as tensors, on the CPU."""
    return LaneTensors(
        n_lanes=lanes.n_lanes,
        n_steps=lanes.n_steps,
        forward=torch.from_numpy(lanes.forward),
        backward=torch.from_numpy(lanes.backward),
        kept=torch.from_numpy(numpy.flatnonzero(lanes.kept)),
    )
