"""Figures as `debug lstm-tagger` prints them."""

from typing import Iterable, Mapping, Optional, Sequence, Tuple

from wasabi import Printer


def format_count(lengths: Sequence[int]) -> str:
    """How many there are, if that is known."""
    return str(len(lengths)) if lengths else "-"


def format_spread(lengths: Sequence[int]) -> str:
    """The average and the greatest."""
    if not lengths:
        return "-"
    return f"{sum(lengths) / len(lengths):.1f} (max {max(lengths)})"


def format_labels(counts: Mapping[str, int], limit: Optional[int] = None) -> str:
    """The names with their counts, most frequent first: only `limit` of them."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"'{name}' ({count})" for name, count in ordered[:limit])


def print_table(
    msg: Printer,
    rows: Iterable[Tuple[str, ...]],
    header: Tuple[str, ...],
    aligns: Tuple[str, ...] = ("l", "r", "r"),
) -> None:
    """A table whose columns are, but for the first, numbers."""
    msg.table(list(rows), header=header, divider=True, aligns=aligns)
