"""Hidden patches, made visible: pictures with holes, and rows of pictures with names."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.data.operations import to_unit
from sslcourse.networks.patches import patchify, unpatchify
from sslcourse.teach.figures import GREY, TEXT, Picture, as_array, finish

HOLE = 1.0  # white, like the page: drawn scenes hold grey in plenty, but no white


def hide_patches(images: Tensor, mask: Tensor, patch_size: int) -> Tensor:
    """Paint hidden patches white.

    Args:
        images: uint8, or floats in [0, 1], (N, 3, H, W).
        mask: bool (N, L), True = hidden.
        patch_size: P.

    Returns:
        Floats in [0, 1] (N, 3, H, W).
    """
    patches = patchify(to_unit(images), patch_size)
    columns = images.shape[3] // patch_size
    return unpatchify(patches.masked_fill(mask[:, :, None], HOLE), patch_size, columns=columns)


def image_rows(rows: Mapping[str, Tensor], description: str) -> Picture:
    """Rows of pictures, each with its name at the left; columns are numbered from 1.

    Args:
        rows: {name: uint8, or floats in [0, 1], (N, 3, H, W)}; every row has as many pictures as
            the first, or fewer.
        description: the sentence.
    """
    columns = len(next(iter(rows.values())))
    figure = Figure(figsize=(1.1 * columns + 1.6, 1.12 * len(rows) + 0.2))
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for number, axes in enumerate(grid[0], start=1):
        axes.set_title(str(number), fontsize=TEXT, pad=3)
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        for index, axes in enumerate(line):
            axes.set_axis_off()
            if index < len(images):
                axes.imshow(as_array(to_unit(images).clamp(0, 1)[index]), interpolation="nearest")
        line[0].text(
            -0.12,
            0.5,
            name,
            transform=line[0].transAxes,
            ha="right",
            va="center",
            fontsize=TEXT,
        )
    figure.subplots_adjust(wspace=0.06, hspace=0.06)
    return finish(figure, description)


def patch_sheet(
    images: Tensor, mask: Tensor, patch_size: int, description: str, *, numbered: bool = True
) -> Picture:
    """One picture cut into patches, with gaps between them; hidden ones are empty frames.

    Args:
        images: uint8, or floats in [0, 1], (1, 3, H, W).
        mask: bool (1, L), True = hidden.
        patch_size: P.
        description: the sentence.
        numbered: whether visible patches carry their number, from 0, row by row.
    """
    patches = patchify(to_unit(images), patch_size)[0]  # (L, P*P*3)
    rows, columns = (side // patch_size for side in images.shape[2:])
    figure = Figure(figsize=(0.55 * columns, 0.55 * rows))
    grid = figure.subplots(rows, columns, squeeze=False)
    for number, axes in enumerate(grid.flat):
        patch = patches[number].view(patch_size, patch_size, 3)
        if mask[0, number]:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_color(GREY)
            axes.set_box_aspect(1)
            continue
        axes.set_axis_off()
        axes.imshow(patch.cpu().numpy(), interpolation="nearest")
        if numbered:
            colour = "black" if float(patch.mean()) > 0.5 else "white"
            middle = (patch_size - 1) / 2
            axes.text(
                middle, middle, str(number), ha="center", va="center", color=colour, fontsize=TEXT
            )
    figure.subplots_adjust(wspace=0.1, hspace=0.1)
    return finish(figure, description)
