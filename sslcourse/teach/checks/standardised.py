"""01.2, features that are standardised for a probe."""

import torch
from torch import Tensor

from sslcourse.evaluate.probe import standardize
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

TRAIN, TEST = drawn(6, 3, seed=3) * torch.tensor([1.0, 3.0, 0.5]) + 2, drawn(4, 3, seed=4) - 1


def with_n(train: Tensor, test: Tensor) -> tuple[Tensor, ...]:
    """Right as well: the variance divided by N, not by N - 1."""
    return tuple((x - train.mean(0)) / train.std(0, correction=0) for x in (train, test))


def otherwise_right(f: Attempt) -> bool:
    return any(acts_like(f, right, given(TRAIN, TEST)) for right in (standardize, with_n))


def by_own_statistics(x: Tensor) -> bool:
    """Whether every feature has mean 0 over these images."""
    return close(x.mean(dim=0), torch.zeros(3))


def all_rows_centred(f: Attempt) -> bool:
    return close(torch.cat(f(TRAIN, TEST)).mean(dim=0), torch.zeros(3))


def constant_is_lost(f: Attempt) -> bool:
    """Only a feature that is the same for all training images comes out as inf or nan."""
    train, test = TRAIN.clone(), TEST.clone()
    train[:, 0] = 2.0
    finite = [x.isfinite().all(dim=0).tolist() for x in f(train, test)]
    return [False, True, True] in finite and all(all(rest) for _, *rest in finite)


def constant_is_centred(f: Attempt) -> bool:
    """A test feature that was 2 for all training images keeps its distance from 2."""
    train, test = TRAIN.clone(), TEST.clone()
    train[:, 0] = 2.0
    seen, unseen = f(train, test)
    return close(seen[:, 0], torch.zeros(6)) and close(unseen[:, 0], test[:, 0] - 2)


def constant_is_blown_up(f: Attempt) -> bool:
    train, test = TRAIN.clone(), TEST.clone()
    train[:, 0] = 2.0
    unseen = f(train, test)[1][:, 0]
    return bool(unseen.isfinite().all()) and float(unseen.abs().max()) > 1e3


def deviation(f: Attempt, power: int) -> bool:
    """Whether a feature's deviation afterwards is its old one to some power."""
    return close(f(TRAIN, TEST)[0].std(dim=0), TRAIN.std(dim=0) ** power)


STANDARDISED = (
    Mistake(
        "statistics-of-the-test-images",
        "The test images have mean 0 of their own: they were standardised with their own "
        "statistics, which a probe can't know.",
        (
            "Imagine a single test image. What would its deviation be?",
            "Training and test images must go through the same mapping.",
            "Compute mean and deviation of train, and use them for both.",
        ),
        lambda f: by_own_statistics(f(TRAIN, TEST)[1]),
    ),
    Mistake(
        "statistics-of-both-sets",
        "Training and test images together have mean 0: the test images took part in the "
        "statistics.",
        (
            "Which images may decide anything before the test?",
            "Statistics are learned, and learning is for training images.",
            "mean, std = train.mean(dim=0), train.std(dim=0)",
        ),
        all_rows_centred,
    ),
    Mistake(
        "standardised-over-the-wrong-axis",
        "The statistics run over the features of an image; each feature should have mean 0 over "
        "the training images.",
        (
            "Print the mean of your result over dimension 0 and over dimension 1.",
            "Images are rows, features are columns.",
            "Use dim=0 for mean and deviation.",
        ),
        lambda f: close(f(TRAIN, TEST)[0].mean(dim=1), torch.zeros(6)),
    ),
    Mistake(
        "one-scale-for-all-features",
        "All features are moved and scaled by the same two numbers; each needs its own.",
        (
            "How many means does your code compute, and how many features are there?",
            "x.mean() without a dimension is the mean of all numbers.",
            "Use train.mean(dim=0) and train.std(dim=0), (D,) each.",
        ),
        lambda f: close(f(TRAIN, TEST)[0], (TRAIN - TRAIN.mean()) / TRAIN.std()),
    ),
    Mistake(
        "not-centred",
        "The training features don't have mean 0: the mean is not subtracted.",
        (
            "Standardising does two things. Which one is missing?",
            "Subtract first, divide then.",
            "(train - mean) / std, and the same for test.",
        ),
        lambda f: close(f(TRAIN, TEST)[0], TRAIN / TRAIN.std(dim=0)),
    ),
    Mistake(
        "divided-by-the-wrong-power",
        "The training features don't have deviation 1: you divide by the variance, or not at all.",
        (
            "Print the deviation of your training features.",
            "The variance is the square of the deviation.",
            "Divide by train.std(dim=0).",
        ),
        lambda f: deviation(f, -1) or deviation(f, 1) or deviation(f, 2),
    ),
    Mistake(
        "test-images-left-alone",
        "You return the test features as they came, or their statistics were taken from training "
        "features that were standardised already: these have mean 0 and deviation 1.",
        (
            "Which of the two sets does your probe see after training?",
            "Training and test images must go through the same mapping.",
            "return (train - mean) / std, (test - mean) / std",
        ),
        lambda f: close(f(TRAIN, TEST)[1], TEST),
    ),
    Mistake(
        "constant-feature-blown-up",
        "A feature that is the same for all training images is divided by a tiny number: a test "
        "image that differs a little gets an enormous value.",
        (
            "What is 0.5 / 1e-8?",
            "A small number beside the deviation avoids 0 / 0, but blows up whatever is not 0.",
            "Replace a deviation of 0 by 1: torch.where(std > 0, std, 1).",
        ),
        lambda f: otherwise_right(f) and constant_is_blown_up(f),
    ),
    Mistake(
        "constant-feature-divided-by-zero",
        "A feature that is the same for all training images has deviation 0, and your result is "
        "not finite there.",
        (
            "What is 0 / 0?",
            "An encoder often has units that never fire.",
            "Replace a deviation of 0 by 1: torch.where(std > 0, std, 1).",
        ),
        lambda f: otherwise_right(f) and constant_is_lost(f),
    ),
)

TASKS = (
    Task(
        "01.2",
        "standardised features for a linear probe",
        "standardize(train, test)",
        "Features (N, D) and (M, D). Return both, moved and scaled so that over the training "
        "images every feature has mean 0 and deviation 1; a constant feature is only centred.",
        given(TRAIN, TEST),
        (
            *from_reference(
                standardize,
                given(TRAIN, TEST),
                names="train test",
                also=with_n,
            ),
            holds(
                "invariance",
                "a feature that is constant over the training images must stay finite.",
                lambda f: not constant_is_lost(f),
            ),
            holds(
                "invariance",
                "a feature that is constant over the training images is only centred: where it was "
                "always 2, a test image with 2.5 gets 0.5.",
                constant_is_centred,
            ),
        ),
        STANDARDISED,
    ),
)
