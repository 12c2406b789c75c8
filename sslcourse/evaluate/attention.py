"""Where does a transformer look? Attention maps, and the patches that hold most of a map.

In the last block the class token gathers what describes the image; how much it takes from each
patch is the attention map of a head (Caron et al. 2021, arXiv:2104.14294, section 4.2.1 and figure
1). Whether the maps find objects is asked in `sslcourse.evaluate.objects`.
"""

from collections.abc import Callable
from itertools import islice

import torch
from einops import rearrange
from torch import Tensor, nn

from sslcourse.console import ProgressLine
from sslcourse.data.images import ImageSet
from sslcourse.data.operations import normalize
from sslcourse.evaluate.features import frozen
from sslcourse.hardware import keep_freed_memory


def attention_maps(
    encoder: nn.Module, images: ImageSet | Tensor, batch_size: int = 64, *, block: int = -1
) -> Tensor:
    """How much the class token takes from each patch in one block, head by head.

    The class token itself is left out, so a map sums to at most 1. `maps.mean(dim=1)` is the mean
    over the heads. The encoder and its mode are left as they were.

    Args:
        encoder: a `VisionTransformer`, on the images' device.
        images: an `ImageSet`, or uint8 images, or floats in [0, 1], (N, 3, H, W); patches must
            fill them.
        batch_size: images a pass; changes nothing but memory and speed.
        block: which one, counted from 0 or, when negative, from the last.

    Returns:
        float32 (N, heads, rows, columns), one value for each patch.

    Raises:
        ValueError: no transformer, no such block, no image, or images that patches don't fill.
    """

    def look(part: Tensor) -> Tensor:
        if block == -1:
            return encoder.attention(part)[:, :, 0, 1:]  # (n, heads, L)
        depth = len(encoder.blocks)
        if not -depth <= block < depth:
            raise ValueError(f"the encoder has blocks 0 to {depth - 1}, got block {block}.")
        weights = islice(encoder.attention_of_blocks(part), block % depth, None)
        return next(weights)[:, :, 0, 1:]  # (n, heads, L)

    return in_batches(encoder, images, batch_size, look)


def attention_rollout(
    encoder: nn.Module, images: ImageSet | Tensor, batch_size: int = 64
) -> Tensor:
    """How much of each patch reaches the class token through all blocks together.

    Each block mixes tokens by its mean attention over the heads, and leaves half of each token as
    it is, for attention is added to what was there; the product of these mixtures over all blocks
    is the rollout (Abnar and Zuidema 2020, arXiv:2005.00928, section 3).

    Args:
        encoder: a `VisionTransformer`, on the images' device.
        images: as for `attention_maps`.
        batch_size: images a pass.

    Returns:
        float32 (N, rows, columns): one map, whatever the number of heads.

    Raises:
        ValueError: no transformer, no image, or images that patches don't fill.
    """

    def roll(part: Tensor) -> Tensor:
        mixed = None
        for weights in encoder.attention_of_blocks(part):
            tokens = weights.mean(dim=1)  # (n, 1 + L, 1 + L)
            tokens = 0.5 * (tokens + torch.eye(tokens.shape[1], device=tokens.device))
            mixed = tokens if mixed is None else tokens @ mixed
        return mixed[:, None, 0, 1:]  # (n, 1, L)

    return in_batches(encoder, images, batch_size, roll)[:, 0]


def in_batches(
    encoder: nn.Module,
    images: ImageSet | Tensor,
    batch_size: int,
    maps_of: Callable[[Tensor], Tensor],
) -> Tensor:
    """Call `maps_of` with normalised parts of the images: (n, 3, H, W) -> (n, heads, L)."""
    tensor = images.images if isinstance(images, ImageSet) else images
    if not hasattr(encoder, "attention") or not hasattr(encoder, "patch_size"):
        raise ValueError(
            f"attention maps need a VisionTransformer, got a {type(encoder).__name__}."
        )
    if len(tensor) == 0 or batch_size < 1:
        raise ValueError(f"need images and a batch_size, got {len(tensor)} and {batch_size}.")
    keep_freed_memory()
    parts, line = [], ProgressLine(f"attention in {len(tensor):,} images")
    try:
        with frozen(encoder):
            for batch in tensor.split(batch_size):
                maps = maps_of(normalize(batch))
                columns = batch.shape[3] // encoder.patch_size
                parts.append(rearrange(maps, "n h (r c) -> n h r c", c=columns).float())
                line.show(min(1.0, len(parts) * batch_size / len(tensor)))
    finally:
        line.close()
    return torch.cat(parts)


def threshold_mass(maps: Tensor, share: float = 0.6) -> Tensor:
    """The smallest set of patches that holds at least this share of a map's mass.

    Sorted from weak to strong, a patch is kept when the sum up to it, itself included, is more
    than 1 - share (the rule of DINO's published visualisation).

    Args:
        maps: (…, H, W), not negative, each with a sum greater than 0.
        share: of the mass, in (0, 1].

    Returns:
        bool (…, H, W), True = kept.

    Raises:
        ValueError: a share outside (0, 1], or maps that are no maps.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], got {share}.")
    if maps.ndim < 2 or not maps.is_floating_point():
        raise ValueError(f"maps must be floats (…, H, W), got {maps.dtype} {tuple(maps.shape)}.")
    mass = maps.detach().double().flatten(-2)  # (…, H*W)
    if not mass.isfinite().all() or (mass < 0).any() or not (mass.sum(dim=-1) > 0).all():
        raise ValueError(
            "every map must be finite, without negative values, and have a sum greater than 0."
        )
    values, order = mass.sort(dim=-1, stable=True)
    total = values.cumsum(dim=-1)
    # a little more than the sum, so that rounding does not keep a patch too many
    kept = total > (1 - share + 1e-12) * total[..., -1:]
    return torch.zeros_like(kept).scatter(-1, order, kept).view(maps.shape)


def to_pixels(maps: Tensor, height: int, width: int) -> Tensor:
    """Give every pixel the value of its patch: (…, rows, columns) -> (…, height, width).

    Raises:
        ValueError: a height or width that is no multiple of the map's.
    """
    rows, columns = maps.shape[-2:]
    if height % rows or width % columns:
        raise ValueError(
            f"maps of {rows}x{columns} patches don't fit images of {height}x{width} pixels; both "
            "sides must be multiples."
        )
    return maps.repeat_interleave(height // rows, -2).repeat_interleave(width // columns, -1)
