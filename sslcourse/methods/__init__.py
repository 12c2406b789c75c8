"""The course: one file per method, read beside its lesson."""

from sslcourse.methods.moco import MoCo, info_nce_loss
from sslcourse.methods.simclr import SimCLR, nt_xent_loss
from sslcourse.methods.swav import SwAV, sinkhorn, swav_loss

__all__ = [
    "MoCo",
    "SimCLR",
    "SwAV",
    "info_nce_loss",
    "nt_xent_loss",
    "sinkhorn",
    "swav_loss",
]
