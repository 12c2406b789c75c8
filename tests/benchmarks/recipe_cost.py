"""What a recipe's training step needs, counted rather than timed: work, memory, gradients.

Work and activations are counted in small batches and are polynomials of the batch: most of it grows
with the images, some with their square (every image against every other).
"""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from one_cost import make_method
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from sslcourse.budgets import Budget
from sslcourse.build import fit_queue

BATCHES = (8, 16, 32)  # MoCo's BatchNorm wants eights, and its queue powers of two
IMAGE_SIZE = 32


@dataclass(frozen=True)
class Counted:
    """One step of a recipe.

    Attributes:
        work: operations of forward and backward pass, coefficients (n², n, 1) of the batch n.
        activations: bytes that are kept for the backward pass, in float32, as `work`.
        state: bytes of weights, gradients, optimiser, teachers, queues, tokenizer.
        gradients: bytes that processes exchange to average their gradients.
    """

    work: tuple[float, ...]
    activations: tuple[float, ...]
    state: int
    gradients: int

    def operations(self, batch: int) -> float:
        """Operations of a step of so many images: an addition and a multiplication are two."""
        return float(np.polyval(self.work, batch))

    def memory(self, batch: int) -> float:
        """Bytes that training takes with so many images a step on one device."""
        return self.state + float(np.polyval(self.activations, batch))


def count_step(method: nn.Module, batch: int) -> tuple[int, int]:
    """Operations of one step, and bytes that its forward pass keeps for the backward one.

    Matrix products, convolutions and attention are counted (views, norms and losses are little
    beside them), and each piece of memory once. Weights are no activations.
    """
    images = torch.randint(256, (batch, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=torch.uint8)
    own = {t.untyped_storage().data_ptr() for t in (*method.parameters(), *method.buffers())}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with FlopCounterMode(display=False) as counter:
        views = method.make_views(images, None)
        with saved_tensors_hooks(note, lambda tensor: tensor):
            loss, _ = method.loss(views)
        loss.backward()
    method.zero_grad(set_to_none=True)
    return counter.get_total_flops(), sum(kept.values())


def size(tensors: list[Tensor]) -> int:
    """Bytes of all."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def count(name: str, chosen: Budget) -> Counted:
    """Count one step of a recipe.

    Args:
        name: of the method.
        chosen: its budget.
    """
    chosen = fit_queue(chosen, max(BATCHES))
    method = make_method(name, chosen).train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few images can't fill SwAV's prototypes
        steps = [count_step(method, batch) for batch in BATCHES]
    work, activations = (
        tuple(np.polyfit(BATCHES, column, 2)) for column in zip(*steps, strict=True)
    )
    gradients = size([p for p in method.parameters() if p.requires_grad])
    # AdamW keeps two means of each gradient, SGD with momentum one
    optimizer = gradients * (2 if chosen.training.optimizer == "adamw" else 1)
    state = size([*method.parameters(), *method.buffers()]) + gradients + optimizer
    return Counted(work, activations, state, gradients)
