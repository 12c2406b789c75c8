"""Budgets of SimCLR, MoCo and SwAV, on ResNets."""

from dataclasses import replace

from sslcourse.budgets.budget import FULL, LAPTOP, LONG
from sslcourse.data.augment import Augment
from sslcourse.networks.heads import ProjectionHead

CONVOLUTIONAL = {
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
            method={
                "queue_size": 4_096,
                "momentum": 0.99,
                "temperature": 0.1,
                "symmetric": True,
                "groups": 8,
            },
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
}
