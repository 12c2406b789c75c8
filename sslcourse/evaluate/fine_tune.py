"""Fine-tuning with few labels, and supervised training, which is the same from random weights."""

import copy
import math
import time
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.console import ProgressLine
from sslcourse.data.augment import Augment
from sslcourse.data.images import ImageSet
from sslcourse.evaluate.features import Pooled, extract_features
from sslcourse.evaluate.probe import ProbeResult, accuracy
from sslcourse.hardware import keep_freed_memory, pick_precision

SEEN = 2_000  # training images, at most, whose accuracy is told
LIGHT = Augment(crop_scale=(0.6, 1.0), jitter=None, grayscale=0.0)  # keeps what labels need


def few_labels(
    labels: Tensor, labels_per_class: int, seed: int = 0, *, classes: Sequence[str] = ()
) -> Tensor:
    """Positions of `labels_per_class` images of each class, drawn with `seed`: int64 (C·n,).

    Args:
        labels: int64 (N,), -1 where there is none.
        labels_per_class: images of each class.
        seed: draws them.
        classes: names of the classes that must be there; by default those that are.

    Raises:
        ValueError: a class with fewer images or none, or no label at all.
    """
    if not (labels >= 0).any():
        raise ValueError("none of the images has a label (all are -1).")
    for label, name in enumerate(classes):
        if not (labels == label).any():
            raise ValueError(
                f"class {name!r} has no labelled image to learn from; add some, or leave the "
                "class out."
            )
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for label in labels[labels >= 0].unique().tolist():
        positions = (labels.cpu() == label).nonzero().squeeze(1)
        if not 1 <= labels_per_class <= len(positions):
            raise ValueError(
                f"labels_per_class must be 1 to {len(positions)}, the images of class {label}; "
                f"got {labels_per_class}."
            )
        order = torch.randperm(len(positions), generator=generator)[:labels_per_class]
        chosen.append(positions[order])
    return torch.cat(chosen).to(labels.device)


def fine_tune(
    encoder: nn.Module,
    images: ImageSet,
    test: ImageSet,
    *,
    labels_per_class: int | None = None,
    steps: int = 200,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    augment: Augment = LIGHT,
    seconds: float | None = None,
    precision: str = "float32",
    seed: int = 0,
) -> ProbeResult:
    """Train a copy of the encoder and a linear classifier on few labels; test it once.

    AdamW, with the learning rate rising over the first tenth and falling along a cosine. The
    learner's encoder stays as it is, the tuned copy comes with the result. With an untrained
    encoder this is supervised training.

    Args:
        encoder: maps normalised images (N, 3, H, W) to (N, D) and has a `width_out` of D.
        images: labelled images to learn from.
        test: labelled images for the final accuracy.
        labels_per_class: images of each class to use; all by default.
        steps: training steps; the default suits up to a few hundred labels.
        batch_size: images a step, at least 2 (fewer where there are fewer labels).
        learning_rate: highest learning rate.
        augment: random views; by default large crops and mirror images.
        seconds: train for this long instead of `steps`.
        precision: of the forward pass, "float32", "bfloat16", or "auto" for the faster one here.
        seed: draws labels, classifier, batches and views.

    Raises:
        ValueError: too few labels, a class without any, images without labels, or an unknown
            precision.
    """
    if labels_per_class is not None:
        few = few_labels(images.labels, labels_per_class, seed, classes=images.classes)
        images = images[few]
    if precision == "auto":
        precision = pick_precision(images.device)
    check_request(images, test, steps, seconds, batch_size, precision)
    keep_freed_memory()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        classifier = nn.Linear(encoder.width_out, len(images.classes))
    learner = copy.deepcopy(encoder).requires_grad_(True)  # a teacher's weights ask for none
    network = nn.Sequential(Pooled(learner), classifier).to(
        images.device, memory_format=torch.channels_last
    )
    taken = train_classifier(
        network,
        images,
        augment,
        steps=steps,
        seconds=seconds,
        batch_size=min(batch_size, len(images)),
        learning_rate=learning_rate,
        half=precision == "bfloat16",
        seed=seed,
    )
    predictions = extract_features(network, test).argmax(dim=1)
    seen = images.subset(min(len(images), SEEN), 0)  # all of them would take longer than the test
    on_training = extract_features(network, seen).argmax(dim=1)
    return ProbeResult(
        accuracy(predictions, test.labels),
        accuracy(on_training, seen.labels),
        predictions,
        encoder=network[0].encoder,
        steps=taken,
    )


def check_request(
    images: ImageSet,
    test: ImageSet,
    steps: int,
    seconds: float | None,
    batch_size: int,
    precision: str,
) -> None:
    """One clear sentence about the first thing that makes no sense."""
    if len(images) < 2 or batch_size < 2 or images.labels.min() < 0 or len(test) < 1:
        raise ValueError(
            f"fine-tuning needs at least two labelled images and a batch of two, got {len(images)} "
            f"images and batch_size {batch_size}, and images to test on."
        )
    if test.labels.min() < 0:
        raise ValueError("some test images have no label (-1), so nothing can be said about them.")
    if steps < 1 or (seconds is not None and not seconds > 0):
        raise ValueError(f"steps and seconds must be greater than 0, got {steps} and {seconds}.")
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision must be 'auto', 'float32' or 'bfloat16', got {precision!r}.")


def train_classifier(
    network: nn.Module,
    images: ImageSet,
    augment: Augment,
    *,
    steps: int,
    seconds: float | None,
    batch_size: int,
    learning_rate: float,
    half: bool,
    seed: int,
) -> int:
    """Minimise cross-entropy over random batches, in place; returns the steps taken."""
    network.train()
    # Whoever calls may stand inside autocast, which keeps its copies of the weights until it ends:
    # every step would use those of the first
    cast = torch.autocast(images.device.type, torch.bfloat16, enabled=half, cache_enabled=False)
    optimizer = torch.optim.AdamW(network.parameters(), learning_rate, fused=True)
    generator = torch.Generator(images.device).manual_seed(seed)
    line = ProgressLine("training with labels")
    started, step, progress = time.monotonic(), 0, 0.0
    try:
        while progress < 1:
            for group in optimizer.param_groups:
                falling = 0.5 * (1 + math.cos(math.pi * progress))
                group["lr"] = learning_rate * min(falling, 0.05 + progress / 0.1)
            chosen = torch.randperm(len(images), generator=generator, device=images.device)
            chosen = chosen[:batch_size]
            with cast:
                logits = network(augment(images.images[chosen], generator))  # (N, C)
            loss = F.cross_entropy(logits.float(), images.labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
            progress = (time.monotonic() - started) / seconds if seconds else step / steps
            line.show(progress)
    finally:
        line.close()
    return step
