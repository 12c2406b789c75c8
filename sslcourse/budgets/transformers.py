"""Budgets of MAE, BEiT with its tokenizer, and DINO, on transformers."""

from dataclasses import replace

from sslcourse.budgets.budget import FULL, LAPTOP, LONG, QUICK
from sslcourse.data.augment import CROP_AND_FLIP, Augment
from sslcourse.train.config import TrainConfig

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

TRANSFORMERS = {
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
