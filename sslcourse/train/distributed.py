"""Many processes that train as one: `torchrun --nproc-per-node=K -m sslcourse pretrain METHOD`.

Each process takes its part of every batch, with views of its own, and all of them take the same
step. `batch_size` is that of all processes together, so a recipe, and a checkpoint, mean the same
on any number of them. What methods share within a step is in `sslcourse.networks.processes`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from sslcourse.networks.processes import join_batch_norm, processes, rank


@contextmanager
def joined(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that `torchrun` started; only the first of them prints.

    Args:
        device: "cpu", or "cuda", of which each process takes one.

    Returns:
        This process's device. Without `torchrun` that is the one given, and nothing happens.

    Raises:
        ValueError: fewer GPUs than processes.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) < 2 or processes() > 1:
        yield device
        return
    if device.type == "cuda":
        number, there = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
        if number >= there:
            raise ValueError(
                f"process {number} of this machine finds no GPU of its own among {there}; start "
                f"torchrun with --nproc-per-node={there}, or pretrain with --device cpu."
            )
        device = torch.device("cuda", number)
        torch.cuda.set_device(device)
    # gloo beside nccl, for the few numbers that stay on the CPU
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        with open(os.devnull, "w") as nowhere:
            if rank() > 0:
                with redirect_stdout(nowhere):
                    yield device
            else:
                yield device
    finally:
        dist.destroy_process_group()


class LossOf(nn.Module):
    """A method whose `forward` is its loss, as `DistributedDataParallel` wants it."""

    def __init__(self, method: nn.Module) -> None:
        super().__init__()
        self.method = method

    def forward(self, views: Any) -> tuple[Tensor, dict[str, Tensor | float]]:
        return self.method.loss(views)


def loss_of(method: nn.Module, device: torch.device) -> Callable[[Any], tuple[Tensor, dict]]:
    """`method.loss`; with several processes, one after whose backward gradients are averaged.

    All begin with the weights of the first. BatchNorm uses the statistics of all.
    """
    if processes() == 1:
        return method.loss
    join_batch_norm(method)
    # SwAV's prototypes and DINO's last layer may rest for a while
    resting = getattr(method, "frozen", 0.0) > 0
    return DistributedDataParallel(
        LossOf(method),
        device_ids=[device] if device.type == "cuda" else None,
        broadcast_buffers=False,  # queues, centres and statistics are the same everywhere already
        find_unused_parameters=resting,
    )


def own_batch(indices: Tensor) -> Tensor:
    """This process's part (batch_size / K,) of a batch's indices (batch_size,).

    Raises:
        ValueError: a batch that can't be shared out evenly.
    """
    if len(indices) % processes():
        raise ValueError(
            f"a batch of {len(indices)} images can't be shared evenly by {processes()} processes; "
            "choose a batch size that is a multiple."
        )
    return indices.chunk(processes())[rank()]


def agree(number: float) -> float:
    """The largest of all processes' numbers: their longest time, or 1 if any of them shall stop."""
    if processes() == 1:
        return number
    numbers = torch.tensor(float(number), dtype=torch.float64)
    dist.all_reduce(numbers, dist.ReduceOp.MAX)
    return numbers.item()


def of_the_first(value: Any) -> Any:
    """What the first process says, everywhere."""
    if processes() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values)
    return values[0]
