"""Progress bars, the same in every room."""

from typing import Iterable, Iterator, TypeVar

import tqdm

Item = TypeVar("Item")
# Shorter work needs no progress bar.
SECONDS = 2


def show_progress(
    items: Iterable[Item], title: str, *, unit: str, hide: bool = False
) -> Iterator[Item]:
    """Yield items. If that takes longer than two seconds, show a progress bar on
    standard error while it goes on, provided that this is a terminal.

    title (str): The work that is done.
    unit (str): The name of an item.
    hide (bool): Whether to show nothing all the same.
    """
    disable = True if hide else None
    yield from tqdm.tqdm(
        items, desc=title, unit=unit, delay=SECONDS, leave=False, disable=disable
    )


def make_byte_bar(title: str, total: int) -> "tqdm.tqdm":
    """Return a progress bar for the bytes of files, which appears as that of
    `show_progress` does. Use it in a `with`, and call its `update`.

    title (str): The work that is done.
    total (int): The number of bytes.
    """
    return tqdm.tqdm(
        desc=title,
        total=total,
        unit="B",
        unit_scale=True,
        delay=SECONDS,
        leave=False,
        disable=None,
    )


def leave_out_of_estimate(bar: "tqdm.tqdm", n: int) -> None:
    """Let the estimate of a bar leave out what was done before. Call its `update`, too.

    n (int): How much of it was done.
    """
    # A bar that is not shown has no start.
    if not bar.disable:
        bar.initial += n
