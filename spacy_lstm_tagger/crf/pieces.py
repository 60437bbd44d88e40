"""Long chains are cut in pieces that are read side by side.

A recursion over a chain forgets where it came from: after some tokens the result is
the same, whatever it started from. So a piece is read from a guess, and read again if
the piece before it does not confirm the guess. That is exact, and the number of steps
does not grow with the length of a chain.
"""

from dataclasses import dataclass
from typing import Callable, Iterator, Tuple

import numpy
from numpy.typing import NDArray

# How many tokens make a piece, and how many before it are read to guess from.
SIZE, CONTEXT = 256, 32


@dataclass(frozen=True)
class Pieces:
    """Pieces of chains, in their order.

    first (NDArray[numpy.int64]): The first token of each. *Shape:* (n_pieces,)
    lengths (NDArray[numpy.int64]): The number of tokens of each, at least 1.
        *Shape:* (n_pieces,)
    continues (NDArray[numpy.bool_]): Whether the piece goes on where the one before
        it stops. *Shape:* (n_pieces,)
    """

    first: NDArray[numpy.int64]
    lengths: NDArray[numpy.int64]
    continues: NDArray[numpy.bool_]


def cut_pieces(lengths: NDArray[numpy.int64]) -> Pieces:
    """Cut chains of these lengths, which stand one after the other."""
    n_pieces = -(-lengths // SIZE)
    chains = numpy.repeat(numpy.arange(len(lengths)), n_pieces)
    position = numpy.arange(len(chains)) - (numpy.cumsum(n_pieces) - n_pieces)[chains]
    start = (numpy.cumsum(lengths) - lengths)[chains]
    return Pieces(
        first=start + position * SIZE,
        lengths=numpy.minimum(SIZE, lengths[chains] - position * SIZE),
        continues=position > 0,
    )


def steps(
    first: NDArray[numpy.int64], lengths: NDArray[numpy.int64]
) -> Iterator[NDArray[numpy.int64]]:
    """The first tokens of all pieces, then the second ones, and so on. Pieces need to
    come with the longest first: those that have ended are the last ones."""
    for step in range(lengths[0] if len(lengths) else 0):
        n_read = numpy.searchsorted(-lengths, -step)
        yield first[:n_read] + step


def settle(
    n_pieces: int,
    find_wrong: Callable[[], NDArray[numpy.int64]],
    read: Callable[[NDArray[numpy.int64]], None],
) -> None:
    """Read all pieces, and again those that were read from a wrong guess.

    find_wrong (Callable[[], NDArray[numpy.int64]]): Corrects guesses that differ from
        what the neighbour says, and returns the pieces that have them.
    read (Callable[[NDArray[numpy.int64]], None]): Reads pieces from their guesses.
    """
    wrong = numpy.arange(n_pieces)
    while len(wrong):
        read(wrong)
        wrong = find_wrong()


def longest_first(
    pieces: Pieces, chosen: NDArray[numpy.int64]
) -> Tuple[NDArray[numpy.int64], NDArray[numpy.int64], NDArray[numpy.int64]]:
    """Order chosen pieces as `steps` needs them.

    RETURNS (Tuple[NDArray, NDArray, NDArray]): The pieces, their first tokens and
        their lengths.
    """
    order = chosen[numpy.argsort(-pieces.lengths[chosen], kind="stable")]
    return order, pieces.first[order], pieces.lengths[order]
