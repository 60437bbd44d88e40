"""The plots of a report, as SVG that takes its colors from the page."""

import io
import re
import warnings
from contextlib import contextmanager
from typing import (
    Any,
    Dict,
    Iterator,
    List,
    Literal,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

from markupsafe import Markup

from ..calibration import ConfidenceBin
from .accuracy import Accuracy

try:
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm, to_rgba
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
except ImportError as error:
    raise ImportError(
        "The plots of the report need matplotlib, which isn't installed. Install it "
        "with 'pip install \"spacy-lstm-tagger[report]\"'."
    ) from error

# The page is dark or light: text and axes are drawn in a color that nothing else has,
# and that is replaced by the color of the page's text.
TEXT = "#010203"
BLUE, ORANGE = "#3b82c4", "#e8590c"
# Inches of a cell of the confusion matrix.
CELL = 0.19
STYLE: Dict[Any, Any] = {
    "axes.edgecolor": TEXT,
    "axes.labelcolor": TEXT,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    # The same data makes the same file.
    "svg.hashsalt": "spacy_lstm_tagger",
    "svg.fonttype": "none",
    "text.color": TEXT,
    # Tags such as PRP$ are no formulas.
    "text.parse_math": False,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
}


def plot_accuracies(groups: Sequence[Accuracy], label: str) -> Markup:
    """Plot the accuracy of groups of tokens, those without tokens left out.

    groups (Sequence[Accuracy]): The groups.
    label (str): What the groups differ in.
    """
    found = [
        (group.name, 100 * group.value) for group in groups if group.value is not None
    ]
    names, values = [name for name, _ in found], [value for _, value in found]
    with _figure(6.2, 2.8) as figure:
        axes = figure.subplots()
        axes.plot(names, values, color=BLUE, marker="o", linewidth=1)
        for i, value in enumerate(values):
            axes.annotate(
                f"{value:.1f}",
                (i, value),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
            )
        axes.margins(x=0.08, y=0.25)
        # The margin is room for the labels, not for more than 100 %.
        axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= 100])
        axes.tick_params(axis="x", labelsize=8)
        axes.set_xlabel(label)
        axes.set_ylabel("accuracy (%)")
        axes.grid(axis="y", color=TEXT, alpha=0.15)
        return _to_svg(figure)


def plot_reliability(bins: Sequence[ConfidenceBin]) -> Markup:
    """Plot accuracy against confidence, over the number of tokens."""
    with _figure(4.8, 5.0) as figure:
        upper, lower = figure.subplots(
            2, sharex=True, gridspec_kw={"height_ratios": [3, 1]}
        )
        upper.plot([0, 1], [0, 1], color=TEXT, alpha=0.4, linestyle="--", linewidth=1)
        confidences = [group.confidence for group in bins]
        upper.plot(
            confidences,
            [group.accuracy for group in bins],
            color=BLUE,
            marker="o",
            linewidth=1,
            clip_on=False,
        )
        upper.set_ylabel("accuracy")
        upper.set_xlim(0, 1.02)
        upper.set_ylim(0, 1.05)
        upper.grid(color=TEXT, alpha=0.15)
        starts = [float(group.name.split()[0]) for group in bins]
        lower.bar(starts, [g.n_tokens for g in bins], 0.095, align="edge", color=BLUE)
        lower.set_yscale("log")
        lower.set_ylim(bottom=0.5)
        lower.yaxis.set_major_formatter("{x:,.0f}")
        lower.minorticks_off()
        lower.set_ylabel("tokens")
        lower.set_xlabel("confidence")
        return _to_svg(figure)


def plot_confusions(
    counts: Mapping[Tuple[str, str], int], tags: Sequence[str]
) -> Markup:
    """Plot a confusion matrix: numbers of tokens on a heat map of the share of each
    row. Right tags are gray, for the errors to be seen.

    counts (Mapping[Tuple[str, str], int]): Number of tokens with each gold tag and
        predicted tag.
    tags (Sequence[str]): The tags to plot.
    """
    size = CELL * len(tags)
    # However long the tags are: what is outside of the figure is not cut off.
    with _figure(size, size, layout=None) as figure:
        axes = figure.add_axes((0, 0, 1, 1))
        errors = _draw_cells(axes, counts, tags)
        if errors:
            _draw_scale(figure, errors)
        axes.set_xlim(0, len(tags))
        axes.set_ylim(len(tags), 0)
        centers = [i + 0.5 for i in range(len(tags))]
        axes.set_xticks(centers, tags, rotation=90)
        axes.set_yticks(centers, tags)
        axes.tick_params(length=0, top=True, labeltop=True)
        axes.set_xlabel("predicted tag")
        axes.set_ylabel("gold tag")
        axes.set_xticks(range(len(tags) + 1), minor=True)
        axes.set_yticks(range(len(tags) + 1), minor=True)
        axes.tick_params(which="minor", length=0)
        axes.grid(which="minor", color=TEXT, alpha=0.08, linewidth=0.5)
        return _to_svg(figure)


def _draw_cells(
    axes: Axes, counts: Mapping[Tuple[str, str], int], tags: Sequence[str]
) -> Optional[PatchCollection]:
    rows = {tag: i for i, tag in enumerate(tags)}
    totals: Dict[str, int] = {}
    for (gold, _), count in counts.items():
        totals[gold] = totals.get(gold, 0) + count
    errors: List[Rectangle] = []
    shares: List[float] = []
    for (gold, predicted), count in sorted(counts.items()):
        if gold not in rows or predicted not in rows:
            continue
        x, y = rows[predicted], rows[gold]
        if gold == predicted:
            axes.add_patch(Rectangle((x, y), 1, 1, color=TEXT, alpha=0.1, linewidth=0))
        else:
            errors.append(Rectangle((x, y), 1, 1))
            shares.append(100 * count / totals[gold])
        axes.text(x + 0.5, y + 0.5, _short(count), fontsize=6, ha="center", va="center")
    if not errors:
        return None
    colors = [to_rgba(ORANGE, 0.12), to_rgba(ORANGE, 1.0)]
    cells = PatchCollection(
        errors,
        cmap=LinearSegmentedColormap.from_list("errors", colors),
        norm=PowerNorm(0.5, vmin=0, vmax=max(shares)),
        linewidth=0,
    )
    cells.set_array(shares)
    axes.add_collection(cells)
    return cells


def _draw_scale(figure: Figure, cells: PatchCollection) -> None:
    """Draw the scale of colors to the right of the matrix, at most two inches high."""
    size = figure.get_figwidth()
    height = min(1.0, 2.0 / size)
    axes = figure.add_axes((1 + 0.25 / size, 1 - height, 0.1 / size, height))
    figure.colorbar(cells, cax=axes, label="share of the gold tag (%)")


def _short(count: int) -> str:
    """Format a number so that it fits into a cell."""
    return f"{count}" if count < 1000 else f"{count / 1000:.0f}k"


@contextmanager
def _figure(
    width: float,
    height: float,
    layout: Optional[Literal["constrained"]] = "constrained",
) -> Iterator[Figure]:
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # Tags in scripts that matplotlib's font lacks: the browser has others.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield Figure(figsize=(width, height), layout=layout)


def _to_svg(figure: Figure) -> Markup:
    buffer = io.StringIO()
    nothing = dict.fromkeys(["Creator", "Date", "Format", "Type"])
    figure.savefig(
        buffer, format="svg", transparent=True, bbox_inches="tight", metadata=nothing
    )
    svg = buffer.getvalue().replace(TEXT, "currentColor")
    # The groups of all plots have the same ids, which a page can't have twice.
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    # matplotlib has escaped the tags.
    return Markup(svg[svg.index("<svg") :])
