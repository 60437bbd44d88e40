"""The plots of a report, as SVG that takes its colors from the page."""

import io
import re
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Sequence

from markupsafe import Markup

from ..calibration import ConfidenceBin
from .accuracy import Accuracy

try:
    import matplotlib
    from matplotlib.figure import Figure
except ImportError as error:
    raise ImportError(
        "The plots of the report need matplotlib, which isn't installed. Install it "
        "with 'pip install \"spacy-lstm-tagger[report]\"'."
    ) from error

# The page is dark or light: text and axes are drawn in a color that nothing else has,
# and that is replaced by the color of the page's text.
TEXT = "#010203"
BLUE = "#3b82c4"
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


@contextmanager
def _figure(width: float, height: float) -> Iterator[Figure]:
    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def _to_svg(figure: Figure) -> Markup:
    buffer = io.StringIO()
    nothing = dict.fromkeys(["Creator", "Date", "Format", "Type"])
    figure.savefig(
        buffer, format="svg", transparent=True, bbox_inches="tight", metadata=nothing
    )
    svg = buffer.getvalue().replace(TEXT, "currentColor")
    # The groups of all plots have the same ids, which a page can't have twice.
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    return Markup(svg[svg.index("<svg") :])
