"""Ten shapes as signed distances.

A *signed distance* is negative inside a shape, positive outside, and counts the distance to the
outline. Evaluated on a grid of pixel centres it draws all images of a class at once, smooth at the
edge, at any image size. Coordinates: x grows to the right and y downwards, both from -1 to 1
across the image.
"""

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

Distance = Callable[[Tensor, Tensor], Tensor]


def box(x: Tensor, y: Tensor, half_width: float, half_height: float) -> Tensor:
    """Signed distance (a lower bound near corners) of an upright rectangle."""
    return torch.maximum(x.abs() - half_width, y.abs() - half_height)


def disc(x: Tensor, y: Tensor, radius: float = 1.0) -> Tensor:
    return torch.hypot(x, y) - radius


def triangle(x: Tensor, y: Tensor) -> Tensor:
    """Equilateral, pointing up: the intersection of three half-planes."""
    slanted = x.abs() * math.cos(math.pi / 6) - y * math.sin(math.pi / 6)
    return torch.maximum(slanted, y) - 0.5


def star(x: Tensor, y: Tensor) -> Tensor:
    """Five points: fold the plane into one half of a point, then one straight edge is left."""
    sector = 2 * math.pi / 5
    turned = torch.remainder(torch.atan2(x, -y) + sector / 2, sector) - sector / 2
    radius = torch.hypot(x, y)
    across, along = radius * turned.abs().sin(), radius * turned.cos()
    inner_x, inner_y = 0.42 * math.sin(sector / 2), 0.42 * math.cos(sector / 2)
    length = math.hypot(inner_x, 1 - inner_y)
    return (across * (1 - inner_y) + (along - 1) * inner_x) / length


def heart(x: Tensor, y: Tensor) -> Tensor:
    """A square on its corner with a disc on each upper edge."""
    u, v = (x - y) * math.sqrt(0.5), (x + y) * -math.sqrt(0.5)
    body = box(u, v, 1, 1)
    return torch.minimum(body, torch.minimum(disc(u - 1, v), disc(u, v - 1)))


def crescent(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(disc(x, y), -disc(x - 0.55, y, 0.85))


def cross(x: Tensor, y: Tensor) -> Tensor:
    return torch.minimum(box(x, y, 1, 0.32), box(x, y, 0.32, 1))


def arrow(x: Tensor, y: Tensor) -> Tensor:
    return torch.minimum(triangle(x, y + 0.45), box(x, y - 0.55, 0.24, 0.65))


SHAPES: dict[str, Distance] = {
    "disc": disc,
    "ring": lambda x, y: disc(x, y).abs() - 0.24,
    "square": lambda x, y: box(x, y, 1, 1),
    "bar": lambda x, y: box(x, y, 1.3, 0.45),
    "triangle": triangle,
    "star": star,
    "cross": cross,
    "crescent": crescent,
    "heart": heart,
    "arrow": arrow,
}


@functools.cache
def centre_and_root_area(shape: str) -> tuple[float, float, float]:
    """Centre of mass and square root of the area, measured on a fine grid.

    With them every shape is centred and covers the same area, so neither position nor the number
    of coloured pixels gives the class away.
    """
    axis = (torch.arange(600) + 0.5) * 0.01 - 3
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    inside = SHAPES[shape](x, y) < 0
    area = inside.float().sum().item() * 0.01**2
    return x[inside].mean().item(), y[inside].mean().item(), math.sqrt(area)


def pixel_centres(size: int) -> tuple[Tensor, Tensor]:
    axis = (torch.arange(size) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x, y  # each (H, W)
