"""Features of many images from a frozen encoder."""

from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.console import ProgressLine
from sslcourse.data.images import ImageSet
from sslcourse.data.operations import normalize
from sslcourse.hardware import keep_freed_memory


@contextmanager
def frozen(encoder: nn.Module):
    """Evaluation mode without gradients; afterwards every module is in the mode it was in.

    In training mode BatchNorm would mix the images of a batch and go on learning their statistics.
    """
    modes = {module: module.training for module in encoder.modules()}
    encoder.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training


class Pooled(nn.Module):
    """An encoder that always gives features (N, D), even where it gives tokens (N, 1 + L, D).

    A transformer says itself how its tokens become one vector, with `pool_tokens`.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, images: Tensor) -> Tensor:
        features = self.encoder(images)
        if features.ndim == 3 and hasattr(self.encoder, "pool_tokens"):
            return self.encoder.pool_tokens(features)  # (N, D)
        return features


def extract_features(
    encoder: nn.Module, images: ImageSet | Tensor, batch_size: int = 512
) -> Tensor:
    """Features of un-augmented images. The encoder and its mode are left as they were.

    Args:
        encoder: maps normalised images (N, 3, H, W) to features (N, D), or to tokens that its
            `pool_tokens` makes features of; on the images' device.
        images: an `ImageSet`, or uint8 images, or floats in [0, 1], (N, 3, H, W).
        batch_size: images a pass; changes nothing but memory and speed.

    Returns:
        float32 (N, D) on the images' device.

    Raises:
        ValueError: no image, or an encoder that returns another shape.
    """
    tensor = images.images if isinstance(images, ImageSet) else images
    if len(tensor) == 0 or batch_size < 1:
        raise ValueError(f"need images and a batch_size, got {len(tensor)} and {batch_size}.")
    keep_freed_memory()
    parts, pooled = [], Pooled(encoder)
    line = ProgressLine(f"features of {len(tensor):,} images")
    try:
        with frozen(encoder):
            for batch in tensor.split(batch_size):
                features = pooled(normalize(batch))
                if features.ndim != 2:
                    raise ValueError(
                        f"the encoder must return features (N, D), got {tuple(features.shape)}."
                    )
                parts.append(features.float())
                line.show(len(parts) * batch_size / len(tensor))
    finally:
        line.close()
    return torch.cat(parts)


def pixels(images: ImageSet | Tensor, shrink: int = 1) -> Tensor:
    """The baseline without any encoder: normalised pixels as features, float32 (N, 3·H·W).

    With `shrink` the means of squares of so many pixels a side stand for them, which is faster.

    Raises:
        ValueError: a shrink below 1 or above the images' sides.
    """
    tensor = images.images if isinstance(images, ImageSet) else images
    if not 1 <= shrink <= min(tensor.shape[2:]):
        raise ValueError(f"shrink must be 1 to {min(tensor.shape[2:])}, got {shrink}.")
    return F.avg_pool2d(normalize(tensor), shrink).flatten(1)  # (N, 3·(H/shrink)·(W/shrink))
