"""MoCo's queue as a timeline, and what becomes of its keys as they grow old."""

from collections.abc import Mapping

import torch
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.teach.bars import draw_bars
from sslcourse.teach.figures import BLUE, GREY, ORANGE, SKY, TEXT, Picture, as_array, finish
from sslcourse.teach.plots import label_axes, spread_apart

PALE = 0.88  # the grey of a random key, in [0, 1]
GAP = 4  # pixels between two pictures


def columns_of(pictures: Tensor, born: Tensor) -> Tensor:
    """What each place of a queue holds, as pictures.

    Args:
        pictures: floats in [0, 1], (S, N, 3, H, W): the batch of each step so far.
        born: (K,), the step in which each key came, the youngest first; -1 for random keys.

    Returns:
        (K / N, N, 3, H, W): one column for each batch in the queue; random keys are plain grey.
    """
    batch = pictures.shape[1]
    columns = torch.full((len(born) // batch, *pictures.shape[1:]), PALE)
    for place, step in enumerate(born.tolist()):
        if step >= 0:  # keys keep the order of their batch
            columns[place // batch, place % batch] = pictures[step, place % batch]
    return columns


def wall(columns: Tensor) -> Tensor:
    """Pictures (columns, rows, 3, H, W) beside and below each other, with white gaps: one image."""
    framed = torch.nn.functional.pad(columns, [GAP // 2] * 4, value=1.0)
    return rearrange(framed, "columns rows c h w -> c (rows h) (columns w)")


def queue_timeline(pictures: Tensor, born: Tensor, step: int) -> Picture:
    """Who is in the queue while the batch of `step` looks for its keys, and how old they are.

    Args:
        pictures: floats in [0, 1], (S, N, 3, H, W): the batch of each step, at least `step` + 1.
        born: (K,), see `columns_of`; the queue before this batch joins it.
        step: the step whose batch is on its way, from 0.
    """
    batch = pictures.shape[1]
    queue = columns_of(pictures, born)
    count = len(queue)
    figure = Figure(figsize=(9.5, 0.62 * batch + 1.3), layout="constrained")
    now, then = figure.subplots(1, 2, width_ratios=(1, count))
    now.imshow(as_array(wall(pictures[step][None])), aspect="equal")
    now.set_title(f"batch {step}", fontsize=TEXT, color=BLUE)
    now.set_xlabel("looks for\nits keys", fontsize=TEXT)
    then.imshow(as_array(wall(queue)), aspect="equal")
    side = pictures.shape[-1] + GAP
    middles = [(column + 0.5) * side for column in range(count)]
    first = born.view(count, batch)[:, 0].tolist()
    names = [f"batch {number}" if number >= 0 else "random" for number in first]
    for x, name in zip(middles, names, strict=True):
        colour = GREY if name == "random" else "black"
        then.text(x, -6, name, ha="center", va="bottom", fontsize=TEXT, color=colour)
    then.set_xticks(middles, range(1, count + 1), fontsize=TEXT)
    then.set_xlabel("the queue: age of its keys in steps; the oldest leave on the right")
    then.xaxis.label.set_size(TEXT)
    for axes in (now, then):
        axes.set_yticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    now.set_xticks([])
    return finish(
        figure,
        f"On the left the batch of step {step}. On the right the pictures whose keys are in the "
        f"queue, {count} columns, the youngest first; random keys are grey.",
    )


def draw_ages(
    axes: Axes,
    consistency: Mapping[float, Mapping[int, float]],
    chosen: float,
    oldest: int,
    step: int,
) -> None:
    """Cosine of a key with its picture's key at `step`, against its age in steps by then."""
    axes.axvspan(0, oldest, color=SKY, alpha=0.2, linewidth=0)
    axes.annotate(
        "queue", (oldest / 2, 0.03), xycoords=("data", "axes fraction"), fontsize=TEXT, ha="center"
    )
    for momentum, line in consistency.items():
        ages = sorted(line)
        cosines = [line[age] for age in ages]
        is_chosen = momentum == chosen
        style = {"color": BLUE, "linewidth": 2.4, "zorder": 3} if is_chosen else {"color": GREY}
        axes.plot(ages, cosines, **style)
    lowest = min(min(line.values()) for line in consistency.values())
    bottom, top = min(0.0, lowest) - 0.12, 1.05
    axes.set_ylim(bottom, top)
    axes.set_xlim(0, max(max(line) for line in consistency.values()))
    ends = [line[max(line)] for line in consistency.values()]
    heights = spread_apart(ends, 0.08 * (top - bottom))
    for momentum, height in zip(consistency, heights, strict=True):
        axes.annotate(
            f"m = {momentum:g}",
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            color=BLUE if momentum == chosen else "black",
            fontsize=TEXT,
            va="center",
            annotation_clip=False,
        )
    axes.set_title("how well old keys fit", fontsize=TEXT)
    label_axes(axes, "age of a key in steps", f"cosine with the key of step {step}")


def momentum_picture(
    consistency: Mapping[float, Mapping[int, float]],
    accuracy: Mapping[float, float],
    chosen: float,
    *,
    oldest: int,
    step: int,
    untrained: float,
) -> Picture:
    """For each momentum: how well old keys fit, and what the encoder is worth at the end.

    Args:
        consistency: {momentum: {age in steps: mean cosine with the key of `step`}}.
        accuracy: {momentum: share in [0, 1]} by linear probe.
        chosen: the momentum that is shown in colour.
        oldest: age of the oldest key in the queue, in steps.
        step: the training step whose keys the older ones are compared with.
        untrained: accuracy of the untrained encoder.
    """
    figure = Figure(figsize=(9.5, 3.2), layout="constrained")
    figure.get_layout_engine().set(wspace=0.1)  # air between two columns of names
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    draw_ages(left, consistency, chosen, oldest, step)
    names = {f"m = {momentum:g}": value for momentum, value in accuracy.items()}
    draw_bars(right, names, None, "linear probe after the training, in %")
    for bar, momentum in zip(right.patches, accuracy, strict=True):
        bar.set_color(BLUE if momentum == chosen else GREY)
    for number in right.texts:  # they stand before the line of the untrained encoder
        number.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1})
    right.axvline(100 * untrained, color=ORANGE, linestyle="--", linewidth=1.2)
    right.text(100 * untrained + 1, -0.75, "untrained", color=ORANGE, fontsize=TEXT, va="center")
    return finish(
        figure,
        f"Left: how well keys of each age fit those of step {step}, with momentum {chosen:g} in "
        "colour. Right: the linear probe of each momentum.",
    )
