"""What the tests of DINO share: a small method, its views, and ways to compare."""

import torch

from sslcourse.data import Augment, load
from sslcourse.methods import DINO
from sslcourse.networks import VisionTransformer

IMAGES = load("scenes", limit=64)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def vit():
    return VisionTransformer(16, 4, 16, 2, 2, pool="class")


def method(encoder=None, **options):
    torch.manual_seed(0)
    shared = {"augment": Augment(size=16), "prototypes": 10, "hidden": 12, "bottleneck": 6}
    shared |= {"small": Augment(crop_scale=(0.1, 0.4), size=8), "small_views": 2}
    return DINO(encoder or vit(), **shared | options)


def views_of(dino, seed=0):
    return dino.make_views(IMAGES.images[:16], torch.Generator().manual_seed(seed))


def parameters(*modules):
    return [p.detach().clone() for module in modules for p in module.parameters()]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
