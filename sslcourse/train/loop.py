"""One training loop for every method.

All randomness of a training comes from its seed: an epoch's order from (seed, epoch), a step's
views from (seed, step). So a training that was stopped goes on exactly as if it had not been, and a
checkpoint holds no random state.
"""

import math
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from sslcourse.data.images import ImageSet
from sslcourse.evaluate.collapse import effective_rank, feature_std
from sslcourse.evaluate.features import extract_features
from sslcourse.hardware import keep_freed_memory, pick_precision
from sslcourse.networks.processes import rank
from sslcourse.train.checkpoint import load_checkpoint, read_checkpoint, save_checkpoint
from sslcourse.train.compiled import compiled
from sslcourse.train.config import TrainConfig
from sslcourse.train.distributed import agree, loss_of, of_the_first, own_batch
from sslcourse.train.history import History
from sslcourse.train.interrupt import until_interrupted
from sslcourse.train.optimizer import batch_order, build_optimizer, set_rates, step_generator
from sslcourse.train.recipe import first_change, recipe_of


class Method(Protocol):
    """What `fit` needs: a module with these four."""

    encoder: nn.Module

    def make_views(self, images: Tensor, generator: torch.Generator | None) -> Any:
        """Views of uint8 images (N, 3, H, W); all randomness from the generator."""

    def loss(self, views: Any) -> tuple[Tensor, dict[str, Tensor | float]]:
        """The scalar loss, and diagnostics: numbers, or scalars that are still on the device."""

    def after_step(self, progress: float) -> None:
        """Called after each step with the share of the training that is done, in [0, 1]."""


class Run:
    """One training on its way: where it is, how it saves itself and how it goes on."""

    def __init__(
        self, method: Method, images: ImageSet, config: TrainConfig, device: torch.device
    ) -> None:
        self.method, self.images, self.config, self.device = method, images, config, device
        self.loss = compiled(loss_of(method, device), config.compile, device)
        self.optimizer = build_optimizer(method, config)
        self.step = 0
        self.elapsed_before = 0.0  # seconds of earlier sittings
        self.per_epoch = len(images) // config.batch_size
        self.steps = config.steps or (
            config.epochs and max(1, round(config.epochs * self.per_epoch))
        )
        self.recipe = recipe_of(method, images, config)
        self.order: Tensor | None = None  # of this epoch's images
        if config.checkpoint and config.resume and Path(config.checkpoint).exists():
            self.resume()
        else:
            precision = config.precision
            if precision == "auto":
                precision = of_the_first(pick_precision(device))
            self.history = History(config.batch_size, precision)
        self.started = self.saved = time.monotonic()
        self.clock = agree(self.elapsed)  # as all processes read it

    @property
    def elapsed(self) -> float:
        return self.elapsed_before + time.monotonic() - self.started

    @property
    def progress(self) -> float:
        """Share of the training that is done, in [0, 1]."""
        done = self.step / self.steps if self.steps else self.clock / self.config.seconds
        return min(done, 1.0)

    def batch(self) -> Tensor:
        """Indices of this step's images (batch_size,); of several processes, this one's part."""
        epoch, position = divmod(self.step, self.per_epoch)
        if position == 0 or self.order is None:
            self.order = batch_order(self.config.seed, epoch, len(self.images), self.images.device)
        start = position * self.config.batch_size
        return own_batch(self.order[start : start + self.config.batch_size])

    def take_step(self) -> None:
        """Views, loss, gradients, update; one record in the history."""
        config, device = self.config, self.device
        rate = set_rates(self.optimizer, config, self.progress)
        generator = step_generator(config.seed, self.step, device, rank())
        batch = self.images.images[self.batch()].to(device)
        views = self.method.make_views(batch, generator)
        half = self.history.precision == "bfloat16"
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            loss, diagnostics = self.loss(views)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if config.clip is not None:
            nn.utils.clip_grad_norm_(self.method.parameters(), config.clip)
        self.optimizer.step()
        self.step += 1
        self.clock = agree(self.elapsed)
        self.method.after_step(self.progress)
        record = {"step": self.step, "seconds": self.elapsed, "learning_rate": rate}
        loss = loss.detach().clone()  # a CUDA graph writes over its results
        self.history.append({**record, "loss": loss, **diagnostics})

    def check_loss(self) -> None:
        """Stop before a broken state can replace the last good checkpoint."""
        losses = self.history.columns.get("loss", [0.0])
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(self.diverged(f"the loss is {losses[-1]}"))

    def diverged(self, sign: str) -> str:
        return (
            f"{sign} after {self.step} steps; lower the learning rate "
            f"({self.config.learning_rate}). The last checkpoint is untouched."
        )

    def watch(self) -> None:
        """Measure the collapse dashboard on the first images, un-augmented."""
        first = self.images.images[:256].to(self.device)
        features = extract_features(self.method.encoder, first, 256)
        if not features.isfinite().all():
            raise FloatingPointError(self.diverged("the encoder's features are not finite"))
        self.history.note_collapse(self.step, feature_std(features), effective_rank(features))

    def save(self) -> None:
        """Write the checkpoint. A full disk costs the checkpoint, not the training."""
        self.saved = time.monotonic()
        self.history.collect()
        self.check_loss()
        if not self.config.checkpoint or rank() > 0:
            return
        progress = {
            "step": self.step,
            "elapsed": self.elapsed,
            "precision": self.history.precision,
            "history": self.history.state(),
            "recipe": self.recipe,
        }
        try:
            save_checkpoint(self.config.checkpoint, self.method, self.optimizer, **progress)
            self.history.unsaved = None
        except OSError as error:
            self.history.unsaved = str(error)
            warnings.warn(f"training goes on without a checkpoint: {error}", stacklevel=3)

    def resume(self) -> None:
        """Go on from the checkpoint, in the precision that it was begun with."""
        path, precision = self.config.checkpoint, self.config.precision
        before = read_checkpoint(path, self.device)["progress"]
        change = first_change(before.get("recipe", {}), self.recipe)
        if change is None and precision not in ("auto", before["precision"]):
            change = f"was trained in {before['precision']}, not {precision}"
        if change:
            raise ValueError(
                f"{path} {change}; use the same recipe, another checkpoint file, or begin anew: "
                "resume=False, in a terminal --fresh."
            )
        saved = load_checkpoint(path, self.method, self.optimizer)
        self.step, self.elapsed_before = saved["step"], saved["elapsed"]
        self.history = History(self.config.batch_size, saved["precision"], **saved["history"])


def fit(
    method: Method,
    images: ImageSet,
    config: TrainConfig,
    *,
    on_step: Callable[[int, History], None] | None = None,
    device: torch.device | str | None = None,
) -> History:
    """Train a method on images.

    Ctrl-C ends the training after the current step; the history so far is returned and the
    checkpoint saved. With `config.checkpoint`, the same call goes on where it stopped.

    Args:
        method: see `Method`. It is trained in place, in channels_last layout.
        images: the training images.
        config: see `TrainConfig`.
        on_step: called after each step with the number of steps taken and the history.
        device: where to train, and where the method is from now on; by default where the images
            are. Images that are elsewhere come batch by batch.

    Returns:
        The history, with `interrupted` set where the training was stopped.

    Raises:
        ValueError: a batch larger than the set, a checkpoint of another recipe or architecture, or
            nothing to compile with.
        FloatingPointError: the loss is no longer finite.
    """
    if config.batch_size > len(images):
        raise ValueError(
            f"batch_size {config.batch_size} is larger than the {len(images)} images; "
            f"choose 2 to {len(images)}."
        )
    keep_freed_memory()
    device = images.device if device is None else torch.device(device)
    method.to(device, memory_format=torch.channels_last)
    method.train()
    run = Run(method, images, config, device)
    history = run.history
    with until_interrupted() as interrupted:
        while run.progress < 1 and not agree(interrupted()):
            before = run.progress
            run.take_step()
            run.check_loss()
            due = int(before * config.watch) < int(run.progress * config.watch) or run.step == 1
            if due and rank() == 0:
                run.watch()
            if time.monotonic() - run.saved > config.checkpoint_seconds:
                run.save()
            if on_step is not None:
                on_step(run.step, history)
        history.interrupted = run.progress < 1
    run.save()
    return history
