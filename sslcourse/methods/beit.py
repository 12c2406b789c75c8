"""BEiT: hide blocks of patches and say which visual tokens stood there.

Bao, Dong, Piao and Wei, "BEiT: BERT Pre-Training of Image Transformers", 2021, arXiv:2106.08254.

A frozen tokenizer writes every patch as one of K codes. The encoder sees all patches, but in the
place of the hidden ones a learned *mask token*; a linear layer then scores the K codes at each
hidden place. With t the code that stands there (section 2.3 of the paper, as a mean):

    loss = mean over hidden patches of  -log softmax(scores)_t

When all scores are equal it is ln K: the chance line. A network that only knows how often each code
occurs scores the entropy of their distribution, which the diagnostics give as "unigram".

What we simplify: four blocks need neither stochastic depth nor residual weights that shrink with
the depth. On the laptop positions are fixed, as MAE's: with relative ones the probe was no better
(36.1 % against 38.8, one training of 1,500 steps on scenes each; `masked.py choose beit`).
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.augment import CROP_AND_FLIP, Augment
from sslcourse.methods.mae import random_mask
from sslcourse.networks.patches import hidden_count, take
from sslcourse.networks.processes import own_weight
from sslcourse.networks.tokenizer import ImageTokenizer, check_tokens, token_shares
from sslcourse.networks.vit import VisionTransformer

ROUNDS = 40  # blocks tried for each image; by then hardly one finds room


def block_mask(
    n: int,
    grid: int,
    masked: int,
    *,
    smallest: int | None = None,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Hide rectangles of patches until about `masked` are hidden (the paper's algorithm 1).

    Each block has a random area and an aspect between 0.3 and 1 / 0.3; it counts only where it
    hides something new and not too much. All images are drawn at once.

    Args:
        n: number of images N.
        grid: patches in a row and in a column.
        masked: at most this many are hidden in an image; most images come close.
        smallest: area of the smallest block; by default 16 of 75, as in the paper.
        generator: source of randomness.
        device: where the mask is made; by default the generator's device, or the CPU.

    Returns:
        bool (N, grid * grid), True = hidden.

    Raises:
        ValueError: fewer than one hidden patch, or none visible, or a block larger than that.
    """
    if grid < 2 or not 0 < masked < grid**2:
        raise ValueError(
            f"masked must be 1 to {grid**2 - 1} of the {grid}x{grid} patches, got {masked}."
        )
    smallest = max(1, round(masked * 16 / 75)) if smallest is None else smallest
    if not 1 <= smallest <= masked:
        raise ValueError(f"the smallest block must have 1 to {masked} patches, got {smallest}.")
    source = generator.device if generator is not None else device or "cpu"
    draws = torch.rand(ROUNDS, 4, n, generator=generator, device=source).to(device or source)
    place = torch.arange(grid, device=draws.device)
    mask = torch.zeros(n, grid, grid, dtype=torch.bool, device=draws.device)
    for area, aspect, top, left in draws:
        room = masked - mask.sum(dim=(1, 2))  # (N,)
        area = smallest + (room - smallest) * area
        aspect = torch.exp((2 * aspect - 1) * math.log(1 / 0.3))
        height = (area * aspect).clamp_min(0).sqrt().round()
        width = (area / aspect).clamp_min(0).sqrt().round()
        fits = (height < grid) & (width < grid)
        top, left = (top * (grid - height + 1)).floor(), (left * (grid - width + 1)).floor()
        rows = (place >= top[:, None]) & (place < (top + height)[:, None])  # (N, grid)
        columns = (place >= left[:, None]) & (place < (left + width)[:, None])
        block = rows[:, :, None] & columns[:, None, :] & ~mask  # what it would hide anew
        new = block.sum(dim=(1, 2))
        mask |= block & (fits & (new > 0) & (new <= room))[:, None, None]
    return mask.flatten(1)


def beit_loss(logits: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy with the visual tokens of the hidden patches; visible ones don't count.

    Args:
        logits: (N, L, K), scores of the K codes at each patch.
        tokens: int64 (N, L), the codes that stand there.
        mask: bool (N, L), True = hidden.

    Returns:
        The scalar mean over all hidden patches of the batch, in float32 (float64 for float64
        logits).

    Raises:
        ValueError: shapes that don't fit, tokens outside the codebook, or an empty mask.
    """
    if logits.ndim != 3 or tokens.shape != logits.shape[:2]:
        raise ValueError(
            f"logits must be (N, L, K) and tokens (N, L), got {tuple(logits.shape)} and "
            f"{tuple(tokens.shape)}."
        )
    if mask.dtype != torch.bool or mask.shape != tokens.shape:
        raise ValueError(
            f"mask must be bool {tuple(tokens.shape)}, True = hidden, got {mask.dtype} "
            f"{tuple(mask.shape)}."
        )
    check_tokens(tokens, logits.shape[2])
    # asking a GPU would make it wait; there the loss is not a number and `fit` stops
    if mask.device.type == "cpu" and not mask.any():
        raise ValueError("the mask hides no patch, so there is no token to predict.")
    raised = torch.float64 if logits.dtype == torch.float64 else torch.float32
    each = F.cross_entropy(logits.flatten(0, 1).to(raised), tokens.flatten(), reduction="none")
    return (each * mask.flatten()).sum() / mask.sum()


class BEiT(nn.Module):
    """An encoder that predicts the visual tokens of hidden blocks.

    Args:
        encoder: a `VisionTransformer`.
        tokenizer: trained; it is frozen here, and is not part of what is learned.
        mask_ratio: at most this share of the patches is hidden, in (0, 1); the paper's 75 of 196.
        blocks: whether blocks are hidden, or as many single random patches.
        augment: makes the view; by default crops and flips.

    Raises:
        ValueError: patches of encoder and tokenizer that differ, or a ratio that hides none or all.
    """

    def __init__(
        self,
        encoder: VisionTransformer,
        tokenizer: ImageTokenizer,
        *,
        mask_ratio: float = 0.4,
        blocks: bool = True,
        augment: Augment | None = None,
    ) -> None:
        super().__init__()
        if tokenizer.patch_size != encoder.patch_size:
            raise ValueError(
                f"the tokenizer makes one token of {tokenizer.patch_size}x{tokenizer.patch_size} "
                f"pixels, the encoder one of {encoder.patch_size}x{encoder.patch_size}; both need "
                "the same patches."
            )
        self.masked = hidden_count(encoder.grid**2, mask_ratio)
        self.encoder, self.mask_ratio, self.blocks = encoder, mask_ratio, blocks
        self.tokenizer = tokenizer.requires_grad_(False)
        self.augment = augment or CROP_AND_FLIP
        self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, encoder.width_out))
        self.head = nn.Linear(encoder.width_out, tokenizer.codes)
        nn.init.normal_(self.head.weight, std=0.02)  # so that the loss starts at its chance line
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor, mask: Tensor) -> Tensor:
        """Normalised images (N, 3, H, W) and a mask (N, L) -> tokens (N, 1 + L, D)."""
        patches = self.encoder.embed(images)  # (N, L, D)
        self.encoder.check_mask(mask, patches)
        hidden = torch.where(mask[:, :, None], self.mask_token.to(patches.dtype), patches)
        return self.encoder.encode(self.encoder.with_places(hidden, images))

    def logits(self, images: Tensor, mask: Tensor) -> Tensor:
        """Scores of the codes at every patch, (N, L, K)."""
        return self.head(self(images, mask)[:, 1:])

    def task(
        self,
        images: Tensor,
        generator: torch.Generator | None,
        view_of: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Views (N, 3, H, W), the tokens (N, L) of what they show, and a mask (N, L).

        Args:
            images: uint8 (N, 3, H, W).
            generator: of the mask.
            view_of: makes normalised views of the images.
        """
        views, grid = view_of(images), self.encoder.grid
        tokens = self.tokenizer.tokens(views)  # (N, L)
        if tokens.shape[1] != grid**2:
            raise ValueError(
                f"the tokenizer makes {tokens.shape[1]} tokens of views of {views.shape[2]}x"
                f"{views.shape[3]} pixels, the encoder has {grid}x{grid} patches; use views of "
                f"{grid * self.encoder.patch_size} pixels."
            )
        shared = {"generator": generator, "device": images.device}
        if self.blocks:
            mask = block_mask(len(images), grid, self.masked, **shared)
        else:
            mask = random_mask(len(images), grid**2, self.mask_ratio, **shared)
        return views, tokens, mask

    def make_views(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One view of each uint8 image, its tokens, and a mask; see `task`."""
        return self.task(images, generator, lambda batch: self.augment(batch, generator))

    def loss(self, views: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, dict]:
        """The loss, and what it would be for one who knows nothing, or only the frequencies."""
        images, tokens, mask = views
        # asking a GPU would make it wait
        if mask.device.type == "cpu" and (most := int(mask.sum(dim=1).max())) > self.masked:
            raise ValueError(
                f"the mask hides {most} patches of an image, this BEiT at most {self.masked}; make "
                "one with a higher mask_ratio."
            )
        # only hidden patches need scores; at most `masked` in an image, so shapes stay the same
        places = mask.int().argsort(dim=1, descending=True)[:, : self.masked]  # (N, M)
        logits = self.head(take(self(images, mask)[:, 1:], places))  # (N, M, K)
        targets, hidden = tokens.gather(1, places), mask.gather(1, places)
        # a process whose pictures hide more counts more, so that all patches count alike
        loss = beit_loss(logits, targets, hidden) * own_weight(hidden.sum())
        with torch.no_grad():
            share = token_shares(tokens, self.tokenizer.codes)
            right = (logits.argmax(dim=2) == targets) & hidden
            return loss, {
                "chance": math.log(self.tokenizer.codes),
                "unigram": torch.special.entr(share).sum(),
                "found": right.sum() / hidden.sum(),
            }

    def after_step(self, progress: float) -> None:
        """BEiT has nothing to update after a step."""
