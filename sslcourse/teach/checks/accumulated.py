"""08.5, the centre after a step of several micro-batches."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.centre import update_center
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given


def with_updates(function: Callable) -> Callable:
    """The centre after a step, or how often it was moved."""

    def run(batches: list[Tensor], momentum: float, ask: str = "center") -> Tensor:
        moves = []

        def move(center: Tensor, scores: Tensor) -> Tensor:
            moves.append(1)
            return update_center(center, scores, momentum)

        before = CENTER.clone()
        center = function(before, batches, move)
        answers = {"moves": len(moves), "kept": bool(torch.equal(before, CENTER))}
        answers["left"] = len(batches)
        return center if ask == "center" else torch.tensor(answers[ask])

    return run


def accumulated_center(center: Tensor, batches: list[Tensor], move: Callable) -> Tensor:
    return move(center, torch.cat(batches))


CENTER = torch.tensor([[2.0, -1.0, 0.5, 3.0]])

# micro-batches of different sizes, so that a mean of their means is another one
MICRO = given([drawn(size, 4, seed=size) for size in (2, 3, 1)], 0.9)


def accumulates(other: Callable):
    return lambda f: acts_like(f, with_updates(other), MICRO)


def part_unused(f: Attempt) -> bool:
    """The scores of some micro-batch can be others without changing the centre."""
    batches, momentum = MICRO.args
    changed = ([x + (i == j) for i, x in enumerate(batches)] for j in range(3))
    return any(close(f(*MICRO.args), f(others, momentum)) for others in changed)


ACCUMULATED = (
    Mistake(
        "micro-batches-taken-away",
        "After your call the list of micro-batches is shorter: it belongs to the caller, who still "
        "needs it.",
        (
            "Print len(batches) before and after.",
            "pop, remove, clear and del change the list itself.",
            "torch.cat(batches) reads the list and leaves it alone.",
        ),
        lambda f: int(f(*MICRO.args, "left")) < len(MICRO.args[0]),
    ),
    Mistake(
        "center-never-moved",
        "You never call move, which mixes the old centre and the mean of the scores.",
        (
            "What is the third input for?",
            "The centre is a running mean; move knows its momentum.",
            "return move(center, torch.cat(batches))",
        ),
        lambda f: int(f(*MICRO.args, "moves")) == 0,
    ),
    Mistake(
        "only-one-micro-batch-used",
        "Other scores of some micro-batch don't change the centre.",
        (
            "Which images belong to this step?",
            "Those of all micro-batches.",
            "return move(center, torch.cat(batches)): the moved centre, of all rows",
        ),
        part_unused,
    ),
    Mistake(
        "means-averaged",
        "You average the means of the micro-batches, but they hold different numbers of images.",
        (
            "How much does one image count in a small, and in a large micro-batch?",
            "Every image of the step counts the same.",
            "move(center, torch.cat(batches)): the mean over all rows at once",
        ),
        accumulates(lambda c, xs, move: move(c, torch.cat([x.mean(0, keepdim=True) for x in xs]))),
    ),
    Mistake(
        "moved-by-every-micro-batch",
        "The centre was moved several times in one step: with accumulation it runs ahead of the "
        "training.",
        (
            "How often does the optimiser step here, and how often does the centre?",
            "Accumulated micro-batches are one batch.",
            "Collect the scores, and move the centre once: move(center, torch.cat(batches)).",
        ),
        lambda f: int(f(*MICRO.args, "moves")) > 1,
    ),
    Mistake(
        "mean-without-a-row",
        "All prototypes move towards one number: move takes a mean over rows, and what it got from "
        "you has none any more.",
        (
            "Print the shape of what you hand to move.",
            "move expects scores (n, K), and takes their mean itself. A vector (K,) has no rows.",
            "move(center, torch.cat(batches))",
        ),
        accumulates(lambda c, xs, move: move(c, torch.cat(xs).mean(dim=0))),
    ),
    Mistake(
        "scores-summed",
        "The centre moves further the more images there are: their scores are summed.",
        (
            "Does move get a mean from you, or a sum?",
            "It takes the mean over all rows itself.",
            "move(center, torch.cat(batches))",
        ),
        accumulates(lambda c, xs, move: move(c, torch.cat(xs).sum(dim=0, keepdim=True))),
    ),
)

TASKS = (
    Task(
        "08.5",
        "one step of several micro-batches",
        "accumulated_center(center, batches, move)",
        "center (1, K), a list of the teacher's scores (n, K) of the micro-batches of one step, "
        "each with its own n, and move(center, scores), which returns the centre moved towards the "
        "mean of the scores. Return the centre after the step.",
        MICRO,
        (
            *from_reference(
                with_updates(accumulated_center),
                MICRO,
                given(MICRO.args[0], 0.5),
                names="batches momentum",
            ),
            holds(
                "invariance",
                "the result is right, but your function writes into the centre that it was given.",
                lambda f: bool(f(*MICRO.args, "kept")),
            ),
        ),
        ACCUMULATED,
        with_updates,
        3,
    ),
)
