"""MAE: hide three quarters of a picture's patches and rebuild them from the rest.

He, Chen, Xie, Li, Dollár and Girshick, "Masked Autoencoders Are Scalable Vision Learners", 2021,
arXiv:2111.06377.

An encoder sees the visible patches only, which makes it cheap. A small decoder gets its tokens,
one learned *mask token* in the place of every hidden patch, and the positions of all; it predicts
the pixels of each patch. With x the pixels of the hidden patches (section 3):

    loss = mean over hidden patches of  mean over a patch's values of (prediction - x)^2

Where the targets are *normalised*, every patch x is first brought to mean 0 and deviation 1; then
the loss of a network that always says 0 is (n - 1) / n for n values a patch: the chance line.

What we simplify: nothing in the method. The laptop's encoder and decoder are small and the
training is short.
"""

import torch
from torch import Tensor, nn

from sslcourse.data.augment import CROP_AND_FLIP, Augment
from sslcourse.networks.patches import (
    hidden_count,
    patchify,
    sincos_positions,
    unpatchify,
    visible_positions,
)
from sslcourse.networks.transformer import Block, start_linear
from sslcourse.networks.vit import VisionTransformer

__all__ = ["MAE", "mae_loss", "normalize_patches", "patchify", "random_mask", "unpatchify"]


def random_mask(
    n: int,
    length: int,
    ratio: float,
    *,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Hide the same number of random patches in every image.

    Args:
        n: number of images N.
        length: number of patches L.
        ratio: share to hide, in (0, 1); the number is rounded.
        generator: source of randomness.
        device: where the mask is made; by default the generator's device, or the CPU.

    Returns:
        bool (N, L), True = hidden.

    Raises:
        ValueError: a ratio outside (0, 1), or one that hides no patch or all of them.
    """
    hidden = hidden_count(length, ratio)
    source = generator.device if generator is not None else device or "cpu"
    noise = torch.rand(n, length, generator=generator, device=source).to(device or source)
    mask = torch.zeros(n, length, dtype=torch.bool, device=noise.device)
    return mask.scatter_(1, noise.argsort(dim=1)[:, :hidden], True)


def normalize_patches(patches: Tensor) -> Tensor:
    """Bring each patch to mean 0 and deviation 1 over its own values: (N, L, n) -> (N, L, n).

    With the unbiased variance, n - 1, and 1e-6 under the root, as in the paper's code.
    """
    variance, mean = torch.var_mean(patches, dim=2, keepdim=True)
    return (patches - mean) / (variance + 1e-6).sqrt()


def mae_loss(predictions: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of the hidden patches; visible ones don't count.

    Args:
        predictions: (N, L, n), n values for each patch.
        targets: (N, L, n).
        mask: bool (N, L), True = hidden.

    Returns:
        The scalar mean over hidden patches and values, in float32 (float64 for float64
        predictions).

    Raises:
        ValueError: shapes that don't fit, a mask that is not bool, or one that hides nothing.
    """
    if predictions.ndim != 3 or predictions.shape != targets.shape:
        raise ValueError(
            f"predictions and targets must be (N, L, n) of one shape, got "
            f"{tuple(predictions.shape)} and {tuple(targets.shape)}."
        )
    if mask.dtype != torch.bool or mask.shape != predictions.shape[:2]:
        raise ValueError(
            f"mask must be bool {tuple(predictions.shape[:2])}, True = hidden, got {mask.dtype} "
            f"{tuple(mask.shape)}."
        )
    # asking a GPU would make it wait; there the loss is not a number and `fit` stops
    if mask.device.type == "cpu" and not mask.any():
        raise ValueError("the mask hides no patch, so there is nothing to predict.")
    raised = torch.float64 if predictions.dtype == torch.float64 else torch.float32
    error = (predictions.to(raised) - targets.to(raised)).square().mean(dim=2)  # (N, L)
    return (error * mask).sum() / mask.sum()


class MAE(nn.Module):
    """An encoder of visible patches and a decoder that rebuilds the hidden ones.

    Args:
        encoder: a `VisionTransformer` with positions of its own.
        mask_ratio: share of the patches that are hidden, in (0, 1).
        normalized_targets: whether each patch is normalised before it is predicted.
        decoder_width: D of the decoder's tokens, a multiple of 4.
        decoder_depth: number of its blocks.
        decoder_heads: of their attention.
        augment: makes the view; by default crops and flips.

    Raises:
        ValueError: a mask ratio that hides nothing or everything, or a convolutional stem.
    """

    def __init__(
        self,
        encoder: VisionTransformer,
        *,
        mask_ratio: float = 0.75,
        normalized_targets: bool = True,
        decoder_width: int = 64,
        decoder_depth: int = 1,
        decoder_heads: int = 2,
        augment: Augment | None = None,
    ) -> None:
        super().__init__()
        self.length = encoder.grid**2
        hidden_count(self.length, mask_ratio)
        encoder.check_stem()
        self.encoder, self.mask_ratio = encoder, mask_ratio
        self.normalized_targets, self.augment = normalized_targets, augment or CROP_AND_FLIP
        self.decoder_embedding = nn.Linear(encoder.width_out, decoder_width)
        self.mask_token = nn.Parameter(0.02 * torch.randn(1, 1, decoder_width))
        positions = torch.zeros(1, 1 + self.length, decoder_width)
        positions[0, 1:] = sincos_positions(encoder.grid, encoder.grid, decoder_width)
        self.register_buffer("decoder_positions", positions, persistent=False)
        self.decoder = nn.ModuleList(
            Block(decoder_width, decoder_heads) for _ in range(decoder_depth)
        )
        self.decoder_norm = nn.LayerNorm(decoder_width, eps=1e-6)
        self.prediction = nn.Linear(decoder_width, 3 * encoder.patch_size**2)
        for part in (self.decoder_embedding, self.decoder, self.prediction):
            part.apply(start_linear)

    def forward(self, images: Tensor, mask: Tensor, visible: int | None = None) -> Tensor:
        """Normalised images (N, 3, H, W) and a mask (N, L) -> predictions (N, L, P*P*3)."""
        tokens = self.encoder(images, mask, visible=visible)  # (N, 1 + V, D)
        return self.decode(tokens, visible_positions(mask, tokens.shape[1] - 1))

    def decode(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Tokens (N, 1 + V, D) of patches at `positions` (N, V) -> predictions (N, L, P*P*3)."""
        tokens = self.decoder_embedding(tokens)  # (N, 1 + V, d)
        first, seen = tokens[:, :1], tokens[:, 1:]
        everywhere = self.mask_token.to(tokens.dtype).expand(len(tokens), self.length, -1)
        places = positions[:, :, None].expand(-1, -1, tokens.shape[2])
        x = torch.cat([first, everywhere.scatter(1, places, seen)], dim=1)  # (N, 1 + L, d)
        x = x + self.decoder_positions.to(x.dtype)
        for block in self.decoder:
            x = block(x)
        return self.prediction(self.decoder_norm(x[:, 1:]))  # (N, L, P*P*3)

    def make_views(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """One view (N, 3, H, W) of each uint8 image and a mask (N, L)."""
        views = self.augment(images, generator)
        mask = random_mask(
            len(images), self.length, self.mask_ratio, generator=generator, device=images.device
        )
        return views, mask

    def targets(self, images: Tensor) -> Tensor:
        """What is to be predicted of normalised images (N, 3, H, W): (N, L, P*P*3)."""
        patches = patchify(images, self.encoder.patch_size)
        return normalize_patches(patches) if self.normalized_targets else patches

    def loss(self, views: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor | float]]:
        """The loss, and the chance line: what a network scores that knows only the mean."""
        images, mask = views
        targets = self.targets(images)
        visible = self.length - hidden_count(self.length, self.mask_ratio)
        loss = mae_loss(self(images, mask, visible), targets, mask)
        values = targets.shape[2]
        if self.normalized_targets:
            return loss, {"chance": (values - 1) / values}
        mean = (targets * mask[:, :, None]).sum(dim=(0, 1)) / mask.sum()  # (n,)
        return loss, {"chance": mae_loss(mean.expand_as(targets), targets, mask)}

    def after_step(self, progress: float) -> None:
        """MAE has nothing to update after a step."""

    @torch.no_grad()
    def reconstruct(self, images: Tensor, mask: Tensor) -> Tensor:
        """Rebuild hidden patches from the visible ones alone, as a picture.

        A network with normalised targets says how a patch looks, but not how bright it is and how
        strong its contrast; both are then taken over from the visible patches nearby. (The true
        values would give away what is hidden.)

        Args:
            images: normalised (N, 3, H, W).
            mask: bool (N, L), True = hidden.

        Returns:
            Normalised images (N, 3, H, W): visible patches as they are, hidden ones predicted.
        """
        patches = patchify(images, self.encoder.patch_size)
        predictions = self(images, mask).float()
        if self.normalized_targets:
            predictions = undo_normalization(predictions, patches, mask)
        whole = torch.where(mask[:, :, None], predictions, patches)
        columns = images.shape[3] // self.encoder.patch_size
        return unpatchify(whole, self.encoder.patch_size, columns=columns)


def undo_normalization(predictions: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    """Give normalised patches (N, L, n) a mean and deviation guessed from visible patches nearby.

    Visible patches weigh in by the inverse square of their distance on the (square) grid.
    """
    side = round(patches.shape[1] ** 0.5)
    place = torch.arange(patches.shape[1], device=patches.device)
    place = torch.stack([place // side, place % side], dim=1).float()  # (L, 2)
    nearness = 1 / (torch.cdist(place, place).square() + 1e-3)  # (L, L)
    weights = nearness * ~mask[:, None]  # (N, L, L)
    weights = weights / weights.sum(dim=2, keepdim=True)
    variance, mean = torch.var_mean(patches, dim=2)  # (N, L)
    mean, std = weights @ mean[:, :, None], (weights @ variance[:, :, None]).sqrt()  # (N, L, 1)
    return predictions * std + mean
