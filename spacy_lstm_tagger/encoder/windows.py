"""Long sequences as overlapping windows, and windows as padded batches."""

from dataclasses import dataclass
from typing import List

import numpy
from numpy.typing import NDArray

# The most positions of one batch of training, or of tagging on a GPU, padding included:
# enough for matrix products to run at full speed, and little enough for memory to stay
# flat.
MAX_BATCH_POSITIONS = 8192


@dataclass(frozen=True)
class Windows:
    """Stretches of a flat sequence of tokens, each inside one document.

    All arrays have the *shape* (n_windows,). A window covers the tokens from
    `start` to `end`; the tokens from `keep_start` to `keep_end` take their
    vectors from it, the others are there as context.
    """

    start: NDArray[numpy.int64]
    end: NDArray[numpy.int64]
    keep_start: NDArray[numpy.int64]
    keep_end: NDArray[numpy.int64]


@dataclass(frozen=True)
class WindowBatch:
    """Windows of similar length, longest first, as one padded batch.

    tokens (NDArray[numpy.int64]): Positions in the flat sequence, 0 where padded.
        *Shape:* (n_windows, max_length)
    lengths (NDArray[numpy.int64]): *Shape:* (n_windows,)
    kept (NDArray[numpy.bool_]): True where the vector of the window is the one
        that the token takes. *Shape:* (n_windows, max_length)
    """

    tokens: NDArray[numpy.int64]
    lengths: NDArray[numpy.int64]
    kept: NDArray[numpy.bool_]


def validate_window(window: int, overlap: int) -> None:
    """Raise a ValueError if such windows would never reach the end of a document."""
    if overlap < 0 or window <= 2 * overlap:
        raise ValueError(
            f"Can't cut documents into windows of {window} tokens that share {overlap} "
            f"tokens with the window before and with the one after: 'window' needs to "
            f"be greater than 2 * 'window_overlap', and 'window_overlap' not negative."
        )


def cut_windows(
    doc_lengths: NDArray[numpy.int64], *, window: int, overlap: int
) -> Windows:
    """Cut documents into windows. A document is cut in the same way whatever documents
    are beside it. All windows of a long document have the same length, so that
    batches stay dense: the last one is moved back instead of being short.

    doc_lengths (NDArray[numpy.int64]): *Shape:* (n_docs,)
    window (int): The most tokens of a window.
    overlap (int): The least number of tokens of context that a window has on each
        side where the document goes on.
    """
    stride = window - 2 * overlap
    extra = numpy.maximum(doc_lengths - window, 0)
    if not extra.any():
        # Most batches, and for a single sentence the steps below take a while.
        end = numpy.cumsum(doc_lengths)[doc_lengths > 0]
        start = end - doc_lengths[doc_lengths > 0]
        return Windows(start=start, end=end, keep_start=start, keep_end=end)
    n_windows = numpy.where(doc_lengths > 0, 1 + -(-extra // stride), 0)
    doc = numpy.repeat(numpy.arange(len(doc_lengths)), n_windows)
    first_window = numpy.cumsum(n_windows) - n_windows
    index = numpy.arange(len(doc)) - first_window[doc]
    length = doc_lengths[doc]
    start = numpy.minimum(index * stride, numpy.maximum(length - window, 0))
    end = numpy.minimum(start + window, length)
    is_last = index == n_windows[doc] - 1
    keep_start = numpy.where(index == 0, 0, index * stride + overlap)
    keep_end = numpy.where(is_last, length, end - overlap)
    offset = (numpy.cumsum(doc_lengths) - doc_lengths)[doc]
    return Windows(
        start=start + offset,
        end=end + offset,
        keep_start=keep_start + offset,
        keep_end=keep_end + offset,
    )


def batch_windows(
    windows: Windows, *, max_positions: int = MAX_BATCH_POSITIONS
) -> List[WindowBatch]:
    """Sort windows by length, longest first, and pad them into batches of at
    most `max_positions` positions (one window, where that alone is longer)."""
    lengths = windows.end - windows.start
    order = numpy.argsort(-lengths, kind="stable")
    batches = []
    first = 0
    while first < len(order):
        n_windows = max(1, max_positions // int(lengths[order[first]]))
        batches.append(_pad(windows, order[first : first + n_windows]))
        first += n_windows
    return batches


def _pad(windows: Windows, selected: NDArray[numpy.int64]) -> WindowBatch:
    start, end = windows.start[selected, None], windows.end[selected, None]
    lengths = (end - start)[:, 0]
    tokens = start + numpy.arange(lengths.max())
    kept = (tokens >= windows.keep_start[selected, None]) & (
        tokens < windows.keep_end[selected, None]
    )
    return WindowBatch(
        tokens=numpy.where(tokens < end, tokens, 0), lengths=lengths, kept=kept
    )
