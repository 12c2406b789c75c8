"""05.4, assignments with a queue of features."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.methods.swav import sinkhorn
from sslcourse.teach.checks.behaviours import acts_like, depends, ignores, result
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import drawn
from sslcourse.teach.checks.prototypes import DIRECTIONS, FEATURES
from sslcourse.teach.checks.task import Mistake, Task, given


def with_epsilon(epsilon: float) -> Callable:
    """`queue_assignments` with another softness."""

    def assign(features: Tensor, queue: Tensor, filled: int, prototypes: Tensor) -> Tensor:
        both = torch.cat([features, queue]) if filled == len(queue) else features
        return sinkhorn(both @ prototypes.T, epsilon=epsilon, iterations=3)[: len(features)]

    return assign


def queue_in_front(features: Tensor, queue: Tensor, filled: int, prototypes: Tensor) -> Tensor:
    both = torch.cat([queue, features])
    return sinkhorn(both @ prototypes.T, epsilon=0.5, iterations=3)[: len(features)]


queue_assignments = with_epsilon(0.5)

EPSILONS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.25, 1.0, 2.0)  # that a learner may have in mind

OLD = F.normalize(drawn(6, 4, seed=5) + torch.tensor([2.0, 0, 0, 0]), dim=1)

UNIT = F.normalize(DIRECTIONS, dim=1)

ENDS_ELSEWHERE = torch.cat([OLD[:2], -OLD[2:]])  # the same where it is filled

FULL, PART = given(FEATURES, OLD, 6, UNIT), given(FEATURES, OLD, 2, UNIT)

WITH_QUEUE = (
    Mistake(
        "rows-of-the-queue-returned",
        "You return assignments of the queue's features too; only this batch is predicted.",
        (
            "How many rows does your result have?",
            "The queue helps to balance; its images have no other view now.",
            "return q[: len(features)]",
        ),
        lambda f: len(result(f, FULL)) == 9,
    ),
    Mistake(
        "filled-part-used",
        "You use the part of the queue that is filled already; here it waits until it is full.",
        (
            "With filled < len(queue), which features are assigned in your code?",
            "Until the queue is full, the batch is assigned alone.",
            "both = torch.cat([features, queue]) if filled == len(queue) else features",
        ),
        lambda f: (
            depends(f, PART, given(FEATURES, OLD.roll(1, 1), 2, UNIT))
            and ignores(f, PART, given(FEATURES, ENDS_ELSEWHERE, 2, UNIT))
        ),
    ),
    Mistake(
        "queue-used-before-it-is-full",
        "A queue that is partly empty takes part, with the places that were never filled.",
        (
            "What stands in these places? Random features, or zeros.",
            "Use it from the step on at which filled == len(queue).",
            "if filled < len(queue): assign the batch alone.",
        ),
        lambda f: depends(f, PART, given(FEATURES, OLD.roll(1, 1), 2, UNIT)),
    ),
    Mistake(
        "queue-ignored",
        "A full queue doesn't change your assignments.",
        (
            "Why does a small batch need a queue?",
            "With fewer images than prototypes, equal use makes no sense.",
            "q = sinkhorn(torch.cat([features, queue]) @ prototypes.T, …)[: len(features)]",
        ),
        lambda f: ignores(f, FULL, given(FEATURES, OLD.roll(1, 1), 6, UNIT)),
    ),
    Mistake(
        "another-part-returned",
        "With a full queue you return assignments of the queue's features: the queue stands in "
        "front, and the first rows are its own.",
        (
            "Which rows of the long table belong to the batch?",
            "After torch.cat([queue, features]) the batch stands at the end.",
            "Put the batch in front, torch.cat([features, queue]), and return q[: len(features)].",
        ),
        lambda f: acts_like(f, queue_in_front, FULL),
    ),
    Mistake(
        "another-epsilon",
        "Your assignments are those of another epsilon than 0.5.",
        (
            "How sharp should an assignment be in this task?",
            "The paper's epsilon is 0.05; this task asks for a softer one.",
            "sinkhorn(…, epsilon=0.5, iterations=3)",
        ),
        lambda f: any(acts_like(f, with_epsilon(other), FULL, PART) for other in EPSILONS),
    ),
)


TASKS = (
    Task(
        "05.4",
        "assignments with a queue",
        "queue_assignments(features, queue, filled, prototypes)",
        "Features (N, D) of this batch, a queue (Q, D) of earlier ones of which `filled` are real, "
        "and prototypes (K, D), all of length 1. Use the queue only when it is full. Return the "
        "batch's assignments (N, K): sinkhorn(…, epsilon=0.5, iterations=3) of the scores.",
        FULL,
        from_reference(
            queue_assignments,
            FULL,
            PART,
            given(FEATURES, OLD, 5, UNIT),  # nearly full is not full
            given(FEATURES, OLD, 3, UNIT),  # nor are as many as the batch has
            names="features queue filled prototypes",
        ),
        WITH_QUEUE,
    ),
)
