"""How to train: lengths, rates and files, one line for each."""

from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Exactly one of `steps`, `epochs` and `seconds` says for how long.

    Raises:
        ValueError: none or several of the three, or a value out of its range.
    """

    steps: int | None = None  # optimiser steps
    epochs: float | None = None  # passes over the images
    seconds: float | None = None  # wall-clock time; the schedule follows the clock
    batch_size: int = 256  # images a step, at least 2
    learning_rate: float = 2e-3  # the highest one, after warm-up
    weight_decay: float = 1e-4  # on weights; biases and norms have none
    weight_decay_end: float | None = None  # it goes there along a cosine; None: it stays
    warmup: float = 0.05  # share of the training with rising learning rate, in [0, 1)
    schedule: str = "cosine"  # after warm-up; or "steps": a tenth at 60 %, a hundredth at 80 %
    optimizer: str = "adamw"  # or "sgd", with Nesterov momentum 0.9
    betas: tuple[float, float] = (0.9, 0.999)  # AdamW's memory of gradients and of their squares
    clip: float | None = None  # largest norm of all gradients together
    compile: str | None = None  # torch.compile's "default", or "reduce-overhead": CUDA graphs
    precision: str = "auto"  # "float32", "bfloat16", or "auto" for the faster one here
    seed: int = 0  # order of the images and all views
    watch: int = 10  # how often the collapse dashboard is measured
    checkpoint: str | Path | None = None  # saved here, and resumed from here where it exists
    checkpoint_seconds: float = 30.0  # time between two saves
    resume: bool = True  # False begins anew; the first save replaces an older checkpoint

    def __post_init__(self) -> None:
        for field in fields(self):  # numbers of NumPy or torch become Python's
            value = getattr(self, field.name)
            if hasattr(value, "item"):
                object.__setattr__(self, field.name, value.item())
        lengths = {name: getattr(self, name) for name in ("steps", "epochs", "seconds")}
        given = {name: length for name, length in lengths.items() if length is not None}
        if len(given) != 1 or not min(given.values()) > 0:
            raise ValueError(
                "give exactly one of steps, epochs and seconds, greater than 0; "
                f"got {given or 'none'}."
            )
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2, got {self.batch_size}.")
        if self.steps is not None and self.steps != int(self.steps):
            raise ValueError(f"steps must be a whole number, got {self.steps}.")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip must be greater than 0, or None, got {self.clip}.")
        if not self.learning_rate > 0 or not self.weight_decay >= 0 or not 0 <= self.warmup < 1:
            raise ValueError(
                "learning_rate must be > 0, weight_decay >= 0 and warmup in [0, 1); got "
                f"{self.learning_rate}, {self.weight_decay} and {self.warmup}."
            )
        end = self.weight_decay_end
        if end is not None and (not end >= 0 or not self.weight_decay > 0):
            raise ValueError(
                "a weight decay that changes must start above 0 and end at 0 or above; got "
                f"{self.weight_decay} and {end}."
            )
        if not all(0 <= beta < 1 for beta in self.betas) or len(self.betas) != 2:
            raise ValueError(f"betas must be two numbers in [0, 1), got {self.betas}.")
        for name, known in (
            ("schedule", ("cosine", "steps")),
            ("optimizer", ("adamw", "sgd")),
            ("precision", ("auto", "float32", "bfloat16")),
            ("compile", (None, "default", "reduce-overhead")),
        ):
            if getattr(self, name) not in known:
                choices, found = ", ".join(map(str, known)), getattr(self, name)
                raise ValueError(f"{name} must be one of {choices}, got {found!r}.")
