"""Pictures as rows of square patches, and where each patch stands."""

import math

import torch
from einops import rearrange
from torch import Tensor


def patchify(images: Tensor, patch_size: int) -> Tensor:
    """Cut images into patches, row by row.

    Args:
        images: (N, C, H, W).
        patch_size: P, height and width of a patch in pixels.

    Returns:
        (N, L, P*P*C) with L = H/P * W/P; inside a patch the order is row, column, channel.

    Raises:
        ValueError: not a batch of images, or a height or width that P does not divide.
    """
    check_images(images, patch_size)
    return rearrange(
        images, "n c (rows p) (columns q) -> n (rows columns) (p q c)", p=patch_size, q=patch_size
    )


def unpatchify(patches: Tensor, patch_size: int, *, columns: int | None = None) -> Tensor:
    """Put patches together again: the inverse of `patchify`.

    Args:
        patches: (N, L, P*P*C).
        patch_size: P.
        columns: patches in a row; by default the picture is square.

    Returns:
        (N, C, H, W).

    Raises:
        ValueError: patches that don't have P*P*C values, or don't fill a picture.
    """
    if patches.ndim != 3 or patches.shape[2] % patch_size**2:
        raise ValueError(
            f"expected patches (N, L, {patch_size}*{patch_size}*C), got {tuple(patches.shape)}."
        )
    length = patches.shape[1]
    if columns is None and math.isqrt(length) ** 2 != length:
        raise ValueError(f"{length} patches don't make a square; say how many columns there are.")
    columns = columns or math.isqrt(length)
    if length % columns:
        raise ValueError(f"{length} patches don't fill rows of {columns} columns.")
    return rearrange(
        patches,
        "n (rows columns) (p q c) -> n c (rows p) (columns q)",
        columns=columns,
        p=patch_size,
        q=patch_size,
    )


def check_images(images: Tensor, patch_size: int) -> None:
    """Refuse what is no batch of images, or one that patches don't fill."""
    if images.ndim != 4:
        raise ValueError(f"expected images (N, C, H, W), got {tuple(images.shape)}.")
    check_divides(*images.shape[2:], patch_size)


def check_divides(height: int, width: int, patch_size: int) -> None:
    """Refuse a picture that patches don't fill."""
    if patch_size < 1 or height % patch_size or width % patch_size or not height or not width:
        raise ValueError(
            f"images of {height}x{width} pixels can't be cut into patches of {patch_size}x"
            f"{patch_size}; choose a patch size that divides both."
        )


def check_crop(size: int | None, patch_size: int) -> None:
    """Refuse crops that patches don't fill; None is a size that is not known yet."""
    if size is not None and size % patch_size:
        raise ValueError(
            f"crops of {size} pixels can't be cut into patches of {patch_size} pixels; choose a "
            f"multiple of {patch_size}."
        )


def sincos_positions(rows: int, columns: int, width: int) -> Tensor:
    """Fixed positions in the plane, as sines and cosines of many wavelengths.

    One half of the vector says the column, the other half the row; each half holds the sines, then
    the cosines, of the place times 1 / 10000^(i / (width / 4)). (Vaswani et al. 2017,
    arXiv:1706.03762, section 3.5, for two axes as in MAE's code.)

    Args:
        rows: patches from top to bottom.
        columns: patches from left to right.
        width: D of the tokens, a multiple of 4.

    Returns:
        float32 (rows * columns, D).

    Raises:
        ValueError: a width that 4 does not divide.
    """
    if width % 4:
        raise ValueError(f"sine and cosine positions need a width divisible by 4, got {width}.")
    frequencies = 10_000.0 ** -(torch.arange(width // 4, dtype=torch.float64) / (width / 4))
    row, column = torch.meshgrid(
        torch.arange(rows, dtype=torch.float64),
        torch.arange(columns, dtype=torch.float64),
        indexing="ij",
    )
    angles = [place.flatten()[:, None] * frequencies for place in (column, row)]  # (L, D / 4) each
    waves = [wave(angle) for angle in angles for wave in (torch.sin, torch.cos)]
    return torch.cat(waves, dim=1).float()  # (L, D)


def hidden_count(length: int, ratio: float) -> int:
    """How many of `length` patches a ratio in (0, 1) hides: at least one, and not all.

    Raises:
        ValueError: a ratio outside (0, 1), or one that hides no patch or all of them.
    """
    if not 0 < ratio < 1:
        raise ValueError(f"the mask ratio must be between 0 and 1, got {ratio}.")
    hidden = round(ratio * length)
    if not 0 < hidden < length:
        raise ValueError(
            f"a mask ratio of {ratio} hides {hidden} of {length} patches; at least one must be "
            "hidden and one visible. Use smaller patches or another ratio."
        )
    return hidden


def visible_positions(mask: Tensor, visible: int | None = None) -> Tensor:
    """Which patches each image still shows, from left to right.

    Args:
        mask: bool (N, L), True = hidden; the same number hidden in every image.
        visible: V, how many are visible, where the caller knows; asking a GPU makes it wait.

    Returns:
        int64 (N, V).

    Raises:
        ValueError: not bool (N, L), or images with different numbers of visible patches.
    """
    if mask.ndim != 2 or mask.dtype != torch.bool:
        raise ValueError(
            f"mask must be bool (N, L), True = hidden, got {mask.dtype} {tuple(mask.shape)}."
        )
    if visible is None:
        counts = (~mask).sum(dim=1)
        visible = int(counts[0])
        if visible < 1 or not (counts == visible).all():
            raise ValueError(
                "every image must show the same number of patches, at least 1; the mask shows "
                f"{int(counts.min())} to {int(counts.max())}."
            )
    # False sorts before True, and a stable sort keeps the order of the visible ones
    return mask.to(torch.uint8).argsort(dim=1, stable=True)[:, :visible]


def take(tokens: Tensor, positions: Tensor) -> Tensor:
    """The tokens at some positions of each image: (N, L, D), (N, V) -> (N, V, D)."""
    return tokens.gather(1, positions[:, :, None].expand(-1, -1, tokens.shape[2]))
