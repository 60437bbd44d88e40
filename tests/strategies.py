"""Hypothesis strategies that several test files use."""

from typing import Any, Tuple

import numpy
from hypothesis import strategies as st

# The lengths of up to eight documents.
DOC_LENGTHS = st.lists(st.integers(0, 90), max_size=8).map(
    lambda lengths: numpy.asarray(lengths, dtype="int64")
)


@st.composite
def window_settings(draw: Any) -> Tuple[int, int]:
    """Return a valid window and its overlap."""
    overlap = draw(st.integers(0, 6))
    return draw(st.integers(2 * overlap + 1, 2 * overlap + 20)), overlap
