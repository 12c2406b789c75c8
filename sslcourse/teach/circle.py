"""Points on a circle: embeddings of two dimensions, small enough to look at.

An arrangement is a tensor (2N, 2) of unit length: the first views of N images, then their second
views, in the order of `torch.cat([z1, z2])`. First views are drawn on the circle as filled marks,
second views on a ring around it as open marks, so that a pair that agrees stays visible: two marks
of one kind at one angle.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.evaluate import alignment, uniformity
from sslcourse.teach.figures import BLACK, BLUE, GREY, ORANGE, SKY, TEXT, Picture, finish
from sslcourse.teach.plots import COLOURS, MARKS, chance_line, draw_curves, label_axes, spread_apart

RING = 1.16  # radius at which second views are drawn
BELOW = {"fontsize": TEXT, "ha": "right", "va": "top"}


def draw_circle(
    axes: Axes,
    points: Tensor,
    *,
    groups: Sequence[int] | None = None,
    joined: bool = True,
    title: str = "",
) -> None:
    """N pairs on a circle.

    Args:
        axes: where to draw.
        points: (2N, 2), see the module's docstring.
        groups: which colour and mark each image has, (N,); by default each has its own.
        joined: whether a line joins the two views of an image.
        title: what stands above.
    """
    first, second = points.detach().cpu().chunk(2)  # (N, 2) each
    angles = torch.linspace(0, 2 * torch.pi, 100)
    axes.plot(angles.cos(), angles.sin(), color=GREY, linewidth=0.8, zorder=1)
    groups = range(len(first)) if groups is None else groups
    for (x1, y1), (x2, y2), group in zip(first.tolist(), (RING * second).tolist(), groups):
        colour, mark = COLOURS[group % len(COLOURS)], MARKS[group % len(MARKS)]
        if joined:
            axes.plot([x1, x2], [y1, y2], color=colour, linewidth=0.9, alpha=0.6, zorder=2)
        axes.plot(x1, y1, color=colour, marker=mark, markersize=7, zorder=3)
        axes.plot(x2, y2, color=colour, marker=mark, markersize=7, fillstyle="none", zorder=3)
    axes.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
    axes.set_axis_off()
    axes.set_title(title, fontsize=TEXT)


def circle_and_loss(path: Sequence[Tensor], losses: Sequence[float], step: int) -> Picture:
    """One moment of a descent: where the points are, and how far the loss has come.

    Args:
        path: the arrangement (2N, 2) after 0, 1, 2, ... steps.
        losses: of the arrangements, in the same order; the last may be missing.
        step: the moment, an index into `path`.
    """
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    draw_circle(left, path[step], title=f"after {step} steps")
    right.plot(losses, color=SKY, linewidth=1.5)
    now = min(step, len(losses) - 1)
    right.plot(now, losses[now], color=BLUE, marker="o", markersize=8)
    chance_line(right, math.log(len(path[step]) - 1))
    right.set_ylim(bottom=0)
    right.set_xscale("symlog", linthresh=10)  # the first ten steps evenly, then ever faster
    ticks = [0, 5, 10, *(t for t in (30, 100, 300, 1_000, 3_000) if t <= len(losses))]
    right.set_xticks(ticks, [str(tick) for tick in ticks])
    right.minorticks_off()
    right.set_xlim(left=-0.5)
    label_axes(right, "step of descent (from 10 on ever tighter)", "loss in nats")
    return finish(
        figure,
        f"{len(path[step]) // 2} pairs of points on a circle after {step} steps of descent, and "
        "how far the loss has come.",
    )


def push_picture(points: Tensor, anchor: int, shares: Tensor, temperature: float) -> Picture:
    """Who pushes one view, and how hard: lines on the circle, bars beside it.

    Args:
        points: (2N, 2).
        anchor: the view that is pushed, an index into `points`.
        shares: (2N,) of the push by each point; 0 for the anchor and its positive.
        temperature: that gave these shares.
    """
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    draw_circle(left, points, joined=False, title=f"view {anchor}, T = {temperature:g}")
    radius = torch.ones(len(points), 1)
    radius[len(points) // 2 :] = RING
    places = (points.detach().cpu() * radius).tolist()
    x, y = places[anchor]
    for (other_x, other_y), share in zip(places, shares.tolist()):
        if share > 0.002:
            axis = ([x, other_x], [y, other_y])
            left.plot(*axis, color=ORANGE, linewidth=0.3 + 9 * share, alpha=0.7, zorder=1.5)
    left.plot(x, y, color=BLACK, marker="o", markersize=15, fillstyle="none", zorder=4)
    negatives = torch.ones(len(points), dtype=torch.bool)
    negatives[[anchor, (anchor + len(points) // 2) % len(points)]] = False
    heights = sorted((100 * shares[negatives]).tolist(), reverse=True)
    right.bar(range(1, len(heights) + 1), heights, color=ORANGE)
    right.axhline(100 / (len(points) - 2), color=GREY, linestyle="--", linewidth=1.2)
    right.text(len(heights) + 0.5, 100 / (len(points) - 2) + 2, "equal shares", ha="right")
    right.set_ylim(0, 100)
    right.set_xticks(range(1, len(heights) + 1))
    label_axes(right, "negatives, the closest first", "share of the push in %")
    return finish(
        figure,
        f"Who pushes view {anchor} at temperature {temperature:g}, as lines on the circle, and the "
        "share of each negative as a bar.",
    )


def arrangement_map(
    arrangements: Mapping[str, Tensor], description: str, *, groups: Sequence[int] | None = None
) -> Picture:
    """Arrangements on circles, and where they stand by alignment and uniformity.

    Args:
        arrangements: {name: (2N, 2)}.
        description: the sentence.
        groups: which colour and mark each image has, (N,).
    """
    figure = Figure(figsize=(9.5, 5.0), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(1, 1.25))
    circles = upper.subplots(1, len(arrangements), squeeze=False)[0]
    axes = lower.subplots()
    places = [(alignment(*z.chunk(2)), uniformity(z)) for z in arrangements.values()]
    heights = spread_apart([y for _, y in places], 0.16)  # names below each other, not in a heap
    for index, (name, points) in enumerate(arrangements.items()):
        title, (x, y) = f"{index + 1}: {name}", places[index]
        draw_circle(circles[index], points, groups=groups, title=title)
        axes.plot(x, y, color=BLUE, marker=MARKS[index], markersize=9)
        axes.text(x + 0.06, heights[index], title, fontsize=TEXT, va="center")
    axes.set_xlim(-0.1, max(x for x, _ in places) + 0.7)
    axes.set_ylim(0.2, -2.1)
    label_axes(axes, "alignment (0: pairs agree)", "uniformity\n(up: more even)")
    return finish(figure, description)


def right_and_wrong(
    circles: Mapping[str, Tensor],
    losses: Mapping[str, Sequence[float]],
    chance: float,
    description: str,
) -> Picture:
    """Two arrangements, and the losses of two networks against their chance line.

    Args:
        circles: {name: (2N, 2)}, two of them.
        losses: {name: a loss for each training step}.
        chance: the networks' loss when all embeddings are one point.
        description: the sentence.
    """
    figure = Figure(figsize=(10, 3.0), layout="constrained")
    first, second, axes = figure.subplots(1, 3, width_ratios=(1, 1, 1.5))
    for part, (name, points) in zip((first, second), circles.items(), strict=True):
        draw_circle(part, points, title=name)
    axes.axhline(chance, color=ORANGE, linestyle="--", linewidth=1.2)
    axes.text(len(next(iter(losses.values()))), chance - 0.05, "chance", color=ORANGE, **BELOW)
    draw_curves(axes, {name: (range(1, len(y) + 1), y) for name, y in losses.items()}, 1)
    axes.set_title("networks", fontsize=TEXT)
    label_axes(axes, "training step", "loss in nats")
    return finish(figure, description)
