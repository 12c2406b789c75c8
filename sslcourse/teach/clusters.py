"""Clusters: images, prototypes, and the assignments between them, small enough to look at.

An assignment is a tensor q (N, K): q[i, k] says how much of image i belongs to prototype k. Each
row of a finished one sums to 1; where the prototypes are used equally, each column sums to N / K.
"""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.teach.figures import (
    BLACK,
    GREY,
    ORANGE,
    SKY,
    TEXT,
    Picture,
    draw_image,
    finish,
)
from sslcourse.teach.plots import COLOURS, MARKS

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def draw_assigned(axes: Axes, points: Tensor, prototypes: Tensor, q: Tensor, title: str) -> None:
    """Points and prototypes on a circle; each point wears the mark of its largest assignment.

    Only the upper half of the circle is shown.

    Args:
        axes: where to draw.
        points: (N, 2) of unit length.
        prototypes: (K, 2) of unit length, named A, B, C, ...
        q: (N, K).
        title: what stands above.
    """
    angles = torch.linspace(0, 2 * torch.pi, 200)
    axes.plot(angles.cos(), angles.sin(), color=GREY, linewidth=0.8, zorder=1)
    for k, (x, y) in enumerate(prototypes.tolist()):
        colour, mark = COLOURS[k % len(COLOURS)], MARKS[k % len(MARKS)]
        axes.plot([0, 0.86 * x], [0, 0.86 * y], color=colour, linewidth=1.5, zorder=1)
        axes.plot(0.86 * x, 0.86 * y, color=colour, marker=mark, markersize=10, fillstyle="none")
        place = {"ha": "center", "va": "center", "color": colour, "fontsize": TEXT + 2}
        axes.text(0.66 * x + 0.08 * y, 0.66 * y - 0.08 * x, LETTERS[k], **place)
    for i, k in enumerate(q.argmax(dim=1).tolist()):
        (x, y), colour, mark = points[i].tolist(), COLOURS[k % len(COLOURS)], MARKS[k % len(MARKS)]
        axes.plot(x, y, color=colour, marker=mark, markersize=9, zorder=3)
        axes.text(1.13 * x, 1.13 * y, i + 1, ha="center", va="center", fontsize=TEXT)
    axes.set(xlim=(-1.15, 1.15), ylim=(-0.15, 1.2), aspect="equal")
    axes.set_axis_off()
    axes.set_title(title, fontsize=TEXT)


def circle_of_clusters(
    points: Tensor, prototypes: Tensor, assignments: Mapping[str, Tensor], description: str
) -> Picture:
    """The same points, assigned in several ways.

    Args:
        points: (N, 2) of unit length.
        prototypes: (K, 2) of unit length.
        assignments: {title: q (N, K)}.
        description: the sentence.
    """
    figure = Figure(figsize=(4.5 * len(assignments), 3.0), layout="constrained")
    row = figure.subplots(1, len(assignments), squeeze=False)[0]
    for axes, (title, q) in zip(row, assignments.items(), strict=True):
        counts = q.argmax(dim=1).bincount(minlength=len(prototypes)).tolist()
        used = ", ".join(f"{LETTERS[k]} {count}" for k, count in enumerate(counts))
        draw_assigned(axes, points, prototypes, q, f"{title}\n{used}")
    return finish(figure, description)


def draw_matrix(axes: Axes, q: Tensor) -> None:
    """An assignment as a coloured table, its numbers in it; images are rows."""
    axes.imshow(q.numpy(), cmap="Blues", vmin=0, vmax=1.1, aspect="auto")
    for i, row in enumerate(q.tolist()):
        for k, value in enumerate(row):
            colour = "white" if value > 0.6 else "black"
            axes.text(k, i, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=TEXT)
    axes.set_xticks(range(q.shape[1]), list(LETTERS[: q.shape[1]]), fontsize=TEXT)
    axes.set_yticks(range(len(q)), range(1, len(q) + 1), fontsize=TEXT)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("prototype", fontsize=TEXT)
    axes.set_ylabel("image", fontsize=TEXT)
    axes.tick_params(length=0, labeltop=True)  # shared axes would hide these letters
    axes.spines[:].set_visible(False)


def draw_sums(right: Axes, below: Axes, q: Tensor) -> None:
    """Row sums as bars to the right, column sums as bars below; a dashed line where they should be.

    The axes must be shared with those of the matrix: images along y, prototypes along x.
    """
    rows, columns, target = q.sum(dim=1).tolist(), q.sum(dim=0).tolist(), len(q) / q.shape[1]
    right.barh(range(len(rows)), rows, color=SKY, height=0.6)
    right.axvline(1.0, color=ORANGE, linestyle="--", linewidth=1.2)
    right.set_xlim(0, 1.7 * max(*rows, 1.0))  # room for the numbers behind the bars
    below.bar(range(len(columns)), columns, color=SKY, width=0.6)
    below.axhline(target, color=ORANGE, linestyle="--", linewidth=1.2)
    below.set_ylim(1.5 * max(*columns, target), 0)  # bars hang from the table
    end = {"fontsize": TEXT, "color": BLACK}
    for i, value in enumerate(rows):
        place = {"transform": right.get_yaxis_transform(), "va": "center", "ha": "right"}
        right.text(1, i, f"{value:.2f}", **place, **end)
    for k, value in enumerate(columns):
        place = {"transform": below.get_xaxis_transform(), "va": "bottom", "ha": "center"}
        below.text(k, 0, f"{value:.2f}", **place, **end)
    for axes in (right, below):
        axes.set_axis_off()
    right.set_title("row sums\n(wanted: 1)", fontsize=TEXT, color=ORANGE)
    below.text(
        1.03,
        0.5,
        f"column sums\n(wanted: {target:g})",
        transform=below.transAxes,
        va="center",
        color=ORANGE,
        fontsize=TEXT,
    )


def assignment_table(q: Tensor, description: str, *, title: str = "") -> Picture:
    """One assignment with its row and column sums, and the sums that are wanted.

    Args:
        q: (N, K), not negative; need not be finished.
        description: the sentence.
        title: what stands above.
    """
    q = q.detach().cpu()
    height = 0.3 * len(q)
    figure = Figure(figsize=(6.0, height + 1.9))
    shape = {"width_ratios": (3, 1), "height_ratios": (height, 0.9)}
    grid = figure.subplots(2, 2, sharex="col", sharey="row", gridspec_kw=shape)
    figure.subplots_adjust(wspace=0.03, hspace=0.03, bottom=0.02, top=1 - 0.9 / (height + 1.9))
    (main, right), (below, corner) = grid
    draw_matrix(main, q)
    draw_sums(right, below, q)
    corner.set_axis_off()
    figure.suptitle(title, fontsize=TEXT + 1, y=1.0)
    return finish(figure, description)


def prototype_sheet(
    images: Tensor, scores: Tensor, description: str, *, rows: int = 6, columns: int = 8
) -> Picture:
    """The most used prototypes, one a row: how many images each wins, and those closest to it.

    Args:
        images: uint8, or floats in [0, 1], (N, 3, H, W).
        scores: (N, K).
        description: the sentence.
        rows: prototypes shown, at most K.
        columns: images shown of each, at most N.
    """
    counts = scores.argmax(dim=1).bincount(minlength=scores.shape[1])
    figure = Figure(figsize=(0.9 * columns, 0.9 * rows))
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1, wspace=0.08, hspace=0.08)
    for line, k in zip(grid, counts.topk(rows).indices.tolist(), strict=True):
        for axes, index in zip(line, scores[:, k].topk(columns).indices.tolist(), strict=True):
            draw_image(axes, images[index])
        place = {"transform": line[0].transAxes, "ha": "right", "va": "center"}
        line[0].text(-0.1, 0.5, f"{int(counts[k])} images", fontsize=TEXT, **place)
    return finish(figure, description)


def crop_sheet(
    images: Tensor, views: Sequence[Tensor], titles: Sequence[str], description: str
) -> Picture:
    """Each row shows an image and its crops, all at the same scale: fewer pixels look smaller.

    Args:
        images: uint8, or floats in [0, 1], (N, 3, H, W).
        views: floats in [0, 1], each (N, 3, h, w) with a size of its own, at most the images'.
        titles: what stands above the images and above each of the views.
        description: the sentence.
    """
    columns = [images, *views]
    figure = Figure(figsize=(1.25 * len(columns), 1.25 * len(images)))
    grid = figure.subplots(len(images), len(columns), squeeze=False)
    figure.subplots_adjust(left=0, right=1, bottom=0, top=1, wspace=0.08, hspace=0.08)
    room = max(images.shape[2:])
    for column, title, view in zip(grid.T, titles, columns, strict=True):
        column[0].set_title(title, fontsize=TEXT)
        for axes, image in zip(column, view, strict=True):
            draw_image(axes, image)
            middle_x, middle_y = (image.shape[2] - 1) / 2, (image.shape[1] - 1) / 2
            axes.set_xlim(middle_x - room / 2, middle_x + room / 2)
            axes.set_ylim(middle_y + room / 2, middle_y - room / 2)
    return finish(figure, description)
