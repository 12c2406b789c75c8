"""How cost grows: what grows, by which power, and the picture of it.

An exponent is the slope of a straight line through the logarithms (least squares): 1 doubles the
cost with the work, 2 makes it four times as much. Beside it stand the smallest and the largest
slope between neighbouring points.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from sslcourse.comparison.tables import NAMES
from sslcourse.results import Results
from sslcourse.teach.figures import TEXT, Picture, finish
from sslcourse.teach.plots import COLOURS, DASHES, MARKS, label_axes

SIX = ("simclr", "moco", "swav", "mae", "beit", "dino")


@dataclass(frozen=True)
class Axis:
    """What grows.

    Attributes:
        title: what its values count.
        lines: methods, or for data where the images are.
        values: that are measured.
        more: larger ones, for `--all`.
    """

    title: str
    lines: tuple[str, ...]
    values: tuple[int, ...]
    more: tuple[int, ...] = ()


AXES = {
    "batch": Axis("images a step", SIX, (64, 256, 1_024), (2_048, 4_096)),
    "side": Axis("pixels a side", ("simclr", "mae", "dino"), (32, 64, 96, 128), (160, 224)),
    "queue": Axis("keys in the queue", ("moco",), (1_024, 4_096, 16_384, 65_536)),
    "crops": Axis("views of an image", ("swav", "dino"), (2, 4, 6, 8, 10)),
    "data": Axis("images", ("drawn", "file"), (1_000, 4_000, 16_000), (125_000, 1_000_000)),
}
MEASURES = {"ms": "milliseconds a step", "MiB": "memory, MiB"}


class Exponent(NamedTuple):
    """How fast a cost grows.

    Attributes:
        slope: of the straight line through all points.
        low: the smallest slope between neighbours.
        high: the largest.
        first: the smallest value that was measured.
        last: the largest.
    """

    slope: float
    low: float
    high: float
    first: float
    last: float

    def __str__(self) -> str:
        slope, low, high = (f"{round(x, 2) + 0.0:.2f}" for x in self[:3])  # no "-0.00"
        return f"{slope} ({low} to {high}), from {self.first:g} to {self.last:g}"


def fit_exponent(points: Mapping[float, float]) -> Exponent:
    """The exponent of a cost.

    Args:
        points: {how much work: cost}, at least two, all greater than 0.

    Raises:
        ValueError: fewer points, or one that has no logarithm.
    """
    if len(points) < 2 or min(*points, *points.values()) <= 0:
        raise ValueError(f"need two points or more, all above 0, got {dict(points)}.")
    x, y = np.log(sorted(points.items())).T
    between = np.diff(y) / np.diff(x)
    slope = np.polyfit(x, y, 1)[0]
    return Exponent(*map(float, (slope, between.min(), between.max(), min(points), max(points))))


def points_of(results: Results, axis: str, line: str, what: str) -> dict[float, float]:
    """{value: cost} of one line; costs too small to be seen are left out."""
    found = {}
    for name, row in results.rows.items():
        if name.rpartition(", ")[0] == f"{axis}, {line}" and row.get(what, 0) > 0:
            found[row["value"]] = row[what]
    return dict(sorted(found.items()))


def exponents(results: Results) -> dict[tuple[str, str, str], Exponent]:
    """{(axis, line, measure): exponent}, where there are points enough."""
    found = {}
    for axis, what in AXES.items():
        for line in what.lines:
            for measure in (*MEASURES, "s to make"):
                points = points_of(results, axis, line, measure)
                if len(points) > 1:
                    found[axis, line, measure] = fit_exponent(points)
    return found


def draw(results: Results) -> Picture:
    """One column for each axis, time above memory; both scales are logarithmic."""
    slopes = exponents(results)
    shown = [axis for axis in AXES if any(key[0] == axis for key in slopes)]
    figure = Figure(figsize=(3.4 * len(shown), 6.4), layout="constrained")
    # one scale for all columns, so that what hardly grows looks so
    grid = figure.subplots(2, len(shown), squeeze=False, sharey="row")
    for column, axis in enumerate(shown):
        for axes, (measure, label) in zip(grid[:, column], MEASURES.items(), strict=True):
            for number, line in enumerate(AXES[axis].lines):
                points = points_of(results, axis, line, measure)
                slope = slopes.get((axis, line, measure))
                name = NAMES.get(line, line) + (f" {slope.slope:.2f}" if slope else "")
                style = {"color": COLOURS[number], "marker": MARKS[number], "label": name}
                axes.plot(
                    list(points), list(points.values()), DASHES[number % len(DASHES)], **style
                )
            axes.set(xscale="log", yscale="log")
            plain_ticks(axes)
            label_axes(axes, AXES[axis].title, "" if column else label)
            axes.legend(fontsize=TEXT - 2, frameon=False)
    told = [
        f"{axis}, {line}: {e.slope:.2f}" for (axis, line, what), e in slopes.items() if what == "ms"
    ]
    return finish(
        figure,
        "Milliseconds of a training step, and its memory below, against how much work it has; "
        f"straight lines are powers. Exponents of the time: {'; '.join(told)}.",
    )


def plain_ticks(axes: Axes) -> None:
    """Numbers instead of powers: below, those that were measured; beside, 1, 2 and 5 times ten."""
    measured = sorted({x for line in axes.get_lines() for x in line.get_xdata()})
    places = measured if len(measured) < 6 else measured[::2]
    axes.set_xticks(places, [short(x) for x in places])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def short(count: float) -> str:
    """65536 -> "64k", 16000 -> "16k", 1000000 -> "1M"."""
    thousand = 1_024 if count % 1_024 == 0 else 1_000
    for power, letter in ((2, "M"), (1, "k")):
        if count >= thousand**power:
            return f"{count / thousand**power:g}{letter}"
    return f"{count:g}"
