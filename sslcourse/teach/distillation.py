"""What a teacher says about pictures: its outputs one by one, and their mean."""

import math

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.data.operations import to_unit
from sslcourse.teach.figures import BLUE, GREEN, ORANGE, TEXT, Picture, as_array, finish
from sslcourse.teach.plots import label_axes


def entropy_of(outputs: Tensor) -> Tensor:
    """Entropy in nats of each distribution (…, K): ln K when uniform, 0 when one takes all."""
    return torch.special.entr(outputs).sum(dim=-1)


def draw_output(axes: Axes, output: Tensor, order: Tensor, colour: str, title: str) -> None:
    """One distribution (K,) over prototypes in the order given, with the uniform one as a line."""
    heights = output[order].tolist()
    # with an edge: of 256 bars each is narrower than a pixel
    axes.bar(range(len(heights)), heights, width=1.0, color=colour, edgecolor=colour, linewidth=0.8)
    axes.axhline(1 / len(heights), color=ORANGE, linestyle="--", linewidth=1.2)
    axes.set_xlim(-0.5, len(heights) - 0.5)
    axes.set_xticks([])
    axes.set_title(title, fontsize=TEXT)


def output_sheet(images: Tensor, outputs: Tensor, description: str, *, shown: int = 3) -> Picture:
    """The outputs for some pictures, and at the right the mean over all.

    The prototypes stand in the order of the mean, the largest first, in every panel. The pictures
    have one scale, the mean has its own.

    Args:
        images: uint8, or floats in [0, 1], (N, 3, H, W).
        outputs: of a teacher for these images, (N, K), rows that sum to 1.
        description: the sentence.
        shown: how many of the images are shown, the first ones.

    Raises:
        ValueError: outputs that don't go with the images.
    """
    if outputs.ndim != 2 or len(outputs) != len(images) or len(images) < shown:
        raise ValueError(
            f"need outputs (N, K) of at least {shown} images, got {tuple(outputs.shape)} of "
            f"{len(images)}."
        )
    pictures, outputs = to_unit(images[:shown]), outputs.detach().float().cpu()
    mean, top = outputs.mean(dim=0), math.log(outputs.shape[1])
    order = mean.argsort(descending=True)
    figure = Figure(figsize=(2.5 * (shown + 1), 3.4), layout="constrained")
    grid = figure.subplots(2, shown + 1, height_ratios=(1, 1.5), squeeze=False)
    for column in range(shown):
        grid[0, column].imshow(as_array(pictures[column]), interpolation="nearest")
        title = f"entropy {entropy_of(outputs[column]):.1f} of {top:.1f}"
        draw_output(grid[1, column], outputs[column], order, BLUE, title)
    title = f"mean of {len(outputs)}: {entropy_of(mean):.1f} of {top:.1f}"
    draw_output(grid[1, shown], mean, order, GREEN, title)
    for axes in grid[0]:
        axes.set_axis_off()
    for axes in grid[1, :shown]:
        axes.set_ylim(0, 1.15 * outputs[:shown].max().item())
    grid[1, shown].set_ylim(0, 1.15 * mean.max().item())
    label_axes(grid[1, 0], f"{outputs.shape[1]} prototypes, by their mean", "share")
    return finish(figure, description)
