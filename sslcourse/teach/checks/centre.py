"""08.2, the centre of the teacher's scores."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Attempt, Call, Case, Mistake, Task, given

SCORES, CENTER = drawn(3, 4, seed=1), drawn(1, 4, seed=2)

MOVE = given(CENTER, SCORES, 0.9), given(CENTER, drawn(6, 4, seed=3), 0.75)
ENDS = given(CENTER, SCORES, 0.0), given(CENTER, SCORES, 1.0)


def update_center(center: Tensor, scores: Tensor, momentum: float) -> Tensor:
    return (momentum * center + (1 - momentum) * scores.mean(dim=0, keepdim=True)).detach()


def moves(change: Callable):
    """Whether the centre is the right one of changed inputs: change(center, scores, m)."""
    return lambda f: acts_like(f, lambda c, s, m: update_center(*change(c, s, m)), *MOVE)


def only_differences_count(f: Attempt) -> bool:
    """Raising all scores of an image changes nothing, though other scores do."""
    raised = SCORES + torch.arange(1.0, 4.0)[:, None]
    depends = differ(f(CENTER, SCORES, 0.5), f(CENTER, 2 * SCORES, 0.5))
    return depends and close(f(CENTER, SCORES, 0.5), f(CENTER, raised, 0.5))


CENTRE = (
    Mistake(
        "momentum-swapped",
        "Your centre keeps the share 1 - m of itself: it jumps to each new batch.",
        (
            "With m = 0.9, who changes little?",
            "The centre keeps m of itself.",
            "m * center + (1 - m) * batch mean",
        ),
        moves(lambda c, s, m: (c, s, 1 - m)),
    ),
    Mistake(
        "center-of-outputs",
        "Raising all scores of an image doesn't change your centre, as if outputs of a softmax "
        "were averaged. It is subtracted from scores, so it must be a mean of scores.",
        (
            "What is the centre subtracted from, and in which unit is that?",
            "Raw scores of the teacher, before centring and softmax.",
            "scores.mean(dim=0, keepdim=True)",
        ),
        only_differences_count,
    ),
    Mistake(
        "center-of-centred-scores",
        "You average scores that are centred already, so the centre stays near zero.",
        (
            "What does the centre become if all scores are equal to it?",
            "It must then stay: the raw scores are averaged.",
            "Don't subtract the centre before the mean.",
        ),
        moves(lambda c, s, m: (c, s - c, m)),
    ),
    Mistake(
        "one-number-for-all-prototypes",
        "Your batch mean is one number: it moves all prototypes alike, which a softmax doesn't "
        "notice.",
        (
            "Which shape should the batch mean have?",
            "(1, K): a mean of each prototype over the images.",
            "scores.mean(dim=0, keepdim=True)",
        ),
        moves(lambda c, s, m: (c, s.mean().expand_as(s), m)),
    ),
    Mistake(
        "a-row-for-each-image",
        "Your centre has one row for each image. It is one row for all: the mean over the images.",
        (
            "Which axis are the images, and which the prototypes?",
            "scores has the shape (N, K): the N images stand below each other.",
            "scores.mean(dim=0, keepdim=True)",
        ),
        lambda f: f(CENTER, SCORES, 0.9).shape == SCORES.shape,
    ),
    Mistake(
        "batch-summed",
        "Your centre grows with the batch: the scores are summed, not averaged.",
        (
            "What should the centre become after many steps with constant scores?",
            "It must approach these scores.",
            "mean(dim=0), not sum(dim=0)",
        ),
        moves(lambda c, s, m: (c, s * len(s), m)),
    ),
    Mistake(
        "old-center-forgotten",
        "The old centre doesn't change your result: it is the mean of one batch.",
        (
            "What is the momentum for?",
            "The centre is a mean over many batches.",
            "m * center + (1 - m) * batch mean",
        ),
        lambda f: close(f(CENTER, SCORES, 0.9), f(CENTER + 1, SCORES, 0.9)),
    ),
    Mistake(
        "center-never-moves",
        "Your result is the old centre.",
        (
            "Which batch has changed your centre?",
            "A share 1 - m of the batch mean comes in.",
            "Return m * center + (1 - m) * batch mean.",
        ),
        lambda f: close(f(CENTER, SCORES, 0.5), CENTER),
    ),
    Mistake(
        "momentum-ignored",
        "Your centre is the same for every momentum.",
        (
            "What is the third input for?",
            "It says how much of the old centre stays.",
            "momentum * center + (1 - momentum) * batch mean, without a number of your own",
        ),
        lambda f: close(f(CENTER, SCORES, 0.9), f(CENTER, SCORES, 0.5)),
    ),
    Mistake(
        "shares-above-one",
        "The shares of the old centre and of the batch mean don't sum to 1: the centre grows.",
        (
            "All scores equal the old centre. What should the new one be?",
            "It should stay. A share m of the one and 1 - m of the other leave it where it is.",
            "momentum * center + (1 - momentum) * batch mean",
        ),
        lambda f: (
            acts_like(f, lambda c, s, m: m * c + s.mean(dim=0, keepdim=True), *MOVE)
            or acts_like(f, lambda c, s, m: c + (1 - m) * s.mean(dim=0, keepdim=True), *MOVE)
        ),
    ),
    Mistake(
        "center-keeps-the-gradient",
        "The centre asks for a gradient if the scores do: it would keep the graph of every step.",
        (
            "What does center.requires_grad say?",
            "A running mean is data.",
            "Decorate the function with @torch.no_grad().",
        ),
        lambda f: any(f.remembers(MOVE[0], 1)),
    ),
)


def without_gradient(what: str, call: Call, number: int) -> Case:
    """Passed where the result asks for no gradient, though this input does."""
    sentence = f"the {what} asks for a gradient."
    return holds("gradient", sentence, lambda f: not any(f.remembers(call, number)))


TASKS = (
    Task(
        "08.2",
        "the centre",
        "update_center(center, scores, momentum)",
        "center (1, K), the teacher's raw scores (N, K), m in [0, 1]. Return the new centre (1, "
        "K): m of the old one and 1 - m of the mean over the images, without gradient.",
        MOVE[0],
        (
            *from_reference(update_center, *MOVE, *ENDS, names="center scores momentum"),
            without_gradient("centre", MOVE[0], 1),
        ),
        CENTRE,
    ),
)
