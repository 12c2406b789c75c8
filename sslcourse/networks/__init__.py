"""The parts that methods are built from."""

from sslcourse.networks.ema import ema_copy, ema_update
from sslcourse.networks.heads import ProjectionHead, Prototypes
from sslcourse.networks.resnet import resnet
from sslcourse.networks.split_norm import SplitBatchNorm2d, split_batch_norm

__all__ = [
    "ProjectionHead",
    "Prototypes",
    "SplitBatchNorm2d",
    "ema_copy",
    "ema_update",
    "resnet",
    "split_batch_norm",
]
