"""What can be done to a batch of images, with a parameter for each image.

Crop and resize are two matrix products. Each output row is a weighted sum of input rows, each
output column one of input columns, so an image becomes `rows @ image @ columns.T`. The weights
are a tent as wide as an output pixel (at least as an input pixel), which is bilinear interpolation
when the crop grows and anti-aliasing when it shrinks. A flip reverses the columns. Blur is a matrix
product too.
"""

import functools
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

# One pair of constants for every data set (ImageNet's), so that training, probing and the official
# weights all see inputs on the same scale.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
LUMA = (0.2989, 0.587, 0.114)  # weights of red, green and blue in grey, as torchvision has them


@dataclass(frozen=True, eq=False)
class ViewParameters:
    """What happens to each of N images; None where the `Augment` has that part switched off."""

    boxes: Tensor | None  # (N, 4) top, left, height, width in pixels
    flipped: Tensor | None  # bool (N,)
    jitter: Tensor | None  # (4, N) factors of brightness, contrast, saturation; turn of the hue
    grayscale: Tensor | None  # bool (N,)
    blur_sigma: Tensor | None  # (N,) in pixels, 0 = none
    solarize: Tensor | None  # bool (N,)

    def __getitem__(self, some: slice) -> "ViewParameters":
        """Those of some of the images."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        boxes = parts.pop("boxes")
        cut = {name: None if part is None else part[..., some] for name, part in parts.items()}
        return ViewParameters(boxes=None if boxes is None else boxes[some], **cut)


def check_images(images: Tensor) -> None:
    """Refuse what is no batch of images.

    Args:
        images: (N, 3, H, W), uint8 in [0, 255] or floats in [0, 1].

    Raises:
        ValueError: another shape, or integers other than uint8.
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"expected a batch of images (N, 3, H, W), got {tuple(images.shape)}; "
            "a single image needs images[None]."
        )
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ValueError(f"images must be uint8, or floats in [0, 1], got {images.dtype}.")


def to_unit(images: Tensor) -> Tensor:
    """uint8 in [0, 255] -> float32 in [0, 1]; floats become float32.

    Raises:
        ValueError: not a batch (N, 3, H, W), or integers other than uint8.
    """
    check_images(images)
    return images.float().div_(255) if images.dtype == torch.uint8 else images.float()


def per_channel(values: tuple[float, ...], like: Tensor) -> Tensor:
    return constant(values, like.dtype, like.device)[:, None, None]  # (3, 1, 1)


@functools.cache
def constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Numbers on a device, copied there once: a GPU would have to wait for every copy."""
    return torch.tensor(values, dtype=dtype, device=device)


def normalize(images: Tensor) -> Tensor:
    """uint8 images, or floats in [0, 1], (N, 3, H, W) -> channels of about mean 0 and std 1."""
    unit = to_unit(images)
    return (unit - per_channel(MEAN, unit)).div_(per_channel(STD, unit))


def denormalize(images: Tensor) -> Tensor:
    """Undo `normalize`: floats (N, 3, H, W) -> floats in [0, 1], for showing to a person."""
    return (images * per_channel(STD, images) + per_channel(MEAN, images)).clamp(0, 1)


def resample(
    images: Tensor, *, size: int, boxes: Tensor | None = None, flipped: Tensor | None = None
) -> Tensor:
    """Cut a box out of each image and resize it, as torchvision's `resized_crop` does.

    Args:
        images: floats (N, C, H, W).
        size: height and width of the output.
        boxes: (N, 4) top, left, height, width in pixels; by default the centre square.
        flipped: bool (N,), True = mirror left to right.

    Returns:
        floats (N, C, size, size).
    """
    count, _, height, width = images.shape
    if boxes is None:
        side = min(height, width)
        box = ((height - side) // 2, (width - side) // 2, side, side)
        boxes = constant(box, images.dtype, images.device).expand(count, 4)
    top, left, box_height, box_width = boxes.to(images.dtype).unbind(1)
    rows = resampling_matrix(top, box_height, size, height)  # (N, size, H)
    columns = resampling_matrix(left, box_width, size, width, flipped)  # (N, size, W)
    return from_both_sides(rows, images, columns)  # (N, C, size, size)


def resampling_matrix(
    start: Tensor, extent: Tensor, size: int, length: int, flipped: Tensor | None = None
) -> Tensor:
    """Weights (N, size, length) that resize `length` pixels, cut to the box, to `size` pixels.

    What is flipped runs backwards, from the end of the box to its start.
    """
    pixels = torch.arange(length, device=start.device) + 0.5
    outputs = (torch.arange(size, device=start.device) + 0.5).expand(len(start), size)
    if flipped is not None:
        outputs = torch.where(flipped[:, None], size - outputs, outputs)
    scale = (extent / size)[:, None, None]  # input pixels per output pixel, (N, 1, 1)
    centres = start[:, None, None] + outputs[:, :, None] * scale  # (N, size, 1)
    distances = (pixels - centres).abs_().div_(scale.clamp_min(1))  # (N, size, length)
    weights = (1 - distances).clamp_min_(0)
    end = start + extent
    weights *= (pixels > start[:, None]).logical_and_(pixels < end[:, None])[:, None]
    return weights / weights.sum(dim=2, keepdim=True)


def from_both_sides(rows: Tensor, images: Tensor, columns: Tensor) -> Tensor:
    """`rows @ image @ columns.T`: (N, h, H), (N, C, H, W), (N, w, W) -> (N, C, h, w)."""
    count, channels, height, width = images.shape
    wide = images.reshape(count, channels * height, width) @ columns.transpose(1, 2)  # (N, C*H, w)
    return rows[:, None] @ wide.view(count, channels, height, -1)  # (N, C, h, w)


def grey_of(images: Tensor) -> Tensor:
    red, green, blue = images.split(1, dim=1)
    return (LUMA[0] * red).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])  # (N, 1, H, W)


def blend(images: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """`share` (N,) of each image and the rest of `other`, kept in [0, 1]."""
    share = share[:, None, None, None]
    return (share * images).add_((1 - share) * other).clamp_(0, 1)


def where_chosen(chosen: Tensor, changed: Tensor, images: Tensor) -> Tensor:
    """`changed` for the chosen (N,) and `images` for all others, as `torch.where`, but faster."""
    return torch.lerp(images, changed, chosen.to(images.dtype)[:, None, None, None])


def shift_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn the colour wheel by `shift` (N,) turns in [-0.5, 0.5]; brightness and chroma stay.

    A hue is an angle, in sixths of a turn: red 0, yellow 1, green 2, cyan 3 or -3, blue -2,
    magenta -1. Between two neighbours a single channel changes, and it does so evenly, so a sum of
    the channels says how far a colour is from red, and the larger of green and blue on which side.
    Back again: a channel is at its most until 1 from its own colour, at its least from 2 on.
    """
    red, green, blue = images.unbind(1)  # (N, H, W) each
    most = images.amax(dim=1)
    chroma = most - images.amin(dim=1)
    from_red = (green + blue).sub_(red).sub_(most).div_(chroma.clamp_min(1e-8)).add_(2)
    hue = from_red.copysign_(green - blue)  # in [-3, 3], towards green positive
    hue += 6 * shift[:, None, None]
    hue -= 6 * (hue / 6).round_()  # the short way round again
    distance = (hue[:, None] - per_channel((0.0, 2.0, -2.0), images)).abs_()  # (N, 3, H, W)
    fall = (2 - distance.sub_(3).abs_()).clamp_(0, 1)  # beyond 3 it gets nearer again
    return most[:, None] - fall.mul_(chroma[:, None])


def blur_matrix(sigma: Tensor, length: int, radius: int) -> Tensor:
    """Gaussian blur along one axis as weights (N, length, length), reflecting at the border."""
    taps = torch.arange(-radius, radius + 1, device=sigma.device)
    kernel = torch.exp(-0.5 * (taps / sigma.clamp_min(1e-3)[:, None]) ** 2)  # (N, taps)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    source = (torch.arange(length, device=sigma.device)[:, None] + taps).abs()  # (length, taps)
    source = ((length - 1) - (length - 1 - source).abs()).clamp(0, length - 1)
    spread = F.one_hot(source, length).to(kernel.dtype)  # (length, taps, length)
    return torch.einsum("nt,itj->nij", kernel, spread)
