"""08.1, DINO's loss: its inputs, and losses that are right but for one thing."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from sslcourse.methods.dino import dino_loss
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.numbers import drawn
from sslcourse.teach.checks.swapped import pairs_of, scores
from sslcourse.teach.checks.task import Attempt, Call, given


def distilled(
    views: int = 3,
    count: int = 3,
    seed: int = 0,
    student: float = 0.5,
    teacher: float = 0.25,
    answers: int = 2,
) -> Call:
    return given(
        scores(views, count, seed),
        scores(answers, count, seed + 20),
        drawn(1, 4, seed=seed + 40) / 2,
        student_temperature=student,
        teacher_temperature=teacher,
    )


def softened(s: Tensor, *, student_temperature: float, **_) -> Tensor:
    return s / student_temperature


dino_over = partial(
    pairs_of,
    lambda t, c, *, teacher_temperature, **_: torch.softmax((t - c) / teacher_temperature, 1),
    softened,
)


def dino_acts(f: Attempt, change: Callable) -> bool:
    """Whether the loss is the right one of changed inputs: change(student, teacher, center, t)."""

    def other(s, t, c, *, student_temperature, teacher_temperature):
        s, t, c, soft, sharp = change(s, t, c, student_temperature, teacher_temperature)
        return dino_loss(s, t, c, student_temperature=soft, teacher_temperature=sharp)

    return acts_like(f, other, distilled(), distilled(seed=5, student=0.4, teacher=0.3))


targets_over_the_batch = partial(
    pairs_of,
    lambda t, c, *, teacher_temperature, **_: torch.softmax((t - c) / teacher_temperature, 0),
    softened,
)


hard_labels = pairs_of(
    lambda t, c, **_: torch.nn.functional.one_hot((t - c).argmax(dim=1), t.shape[1]).float(),
    softened,
)


def center_after_softmax(f: Attempt) -> bool:
    """Whether the targets are outputs minus the centre."""
    other = pairs_of(
        lambda t, c, *, teacher_temperature, **_: torch.softmax(t / teacher_temperature, 1) - c,
        softened,
    )
    return acts_like(f, other, distilled(), distilled(seed=5))
