"""`torch.compile`, for trainings that are long enough to earn back the time that it takes."""

import os
import shutil
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Loss = Callable[[Any], tuple[Tensor, dict[str, Tensor | float]]]
COMPILERS = ("g++", "c++", "clang++", "cl")


def compiled(loss: Loss, mode: str | None, device: torch.device) -> Loss:
    """A loss whose networks are compiled when it is first called.

    The weights, their names and the checkpoints stay as they are. Numbers differ by rounding.

    Args:
        loss: of views, see `sslcourse.train.loop.Method`.
        mode: of `torch.compile`: "default", or "reduce-overhead", which on a GPU records whole
            passes as CUDA graphs. None leaves the loss as it is.
        device: where it is computed.

    Raises:
        ValueError: a CPU, and no C++ compiler.
    """
    if mode is None:
        return loss
    named = os.environ.get("CXX", COMPILERS[0])
    if device.type == "cpu" and not any(map(shutil.which, (named, *COMPILERS))):
        raise ValueError(
            "compiling for a CPU needs a C++ compiler, and there is none; install g++, or train "
            "without compile."
        )
    fast = torch.compile(loss, mode=mode)

    def compiled_loss(views: Any) -> tuple[Tensor, dict[str, Tensor | float]]:
        torch.compiler.cudagraph_mark_step_begin()
        value, diagnostics = fast(views)
        # what a CUDA graph returns is written over by its next replay
        kept = {n: v.clone() if isinstance(v, Tensor) else v for n, v in diagnostics.items()}
        return value, kept

    return compiled_loss
