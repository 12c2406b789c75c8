"""(e) Our vision transformer against timm's of the same size: all patches, then a quarter of them.

Forward and gradient. Which patches are hidden is drawn in each pass: by our `random_mask`, and by
timm's own patch dropout.
"""

from collections.abc import Callable, Iterator

import timm
import torch
from speed.timing import Effort, Row, alternate
from torch import Tensor, nn

from sslcourse.hardware import keep_freed_memory, pick_precision
from sslcourse.methods import random_mask
from sslcourse.networks import VisionTransformer

RATIO = 0.75
SIZES = {  # image size, patch size, width, depth, heads; batch
    "the laptop's": ((32, 4, 96, 4, 3), 64),
    "ViT-Tiny": ((32, 4, 192, 12, 3), 32),
    "ViT-Small": ((224, 16, 384, 12, 6), 4),
}


def of_timm(
    image_size: int, patch_size: int, width: int, depth: int, heads: int, hidden: float
) -> nn.Module:
    """timm's network, which hands out its tokens."""
    network = timm.models.VisionTransformer(
        img_size=image_size,
        patch_size=patch_size,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        num_classes=0,
        global_pool="",
        patch_drop_rate=hidden,
    )
    return network.train()


def with_gradient(
    network: nn.Module, tokens: Callable[[Tensor], Tensor], images: Tensor, precision: str
) -> Callable[[], None]:
    """Forward and gradient of a network."""

    def work() -> None:
        network.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            made = tokens(images)
        made.float().square().mean().backward()

    return work


def beside(
    sizes: tuple[int, ...], images: Tensor, hidden: float, precision: str
) -> dict[str, Callable[[], None]]:
    """Both networks at work on the same images, with a share of the patches hidden."""
    ours, theirs = VisionTransformer(*sizes, positions="learned"), of_timm(*sizes, hidden)
    visible = ours.grid**2 - round(hidden * ours.grid**2)

    def tokens(images: Tensor) -> Tensor:
        if not hidden:
            return ours(images)
        return ours(images, random_mask(len(images), ours.grid**2, hidden), visible=visible)

    assert tokens(images).shape == theirs(images).shape == (len(images), 1 + visible, sizes[2])
    return {
        "ours": with_gradient(ours, tokens, images, precision),
        "theirs": with_gradient(theirs, theirs, images, precision),
    }


def rows(effort: Effort) -> Iterator[Row]:
    """Each size in the precision that is faster here."""
    keep_freed_memory()
    precision = pick_precision(torch.device("cpu"))
    for name, (sizes, count) in SIZES.items():
        if effort.quick and name != "the laptop's":
            continue
        images = torch.randn(count, 3, sizes[0], sizes[0])
        for hidden in (0.0, RATIO):
            parts = beside(sizes, images, hidden, precision)
            times = alternate(parts, effort.seconds / 2, fewest=effort.fewest)
            seen = f"{hidden:.0%} hidden" if hidden else "all patches"
            what = f"{name}, {count} x 3 x {sizes[0]} x {sizes[0]}, {seen}, {precision}"
            yield Row(what, **times, asked=1)
