"""What a training is made of, as plain values, so that a checkpoint goes on as it began."""

import dataclasses
import inspect
from typing import Any

from torch import nn

from sslcourse.data.images import ImageSet
from sslcourse.train.config import TrainConfig

# noted since; checkpoints that are older go on without
ADDED = ("fingerprint of the images",)
DATA = ("images", *ADDED)
NOT_PART = ("checkpoint", "checkpoint_seconds", "resume", "watch", "precision", "compile")


def recipe_of(method: nn.Module, images: ImageSet, config: TrainConfig) -> dict[str, Any]:
    """Everything beside weights that the next step depends on: {what: plain value}."""
    recipe = {
        name: plain(value)
        for name, value in dataclasses.asdict(config).items()
        if name not in NOT_PART
    }
    recipe |= {f"method's {name}": value for name, value in settings_of(method).items()}
    recipe["images"] = f"{len(images)} with checksum {int(images.images[:256].sum())}"
    recipe["fingerprint of the images"] = images.fingerprint()
    return recipe


def settings_of(method: nn.Module) -> dict[str, Any]:
    """A method's own arguments, where they are plain values or dataclasses of such."""
    settings = {}
    for name in inspect.signature(type(method).__init__).parameters:
        value = getattr(method, name, None)
        if isinstance(value, (bool, int, float, str, tuple)) or dataclasses.is_dataclass(value):
            settings[name] = plain(value)
    return settings


def plain(value: Any) -> Any:
    """Numbers of other libraries become Python's, and anything else its text."""
    if hasattr(value, "item"):
        value = value.item()
    return value if isinstance(value, (bool, int, float, str, type(None))) else repr(value)


def first_change(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    """Name the first difference of two recipes; None where they agree.

    The data comes first: fewer images may bring smaller batches and more.
    """
    for name in [*DATA, *now, *before]:
        if name in ADDED and name not in before:
            continue
        if before.get(name) != now.get(name):
            why = ": the data has changed since" if name in DATA else ""
            return f"was trained with {name} = {before.get(name)}, not {now.get(name)}{why}"
    return None
