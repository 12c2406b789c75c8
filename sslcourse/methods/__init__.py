"""The course: one file per method, read beside its lesson."""

from sslcourse.methods.beit import BEiT, beit_loss, block_mask
from sslcourse.methods.dino import DINO, dino_loss
from sslcourse.methods.dvae import DVAE, codebook_usage, dvae_loss
from sslcourse.methods.mae import (
    MAE,
    mae_loss,
    normalize_patches,
    patchify,
    random_mask,
    unpatchify,
)
from sslcourse.methods.moco import MoCo, info_nce_loss
from sslcourse.methods.simclr import SimCLR, nt_xent_loss
from sslcourse.methods.swav import SwAV, sinkhorn, swav_loss

__all__ = [
    "BEiT",
    "DINO",
    "DVAE",
    "MAE",
    "MoCo",
    "SimCLR",
    "SwAV",
    "beit_loss",
    "block_mask",
    "codebook_usage",
    "dino_loss",
    "dvae_loss",
    "info_nce_loss",
    "mae_loss",
    "normalize_patches",
    "nt_xent_loss",
    "patchify",
    "random_mask",
    "sinkhorn",
    "swav_loss",
    "unpatchify",
]
