"""Visual tokens, made visible: a picture as numbers, and codebooks as sheets of tiles."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from einops import rearrange
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.data.operations import denormalize, to_unit
from sslcourse.networks.patches import patchify
from sslcourse.networks.tokenizer import ImageTokenizer
from sslcourse.teach.figures import TEXT, Picture, as_array, finish
from sslcourse.teach.masking import HOLE

FIELD = 9  # patches in a row of a field; its middle is far enough from the border
GAP = 1  # pixels between two tiles
LINE = 0.8  # grey of the gaps: many a tile is white, hardly one is just this grey


def code_tiles(tokenizer: ImageTokenizer) -> Tensor:
    """Every code painted among its like: floats in [0, 1] (K, 3, P, P).

    The decoder looks beyond a patch, so a code is painted in a field of itself, and the middle of
    the field is cut out.
    """
    codes = torch.arange(tokenizer.codes, device=tokenizer.codebook.device)
    fields = denormalize(tokenizer.paint(codes[:, None].expand(-1, FIELD**2)))  # (K, 3, 9 P, 9 P)
    start = FIELD // 2 * tokenizer.patch_size
    end = start + tokenizer.patch_size
    return fields[:, :, start:end, start:end]


def wall(tiles: Tensor, columns: int) -> Tensor:
    """Tiles (K, 3, P, P) in rows with gaps between them: one picture (3, H, W)."""
    missing = -len(tiles) % columns
    empty = tiles.new_full((missing, *tiles.shape[1:]), HOLE)
    framed = F.pad(torch.cat([tiles, empty]), (0, GAP, 0, GAP), value=LINE)
    return rearrange(framed, "(r c) d h w -> d (r h) (c w)", c=columns)[:, :-GAP, :-GAP]


def codebook_sheet(
    codebooks: Mapping[str, Tensor], description: str, *, columns: int = 32
) -> Picture:
    """All tiles of some codebooks, the darkest first.

    Args:
        codebooks: {name: floats in [0, 1] (K, 3, P, P)}, see `code_tiles`.
        description: the sentence.
        columns: tiles in a row.
    """
    rows = [-(-len(tiles) // columns) for tiles in codebooks.values()]
    figure = Figure(figsize=(0.3 * columns, 0.3 * sum(rows) + 0.3 * len(rows)))
    grid = figure.subplots(len(rows), 1, squeeze=False, height_ratios=rows)
    for axes, (name, tiles) in zip(grid[:, 0], codebooks.items(), strict=True):
        order = tiles.mean(dim=(1, 2, 3)).argsort()
        axes.imshow(as_array(wall(tiles[order], columns)), interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(name, fontsize=TEXT + 1)
    figure.subplots_adjust(hspace=0.12)
    return finish(figure, description)


def draw_numbers(axes: Axes, tokens: Tensor, colours: Tensor) -> None:
    """Tokens (rows, columns) as numbers, each on a ground of its own colour (rows, columns, 3)."""
    axes.imshow(colours.cpu().numpy(), interpolation="nearest")
    for row, numbers in enumerate(tokens.tolist()):
        for column, token in enumerate(numbers):
            ink = "black" if float(colours[row, column].mean()) > 0.5 else "white"
            axes.text(column, row, token, ha="center", va="center", color=ink, fontsize=TEXT)


def token_sheet(image: Tensor, tokens: Tensor, painted: Tensor, description: str) -> Picture:
    """One picture, its tokens as numbers, and what is painted from the numbers alone.

    Args:
        image: uint8, or floats in [0, 1], (1, 3, H, W).
        tokens: int64 (1, L) of a square grid.
        painted: floats in [0, 1] (1, 3, H, W).
        description: the sentence.
    """
    side = round(tokens.shape[1] ** 0.5)
    size = image.shape[3] // side
    colours = patchify(painted, size)[0].view(side, side, size**2, 3).mean(dim=2)
    figure = Figure(figsize=(11.4, 4.0), layout="constrained")
    first, middle, last = figure.subplots(1, 3)
    first.imshow(as_array(to_unit(image)[0]), interpolation="nearest")
    draw_numbers(middle, tokens[0].view(side, side), colours)
    last.imshow(as_array(painted[0]), interpolation="nearest")
    for axes, title in ((first, "picture"), (middle, "its tokens"), (last, "painted from them")):
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=TEXT + 1)
    return finish(figure, description)
