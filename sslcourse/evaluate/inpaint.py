"""Filling hidden patches without learning anything: what a masked autoencoder has to beat."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.data.operations import to_unit

FILLS = ("mean", "nearest", "distance", "harmonic")


def visible_pixels(mask: Tensor, height: int, width: int, patch_size: int) -> Tensor:
    """Which pixels are visible: bool (N, L), True = hidden -> bool (N, 1, H, W), True = visible."""
    rows, columns = height // patch_size, width // patch_size
    if mask.ndim != 2 or mask.dtype != torch.bool or mask.shape[1] != rows * columns:
        raise ValueError(
            f"mask must be bool (N, {rows * columns}), True = hidden, for {rows}x{columns} patches "
            f"of {patch_size} pixels; got {mask.dtype} {tuple(mask.shape)}."
        )
    if mask.all(dim=1).any():
        raise ValueError("an image without any visible patch can't be filled.")
    seen = ~mask.view(-1, 1, rows, columns)
    return seen.repeat_interleave(patch_size, dim=2).repeat_interleave(patch_size, dim=3)


def fill_hidden(images: Tensor, mask: Tensor, patch_size: int, kind: str = "harmonic") -> Tensor:
    """Fill the hidden patches of each image from its own visible pixels.

    Args:
        images: uint8, or floats in [0, 1], (N, 3, H, W).
        mask: bool (N, L), True = hidden.
        patch_size: P.
        kind: "mean": the mean visible colour. "nearest": the nearest visible pixel. "distance":
            the mean of all visible pixels, weighted by 1 / distance^3. "harmonic": every hidden
            pixel is the mean of its four neighbours, as a soap film hangs between its frame.

    Returns:
        Floats in [0, 1] (N, 3, H, W), visible pixels as they were.

    Raises:
        ValueError: an unknown kind, or a mask that does not fit.
    """
    if kind not in FILLS:
        raise ValueError(f"unknown kind {kind!r}; choose one of {', '.join(FILLS)}.")
    images = to_unit(images)
    seen = visible_pixels(mask, *images.shape[2:], patch_size)
    if kind == "mean":
        mean = (images * seen).sum(dim=(2, 3), keepdim=True) / seen.sum(dim=(2, 3), keepdim=True)
        return torch.where(seen, images, mean)
    if kind == "nearest":
        return torch.cat([nearest(*pair) for pair in zip(images.split(16), seen.split(16))])
    filled = by_distance(images, seen)
    return filled if kind == "distance" else harmonic(filled, seen)


def pixel_distances(height: int, width: int, device: torch.device) -> Tensor:
    """Distances of all pairs of pixels, (H*W, H*W)."""
    place = torch.arange(height * width, device=device)
    place = torch.stack([place // width, place % width], dim=1).float()
    return torch.cdist(place, place)


def by_distance(images: Tensor, seen: Tensor) -> Tensor:
    """Hidden pixels as a mean of visible ones with weights 1 / distance^3."""
    weights = pixel_distances(*images.shape[2:], images.device).clamp_min(0.5) ** -3
    total = (images * seen).flatten(2) @ weights  # (N, 3, H*W)
    amount = seen.float().flatten(2) @ weights  # (N, 1, H*W)
    return torch.where(seen, images, (total / amount).view_as(images))


def nearest(images: Tensor, seen: Tensor) -> Tensor:
    """Every pixel from the nearest visible one."""
    distances = pixel_distances(*images.shape[2:], images.device)
    hidden = ~seen.flatten(1)  # (N, H*W)
    source = torch.where(hidden[:, None], torch.inf, distances).argmin(dim=2)  # (N, H*W)
    flat = images.flatten(2)
    return flat.gather(2, source[:, None].expand_as(flat)).view_as(images)


def harmonic(start: Tensor, seen: Tensor, rounds: int = 500) -> Tensor:
    """Hidden pixels become the mean of their neighbours, again and again; borders reflect."""
    images = start
    for _ in range(rounds):
        wide = F.pad(images, (1, 1, 1, 1), mode="replicate")
        around = wide[:, :, :-2, 1:-1] + wide[:, :, 2:, 1:-1]
        around = around + wide[:, :, 1:-1, :-2] + wide[:, :, 1:-1, 2:]
        images = torch.where(seen, start, around / 4)
    return images


def hidden_error(pictures: Tensor, images: Tensor, mask: Tensor, patch_size: int) -> float:
    """Mean squared error of the hidden pixels, for values in [0, 1].

    Args:
        pictures: what was painted, floats in [0, 1], (N, 3, H, W).
        images: what was there, uint8, or floats in [0, 1], (N, 3, H, W).
        mask: bool (N, L), True = hidden; at least one patch is.
        patch_size: P.

    Raises:
        ValueError: shapes that don't fit, or nothing hidden.
    """
    images = to_unit(images)
    if pictures.shape != images.shape or not mask.any():
        raise ValueError(
            f"pictures {tuple(pictures.shape)} and images {tuple(images.shape)} must have one "
            "shape, and the mask must hide something."
        )
    hidden = ~visible_pixels(mask, *images.shape[2:], patch_size)
    error = (pictures - images).square().mean(dim=1, keepdim=True)  # (N, 1, H, W)
    return (error[hidden]).mean().item()
