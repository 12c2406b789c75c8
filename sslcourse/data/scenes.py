"""Scenes: drawn pictures whose whole ground truth is known. No file, no download.

Each picture shows one object before a background. The object's shape is the class. Its colour,
texture, size, position and angle, and the place behind it, are drawn independently, so a probe for
each of them tells what a representation kept. The object's mask is known to the pixel.

Pictures are drawn in blocks, each from a seed of its own, so that the first images of a large set
are those of a small one.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.console import Progress
from sslcourse.data.images import ImageSet
from sslcourse.data.shapes import SHAPES, centre_and_root_area, pixel_centres
from sslcourse.hardware import one_thread

COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "violet", "pink")
TEXTURES = ("plain", "stripes", "dots", "checks")
PLACES = ("sand", "stone", "clay", "fog")
VARIANTS = {
    "shared": "all images draw their background from the same few grey-brown places (default)",
    "own": "every image has a background colour of its own, a shortcut for telling images apart",
    "camouflage": "the object wears the colours of the places",
    "grey": "the object is grey: only shape and texture remain",
    "distractors": "three small objects of other shapes lie around",
}
SPLITS = {"train": 20_000, "validation": 4_000, "test": 4_000}  # images drawn by default
BLOCK = 1_000  # images of up to 64x64 that are drawn at once; fewer of larger ones

PLACE_COLOURS = torch.tensor(
    [[0.58, 0.52, 0.42], [0.47, 0.47, 0.49], [0.50, 0.41, 0.36], [0.60, 0.60, 0.58]]
)
AREA = (0.12, 0.24)  # share of the image that the object covers
DARKENING = 0.6  # of the object's colour by its texture
OFFSET = 0.45  # the object's centre lies at most this far from the image's centre
ANGLE = math.pi / 5  # and is turned by at most this much


def hue_to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Colour from hue, saturation and value, all (N,) in [0, 1] -> (N, 3)."""
    steps = torch.tensor([5.0, 3.0, 1.0]) + hue[:, None] * 6  # (N, 3)
    steps = steps.remainder(6)
    fall = torch.minimum(steps, 4 - steps).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] * fall)


def draw_factors(count: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Draw every factor of `count` scenes independently; shapes and colours come in equal shares.

    Only uniform draws are used: torch gives the same ones on every processor.
    """

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    def balanced(kinds: int) -> Tensor:
        return torch.randperm(count, generator=generator) % kinds

    return {
        "shape": balanced(len(SHAPES)),
        "colour": balanced(len(COLOURS)),
        "texture": balanced(len(TEXTURES)),
        "background": balanced(len(PLACES)),
        "size": uniform(*AREA),
        "x": uniform(-OFFSET, OFFSET),
        "y": uniform(-OFFSET, OFFSET),
        "angle": uniform(-ANGLE, ANGLE),
    }


def smooth_noise(count: int, cells: int, size: int, generator: torch.Generator) -> Tensor:
    """Random patches of light and dark that change over `cells` cells: (N, 1, H, W) in [-1, 1]."""
    grid = torch.rand(count, 1, cells, cells, generator=generator) * 2 - 1
    return F.interpolate(grid, (size, size), mode="bilinear")  # (N, 1, H, W)


def draw_backgrounds(place: Tensor, size: int, variant: str, generator: torch.Generator) -> Tensor:
    """Places (N,) of index -> backgrounds (N, 3, H, W) in [0, 1]: base colour and smooth noise."""
    count = len(place)
    if variant == "own":
        colour = torch.rand(count, 3, generator=generator) * 0.8 + 0.1
    else:
        colour = PLACE_COLOURS[place] + (torch.rand(count, 3, generator=generator) - 0.5) * 0.06
    noise = 0.10 * smooth_noise(count, 4, size, generator)
    noise += 0.05 * smooth_noise(count, 9, size, generator)
    return colour[:, :, None, None] + noise  # (N, 3, H, W)


def draw_object_colours(colour: Tensor, variant: str, generator: torch.Generator) -> Tensor:
    """Colour indices (N,) -> RGB (N, 3); jittered, so that a colour is a range and not a point."""
    count = len(colour)
    jitter, saturation, value = torch.rand(3, count, generator=generator)
    hue = (colour + 0.5 * (jitter - 0.5)) / len(COLOURS)
    if variant == "camouflage":
        place = (torch.rand(count, generator=generator) * len(PLACES)).long()
        return PLACE_COLOURS[place] + 0.12 * (value[:, None] - 0.5)
    saturation = 0.65 + 0.35 * saturation
    if variant == "grey":
        saturation = torch.zeros_like(saturation)
    return hue_to_rgb(hue, saturation, 0.6 + 0.4 * value)


def texture_shade(texture: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Darkening in [0, 1] of each pixel, in coordinates (N, H, W) that turn with the object."""
    wave_x, wave_y = torch.sin(x * 9), torch.sin(y * 9)  # about two periods across an object
    kinds = torch.stack(
        [torch.zeros_like(x), wave_y, torch.maximum(wave_x, wave_y) - 0.4, wave_x * wave_y * 2]
    )  # (4, N, H, W)
    chosen = kinds[texture, torch.arange(len(texture))]  # (N, H, W)
    return (chosen * 4).clamp(0, 1)


def draw_objects(factors: dict[str, Tensor], size: int) -> tuple[Tensor, Tensor]:
    """Coverage and shade of each object: two (N, H, W) in [0, 1]."""
    x, y = pixel_centres(size)
    coverage, shade = torch.empty(2, len(factors["shape"]), size, size)
    for index, (name, distance) in enumerate(SHAPES.items()):
        chosen = (factors["shape"] == index).nonzero().squeeze(1)
        if len(chosen) == 0:
            continue
        area, dx, dy, angle, texture = (
            factors[key][chosen][:, None, None] for key in ("size", "x", "y", "angle", "texture")
        )
        centre_x, centre_y, root_area = centre_and_root_area(name)
        scale = 2 * area.sqrt() / root_area  # the image's own area is 2 x 2
        sine, cosine = angle.sin(), angle.cos()
        right, down = x - dx, y - dy  # (n, H, W)
        along = (cosine * right + sine * down) / scale
        below = (cosine * down - sine * right) / scale
        pixels = distance(along + centre_x, below + centre_y) * scale * (size / 2)
        coverage[chosen] = (0.5 - pixels).clamp(0, 1)
        shade[chosen] = texture_shade(texture[:, 0, 0], along * root_area, below * root_area)
    return coverage, shade


def paint(canvas: Tensor, coverage: Tensor, shade: Tensor, colour: Tensor) -> Tensor:
    """Lay objects over a canvas (N, 3, H, W); textures darken the object's colour by 60 %."""
    painted = colour[:, :, None, None] * (1 - DARKENING * shade[:, None])  # (N, 3, H, W)
    return torch.lerp(canvas, painted, coverage[:, None])


def draw_distractors(canvas: Tensor, shape: Tensor, generator: torch.Generator) -> Tensor:
    """Three small objects of other shapes per image, towards the border."""
    count, _, size, _ = canvas.shape
    for _ in range(3):
        other = draw_factors(count, generator)
        other["shape"] = (shape + 1 + other["shape"] % (len(SHAPES) - 1)) % len(SHAPES)
        other["size"] = other["size"] / 8
        direction = other["angle"] * (math.pi / ANGLE)
        other["x"], other["y"] = 0.75 * direction.cos(), 0.75 * direction.sin()
        colour = draw_object_colours(other["colour"], "shared", generator)
        canvas = paint(canvas, *draw_objects(other, size), colour)
    return canvas


def draw_block(
    count: int, size: int, variant: str, generator: torch.Generator
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """One block of scenes: images uint8 (N, 3, H, W), masks bool (N, H, W), factors."""
    factors = draw_factors(count, generator)
    canvas = draw_backgrounds(factors["background"], size, variant, generator)
    if variant == "distractors":
        canvas = draw_distractors(canvas, factors["shape"], generator)
    coverage, shade = draw_objects(factors, size)
    colour = draw_object_colours(factors["colour"], variant, generator)
    canvas = paint(canvas, coverage, shade, colour)
    light = 0.85 + 0.3 * torch.rand(count, 1, 1, 1, generator=generator)
    grain = 0.06 * (torch.rand(count, 1, size, size, generator=generator) - 0.5)
    images = ((canvas * light + grain) * 255).round().clamp(0, 255).to(torch.uint8)
    return images, coverage > 0.5, factors


def draw_scenes(
    split: str = "train",
    *,
    size: int = 32,
    limit: int | None = None,
    seed: int = 0,
    variant: str = "shared",
) -> ImageSet:
    """Draw a set of scenes.

    Args:
        split: "train", "validation" or "test"; they never share a picture.
        size: height and width in pixels, at least 8.
        limit: number of images; by default 20,000, 4,000 and 4,000.
        seed: another seed gives another world of the same kind.
        variant: one of `VARIANTS`.

    Returns:
        An `ImageSet` with masks (True = object) and factors. "shape", "colour", "texture" and
        "background" are indices; "size" is the share of the image's area; "x" and "y" are the
        object's centre in [-1, 1]; "angle" is in radians. Variants that overrule a factor
        (the colour under "grey" and "camouflage", the place under "own") leave it out.

    Raises:
        ValueError: unknown split or variant, or an impossible size, limit or seed.
    """
    if split not in SPLITS:
        raise ValueError(f"scenes has no split {split!r}; choose one of {', '.join(SPLITS)}.")
    if variant not in VARIANTS:
        raise ValueError(f"scenes has no variant {variant!r}; choose one of {', '.join(VARIANTS)}.")
    count = SPLITS[split] if limit is None else limit
    if count < 1 or size < 8 or seed < 0:
        raise ValueError(
            f"scenes needs limit >= 1, size >= 8 and seed >= 0; got {count}, {size} and {seed}."
        )
    blocks = []
    at_once = max(1, min(BLOCK, BLOCK * 64**2 // size**2))
    for block in Progress(range(-(-count // at_once)), f"drawing {count:,} scenes"):
        generator = torch.Generator()
        stream = (seed * len(SPLITS) + list(SPLITS).index(split)) * 1_000_000
        generator.manual_seed(stream + block)
        with one_thread():
            blocks.append(draw_block(at_once, size, variant, generator))
    images = torch.cat([images for images, _, _ in blocks])[:count]
    masks = torch.cat([masks for _, masks, _ in blocks])[:count]
    overruled = {"grey": "colour", "camouflage": "colour", "own": "background"}.get(variant)
    factors = {
        name: torch.cat([block[name] for _, _, block in blocks])[:count]
        for name in blocks[0][2]
        if name != overruled
    }
    return ImageSet(images, factors["shape"], tuple(SHAPES), masks=masks, factors=factors)
