"""Operations on arrays that numpy does not have, for all rooms."""

from typing import Iterator

import numpy
from numpy.typing import NDArray


def find_rows(
    known: NDArray, wanted: NDArray, n_special: int, unknown: int
) -> NDArray[numpy.int64]:
    """Look up values among sorted ones.

    known (NDArray): The sorted values. *Shape:* (n_known,)
    wanted (NDArray): The values to look up.
    n_special (int): The number of rows of the table before those of the values.
    unknown (int): The row of all other values.
    RETURNS (NDArray[numpy.int64]): Rows. *Shape:* that of `wanted`.
    """
    if not len(known):
        return numpy.full(wanted.shape, unknown, dtype="int64")
    position = numpy.minimum(numpy.searchsorted(known, wanted), len(known) - 1)
    return numpy.where(known[position] == wanted, position + n_special, unknown)


def split_by_total(lengths: NDArray[numpy.int64], limit: int) -> Iterator[slice]:
    """Yield slices that split things of these lengths into parts, in their order. The
    total length of a part is at most `limit`, unless it is a single longer thing."""
    ends = numpy.cumsum(lengths)
    first, before = 0, 0
    while first < len(ends):
        last = int(numpy.searchsorted(ends, before + limit, side="right"))
        last = max(last, first + 1)
        yield slice(first, last)
        first, before = last, int(ends[last - 1])
