"""Attention maps, made visible: as heat, as what is left of a picture, with the object's outline.

Every function gives pictures, which `sslcourse.teach.masking.image_rows` shows.
"""

import torch
import torch.nn.functional as F
from matplotlib import colormaps
from torch import Tensor

from sslcourse.data.operations import to_unit
from sslcourse.evaluate.attention import to_pixels

REST = 0.2  # brightness of what is not kept
LINE_COLOUR = (1.0, 1.0, 1.0)
SIDE = 128  # outlined pictures have at least so many pixels a side, or lines would be thick


def heat(maps: Tensor, height: int, width: int) -> Tensor:
    """Each map in colours: dark where it is 0, bright where that map is strongest.

    Args:
        maps: floats (N, rows, columns), not negative.
        height: of the pictures, a multiple of the map's.
        width: the same.

    Returns:
        Floats in [0, 1] (N, 3, height, width).

    Raises:
        ValueError: sides that are no multiples.
    """
    strongest = maps.amax(dim=(1, 2), keepdim=True).clamp_min(torch.finfo(maps.dtype).tiny)
    shares = to_pixels(maps / strongest, height, width)
    colours = torch.tensor(colormaps["magma"].colors, device=maps.device)  # (256, 3)
    return colours[(255 * shares).round().long()].permute(0, 3, 1, 2)  # (N, 3, H, W)


def dim_rest(images: Tensor, kept: Tensor) -> Tensor:
    """Darken what is not kept.

    Args:
        images: uint8, or floats in [0, 1], (N, 3, H, W).
        kept: bool (N, rows, columns), of patches or of pixels, see `threshold_mass`.

    Returns:
        Floats in [0, 1] (N, 3, H, W).

    Raises:
        ValueError: sides of the images that are no multiples of the map's.
    """
    kept = to_pixels(kept, *images.shape[2:])[:, None]  # (N, 1, H, W)
    return to_unit(images) * torch.where(kept, 1.0, REST)


def outline(images: Tensor, masks: Tensor) -> Tensor:
    """Draw a thin white line around the object, inside its mask; the pictures become larger.

    Args:
        images: uint8, or floats in [0, 1], (N, 3, H, W).
        masks: bool (N, H, W), True = object.

    Returns:
        Floats in [0, 1] (N, 3, f H, f W), with the smallest whole f that gives `SIDE` pixels.
    """
    factor = -(-SIDE // min(images.shape[2:]))
    large = to_pixels(to_unit(images), *(factor * side for side in images.shape[2:]))
    inside = to_pixels(masks, *large.shape[2:])[:, None].float()  # (N, 1, f H, f W)
    # a pixel is on the edge where one of its neighbours is not inside
    edge = (inside == 1) & (-F.max_pool2d(-F.pad(inside, [1] * 4), 3, stride=1) == 0)
    line = torch.tensor(LINE_COLOUR, device=large.device).view(3, 1, 1)
    return torch.where(edge, line, large)
