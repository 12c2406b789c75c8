"""Ridge regression onto one-hot labels, inputs for it, and how it behaves; for check 09.5."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Attempt, Call, given

# three classes of unequal size; features of unequal scale and place
LABELS = torch.tensor([0, 2, 1, 0, 2, 0, 1, 0, 0])
CLASSES = 3
TRAIN = drawn(9, 4, seed=1) * torch.tensor([1.0, 3.0, 0.5, 2.0]) + torch.tensor([2.0, -1, 0, 5])
TEST = drawn(5, 4, seed=2) * torch.tensor([1.0, 3.0, 0.5, 2.0]) + torch.tensor([1.0, 0, 1, 4])
SHARES = torch.bincount(LABELS) / len(LABELS)
UNITS = torch.tensor([10.0, 1.0, 0.2, 3.0])
STRENGTH = 2.0


def scaled(train: Tensor, test: Tensor, correction: int = 1) -> tuple[Tensor, Tensor]:
    mean, std = train.mean(dim=0), train.std(dim=0, correction=correction)
    std = torch.where(std > 0, std, 1)
    return (train - mean) / std, (test - mean) / std


def ridge_scores(
    train: Tensor, labels: Tensor, test: Tensor, classes: int, *, strength: float
) -> Tensor:
    return solved(*scaled(train, test), labels, classes, strength)


def solved(x: Tensor, t: Tensor, labels: Tensor, classes: int, strength: float) -> Tensor:
    """Scores (M, classes) of t, for features that are centred already."""
    targets = F.one_hot(labels, classes).to(x)  # (N, classes)
    bias = targets.mean(dim=0)
    squares = x.T @ x + strength * torch.eye(x.shape[1], dtype=x.dtype)  # (D, D)
    return t @ torch.linalg.solve(squares, x.T @ (targets - bias)) + bias


def with_n(train: Tensor, labels: Tensor, test: Tensor, classes: int, *, strength: float) -> Tensor:
    """Right as well: the variance divided by N, not by N - 1."""
    return solved(*scaled(train, test, correction=0), labels, classes, strength)


def call(train: Tensor = TRAIN, test: Tensor = TEST, strength: float = STRENGTH) -> Call:
    return given(train, LABELS, test, CLASSES, strength=strength)


CALLS = (call(), call(strength=30.0))
ONE_MISSING = given(TRAIN, LABELS, TEST, CLASSES + 1, strength=STRENGTH)  # class 3 has no image
MANY = given(
    drawn(40, 3, seed=4) + 1,
    torch.arange(40) % 4,
    drawn(6, 3, seed=5) + 1,
    4,
    strength=5.0,
)


def scores(f: Attempt, inputs: Call) -> Tensor:
    return f(*inputs.args, **inputs.kwargs)


def changed(f: Attempt, train: Tensor, test: Tensor) -> bool:
    """Whether other numbers that hold the same knowledge give other scores."""
    return differ(scores(f, call()), scores(f, call(train, test)))


def sees_other_tests(f: Attempt) -> bool:
    """Whether a test image gets other scores where others stand beside it."""
    beside = torch.cat([TEST[:2], 3 * TEST[2:] + 4])
    return differ(scores(f, call())[:2], scores(f, call(test=beside))[:2])


def on_training(f: Attempt, strength: float) -> Tensor:
    """Mean score of each class over the training images; right are the shares of the classes."""
    return scores(f, call(test=TRAIN, strength=strength)).mean(dim=0)


def other_strength(change: Callable[[float, int], float]) -> Callable[[Attempt], bool]:
    """Whether it acts like the right one with a strength of change(strength, images)."""

    def shows(f: Attempt) -> bool:
        return any(
            acts_like(
                f,
                lambda x, labels, t, n, *, strength, right=right: right(
                    x, labels, t, n, strength=change(strength, len(x))
                ),
                *CALLS,
                MANY,
            )
            for right in (ridge_scores, with_n)
        )

    return shows


SCALES = (
    lambda strength, images: strength * images,
    lambda strength, images: strength / images,
    lambda strength, images: strength**2,
    lambda strength, images: strength / 2,
    lambda strength, images: strength * 2,
)


def everywhere(
    train: Tensor, labels: Tensor, test: Tensor, classes: int, *, strength: float
) -> Tensor:
    """The strength is added to all entries of the matrix, not to its diagonal."""
    x, t = scaled(train, test)
    targets = F.one_hot(labels, classes).to(x)
    weights = torch.linalg.solve(x.T @ x + strength, x.T @ (targets - targets.mean(dim=0)))
    return t @ weights + targets.mean(dim=0)


def constant_is_lost(f: Attempt) -> bool:
    """Whether a feature that is the same for all training images spoils every score."""
    train, test = TRAIN.clone(), TEST.clone()
    train[:, 0] = 2.0
    return not bool(scores(f, call(train, test)).isfinite().all())


def one_column(f: Attempt) -> bool:
    """Whether label numbers were fitted: one number for each image, between classes."""
    found = scores(f, call()).flatten()
    return len(found) == len(TEST) and not close(found, found.round())


def chosen_classes(f: Attempt) -> bool:
    found = scores(f, call()).flatten()
    return len(found) == len(TEST) and close(found, found.round())


def other_scale(f: Attempt) -> bool:
    return any(other_strength(change)(f) for change in SCALES)
