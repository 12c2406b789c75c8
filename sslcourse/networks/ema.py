"""A momentum encoder: a copy of a network that follows it slowly and is never trained itself.

    teacher <- m * teacher + (1 - m) * student

(He et al. 2019, arXiv:1911.05722, equation 2; there the copy is called key encoder.)
"""

import copy
import math

import torch
from torch import nn


def ema_copy(module: nn.Module) -> nn.Module:
    """A copy that starts equal to `module`, head included, and gets no gradient."""
    return copy.deepcopy(module).requires_grad_(False)


@torch.no_grad()
def ema_update(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Move the teacher's parameters by a share 1 - momentum towards the student's, in place.

    Only parameters move. BatchNorm's running statistics are buffers: a teacher that runs in
    training mode measures its own, on its own inputs, which is what MoCo's and DINO's authors do.
    A teacher in `eval()` mode would keep those of the first step for ever.

    Args:
        teacher: made by `ema_copy(student)`.
        student: the network that is trained.
        momentum: in [0, 1]; 0 copies the student, 1 never moves.

    Raises:
        ValueError: momentum outside [0, 1], or a teacher of another architecture.
    """
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum must be in [0, 1], got {momentum}.")
    slow, fast = list(teacher.parameters()), list(student.parameters())
    if [p.shape for p in slow] != [p.shape for p in fast]:
        raise ValueError("teacher and student differ; make the teacher with ema_copy(student).")
    if not slow:  # a head without weights has nothing to follow
        return
    # one call for all parameters; a Python loop over them would cost as much as the arithmetic
    torch._foreach_lerp_(slow, fast, 1 - momentum)


def rising_momentum(progress: float, start: float, end: float = 1.0) -> float:
    """A momentum that goes from `start` to `end` along half a cosine, for progress in [0, 1].

    A teacher that follows ever more slowly averages over ever more steps, and stands still at the
    end. (Grill et al. 2020, arXiv:2006.07733, section 3.3; DINO does the same.)
    """
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * progress))
