"""Checkpoints: a training's whole state in one file, written whole or not at all."""

import io
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sslcourse.data.cache import write_whole

FORMAT = 1
KEYS = {"kind", "method", "optimizer", "optimizer_kind", "progress"}


def save_checkpoint(
    path: str | Path,
    method: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    **progress: Any,
) -> None:
    """Save a method's weights, its optimiser, and anything else that resuming needs.

    Args:
        path: the file to write; an older one there is replaced only when the new one is complete.
        method: any module.
        optimizer: its optimiser.
        progress: numbers, strings, tensors, and lists and dictionaries of them.

    Raises:
        ValueError: progress that is neither number, string nor tensor.
        OSError: the file could not be written, for example because the disk is full.
    """
    state = {
        "format": FORMAT,
        "kind": type(method).__name__,
        "method": method.state_dict(),
        "optimizer": optimizer.state_dict() if optimizer else None,
        "optimizer_kind": type(optimizer).__name__,
        "progress": progress,
    }
    # through memory: torch's own writer aborts in C++ on a full disk, a plain write just raises
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    try:
        torch.load(buffer, weights_only=True)
    except Exception as error:  # an unpickler's error names what it refuses, at length
        raise ValueError(
            "the checkpoint would hold something that can't be read back without running code; "
            f"save numbers, strings and tensors only, got {sorted(progress)}."
        ) from error
    write_whole(Path(path), lambda file: file.write_bytes(buffer.getbuffer()))


def load_checkpoint(
    path: str | Path, method: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> dict[str, Any]:
    """Load what `save_checkpoint` wrote into a method (and optimiser) of the same architecture.

    Only tensors and plain values are read, never code. The method is changed only when all fits.

    Returns:
        The `progress` that was saved.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a checkpoint, or one of another architecture.
    """
    device = next((p.device for p in method.parameters()), torch.device("cpu"))
    state = read_checkpoint(path, device)
    difference = first_difference(method.state_dict(), state["method"])
    if difference:
        raise ValueError(
            f"{path} holds a {state['kind']} of another architecture: {difference}. Build the "
            "method as it was built for that file, or train into a new one."
        )
    if optimizer is not None:
        check_optimizer(path, state, optimizer)
        optimizer.load_state_dict(state["optimizer"])
    method.load_state_dict(state["method"])
    return state["progress"]


def read_checkpoint(path: str | Path, device: torch.device) -> dict[str, Any]:
    """What a checkpoint file holds; see `load_checkpoint` for the errors."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a checkpoint file in it.")
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}; train first, or check the path.")
    try:
        with zipfile.ZipFile(path) as file:
            if file.testzip() is not None:  # torch itself does not look at the check sums
                raise ValueError("a part of the file has changed")
        state = torch.load(path, map_location=device, weights_only=True)
    # torch reports a damaged file as one of many kinds, from the zip reader to the unpickler
    except Exception as error:
        raise ValueError(
            f"{path} is not a readable checkpoint; delete it and train again, or use another file."
        ) from error
    written = state.get("format") if isinstance(state, dict) else None
    if isinstance(written, int) and written > FORMAT:
        raise ValueError(
            f"{path} comes from a newer version of the course (format {written}, this one reads "
            f"{FORMAT}); update the course, or train into another file."
        )
    if written != FORMAT or not state.keys() >= KEYS:
        raise ValueError(f"{path} is not a checkpoint of this course (format {FORMAT}).")
    return state


def check_optimizer(path: str | Path, state: dict, optimizer: torch.optim.Optimizer) -> None:
    """Refuse an optimiser that can't take up the saved one's state, before anything changes."""
    here = [len(group["params"]) for group in optimizer.param_groups]
    saved = (state["optimizer"] or {}).get("param_groups", [])
    there = [len(group["params"]) for group in saved]
    if (type(optimizer).__name__, here) != (state["optimizer_kind"], there):
        raise ValueError(
            f"{path} holds the state of {state['optimizer_kind']} for {there} parameters, not of "
            f"{type(optimizer).__name__} for {here}; use the same optimiser, or load without one."
        )


def first_difference(here: dict[str, torch.Tensor], there: dict[str, torch.Tensor]) -> str | None:
    """Name the first weight that differs in name or shape; None where all agree."""
    for name in [*here, *there]:
        if name not in there:
            return f"it has no {name}"
        if name not in here:
            return f"it has {name}, which the method here lacks"
        if here[name].shape != there[name].shape:
            shapes = tuple(there[name].shape), tuple(here[name].shape)
            return f"{name} has shape {shapes[0]} there and {shapes[1]} here"
    return None
