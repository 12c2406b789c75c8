"""07.1: what a batch of masks looks like."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.behaviours import generator_decides
from sslcourse.teach.checks.task import Attempt, given

GRID, MASKED = 8, 25

MANY = given(60, GRID, MASKED)


def masks(f: Attempt) -> Tensor:
    """60 masks as pictures; drawn once, for a loop over images and blocks takes its time."""
    return f.result(MANY).view(-1, GRID, GRID)


def counts(f: Attempt) -> Tensor:
    return masks(f).sum(dim=(1, 2))


def generator_ignored(f: Attempt) -> bool:
    """A generator's seed does not decide the mask, whatever other randomness does."""
    return not generator_decides(f, 4, GRID, MASKED)


def inverted(f: Attempt) -> bool:
    """Whether the visible patches are as many as should be hidden."""
    visible = GRID**2 - counts(f)
    close_to = float(visible.float().mean()) >= 0.87 * MASKED
    return bool((visible <= MASKED).all()) and close_to


def in_one_part(mask: Tensor) -> bool:
    """Whether some quarter of the picture, or a row or column, is nearly always visible."""
    quarters = [half for x in mask.chunk(2, dim=1) for half in x.chunk(2, dim=2)]
    lines = [*mask.unbind(dim=1), *mask.unbind(dim=2)]
    limits = ((quarters, 0.1), (lines, 0.03))
    return any(float(x.float().mean()) < limit for parts, limit in limits for x in parts)


def togetherness(mask: Tensor) -> float:
    """How much more often two neighbours are both hidden than they would be by chance."""
    x = mask.float()
    share = x.mean(dim=(1, 2))
    pairs = (x[:, :, 1:] * x[:, :, :-1]).mean(dim=(1, 2)) + (x[:, 1:] * x[:, :-1]).mean(dim=(1, 2))
    return float(
        (pairs / 2 - share.square()).mean() / (share - share.square()).mean().clamp_min(1e-6)
    )


def one_direction(mask: Tensor) -> bool:
    """Whether whole rows or whole columns are hidden or visible together."""
    lines = (mask, mask.transpose(1, 2))
    return any(bool((x.all(dim=2) | ~x.any(dim=2)).float().mean() > 0.95) for x in lines)


def one_size(mask: Tensor) -> bool:
    """Whether each mask is one full rectangle, and all have the same sides."""
    sides = torch.stack([mask.any(dim=2).sum(dim=1), mask.any(dim=1).sum(dim=1)], dim=1)  # (N, 2)
    return bool((sides.prod(dim=1) == mask.sum(dim=(1, 2))).all()) and len(sides.unique(dim=0)) == 1


def squares_of(mask: Tensor, side: int) -> Tensor:
    """Bool (N, rows, columns) of places where a square of hidden patches begins."""
    return F.avg_pool2d(mask[:, None].float(), side, 1)[:, 0] > 0.999


def squares_of_one_size(mask: Tensor) -> bool:
    """Whether all masks are made of squares of 2 x 2 or of 3 x 3, and larger ones come by luck."""
    for side in (2, 3):
        begins = squares_of(mask, side)
        made = F.max_pool2d(F.pad(begins.float(), (side - 1,) * 4), side, 1) > 0  # (N, H, W)
        larger = squares_of(mask, side + 1).flatten(1).any(dim=1).float().mean()
        if torch.equal(made, mask) and float(larger) < 0.6:
            return True
    return False
