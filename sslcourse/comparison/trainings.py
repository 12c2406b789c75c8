"""Trainings for the comparison, each in a process of its own, so that its memory can be measured.

A training leaves two files: NAME.pt, its checkpoint, from which it goes on when it was stopped, and
NAME.json, which is written at its end and says what it cost.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sslcourse.budgets import budget
from sslcourse.build import build, fit_queue
from sslcourse.data.cache import write_whole
from sslcourse.data.images import ImageSet, load
from sslcourse.evaluate import fine_tune, load_split
from sslcourse.evaluate.protocol import RATES
from sslcourse.hardware import keep_freed_memory, peak_memory
from sslcourse.pretrain import fit_shown, plan
from sslcourse.scores import kept_encoder
from sslcourse.train import load_checkpoint, save_checkpoint

BATCH = 128  # images a step, of supervised training


@dataclass(frozen=True)
class Run:
    """One short training.

    Attributes:
        method: of `sslcourse.build.METHODS`; it gives the encoder where training is supervised.
        data: see `sslcourse.data.load`.
        size: height and width of the images; None keeps theirs.
        seconds: wall-clock time of the training.
        seed: of the weights, the order and the views.
        precision: "float32" or "bfloat16".
        device: "cpu" or "cuda".
        checkpoint: the file that it saves to and goes on from.
        tokenizer: for "beit": the run that made its tokenizer.
        supervised: whether it learns from labels.
        rate: of supervised training; None chooses it on images that are set aside.
        steps: pretrain for so many steps, however long they take; None means `seconds`.
    """

    method: str
    data: str
    size: int | None
    seconds: float
    seed: int
    precision: str
    device: str
    checkpoint: Path
    tokenizer: "Run | None" = None
    supervised: bool = False
    rate: float | None = None
    steps: int | None = None

    @property
    def facts(self) -> Path:
        """The file that says what the training cost."""
        return self.checkpoint.with_suffix(".json")


def train(run: Run) -> dict[str, float]:
    """Train in a child process, unless that is done; go on where it was stopped.

    Returns:
        What it cost: "steps", "ms a step" (wall-clock time by steps, saving and watching
        included), "MiB" at the peak of its process, and "MiB before" its first step (see
        `peak_memory`); for supervised training also "tuned, all", its accuracy on the test images,
        and "rate, all".

    Raises:
        KeyboardInterrupt: it was stopped, and is saved.
        OSError: the process was killed, or the disk is full.
        ValueError: of `fit`, such as a checkpoint of another recipe.
    """
    if not (run.facts.is_file() and run.checkpoint.is_file()):
        try:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                pool.submit(train_here, run).result()
        except BrokenProcessPool as error:
            raise OSError(
                f"the process that trained {run.checkpoint.stem} was killed, perhaps because "
                "memory ran out; the same command goes on."
            ) from error
    if not run.facts.is_file():
        raise KeyboardInterrupt
    return json.loads(run.facts.read_text())


def train_here(run: Run) -> None:
    """Train in this process; without the file of facts at the end it was stopped."""
    keep_freed_memory()
    facts = learn_with_labels(run) if run.supervised else learn_without(run)
    if facts is not None:
        write_whole(run.facts, lambda file: file.write_text(json.dumps(facts)))


def make(run: Run, images: ImageSet) -> nn.Module:
    """The method of a run, with fresh weights; BEiT gets its tokenizer."""
    parts: dict[str, Any] = {}
    if run.tokenizer is not None:
        parts["tokenizer"] = trained(run.tokenizer, images).encoder
    chosen = fit_queue(budget(run.method, "laptop"), batch_size(run, images))
    return build(run.method, chosen, run.seed, images.images.shape[2], **parts)


def batch_size(run: Run, images: ImageSet) -> int:
    """Few images make small batches."""
    return min(budget(run.method, "laptop").training.batch_size, len(images))


def trained(run: Run, images: ImageSet) -> nn.Module:
    """The method of a run that has ended."""
    method = make(run, images)
    load_checkpoint(run.checkpoint, method)
    return method.to(images.device, memory_format=torch.channels_last)


def trained_encoder(run: Run, images: ImageSet) -> nn.Module:
    """The encoder that a run is judged by; see `kept_encoder`."""
    if not run.supervised:
        return kept_encoder(trained(run, images))
    encoder = make(run, images).encoder
    load_checkpoint(run.checkpoint, encoder)
    return encoder.to(images.device, memory_format=torch.channels_last)


def learn_without(run: Run) -> dict[str, float] | None:
    """Pretraining: the laptop budget's recipe with this run's length; None where it was stopped."""
    images = load(run.data, "train", size=run.size).to(run.device)
    recipe = budget(run.method, "laptop").training
    length = {"seconds": run.seconds} if run.steps is None else {"steps": run.steps}
    recipe = plan(recipe, length, len(images), run.seed, run.checkpoint, fresh=False)
    method, before = make(run, images), memory(run)
    history = fit_shown(method, images, replace(recipe, precision=run.precision))
    if history.interrupted:
        return None
    if history.unsaved:
        raise OSError(history.unsaved)
    return costs(run, history["seconds"][-1], len(history), before)


def learn_with_labels(run: Run) -> dict[str, float]:
    """Supervised training of the same encoder: fine-tuning from random weights, with all labels."""
    images = load_split(run.data, run.size).to(run.device)
    encoder, before = make(run, images.train).encoder, memory(run)

    def tuned(learn: ImageSet, test: ImageSet, rate: float):
        shared = {"seconds": run.seconds, "batch_size": BATCH, "seed": run.seed}
        shared["precision"] = run.precision
        return fine_tune(encoder, learn, test, learning_rate=rate, **shared)

    rate = run.rate
    if rate is None:
        on_held_out = {r: tuned(images.learn, images.choose, r).accuracy for r in RATES}
        rate = max(on_held_out, key=on_held_out.get)
    result = tuned(images.train, images.test, rate)
    save_checkpoint(run.checkpoint, result.encoder)
    facts = costs(run, run.seconds, result.steps, before)
    return facts | {"tuned, all": result.accuracy, "rate, all": rate}


def memory(run: Run) -> float | None:
    """The peak so far, in MiB; what it is is said at `peak_memory`."""
    return peak_memory(torch.device(run.device))


def costs(run: Run, seconds: float, steps: int, before: float | None) -> dict[str, float]:
    """Time and memory of a training that has just ended in this process."""
    found = {"steps": float(steps), "ms a step": 1e3 * seconds / steps}
    return found if before is None else found | {"MiB": memory(run), "MiB before": before}
