"""The parts that methods are built from."""

from sslcourse.networks.ema import ema_copy, ema_update, rising_momentum
from sslcourse.networks.heads import DINOHead, ProjectionHead, Prototypes
from sslcourse.networks.resnet import resnet
from sslcourse.networks.split_norm import SplitBatchNorm2d, split_batch_norm
from sslcourse.networks.tokenizer import ImageTokenizer
from sslcourse.networks.vit import VisionTransformer

__all__ = [
    "DINOHead",
    "ImageTokenizer",
    "ProjectionHead",
    "Prototypes",
    "SplitBatchNorm2d",
    "VisionTransformer",
    "ema_copy",
    "ema_update",
    "resnet",
    "rising_momentum",
    "split_batch_norm",
]
