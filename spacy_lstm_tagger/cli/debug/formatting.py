"""Figures as `debug lstm-tagger` prints them."""

from typing import Iterable, Mapping, Optional, Sequence, Tuple

from wasabi import Printer


def format_count(lengths: Sequence[int]) -> str:
    """Format the number of lengths; a dash if there are none."""
    return str(len(lengths)) if lengths else "-"


def format_spread(lengths: Sequence[int]) -> str:
    """Format the average and the greatest length."""
    if not lengths:
        return "-"
    return f"{sum(lengths) / len(lengths):.1f} (max {max(lengths)})"


def format_labels(counts: Mapping[str, int], limit: Optional[int] = None) -> str:
    """Format names with their counts, the most frequent first: `limit` of them."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"'{name}' ({count})" for name, count in ordered[:limit])


def print_table(
    msg: Printer,
    rows: Iterable[Tuple[str, ...]],
    header: Tuple[str, ...],
    aligns: Tuple[str, ...] = ("l", "r", "r"),
) -> None:
    """Print a table. By default, all columns but the first are numbers."""
    msg.table(list(rows), header=header, divider=True, aligns=aligns)
