"""What the tests of transformers share: random tensors and a small network."""

import torch

from sslcourse.networks import VisionTransformer


def drawn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def vit(**options):
    torch.manual_seed(0)
    shared = {"image_size": 16, "patch_size": 4, "width": 24, "depth": 2, "heads": 3}
    return VisionTransformer(**shared | options)
