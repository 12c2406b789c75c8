"""05.2, swapped prediction."""

from collections.abc import Callable
from functools import partial

import torch

from sslcourse.methods.swav import swav_loss
from sslcourse.teach.checks.behaviours import acts_like, depends, ignores
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.swapped import pairs_of, scores, shared, target_gradient
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given


def swapped(views: int = 3, count: int = 3, seed: int = 0, temperature: float = 0.5) -> Call:
    targets = [torch.softmax(2 * s, dim=1) for s in scores(2, count, seed + 20)]
    return given(scores(views, count, seed), targets, temperature=temperature)


swav_over = partial(
    pairs_of, lambda q, *, temperature: q, lambda s, *, temperature: s / temperature
)


def swav_at(change: Callable):
    return lambda f: acts_like(
        f,
        lambda s, q, *, temperature: swav_loss(s, q, temperature=change(temperature)),
        swapped(temperature=0.4),
        swapped(temperature=0.8),
    )


def only_maxima_count(f: Attempt) -> bool:
    """Sharper assignments change nothing, though others do."""
    scores_of, targets = swapped().args
    sharper = [q.square() / q.square().sum(dim=1, keepdim=True) for q in targets]
    turned = [q.roll(1, 1) for q in targets]
    return ignores(f, swapped(), given(scores_of, sharper, temperature=0.5)) and depends(
        f, swapped(), given(scores_of, turned, temperature=0.5)
    )


SWAV = (
    Mistake(
        "gradient-into-the-assignments",
        "A gradient reaches the assignments: they are targets, and would move towards the "
        "predictions.",
        (
            "Which side of the loss should learn?",
            "A target is fixed for the step.",
            "Use q.detach().",
        ),
        lambda f: target_gradient(f, swapped()),
    ),
    Mistake(
        "temperature-multiplied",
        "Your loss at T is the right one at 1 / T.",
        (
            "Should a small temperature make predictions sharper or flatter?",
            "Scores are cosines; T = 0.1 stretches them.",
            "F.log_softmax(scores / temperature, dim=1)",
        ),
        swav_at(lambda t: 1 / t),
    ),
    Mistake(
        "temperature-ignored",
        "Your loss is the same at every temperature.",
        (
            "Where does the temperature stand?",
            "It divides the scores before the softmax.",
            "F.log_softmax(scores / temperature, dim=1)",
        ),
        lambda f: ignores(f, swapped(temperature=0.2), swapped(temperature=0.9)),
    ),
    *shared(
        swav_loss,
        swapped,
        swav_over,
        "assignment",
        (swapped(temperature=0.8), swapped(seed=5, temperature=0.8)),
    ),
    Mistake(
        "assignments-made-hard",
        "Only the best prototype of an assignment counts in your loss: soft assignments were "
        "rounded to one.",
        (
            "Change an assignment without changing its maximum. Should the loss change?",
            "The target is a distribution, all of it.",
            "Use q as it is, not its argmax.",
        ),
        only_maxima_count,
    ),
)

TWO = [torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.5, 0.0], [1.0, 0.0]])]

SWAV_SMALL = given(TWO, [torch.eye(2), torch.tensor([[0.5, 0.5], [0.0, 1.0]])], temperature=0.5)

TASKS = (
    Task(
        "05.2",
        "swapped prediction",
        "my_swav_loss(scores, assignments, *, temperature)",
        "A list of scores (N, K), one for each view, and a list of assignments (N, K) of the first "
        "of these views. Each assignment is predicted from every other view. Return the scalar "
        "mean over images and pairs; no gradient flows to the assignments.",
        SWAV_SMALL,
        from_reference(
            swav_loss,
            SWAV_SMALL,
            swapped(),
            swapped(4, 5, temperature=0.1),
            names="scores assignments",
            gradient=True,
        ),
        SWAV,
    ),
)
