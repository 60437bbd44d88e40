"""The plot of accuracy against speed, as SVG that is readable on white and on black."""

from pathlib import Path
from typing import List, NamedTuple

import matplotlib
from contestants import STOCK, STOCK_BILSTM
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox

from spacy_lstm_tagger.evaluation.report.plots import BLUE, ORANGE, STYLE, TEXT

# As far from white as from the black of dark pages.
GRAY = "#797979"
# How far from its point a label stands, in points: the nearest place that is free.
NEAR = 9
DISTANCES = (NEAR, 18, 30, 44)


class Place(NamedTuple):
    """Where a label may stand: the way from its point, and its side that is there."""

    x: float
    y: float
    align: str


PLACES = [
    place
    for distance in DISTANCES
    for place in (
        Place(distance, -3, "left"),
        Place(-distance, -3, "right"),
        Place(0, distance, "center"),
        Place(0, -distance - 6, "center"),
        Place(distance, distance, "left"),
        Place(-distance, distance, "right"),
        Place(distance, -distance - 6, "left"),
        Place(-distance, -distance - 6, "right"),
    )
]


class Point(NamedTuple):
    """A pipeline. `accuracy` is in per cent."""

    name: str
    speed: float
    accuracy: float


def plot(points: List[Point], path: Path) -> None:
    """Write the plot."""
    style = {k: GRAY if v == TEXT else v for k, v in STYLE.items()}
    # As curves: pages show an image without the fonts that it was made with.
    style["svg.fonttype"] = "path"
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(6.6, 4.0), layout="constrained")
        # What tells how wide a label is.
        canvas = FigureCanvasAgg(figure)
        axes = figure.subplots()
        for point in points:
            is_stock = point.name in (STOCK, STOCK_BILSTM)
            color = ORANGE if is_stock else BLUE
            axes.plot(point.speed, point.accuracy, color=color, marker="o")
        draw_axes(axes)
        # So that nothing moves anymore.
        canvas.draw()
        figure.set_layout_engine("none")
        place_labels(axes, points, canvas)
        nothing = dict.fromkeys(["Creator", "Date", "Format", "Type"])
        figure.savefig(path, format="svg", transparent=True, metadata=nothing)


def draw_axes(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.margins(x=0.15, y=0.15)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("words a second on tokenised Docs, one thread")
    axes.set_ylabel("tag accuracy on the development data (%)")
    axes.grid(color=GRAY, alpha=0.25)


def place_labels(axes: Axes, points: List[Point], canvas: FigureCanvasAgg) -> None:
    """Put the name of each point where there is neither a point nor another name."""
    taken = []
    for point in points:
        x, y = axes.transData.transform((point.speed, point.accuracy))
        taken.append(Bbox.from_bounds(x - 5, y - 5, 10, 10))
    for point in points:
        for place in PLACES:
            label = draw_label(axes, point, place)
            label.update_positions(canvas.get_renderer())
            # Of the text, without the line to its point.
            box = Text.get_window_extent(label, canvas.get_renderer())
            is_inside = axes.bbox.x0 < box.x0 and box.x1 < axes.figure.bbox.x1
            if is_inside and not box.count_overlaps(taken):
                break
            label.remove()
        else:
            draw_label(axes, point, PLACES[0])
        taken.append(box)


def draw_label(axes: Axes, point: Point, place: Place) -> Annotation:
    is_far = max(abs(place.x), abs(place.y)) > NEAR + 6
    line = {"arrowstyle": "-", "color": GRAY, "linewidth": 0.5, "shrinkB": 4}
    return axes.annotate(
        point.name,
        (point.speed, point.accuracy),
        xytext=(place.x, place.y),
        textcoords="offset points",
        ha=place.align,
        arrowprops=line if is_far else None,
    )
