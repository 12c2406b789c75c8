"""The optimiser, and where a training's randomness comes from."""

import torch
from torch import Tensor, nn

from sslcourse.train.config import TrainConfig
from sslcourse.train.schedule import SCHEDULES, cosine


def build_optimizer(method: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW or SGD; weight decay only where it shrinks a matrix or a kernel."""
    groups = [
        {"params": [], "weight_decay": config.weight_decay},
        {"params": [], "weight_decay": 0.0},  # biases, norms, and tokens and positions of their own
    ]
    for name, parameter in method.named_parameters():
        if parameter.requires_grad:
            matrix = parameter.ndim > 1 and name.endswith("weight")
            groups[0 if matrix else 1]["params"].append(parameter)
    groups = [group for group in groups if group["params"]]
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, config.learning_rate, config.betas, fused=True)
    # not fused: fused SGD fails where a weight gets its first gradient later than others do
    return torch.optim.SGD(groups, config.learning_rate, momentum=0.9, nesterov=True)


def set_rates(optimizer: torch.optim.Optimizer, config: TrainConfig, progress: float) -> float:
    """Bring learning rate and weight decay to where they are after a share of the training.

    Returns:
        The learning rate.
    """
    rate = config.learning_rate * SCHEDULES[config.schedule](progress, config.warmup)
    for group in optimizer.param_groups:
        group["lr"] = rate
        # biases and norms have none, and keep none
        if config.weight_decay_end is not None and group["weight_decay"]:
            group["weight_decay"] = cosine(progress, config.weight_decay, config.weight_decay_end)
    return rate


def batch_order(seed: int, epoch: int, count: int, device: torch.device) -> Tensor:
    """The order of `count` images in one epoch, (count,)."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    return torch.randperm(count, generator=generator).to(device)


def step_generator(seed: int, step: int, device: torch.device, rank: int = 0) -> torch.Generator:
    """The source of one step's views; every process has its own."""
    number = (seed + 1) * 1_000_000_007 + step + rank * 998_244_353
    return torch.Generator(device).manual_seed(number % 2**63)
