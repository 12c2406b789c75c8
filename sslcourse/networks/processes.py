"""What several processes share, so that they learn as one does from the joined batch.

Each process has a part of the batch and its own copy of the network; after a step's backward pass
gradients are averaged. Where a loss is a mean over images, that is all. Where images meet (the
negatives of SimCLR, the balance of SwAV's clusters, the statistics of BatchNorm), the functions
here bring them together. In a single process each of them gives back what it got.
"""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn import functional as with_gradient


def processes() -> int:
    """How many processes train together; 1 unless `torchrun` started several."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The number of this process, 0 to `processes() - 1`."""
    return dist.get_rank() if processes() > 1 else 0


def gather(x: Tensor, dim: int = 0) -> Tensor:
    """The parts of all processes, one after the other along `dim`, with their gradient.

    A gradient that arrives here is summed over the processes. If each of them computes the same
    loss of everything that was gathered, their averaged gradient is the gradient of that loss.

    Args:
        x: of one shape everywhere.
        dim: which dimension grows, by a factor of `processes()`.
    """
    return torch.cat(with_gradient.all_gather(x.contiguous()), dim) if processes() > 1 else x


def own_part(x: Tensor, dim: int = 0) -> Tensor:
    """This process's part of something that was gathered."""
    return x.chunk(processes(), dim)[rank()]


def mean_of_all(x: Tensor) -> Tensor:
    """The mean over the processes, with its gradient; see `gather`."""
    return with_gradient.all_reduce(x.clone()) / processes() if processes() > 1 else x


def own_weight(count: Tensor) -> Tensor | float:
    """What a mean over `count` things counts in the joined mean, where counts differ: about 1."""
    return count / mean_of_all(count.float()) if processes() > 1 else 1.0


class JointBatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm that normalises by the statistics of all processes, on any kind of device.

    PyTorch's `SyncBatchNorm`, which is faster, is for GPUs only. In evaluation mode it is an
    ordinary BatchNorm.
    """

    def _check_input_dim(self, x: Tensor) -> None:
        """Any (N, C, ...) will do."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        others = [0, *range(2, x.ndim)]  # every dimension but that of the channels
        with torch.autocast(x.device.type, enabled=False):  # bfloat16 keeps too few digits here
            wide = x if x.dtype == torch.float64 else x.float()
            mean = mean_of_all(wide.mean(others, keepdim=True))  # (1, C, 1, 1)
            wide = wide - mean
            variance = mean_of_all(wide.square().mean(others, keepdim=True))
            wide = wide * (variance + self.eps).rsqrt()
            if self.affine:
                wide = wide * self.weight.view_as(mean) + self.bias.view_as(mean)
        self.follow(mean.flatten(), variance.flatten(), processes() * x.numel() // x.shape[1])
        return wide.to(x.dtype)

    @torch.no_grad()
    def follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Let the running statistics follow, as BatchNorm does, with the unbiased variance."""
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
        unbiased = variance * count / (count - 1)
        self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)


def join_batch_norm(module: nn.Module) -> nn.Module:
    """Let every plain BatchNorm inside a module use the statistics of all processes, in place.

    `SplitBatchNorm2d` stays: its groups are meant to be normalised apart.

    Returns:
        The same module.
    """
    for part in module.modules():
        if type(part) in (nn.BatchNorm1d, nn.BatchNorm2d):
            # the same weights and statistics, in the same place: only what is done changes
            on_gpu = part.running_mean.device.type == "cuda"
            part.__class__ = nn.SyncBatchNorm if on_gpu else JointBatchNorm
            part.process_group = None  # all of them
    return module
