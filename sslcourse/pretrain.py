"""The main job: train a method on images, save it, and say what its representation is worth."""

import copy
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from sslcourse.budgets import Budget, budget
from sslcourse.build import build, fit_queue
from sslcourse.console import ProgressLine, clock
from sslcourse.data.images import NAMES, ImageSet, load
from sslcourse.hardware import best_device, bfloat16_speedup, describe_device
from sslcourse.networks import ImageTokenizer
from sslcourse.networks.processes import rank
from sslcourse.pretrained import checkpoint_names, find_tokenizer, tokenizer_for
from sslcourse.scores import compare, pretext_scores, print_pretext, print_table, score
from sslcourse.train import load_checkpoint
from sslcourse.train.config import TrainConfig
from sslcourse.train.distributed import joined
from sslcourse.train.history import History
from sslcourse.train.loop import fit

__all__ = ["TrainingLine", "build", "compare", "load_both", "pretrain", "print_table", "score"]


def load_both(
    data: str,
    chosen: Budget,
    *,
    size: int | None,
    variant: str | None,
    seed: int,
    lazy: bool = False,
) -> tuple[ImageSet, ImageSet]:
    """Training and test images, at most as many as the budget says; all that train where lazy."""
    size = size or (None if data in NAMES else chosen.image_size)
    shared = {"size": size, "variant": variant, "seed": seed}
    most = None if data == "scenes" or lazy else chosen.images
    train = load(data, "train", limit=most, lazy=lazy, **shared)
    test = load(data, "test", limit=chosen.test_images if data != "scenes" else None, **shared)
    return train, test


class TrainingLine:
    """`on_step` for `fit`: one line with steps, loss, chance line and speed."""

    def __init__(self, config: TrainConfig, per_epoch: int) -> None:
        self.line = ProgressLine("training")
        self.read = 0.0  # when the history was last read
        self.config = config
        self.steps = config.steps or (config.epochs and max(1, round(config.epochs * per_epoch)))

    def __call__(self, step: int, history: History) -> None:
        now = time.monotonic()
        if now - self.read < 0.3:  # reading the loss makes a GPU wait
            return
        if not self.read:
            self.line.begun = self.done(step - 1, history["seconds"][-2:-1])
        self.read = now
        loss = history["loss"][-1]
        chance = history.columns.get("chance", [None])[-1]
        beside = f" (chance {chance:.2f})" if chance is not None else ""
        self.line.show(
            self.done(step, history["seconds"][-1:]),
            f"step {step:,}, loss {loss:.2f}{beside}, {history.images_per_second:.0f} images/s",
        )

    def done(self, step: int, seconds: Sequence[float]) -> float:
        """The share of the training in [0, 1] after a step, by the seconds it ended at, if any."""
        share = step / self.steps if self.steps else sum(seconds) / self.config.seconds
        return min(share, 1.0)

    def close(self) -> None:
        """Take the line away."""
        self.line.close()


def pretrain(
    method_name: str,
    data: str,
    *,
    budget_name: str | None = None,
    length: dict[str, float] | None = None,
    size: int | None = None,
    variant: str | None = None,
    seed: int = 0,
    checkpoint: str | None = None,
    fresh: bool = False,
    device: str | None = None,
    tokenizer: str | None = None,
    lazy: bool = False,
    compile: str | None = None,
) -> int:
    """Run the main job and print as it goes; returns the exit code.

    Started by `torchrun`, several processes do it together; see `sslcourse.train.distributed`.

    Args:
        method_name: one of `METHODS`.
        data: a name or a folder, see `sslcourse.data.load`.
        budget_name: "laptop" or "full".
        length: {"seconds" | "steps" | "epochs": number} instead of the budget's.
        size: height and width of the images.
        variant: of scenes.
        seed: of the scenes, the weights, the order and the views.
        checkpoint: the file to save to and resume from; by default in the folder `runs`.
        fresh: start again although the checkpoint exists.
        device: "cpu" or "cuda"; by default CUDA where there is one.
        tokenizer: for "beit": a file that `pretrain tokenizer` wrote, or a checkpoint of the
            course; by default the course's for scenes or for photographs, where there is one.
        lazy: of a folder: train on all photographs, which stay in a file.
        compile: see `TrainConfig`.
    """
    chosen = budget(method_name, budget_name)
    special = [variant, *(f"{value:g}-{name}" for name, value in (length or {}).items())]
    special += [size and f"{size}-pixels", seed and f"seed-{seed}"]
    path = Path(checkpoint or default_checkpoint(method_name, data, chosen.name, special))
    train, test = load_both(data, chosen, size=size, variant=variant, seed=seed, lazy=lazy)
    training = plan(chosen.training, length or {}, len(train), seed, path, fresh=fresh)
    training = replace(training, compile=compile)
    chosen = fit_queue(chosen, training.batch_size)  # few images make small batches
    parts = {}
    if method_name == "beit":
        parts["tokenizer"] = pick_tokenizer(tokenizer, data, chosen.name)
    method = build(method_name, chosen, seed, train.images.shape[2], **parts)
    untrained = copy.deepcopy(method.encoder)
    with joined(pick_device(device)) as place:
        announce(data, train, place, method, path, resume=training.resume)
        train = train if lazy else train.to(place)
        history = fit_shown(method, train, training, place)
        first = rank() == 0
    if not first:  # of several processes one is enough to measure
        return 130 if history.interrupted else 0
    if history.interrupted:
        again = f"The same command{' without --fresh' if fresh else ''} goes on from {path}."
        print(f"\nStopped after {len(history):,} steps. {again}", file=sys.stderr)
        return 130
    print_training(history)
    probe = train.subset(min(chosen.probe_images, len(train)), seed).to(place)
    test = test.to(place)
    print_table(compare(method, untrained, probe, test), probe, test)
    print_pretext(pretext_scores(method, test))
    if history.unsaved:
        print(f"\nerror: {history.unsaved}", file=sys.stderr)
    return 1 if history.unsaved else 0


def fit_shown(
    method: nn.Module,
    images: ImageSet,
    training: TrainConfig,
    device: torch.device | None = None,
) -> History:
    """`fit`, with a line that says how far it is."""
    line = TrainingLine(training, len(images) // training.batch_size)
    try:
        shown = line if rank() == 0 else None
        return fit(method, images, training, on_step=shown, device=device)
    finally:
        line.close()


def plan(
    training: TrainConfig,
    length: dict[str, float],
    images: int,
    seed: int,
    path: Path,
    *,
    fresh: bool,
) -> TrainConfig:
    """A budget's recipe with the length, the seed and the file that were asked for."""
    if length:
        training = replace(training, **{"steps": None, "epochs": None, "seconds": None, **length})
    batch_size = min(training.batch_size, images)
    return replace(training, seed=seed, checkpoint=path, resume=not fresh, batch_size=batch_size)


def pick_device(device: str | None) -> torch.device:
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("PyTorch finds no CUDA device here; leave --device out, or say cpu.")
    return torch.device(device) if device else best_device()


def pick_tokenizer(name: str | None, data: str, budget_name: str) -> ImageTokenizer:
    """The tokenizer of a file which `pretrain tokenizer` wrote, or one of the course's."""
    if name is None and tokenizer_for(data) not in checkpoint_names():
        raise ValueError(
            "BEiT needs a tokenizer for these images; train one with `python -m sslcourse pretrain "
            f"tokenizer --data {data}` and name the file that it saves with --tokenizer."
        )
    name = name or tokenizer_for(data)
    if not name.endswith(".pt"):
        return find_tokenizer(name)
    trained = build("tokenizer", budget("tokenizer", budget_name), seed=0)
    load_checkpoint(name, trained)
    return trained.encoder


def print_training(history: History) -> None:
    loss = f"loss {history['loss'][0]:.2f} -> {history['loss'][-1]:.2f}"
    print(
        f"trained {len(history):,} steps of {history.batch_size} images in "
        f"{clock(history['seconds'][-1])}, {history.precision}; {loss}"
    )


def default_checkpoint(
    method_name: str, data: str, budget_name: str, special: list[str | None]
) -> str:
    """A file of its own for each recipe: `runs/simclr-scenes-laptop-600-seconds.pt`."""
    label = data if data in NAMES else Path(data).resolve().name
    parts = [f"runs/{method_name}", label, budget_name, *special]
    return "-".join(filter(None, parts)) + ".pt"


def announce(
    data: str,
    train: ImageSet,
    device: torch.device,
    method: nn.Module,
    checkpoint: Path,
    *,
    resume: bool,
) -> None:
    """Say what is about to happen."""
    print(f"data    {data}: {train}")
    speedup = f"{bfloat16_speedup(device.type):.2g} times as fast as float32"
    print(f"device  {describe_device(device)}; bfloat16 trains {speedup}")
    weights = sum(parameter.numel() for parameter in method.encoder.parameters())
    print(f"model   {type(method).__name__}, encoder of {weights / 1e6:.2f} million parameters")
    print(
        f"saved   {checkpoint}"
        + (", going on from there" if resume and checkpoint.exists() else "")
    )
    sys.stdout.flush()
