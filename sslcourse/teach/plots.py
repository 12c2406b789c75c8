"""Numbers as pictures: curves, a coloured table, points."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.teach.figures import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    TEXT,
    YELLOW,
    Picture,
    finish,
)

# colour is never the only difference: each line has its own dashes and marks, each class its mark
COLOURS = (BLUE, GREEN, PURPLE, YELLOW, SKY, BLACK, GREY, ORANGE)
DASHES = ("-", "--", "-.", ":")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "<", "*", ">")


def label_axes(axes: Axes, x_label: str, y_label: str) -> None:
    """Name both axes and take away the frame's upper right half."""
    axes.set_xlabel(x_label, fontsize=TEXT)
    axes.set_ylabel(y_label, fontsize=TEXT)
    axes.tick_params(labelsize=TEXT)
    axes.spines[["top", "right"]].set_visible(False)


def chance_line(axes: Axes, chance: float, name: str = "chance", *, below: bool = False) -> None:
    """A dashed horizontal line at the value that means "learned nothing".

    A second one, dotted, says with its name what else is no learning; its name stands below.
    """
    axes.axhline(chance, color=ORANGE, linestyle=":" if below else "--", linewidth=1.2)
    axes.annotate(
        name,
        (1, chance),
        xycoords=("axes fraction", "data"),
        xytext=(0, -2 if below else 2),
        textcoords="offset points",
        color=ORANGE,
        fontsize=TEXT,
        ha="right",
        va="top" if below else "bottom",
    )


def spread_apart(values: Sequence[float], gap: float) -> list[float]:
    """Move labels' heights up so that neighbours are at least `gap` apart."""
    placed, last = [0.0] * len(values), -np.inf
    for index in np.argsort(values, kind="stable"):
        last = placed[index] = max(values[index], last + gap)
    return placed


def draw_curves(
    axes: Axes,
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    scale: float,
    spread: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
) -> None:
    """Lines whose names stand at their right ends; a band where there is a spread."""
    ends = []
    for index, (name, (x, y)) in enumerate(lines.items()):
        if spread and name in spread:
            low, high = ([scale * value for value in edge] for edge in spread[name])
            colour = COLOURS[index % len(COLOURS)]
            axes.fill_between(list(x), low, high, color=colour, alpha=0.15, linewidth=0)
        shown = [scale * value for value in y]
        ends.append(shown[-1])
        axes.plot(
            list(x),
            shown,
            color=COLOURS[index % len(COLOURS)],
            linestyle=DASHES[index % len(DASHES)],
            marker=MARKS[index % len(MARKS)] if len(shown) <= 30 else None,
            markersize=5,
            linewidth=1.5,
        )
    low, high = axes.get_ylim()
    heights = spread_apart(ends, 0.075 * (high - low))
    for index, (name, height) in enumerate(zip(lines, heights, strict=True)):
        axes.annotate(
            name,
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            color=COLOURS[index % len(COLOURS)],
            fontsize=TEXT,
            va="center",
            annotation_clip=False,
        )


def curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    description: str,
    *,
    x_label: str,
    y_label: str,
    chance: float | None = None,
    chance_name: str = "chance",
    log_x: bool = False,
    x_ticks: Sequence[float] | None = None,
    percent: bool = False,
    spread: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
) -> Picture:
    """Some quantities against one, each line named at its right end.

    Args:
        lines: {name: (x values, y values)}; y are shares in [0, 1] where `percent`.
        description: the sentence.
        x_label: what the horizontal axis says.
        y_label: what the vertical axis says.
        chance: in units of y: the value that means "learned nothing", drawn as a dashed line.
        chance_name: what that line is called, such as "no difference".
        log_x: whether equal steps to the right multiply.
        x_ticks: which x values are named on the axis; by default round numbers.
        percent: whether to show shares as per cent.
        spread: {name: (lowest, highest y values)}, drawn as a band behind the line.
    """
    figure = Figure(figsize=(6.5, 3.0))
    axes = figure.subplots()
    if log_x:
        axes.set_xscale("log")
        ticks = sorted({value for x, _ in lines.values() for value in x})
        if len(ticks) <= 8:
            axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
            axes.minorticks_off()
    if x_ticks is not None:
        axes.set_xticks(list(x_ticks))
    scale = 100 if percent else 1
    if chance is not None:
        chance_line(axes, scale * chance, chance_name)
    draw_curves(axes, lines, scale, spread)
    label_axes(axes, x_label, y_label)
    return finish(figure, description)


def heat_table(
    rows: Mapping[str, Mapping[str, float]],
    description: str,
    *,
    label: str = "accuracy in %",
    chance: Mapping[str, float] | None = None,
) -> Picture:
    """A table of accuracies, darker where they stand further above chance.

    Args:
        rows: {row: {column: share in [0, 1]}}, the same columns in every row.
        description: the sentence.
        label: what the numbers are.
        chance: {column: share}, shown under the columns' names; 0 where there is none.
    """
    names, columns = list(rows), list(next(iter(rows.values())))
    values = np.array([[rows[row][column] for column in columns] for row in names])
    floor = np.array([(chance or {}).get(column, 0.0) for column in columns])
    height = ((values - floor) / (1 - floor)).clip(0, 1)
    figure = Figure(figsize=(1.15 * len(columns) + 2.6, 0.45 * len(names) + 1.0))
    axes = figure.subplots()
    axes.imshow(height, cmap="Blues", vmin=0, vmax=1.1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if height[row, column] > 0.6 else "black"
        text = f"{100 * value:.0f}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=TEXT + 1)
    heads = columns
    if chance:
        heads = [f"{column}\n(chance {100 * chance[column]:.3g})" for column in columns]
    axes.set_xticks(range(len(columns)), heads, fontsize=TEXT)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(names)), names, fontsize=TEXT)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(label, fontsize=TEXT)
    return finish(figure, description)


def draw_points(
    axes: Axes, points: Tensor, labels: Tensor, names: Sequence[str], title: str, size: float = 14
) -> None:
    """Points (N, 2) without ticks, one colour and mark for each class."""
    points, labels = torch.as_tensor(points).detach().cpu(), torch.as_tensor(labels).cpu()
    for index, name in enumerate(names):
        x, y = points[labels == index].T.numpy()
        colour = COLOURS[index % len(COLOURS)]
        axes.scatter(x, y, s=size, color=colour, marker=MARKS[index % len(MARKS)], label=name)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, fontsize=TEXT + 1)


def scatter(
    points: Tensor, labels: Tensor, names: Sequence[str], description: str, *, title: str = ""
) -> Picture:
    """Points in the plane, coloured and marked by class, with a legend.

    Args:
        points: (N, 2).
        labels: (N,), indices into `names`.
        names: of the classes.
        description: the sentence.
        title: what stands above.
    """
    figure = Figure(figsize=(6.0, 4.0))
    axes = figure.subplots()
    draw_points(axes, points, labels, names, title)
    axes.legend(fontsize=TEXT, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return finish(figure, description)
