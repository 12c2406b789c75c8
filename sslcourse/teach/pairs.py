"""The table of all pairs in a batch: which cell is what, and how similar the two views are."""

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Rectangle
from torch import Tensor

from sslcourse.teach.figures import BLUE, TEXT, Picture, as_array, finish


def pair_kinds(count: int) -> Tensor:
    """What each of the (2N, 2N) cells is, for views in the order of `torch.cat([z1, z2])`.

    Returns:
        int64 (2N, 2N): 0 for a negative, 1 for the positive of a row, 2 for the view itself.
    """
    itself = torch.eye(2 * count, dtype=torch.int64)
    return 2 * itself + itself.roll(count, dims=0)


def add_thumbnails(axes: Axes, views: Tensor) -> None:
    """Each view left of its row and above its column."""
    for index, view in enumerate(views):
        for place in ((-0.07, 1 - (index + 0.5) / len(views)), ((index + 0.5) / len(views), 1.07)):
            image = OffsetImage(as_array(view), zoom=0.85, interpolation="nearest")
            box = AnnotationBbox(image, place, xycoords="axes fraction", frameon=False, pad=0)
            axes.add_artist(box)


def pair_table(views: Tensor, similarity: Tensor, description: str) -> Picture:
    """The similarity of all pairs of views, with each row's positive framed.

    Args:
        views: (2N, 3, H, W) in [0, 1]: the first views of N images, then their second views.
        similarity: (2N, 2N) cosines.
        description: the sentence.
    """
    figure = Figure(figsize=(5.2, 5.2))
    axes = figure.subplots()
    shown = similarity.detach().cpu().numpy()
    axes.imshow(shown, cmap="Greys", vmin=-1, vmax=1.6, extent=(0, len(shown), len(shown), 0))
    for row, kinds in enumerate(pair_kinds(len(views) // 2).tolist()):
        for column, kind in enumerate(kinds):
            text = "self" if kind == 2 else f"{shown[row, column]:.2f}"
            place = (column + 0.5, row + 0.5)
            colour = "white" if shown[row, column] > 0.8 else "black"
            axes.text(*place, text, ha="center", va="center", fontsize=TEXT, color=colour)
            if kind == 1:
                corner, style = (column + 0.05, row + 0.05), {"edgecolor": BLUE, "linewidth": 3}
                axes.add_patch(Rectangle(corner, 0.9, 0.9, fill=False, **style))
    axes.set_axis_off()
    add_thumbnails(axes, views)
    return finish(figure, description)
