"""Training: one loop for every method, and checkpoints that can be resumed."""

from sslcourse.train.checkpoint import load_checkpoint, save_checkpoint
from sslcourse.train.config import TrainConfig
from sslcourse.train.history import History
from sslcourse.train.loop import Method, fit
from sslcourse.train.schedule import cosine, warmup_cosine

__all__ = [
    "History",
    "Method",
    "TrainConfig",
    "cosine",
    "fit",
    "load_checkpoint",
    "save_checkpoint",
    "warmup_cosine",
]
