"""A small residual network (He et al. 2015, arXiv:1512.03385), with a stem for small images.

`resnet(16, (1, 1, 1, 1))` has 0.3 million parameters and is the course's laptop encoder;
`resnet(64, (2, 2, 2, 2))` is ResNet-18.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEMS = ("cifar", "imagenet")


def convolution(width_in: int, width_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Padded so that stride 1 keeps the size; no bias, since BatchNorm follows."""
    return nn.Conv2d(width_in, width_out, kernel, stride, padding=kernel // 2, bias=False)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: (N, width_in, H, W) -> (N, width_out, H', W')."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = convolution(width_in, width_out, 3, stride)
        self.norm1 = nn.BatchNorm2d(width_out)
        self.conv2 = convolution(width_out, width_out, 3)
        self.norm2 = nn.BatchNorm2d(width_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or width_in != width_out:
            self.shortcut = nn.Sequential(
                convolution(width_in, width_out, 1, stride), nn.BatchNorm2d(width_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        residual = F.relu(self.norm1(self.conv1(x)), inplace=True)
        residual = self.norm2(self.conv2(residual))
        return F.relu(residual + self.shortcut(x), inplace=True)


class ResNet(nn.Module):
    """See `resnet`. `width_out` is the width D of the representation."""

    def __init__(self, width: int, blocks: Sequence[int], stem: str) -> None:
        super().__init__()
        if stem == "cifar":  # an ImageNet stem would shrink 32x32 to 8x8 before the first block
            self.stem = nn.Sequential(
                convolution(3, width, 3), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
            )
        else:
            self.stem = nn.Sequential(
                convolution(3, width, 7, stride=2),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(3, stride=2, padding=1),
            )
        stages, width_in = [], width
        for stage, depth in enumerate(blocks):
            for block in range(depth):
                width_out = width * 2**stage
                stride = 2 if stage > 0 and block == 0 else 1
                stages.append(ResidualBlock(width_in, width_out, stride))
                width_in = width_out
        self.stages = nn.Sequential(*stages)
        self.width_out = width_in
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        features = self.stages(self.stem(images))  # (N, D, H', W')
        return torch.mean(features, dim=(2, 3))  # (N, D)


def resnet(
    width: int = 16, blocks: int | Sequence[int] = (1, 1, 1, 1), stem: str = "cifar"
) -> ResNet:
    """Build a residual network that maps normalised images (N, 3, H, W) to features (N, D).

    Args:
        width: channels of the first stage, at least 8; each later stage has twice as many.
        blocks: residual blocks of each stage; a number n means n stages of one block.
        stem: "cifar" (3x3, keeps the size) for images up to about 64 pixels, or "imagenet"
            (7x7 and max-pooling, divides it by 4).

    Returns:
        The network; its `width_out` is D.

    Raises:
        ValueError: an unknown stem, a width below 8, or no blocks.
    """
    blocks = [1] * blocks if isinstance(blocks, int) else list(blocks)
    if stem not in STEMS:
        raise ValueError(f"unknown stem {stem!r}; choose one of {', '.join(STEMS)}.")
    # oneDNN 3.x never returns from the gradient of a 1x1 convolution with 4 channels on AVX2
    if width < 8 or not blocks or min(blocks) < 1:
        raise ValueError(
            f"width must be at least 8 and every stage needs a block, got {width} and {blocks}."
        )
    return ResNet(width, blocks, stem)
