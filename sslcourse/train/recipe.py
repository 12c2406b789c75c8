"""What a training is made of, as plain values, so that a checkpoint goes on as it began."""

import dataclasses
import inspect
from typing import Any

from torch import nn

from sslcourse.data.images import ImageSet
from sslcourse.train.config import TrainConfig

NOT_PART = ("checkpoint", "checkpoint_seconds", "resume", "watch", "precision")


def recipe_of(method: nn.Module, images: ImageSet, config: TrainConfig) -> dict[str, Any]:
    """Everything beside weights that the next step depends on: {what: plain value}."""
    recipe = {
        name: plain(value)
        for name, value in dataclasses.asdict(config).items()
        if name not in NOT_PART
    }
    recipe |= {f"method's {name}": value for name, value in settings_of(method).items()}
    checksum = int(images.images[:256].sum())  # tells other images apart
    recipe["images"] = f"{len(images)} with checksum {checksum}"
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
    """Name the first difference of two recipes; None where they agree."""
    for name in [*now, *before]:
        if before.get(name) != now.get(name):
            return f"was trained with {name} = {before.get(name)}, not {now.get(name)}"
    return None
