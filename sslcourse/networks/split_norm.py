"""Split batch norm: one process that normalises as several GPUs would.

BatchNorm mixes the images of a batch, and so a query can recognise its key by their common
statistics instead of by the picture. MoCo's authors shuffle the keys over GPUs, each of which
normalises its own part (He et al. 2019, arXiv:1911.05722, section 3.3, "Shuffling BN"). On one
device the same is had by normalising groups of a batch apart, and shuffling keys between them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SplitBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm that normalises `groups` equal parts of the batch, each by its own statistics.

    In evaluation mode it is an ordinary BatchNorm. The running statistics follow the groups' mean.

    Args:
        channels: C of inputs (N, C, H, W).
        groups: number of parts, at least 1; N must be a multiple of it in training.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__(channels)
        if groups < 1:
            raise ValueError(f"groups must be at least 1, got {groups}.")
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        if len(x) % self.groups:
            raise ValueError(
                f"a batch of {len(x)} can't be split into {self.groups} equal groups; choose a "
                "batch size that is a multiple."
            )
        means = self.running_mean.repeat(self.groups, 1)  # (groups, C), from where each moves on
        variances = self.running_var.repeat(self.groups, 1)
        # a loop: groups as further channels would need one call, and copies that take longer
        parts = [
            F.batch_norm(part, *running, self.weight, self.bias, True, self.momentum, self.eps)
            for part, *running in zip(x.chunk(self.groups), means, variances, strict=True)
        ]
        with torch.no_grad():
            self.running_mean.copy_(means.mean(dim=0))
            self.running_var.copy_(variances.mean(dim=0))
            self.num_batches_tracked.add_(1)
        return torch.cat(parts)


def split_batch_norm(module: nn.Module, groups: int) -> nn.Module:
    """Replace every BatchNorm2d inside a module by one that splits the batch, in place.

    Weights and running statistics are kept. The module itself must not be a BatchNorm2d.

    Returns:
        The same module.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            split = SplitBatchNorm2d(child.num_features, groups)
            split.load_state_dict(child.state_dict())
            setattr(module, name, split.to(child.weight.device))
        else:
            split_batch_norm(child, groups)
    return module
