"""What `laptop` and `full` mean for each method.

`laptop` is what two CPU cores do within a lesson. `full` is the published recipe for one GPU.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from sslcourse.data.augment import CROP_AND_FLIP, Augment
from sslcourse.networks.heads import ProjectionHead
from sslcourse.train.config import TrainConfig

NAMES = ("laptop", "full")


@dataclass(frozen=True)
class Budget:
    """Sizes and training recipe of one method.

    Attributes:
        name: "laptop" or "full".
        images: most training images.
        probe_images: most training images that a probe learns from.
        test_images: most test images.
        image_size: photographs of a folder are brought to this size; None keeps theirs.
        network: the kind of encoder, see `sslcourse.build.NETWORKS`.
        encoder: its arguments.
        augment: the views.
        view_share: height of the views, as a share of the images' height.
        head: makes the projection head from the width of h; None leaves it to the method.
        method: further arguments of the method.
        training: how to train.
        small: the small views of methods that have some.
        small_share: height of the small views, as a share of the images' height.
    """

    name: str
    images: int
    probe_images: int
    test_images: int
    image_size: int | None
    network: str
    encoder: dict[str, Any]
    augment: Augment
    view_share: float
    method: dict[str, Any]
    training: TrainConfig
    head: Callable[[int], nn.Module] | None = None
    small: Augment | None = None
    small_share: float = 0.5


# few steps fit into 90 s, so they are many small ones with a high learning rate
QUICK = TrainConfig(seconds=90, batch_size=128, learning_rate=1e-2)
# SGD with MoCo's CIFAR-10 rates, for all methods on ResNet-18
LONG = TrainConfig(
    epochs=800, batch_size=512, learning_rate=0.06, weight_decay=5e-4, warmup=0.01, optimizer="sgd"
)

LAPTOP = Budget(
    name="laptop",
    images=20_000,
    probe_images=10_000,
    test_images=5_000,
    image_size=32,
    network="resnet",
    encoder={"width": 16, "blocks": (1, 1, 1, 1)},
    augment=Augment(),
    # Three quarters: half the work, and a crop shows an object at about the size that it has in a
    # whole image (Touvron et al. 2019, arXiv:1906.06423)
    view_share=0.75,
    method={},
    training=QUICK,
)
FULL = Budget(
    name="full",
    images=50_000,
    probe_images=50_000,
    test_images=10_000,
    image_size=32,
    network="resnet",
    encoder={"width": 64, "blocks": (2, 2, 2, 2)},
    augment=Augment(crop_scale=(0.2, 1.0)),
    view_share=1.0,
    method={},
    training=LONG,
)

# Methods that hide patches take transformers and little else. Whole pictures on the laptop: a crop
# of a small one is blown up and blurred, and the network would learn to paint blur.
SMALL_VIT = {"patch_size": 4, "width": 96, "depth": 4, "heads": 3}
# ViT-Tiny with patches of 2 pixels, and the rates of MAE's paper for a batch of 1,024
VIT_TINY = {"patch_size": 2, "width": 192, "depth": 12, "heads": 3}
LAPTOP_VIT = replace(
    LAPTOP,
    network="vit",
    encoder=SMALL_VIT,
    augment=replace(CROP_AND_FLIP, crop_scale=None),
    view_share=1.0,
    training=TrainConfig(
        seconds=90, batch_size=64, learning_rate=3e-3, weight_decay=0.05, betas=(0.9, 0.95)
    ),
)
FULL_VIT = replace(
    FULL,
    network="vit",
    encoder=VIT_TINY,
    augment=replace(CROP_AND_FLIP, crop_scale=(0.2, 1.0)),
    training=TrainConfig(
        epochs=800,
        batch_size=1_024,
        learning_rate=6e-4,
        weight_decay=0.05,
        warmup=0.05,
        betas=(0.9, 0.95),
    ),
)
# Few blocks and heads: with more of either, the last block's attention left the objects again.
DINO_VIT = SMALL_VIT | {"width": 64, "depth": 2, "heads": 2, "pool": "class", "stem": "conv"}
# Few steps: BatchNorm in the head, where the paper has none, a fast centre, and a teacher that does
# not come to rest. Most views are grey, or scenes would be told apart by colour.
DINO_SMALL_HEAD = {"prototypes": 256, "hidden": 512, "bottleneck": 256, "head_norm": True}
DINO_FAST = {"momentum": 0.99, "momentum_end": 0.99, "center_momentum": 0.5}
DINO_VIEWS = Augment(crop_scale=(0.25, 1.0), grayscale=0.7)
# as in DINO's paper, whose 30 epochs of warm-up and one with frozen prototypes are shares here
DINO_HEAD = {"prototypes": 4_096, "hidden": 2_048, "bottleneck": 256, "frozen": 1 / 800}
DINO_WARMUP = {"start_temperature": 0.04, "teacher_temperature": 0.07, "temperature_warmup": 0.0375}

MOCO_QUEUE = {"queue_size": 4_096, "momentum": 0.99}

BUDGETS = {
    "simclr": {
        "laptop": replace(LAPTOP, method={"temperature": 0.2}),
        # temperature, crops and jitter of the paper's CIFAR-10 experiments (Chen et al. 2020,
        # appendix B.9), with SGD instead of LARS
        "full": replace(
            FULL,
            augment=Augment(crop_scale=(0.08, 1.0)),
            method={"temperature": 0.5},
            training=replace(LONG, epochs=1_000),
        ),
    },
    "moco": {
        # Few steps: a copy that follows fast, and few keys, for long queues learn no better.
        # SimCLR's head, with BatchNorm: v2's own learns much less in so few steps (lesson 4).
        "laptop": replace(
            LAPTOP,
            method={"queue_size": 512, "momentum": 0.95, "temperature": 0.2},
            head=ProjectionHead,
        ),
        # as in the authors' notebook for CIFAR-10
        "full": replace(
            FULL,
            method={**MOCO_QUEUE, "temperature": 0.1, "symmetric": True, "groups": 8},
        ),
    },
    "swav": {
        # Few steps hardly spread the scores: the paper's epsilon, 0.05, leaves targets uniform.
        # Half of the views are grey, or the clusters of scenes would be colours (lesson 5).
        "laptop": replace(
            LAPTOP,
            augment=Augment(grayscale=0.5),
            method={"prototypes": 60, "epsilon": 0.02},
        ),
        "full": replace(
            FULL,
            method={"prototypes": 512, "small_views": 4, "frozen": 0.01},
            small=Augment(crop_scale=(0.05, 0.2)),
        ),
    },
    "mae": {
        # plain pixels, so that pictures can be painted
        "laptop": replace(LAPTOP_VIT, method={"normalized_targets": False}),
        "full": replace(
            FULL_VIT,
            method={"decoder_width": 192, "decoder_depth": 4, "decoder_heads": 3},
        ),
    },
    "tokenizer": {
        "laptop": replace(
            LAPTOP_VIT,
            network="tokenizer",
            encoder={"patch_size": 4},
            augment=CROP_AND_FLIP,
            training=replace(LAPTOP_VIT.training, batch_size=128, weight_decay=0.0),
        ),
        "full": replace(
            FULL_VIT,
            network="tokenizer",
            encoder={"patch_size": 4, "codes": 1_024, "width": 128, "code_width": 64},
            training=replace(LONG, epochs=100, optimizer="adamw", learning_rate=1e-3),
        ),
    },
    "beit": {
        # fixed positions, as MAE has; methods/beit.py says why
        "laptop": replace(LAPTOP_VIT, encoder={**SMALL_VIT, "layer_scale": 0.1}),
        "full": replace(
            FULL_VIT,
            encoder={**VIT_TINY, "patch_size": 4, "relative": True, "layer_scale": 0.1},
            training=replace(FULL_VIT.training, learning_rate=1.5e-3, betas=(0.9, 0.999), clip=3.0),
        ),
    },
    "dino": {
        "laptop": replace(
            LAPTOP_VIT,
            encoder=DINO_VIT,
            augment=DINO_VIEWS,
            view_share=0.75,
            small=replace(DINO_VIEWS, crop_scale=(0.1, 0.4)),
            small_share=0.375,
            method={**DINO_SMALL_HEAD, **DINO_FAST, "teacher_temperature": 0.02, "small_views": 2},
            training=replace(QUICK, batch_size=64, learning_rate=2e-3, weight_decay=0.04, clip=3.0),
        ),
        # the paper's for small transformers; fewer prototypes and crops for 32 pixels
        "full": replace(
            FULL_VIT,
            encoder={**VIT_TINY, "patch_size": 4, "positions": "learned", "pool": "class"},
            augment=Augment(crop_scale=(0.4, 1.0), blur=0.5, solarize=0.1),
            small=Augment(crop_scale=(0.05, 0.4), blur=0.5),
            method={**DINO_HEAD, **DINO_WARMUP, "small_views": 6, "momentum": 0.996},
            training=TrainConfig(
                epochs=800,
                batch_size=512,
                learning_rate=1e-3,
                weight_decay=0.04,
                weight_decay_end=0.4,
                warmup=0.0125,
                clip=3.0,
            ),
        ),
    },
}


def budget(method: str, name: str | None = None) -> Budget:
    """The budget of a method, by name or as `SSLCOURSE_BUDGET` says ("laptop" by default).

    Raises:
        ValueError: an unknown method or budget.
    """
    name = name or os.environ.get("SSLCOURSE_BUDGET") or "laptop"
    if method not in BUDGETS:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(BUDGETS)}.")
    if name not in NAMES:
        raise ValueError(f"unknown budget {name!r}; choose one of {', '.join(NAMES)}.")
    return BUDGETS[method][name]
