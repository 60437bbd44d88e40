"""Cut long chains in pieces that are read side by side.

A recursion over a chain forgets where it came from: after some tokens the result is
the same, whatever it started from. So a piece is read from a guess, and read again if
the piece before it does not confirm the guess. That is exact, and as long as the chain
does forget, the number of steps does not grow with its length. If it never does, pieces
are read one after the other in the end.
"""

from dataclasses import dataclass
from typing import Callable, Iterator, Tuple

import numpy
from numpy.typing import NDArray

# The number of tokens of a piece, and of those before it to guess its start from.
SIZE, CONTEXT = 256, 32
# The number of times that pieces are read again side by side.
MAX_GUESSES = 3


@dataclass(frozen=True)
class Pieces:
    """Pieces of chains, in their order.

    first (NDArray[numpy.int64]): The first token of each. *Shape:* (n_pieces,)
    lengths (NDArray[numpy.int64]): The number of tokens of each, at least 1.
        *Shape:* (n_pieces,)
    continues (NDArray[numpy.bool_]): True if the piece goes on where the one before
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
    """Yield the first tokens of all pieces, then the second ones, and so on. The
    longest pieces need to come first, so that those that have ended are the last."""
    for step in range(lengths[0] if len(lengths) else 0):
        n_read = numpy.searchsorted(-lengths, -step)
        yield first[:n_read] + step


def settle(
    find_wrong: Callable[[], NDArray[numpy.int64]],
    read_again: Callable[[NDArray[numpy.int64]], None],
) -> None:
    """Read pieces again that were read from a wrong guess, until there are none.

    find_wrong (Callable[[], NDArray[numpy.int64]]): Returns the pieces that were read
        from a guess that the piece before them does not confirm.
    read_again (Callable[[NDArray[numpy.int64]], None]): Reads pieces from what the
        pieces before them lead to.
    """
    n_rounds = 0
    while len(wrong := find_wrong()):
        if n_rounds >= MAX_GUESSES:
            # After a piece that is wrong, the next one would start from a wrong guess.
            wrong = wrong[~numpy.isin(wrong - 1, wrong)]
        read_again(wrong)
        n_rounds += 1


def longest_first(
    pieces: Pieces, chosen: NDArray[numpy.int64]
) -> Tuple[NDArray[numpy.int64], NDArray[numpy.int64], NDArray[numpy.int64]]:
    """Order chosen pieces as `steps` needs them.

    RETURNS (Tuple[NDArray, NDArray, NDArray]): The pieces, their first tokens and
        their lengths.
    """
    order = chosen[numpy.argsort(-pieces.lengths[chosen], kind="stable")]
    return order, pieces.first[order], pieces.lengths[order]
