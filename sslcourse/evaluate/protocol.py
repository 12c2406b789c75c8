"""One protocol for every encoder: the same images, the same labels, the same choices.

A fifth of the training images is set aside to choose learning rates on. Test images are looked at
once for each number, never for a choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sslcourse.data.images import ImageSet, load
from sslcourse.evaluate.features import extract_features, pixels
from sslcourse.evaluate.fine_tune import few_labels, fine_tune
from sslcourse.evaluate.neighbours import knn_accuracy
from sslcourse.evaluate.probe import linear_probe

RATES = (3e-4, 1e-3, 3e-3)  # of fine-tuning, to choose from
STEPS = {1: 200, 10: 200, 100: 400, None: 1_000}  # of fine-tuning, for labels of each class
NEIGHBOURS = 20


@dataclass(frozen=True)
class Split:
    """Images to learn from, to choose on, and to test on; the last are touched once a number.

    Attributes:
        learn: four fifths of the training images, to learn from while something is chosen.
        choose: at most 2,000 images of the other fifth, to choose on.
        train: all training images, to learn from once everything is chosen.
        test: images of the test split.
    """

    learn: ImageSet
    choose: ImageSet
    train: ImageSet
    test: ImageSet

    def to(self, device: torch.device | str) -> "Split":
        """The same split on another device."""
        parts = (self.learn, self.choose, self.train, self.test)
        return Split(*(part.to(device) for part in parts))


def load_split(data: str, size: int | None = None) -> Split:
    """Load some data and set a fifth of the training images aside, always the same ones.

    Args:
        data: a name or a folder, see `sslcourse.data.load`, which also says what is raised.
        size: height and width of the images.

    Raises:
        ValueError: fewer than five training images.
    """
    return split_images(load(data, "train", size=size), load(data, "test", size=size))


def split_images(train: ImageSet, test: ImageSet) -> Split:
    """See `load_split`."""
    held = len(train) // 5
    if held < 1:
        raise ValueError(
            f"there are only {len(train)} training images, and a fifth of them is set aside to "
            "choose on; add images, at least 5."
        )
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    choose = train[order[:held]].subset(min(2_000, held), 0)
    return Split(train[order[held:]], choose, train, test)


def label_counts(images: Split) -> list[int]:
    """Which of 1, 10 and 100 labels of each class these images can give.

    Raises:
        ValueError: fewer training images than k-NN has neighbours, or a class without any.
    """
    if len(images.train) < NEIGHBOURS:
        raise ValueError(
            f"nearest neighbours vote with {NEIGHBOURS} training images, and there are only "
            f"{len(images.train)}; add images."
        )
    few_labels(images.learn.labels, 1, classes=images.learn.classes)
    known = images.learn.labels[images.learn.labels >= 0]
    smallest = int(torch.bincount(known, minlength=len(images.learn.classes)).min())
    return [count for count in STEPS if count is not None and count <= smallest]


def features_of(encoder: nn.Module | None, images: ImageSet) -> Tensor:
    """Frozen features (N, D) of an encoder; pixels where it is None."""
    return pixels(images) if encoder is None else extract_features(encoder, images)


def frozen_scores(
    encoder: nn.Module | None, images: Split, tested: Tensor | None = None
) -> dict[str, float]:
    """Linear probe and nearest neighbours, with at most 10,000 labelled training images.

    Args:
        encoder: see `extract_features`; None stands for pixels.
        images: on the encoder's device.
        tested: features (N, D) of the test images, where they are known already.

    Returns:
        Two accuracies in [0, 1]: {"probe, 10,000 labels": …, "k-NN": …}.
    """
    probe = images.train.subset(min(10_000, len(images.train)), 0)
    tested = features_of(encoder, images.test) if tested is None else tested
    known = features_of(encoder, probe), probe.labels, tested, images.test.labels
    return {
        f"probe, {len(probe):,} labels": linear_probe(*known).accuracy,
        "k-NN": knn_accuracy(*known, k=NEIGHBOURS),
    }


def probe_few(
    encoder: nn.Module | None,
    images: Split,
    labels: int | None,
    seed: int = 0,
    tested: Tensor | None = None,
) -> float:
    """Linear probe of frozen features, with the very labels that fine-tuning gets.

    Args:
        encoder: see `frozen_scores`.
        images: on the encoder's device.
        labels: images of each class; None for all.
        seed: draws them.
        tested: see `frozen_scores`.

    Raises:
        ValueError: a class with fewer images.
    """
    few = images.train
    if labels is not None:
        few = few[few_labels(few.labels, labels, seed, classes=few.classes)]
    tested = features_of(encoder, images.test) if tested is None else tested
    return linear_probe(features_of(encoder, few), few.labels, tested, images.test.labels).accuracy


def tuned_accuracy(
    encoder: nn.Module,
    learn: ImageSet,
    test: ImageSet,
    labels: int | None,
    rate: float,
    seed: int = 0,
) -> float:
    """Fine-tune a copy of an encoder, as the protocol does it, and test it once.

    Args:
        encoder: see `fine_tune`; it stays as it is.
        learn: images to learn from.
        test: images to test on.
        labels: images of each class, a key of `STEPS`; None for all.
        rate: the learning rate.
        seed: draws labels, classifier, batches and views.
    """
    shared = {"labels_per_class": labels, "steps": STEPS[labels], "learning_rate": rate}
    shared["precision"] = "auto"  # half the time, on some processors
    return fine_tune(encoder, learn, test, seed=seed, **shared).accuracy


def choose_rate(encoder: nn.Module, images: Split, labels: int, seed: int = 0) -> float:
    """The rate of `RATES` that does best on the images to choose on."""
    on_held_out = {
        rate: tuned_accuracy(encoder, images.learn, images.choose, labels, rate, seed)
        for rate in RATES
    }
    return max(on_held_out, key=on_held_out.get)


def tuned_scores(
    encoder: nn.Module, images: Split, labels: Sequence[int | None] = (10, 100, None)
) -> dict[str, float]:
    """Fine-tuning with few and with all labels.

    The rate is the one that does best on the images to choose on; with all labels that takes long,
    so there it is the rate of the count before.

    Args:
        encoder: see `fine_tune`; it stays as it is.
        images: on the encoder's device.
        labels: images of each class, rising; None for all, last.

    Returns:
        Accuracies in [0, 1]: {"tuned, 10": …, "tuned, all": …}.
    """
    found, rate = {}, RATES[0]
    for count in labels:
        if count is not None:
            rate = choose_rate(encoder, images, count)
        found[f"tuned, {count or 'all'}"] = tuned_accuracy(
            encoder, images.train, images.test, count, rate
        )
    return found
