"""Figures as a picture and a sentence.

A `Picture` shows itself as a PNG. Its sentence is what a screen reader reads, what stands where no
picture can be shown, and what the notebook tests compare.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

# Okabe and Ito's palette: told apart by colour-blind readers too
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"
PURPLE, SKY, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#E69F00", "#000000"
TEXT = 10  # points


class Picture:
    """A finished figure: PNG bytes and the sentence that says what is in it."""

    def __init__(self, png: bytes, description: str) -> None:
        self.png = png
        self.description = description

    def __repr__(self) -> str:
        return self.description

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        data = {"image/png": self.png, "text/plain": self.description}
        return data, {"image/png": {"alt": self.description}}

    def save(self, path: str | Path) -> None:
        """Write the PNG to a file."""
        Path(path).write_bytes(self.png)


def finish(figure: Figure, description: str) -> Picture:
    """Turn a matplotlib figure into a `Picture` on a white ground, readable in a dark theme too."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, facecolor="white", bbox_inches="tight")
    return Picture(buffer.getvalue(), description)


def as_array(image: Tensor) -> np.ndarray:
    """uint8 or floats in [0, 1], (3, H, W) -> (H, W, 3) for matplotlib."""
    return image.detach().cpu().permute(1, 2, 0).numpy()


def draw_image(axes: Axes, image: Tensor, title: str = "") -> None:
    axes.imshow(as_array(image), interpolation="nearest")
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=TEXT, pad=3)


def image_grid(
    images: Tensor, description: str, *, columns: int = 10, titles: Sequence[str] = ()
) -> Picture:
    """Show images in rows.

    Args:
        images: uint8, or floats in [0, 1], (N, 3, H, W).
        description: the sentence.
        columns: images a row.
        titles: one for each of the first images.
    """
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(columns * 0.95, rows * (1.15 if titles else 0.95)))
    grid = figure.subplots(rows, columns, squeeze=False)
    for index, axes in enumerate(grid.flat):
        if index < len(images):
            draw_image(axes, images[index], titles[index] if index < len(titles) else "")
        else:
            axes.set_axis_off()
    return finish(figure, description)


def nearest_neighbours(features: Tensor, queries: Sequence[int], count: int) -> Tensor:
    """Positions of the `count` most similar other images by cosine: (queries, count)."""
    units = torch.nn.functional.normalize(features, dim=1)
    similarity = units[list(queries)] @ units.T  # (queries, N)
    similarity[torch.arange(len(queries)), list(queries)] = -torch.inf
    return similarity.topk(count, dim=1).indices
