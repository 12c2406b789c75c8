"""05.3 and 05.4: prototypes, and a queue of features."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.methods.swav import sinkhorn
from sslcourse.teach.checks.behaviours import (
    acts_like,
    depends,
    ignores,
    passes_gradient,
    result,
)
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

FEATURES = F.normalize(drawn(3, 4, seed=2), dim=1)

DIRECTIONS = drawn(5, 4, seed=3) * torch.arange(1.0, 6.0)[:, None]

SCORED = given(FEATURES, DIRECTIONS)


def prototype_scores(features: Tensor, prototypes: Tensor) -> Tensor:
    return features @ F.normalize(prototypes, dim=1).T


def something_added(f: Attempt) -> bool:
    """A feature of zeros has scores, and without them all others are right."""
    added = f(torch.zeros(3, 4), DIRECTIONS)
    rest = f(FEATURES, DIRECTIONS) - added
    return differ(added, torch.zeros(3, 5)) and close(rest, prototype_scores(FEATURES, DIRECTIONS))


PROTOTYPES = (
    Mistake(
        "prototypes-not-normalised",
        "Longer prototypes get other scores: a score is no cosine.",
        (
            "What does an optimiser's step do to the length of a prototype?",
            "Prototypes leave the unit sphere; a score is a cosine, between -1 and 1.",
            "F.normalize(prototypes, dim=1)",
        ),
        lambda f: differ(f(FEATURES, DIRECTIONS), f(FEATURES, 3 * DIRECTIONS)),
    ),
    Mistake(
        "normalised-over-the-wrong-axis",
        "The length of one prototype still changes scores: you normalised columns, or the matrix.",
        (
            "Print the length of each of your prototypes.",
            "A prototype is a row of (K, D).",
            "F.normalize(prototypes, dim=1)",
        ),
        lambda f: differ(
            f(FEATURES, DIRECTIONS),
            f(FEATURES, DIRECTIONS * torch.tensor([5.0, 1, 1, 1, 1])[:, None]),
        ),
    ),
    Mistake(
        "scores-with-a-bias",
        "A feature of zeros gets scores that are not zero: something is added.",
        (
            "What should a feature of zeros score?",
            "A bias would prefer some prototypes for every image.",
            "Only the matrix product, no bias.",
        ),
        something_added,
    ),
    Mistake(
        "shares-instead-of-cosines",
        "Your scores of an image are above zero and sum to 1: a softmax of the cosines.",
        (
            "What can a score be, if it is a cosine?",
            "Anything from -1 to 1. Sinkhorn and the loss make shares of the scores later.",
            "Return the matrix product as it is, without a softmax.",
        ),
        lambda f: (
            bool((f(FEATURES, DIRECTIONS) > 0).all())
            and close(f(FEATURES, DIRECTIONS).sum(dim=1), torch.ones(3))
        ),
    ),
    Mistake(
        "prototypes-cut-off",
        "The scores are right, but no gradient reaches the prototypes: they would stay where they "
        "were drawn.",
        (
            "SwAV learns its prototypes. What tells them where to go?",
            "`.detach()`, `.data` and `torch.no_grad()` cut the gradient.",
            "Normalise with gradient: features @ F.normalize(prototypes, dim=1).T",
        ),
        lambda f: (
            close(f.result(SCORED), prototype_scores(*SCORED.args))
            and passes_gradient(f, SCORED, 0)
            and not passes_gradient(f, SCORED, 1)
        ),
    ),
)


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
        "05.3",
        "scores of prototypes",
        "prototype_scores(features, prototypes)",
        "Features (N, D) of length 1 and prototypes (K, D) of any length. Return the cosines (N, "
        "K). Both learn from them.",
        SCORED,
        (
            *from_reference(
                prototype_scores,
                SCORED,
                given(F.normalize(drawn(2, 4, seed=8), dim=1), DIRECTIONS),
                names="features prototypes",
            ),
            holds(
                "gradient",
                "no gradient reaches the features; training could change nothing.",
                lambda f: passes_gradient(f, SCORED, 0),
            ),
            holds(
                "gradient",
                "no gradient reaches the prototypes; they could not learn.",
                lambda f: passes_gradient(f, SCORED, 1),
            ),
        ),
        PROTOTYPES,
    ),
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
