"""Do attention maps find the object? Two scores, and what any map must be compared with.

A score alone says little: objects stand near the centre, and any spot hits something. So beside
every network stand a random map and the centre box, and among the networks should be an untrained
one and one trained with labels. A head is chosen on validation images, never on those it is judged
by: of six random maps the luckiest looks good.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from sslcourse.data.images import ImageSet
from sslcourse.evaluate.attention import attention_maps, threshold_mass, to_pixels


def check_masks(masks: Tensor | None) -> None:
    """Refuse what does not say of every image where its object is."""
    if masks is None:
        raise ValueError(
            "these images have no masks, so nothing says where their objects are; scenes have them."
        )
    if masks.dtype != torch.bool or masks.ndim != 3 or not masks.flatten(1).any(dim=1).all():
        raise ValueError(
            f"masks must be bool (N, H, W) with an object in each, got {masks.dtype} "
            f"{tuple(masks.shape)}; leave out images without an object."
        )


def fit_masks(maps: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Maps (N, …, H, W) in pixels and masks (N, 1…, H, W) that go with them."""
    check_masks(masks)
    if maps.ndim < 3 or len(maps) != len(masks):
        raise ValueError(
            f"need maps (N, …, H, W) of the images that the masks are of, got {tuple(maps.shape)} "
            f"and {tuple(masks.shape)}."
        )
    between = [1] * (maps.ndim - 3)  # heads, say
    return to_pixels(maps, *masks.shape[1:]), masks.view(len(masks), *between, *masks.shape[1:])


def jaccard(maps: Tensor, masks: Tensor) -> Tensor:
    """Overlap of each map with its object: pixels in both / pixels in either, in [0, 1].

    Args:
        maps: bool (N, …, H, W), True = kept, see `threshold_mass`; of pixels or of patches.
        masks: bool (N, H, W), True = object, at least one pixel.

    Returns:
        float32 (N, …): one for each map. Their mean is the usual score.

    Raises:
        ValueError: maps that are not bool, or don't fit the masks.
    """
    if maps.dtype != torch.bool:
        raise ValueError(f"maps must be bool, got {maps.dtype}; threshold_mass makes them so.")
    maps, masks = fit_masks(maps, masks)
    both = (maps & masks).sum(dim=(-2, -1))
    return both / (maps | masks).sum(dim=(-2, -1))


def pointing_accuracy(maps: Tensor, masks: Tensor) -> float:
    """How often a map's strongest point lies on the object: the pointing game, in [0, 1].

    Where several pixels are strongest, as all of a patch are, one of them is taken at random, and
    this is the mean over that choice: a map that is the same everywhere scores the object's share
    of the image. (Zhang et al. 2016, arXiv:1608.00507, section 4.2, without their tolerance.)

    Args:
        maps: floats (N, H, W), of pixels or of patches.
        masks: bool (N, H, W), True = object, at least one pixel.

    Raises:
        ValueError: maps that don't fit the masks.
    """
    if maps.ndim != 3:
        raise ValueError(f"one map for each image, (N, H, W), got {tuple(maps.shape)}.")
    maps, masks = fit_masks(maps, masks)
    strongest = maps == maps.amax(dim=(1, 2), keepdim=True)  # (N, H, W)
    hits = (strongest & masks).sum(dim=(1, 2)) / strongest.sum(dim=(1, 2))
    return hits.mean().item()


def best_head(maps: Tensor, masks: Tensor, share: float = 0.6) -> int:
    """The head whose patches overlap most with the objects.

    Args:
        maps: floats (N, heads, rows, columns) of *validation* images. Chosen on the images that it
            is judged by, a head would look better than it is.
        masks: bool (N, H, W).
        share: of the mass, see `threshold_mass`.

    Raises:
        ValueError: maps that don't fit the masks.
    """
    return best_head_and_share(maps, masks, [share])[0]


def best_head_and_share(maps: Tensor, masks: Tensor, shares: Sequence[float]) -> tuple[int, float]:
    """As `best_head`, with the share of the mass chosen, too; the first of equals.

    How much of a map must be kept to cover the object depends on how evenly the map covers it.

    Args:
        maps: floats (N, heads, rows, columns) of *validation* images.
        masks: bool (N, H, W).
        shares: of the mass to choose from, each in (0, 1].

    Raises:
        ValueError: maps that don't fit the masks, or no share.
    """
    if maps.ndim != 4 or not shares:
        raise ValueError(
            f"need maps (N, heads, rows, columns) and a share, got {tuple(maps.shape)} and "
            f"{len(shares)} shares."
        )
    overlaps = [jaccard(threshold_mass(maps, share), masks).mean(dim=0) for share in shares]
    place, head = divmod(int(torch.stack(overlaps).argmax()), maps.shape[1])
    return head, shares[place]


def random_maps(maps: Tensor, seed: int = 0) -> Tensor:
    """Uniform noise of the same shape: what a map scores that knows nothing at all."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(maps.shape, generator=generator).to(maps.device)


def centre_box(masks: Tensor) -> Tensor:
    """The square in the middle that overlaps most with the objects of *validation* images.

    It knows how large objects are and that they stand near the middle, and has never seen one.

    Args:
        masks: bool (N, H, W).

    Returns:
        bool (H, W), True = inside.

    Raises:
        ValueError: masks that are none.
    """
    check_masks(masks)
    height, width = masks.shape[1:]
    boxes = []
    for side in range(1, min(height, width) + 1):
        top, left = (height - side) // 2, (width - side) // 2
        box = torch.zeros(height, width, dtype=torch.bool, device=masks.device)
        box[top : top + side, left : left + side] = True
        boxes.append(box)
    scores = [jaccard(box.expand(masks.shape), masks).mean() for box in boxes]
    return boxes[int(torch.stack(scores).argmax())]


@dataclass(frozen=True)
class ObjectScore:
    """How well maps find objects.

    Attributes:
        jaccard: mean overlap of the patches that hold `share` of the mass, in [0, 1].
        pointing: see `pointing_accuracy`.
        head: which head it is, or None where there are none.
        share: of the map's mass, or None where there is no map.
        block: which block the head belongs to, or None where there are none; -1 is the last.
    """

    jaccard: float
    pointing: float
    head: int | None = None
    share: float | None = None
    block: int | None = None


def object_scores(
    encoders: Mapping[str, nn.Module],
    validation: ImageSet,
    test: ImageSet,
    *,
    share: float | Sequence[float] = 0.6,
    every_block: bool = False,
    seed: int = 0,
) -> dict[str, ObjectScore]:
    """Score networks on test images, each by the head that does best on validation images.

    Given several shares, or every block, each row takes what does best on validation images, too.

    Args:
        encoders: {row: `VisionTransformer`}; an untrained one and one trained with labels belong
            here, see `fine_tune(...).encoder`.
        validation: images with masks that choose heads and the size of the centre box.
        test: other images with masks.
        share: of a map's mass that is kept, or several to choose from.
        every_block: whether to choose among the heads of all blocks; by default of the last one.
        seed: of the random maps.

    Returns:
        {row: score}, with the rows "random map" and "centre box" before those of the encoders.

    Raises:
        ValueError: images without masks, no encoder, one without attention, or no share.
    """
    check_masks(test.masks)
    if not encoders:
        raise ValueError("name at least one encoder, for example an untrained one.")
    shares = [share] if isinstance(share, (int, float)) else list(share)
    rows: dict[str, ObjectScore] = {}
    for name, encoder in encoders.items():
        found = []
        depth = len(getattr(encoder, "blocks", ""))  # 0 where there are none: refused below
        for block in range(depth) if every_block and depth else [-1]:
            seen = attention_maps(encoder, validation, block=block)
            head, kept = best_head_and_share(seen, validation.masks, shares)
            overlap = jaccard(threshold_mass(seen[:, head], kept), validation.masks).mean().item()
            found.append((overlap, block, head, kept))
        if not rows:
            rows |= without_network(seen, validation, test, shares, seed)
        _, block, head, kept = max(found)
        maps = attention_maps(encoder, test, block=block)[:, head]
        rows[name] = replace(score_maps(maps, test.masks, kept, head), block=block)
    return rows


def without_network(
    like: Tensor, validation: ImageSet, test: ImageSet, shares: Sequence[float], seed: int
) -> dict[str, ObjectScore]:
    """The rows "random map" and "centre box"; random maps have the sides of those in `like`."""
    noise = random_maps(like[:, :1], seed)
    _, kept = best_head_and_share(noise, validation.masks, shares)
    noise = random_maps(like.new_empty(len(test), *like.shape[2:]), seed + 1)
    box = centre_box(validation.masks).expand(test.masks.shape)
    overlap = jaccard(box, test.masks).mean().item()
    return {
        "random map": score_maps(noise, test.masks, kept),
        "centre box": ObjectScore(overlap, pointing_accuracy(box.float(), test.masks)),
    }


def score_maps(
    maps: Tensor, masks: Tensor, share: float = 0.6, head: int | None = None
) -> ObjectScore:
    """Both scores of one map (N, rows, columns) for each image."""
    overlap = jaccard(threshold_mass(maps, share), masks).mean().item()
    return ObjectScore(overlap, pointing_accuracy(maps, masks), head, share)
