"""05.1 and 05.3 to 05.5: Sinkhorn's algorithm, prototypes, the queue of features."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.methods.swav import sinkhorn
from sslcourse.teach.checks.behaviours import acts_like, ignores
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given

SCORES = F.normalize(drawn(6, 4, seed=1), dim=1)
LITTLE = torch.tensor([[1.0, 0.0], [1.0, 0.5], [0.5, 0.0]])


def assign(scores: Tensor = SCORES, epsilon: float = 0.5, iterations: int = 3) -> Call:
    return given(scores, epsilon=epsilon, iterations=iterations)


def result(f: Attempt, call: Call) -> Tensor:
    return f(*call.args, **call.kwargs)


def mass(f: Attempt, axis: int, iterations: int = 3) -> Tensor:
    return result(f, assign(iterations=iterations)).double().sum(dim=axis)


def even(mass_of: Tensor, value: float) -> bool:
    return close(mass_of, torch.full_like(mass_of, value))


def overflows(f: Attempt) -> bool:
    """Cosines of 1 in half precision at the paper's epsilon: exp(20) is no float16."""
    scores = torch.eye(4).half()
    return not bool(result(f, assign(scores, 0.05)).isfinite().all())


SINKHORN = (
    Mistake(
        "overflows-in-half-precision",
        "With float16 scores your result is not finite: exp(1 / 0.05) doesn't fit.",
        (
            "What is exp(20), and what is the largest float16?",
            "485,165,195 against 65,504.",
            "Compute in float32, or subtract the largest score before exp.",
        ),
        lambda f: overflows(f) and even(mass(f, 1), 1.0),
    ),
    Mistake(
        "axes-swapped",
        "Your columns sum to 1, not your rows: images and prototypes have changed places.",
        (
            "Which axis of the scores are the images?",
            "Rows are images; each is assigned once. In the paper's code the matrix is transposed.",
            "The last division is by the sum over dimension 1.",
        ),
        lambda f: even(mass(f, 0), 1.0),
    ),
    Mistake(
        "assignments-sum-to-one-together",
        "All assignments together have mass 1, so a row has 1 / N only: the last step, times N, is "
        "missing.",
        (
            "What should a row of assignments sum to?",
            "A row is the target of a cross-entropy: a distribution.",
            "Multiply by the number of images at the end, or divide rows by their sums.",
        ),
        lambda f: even(mass(f, 1), 1 / 6) or even(mass(f, 1, 50), 1 / 6),
    ),
    Mistake(
        "ends-with-the-prototypes",
        "Your prototypes have exactly equal mass, but a row doesn't sum to 1: the last division "
        "must be the one of the rows.",
        (
            "Which of the two sums must be exact at the end?",
            "Rows are targets; columns only come close to N / K.",
            "In each round divide by column sums first and by row sums last.",
        ),
        lambda f: (even(mass(f, 0), 6 / 4) or even(mass(f, 0), 1 / 4))
        and not even(mass(f, 1), mass(f, 1)[0].item()),
    ),
    Mistake(
        "prototypes-not-balanced",
        "Your assignments are a softmax: nothing gives all prototypes the same mass, so all images "
        "may choose one.",
        (
            "Sum your result over the images. Are the prototypes used alike?",
            "Rows and columns must be divided in turn.",
            "Add: q = q / q.sum(dim=0, keepdim=True), before the rows.",
        ),
        lambda f: acts_like(
            f, lambda s, *, epsilon, iterations: torch.softmax(s / epsilon, dim=1), assign()
        ),
    ),
    Mistake(
        "epsilon-multiplied",
        "A smaller epsilon makes your assignments softer: the scores are multiplied by it.",
        (
            "Should a small epsilon give sharp or soft assignments?",
            "exp(score / epsilon)",
            "Divide the scores by epsilon before exp.",
        ),
        lambda f: acts_like(
            f,
            lambda s, *, epsilon, iterations: sinkhorn(
                s, epsilon=1 / epsilon, iterations=iterations
            ),
            assign(),
            assign(epsilon=0.8),
        ),
    ),
    Mistake(
        "epsilon-ignored",
        "Your assignments are the same for every epsilon.",
        (
            "Where does epsilon stand?",
            "It decides how sharp an assignment is.",
            "torch.exp(scores / epsilon)",
        ),
        lambda f: ignores(f, assign(epsilon=0.3), assign(epsilon=0.9)),
    ),
    Mistake(
        "iterations-ignored",
        "More iterations don't change your result.",
        (
            "What does your loop repeat?",
            "Each round must start from the result of the one before.",
            "for _ in range(iterations): divide columns, divide rows.",
        ),
        lambda f: ignores(f, assign(iterations=1), assign(iterations=20)),
    ),
    Mistake(
        "least-similar-prototypes",
        "High scores get small assignments: the sign of the scores is turned.",
        (
            "Which prototype should get most of an image?",
            "Scores are similarities, not costs.",
            "exp(+score / epsilon)",
        ),
        lambda f: acts_like(f, lambda s, **rest: sinkhorn(-s, **rest), assign()),
    ),
    Mistake(
        "assignments-keep-the-gradient",
        "The assignments ask for a gradient: targets must be fixed, or the loss is lowered by "
        "moving them.",
        (
            "Which side of the swapped prediction learns?",
            "Assignments are targets.",
            "Decorate the function with @torch.no_grad().",
        ),
        lambda f: f.gradients(SCORES, epsilon=0.5, iterations=3) is not None,
    ),
)

FEATURES = F.normalize(drawn(3, 4, seed=2), dim=1)
DIRECTIONS = drawn(5, 4, seed=3) * torch.arange(1.0, 6.0)[:, None]
SCORED = given(FEATURES, DIRECTIONS)


def prototype_scores(features: Tensor, prototypes: Tensor) -> Tensor:
    return features @ F.normalize(prototypes, dim=1).T


PROTOTYPES = (
    Mistake(
        "prototypes-not-normalised",
        "Longer prototypes get higher scores: they left the unit sphere.",
        (
            "What does an optimiser's step do to the length of a prototype?",
            "A score is a cosine, between -1 and 1.",
            "F.normalize(prototypes, dim=1)",
        ),
        lambda f: not close(f(FEATURES, DIRECTIONS), f(FEATURES, 3 * DIRECTIONS)),
    ),
    Mistake(
        "normalised-over-the-wrong-axis",
        "The length of one prototype still changes scores: you normalised columns, or the matrix.",
        (
            "Print the length of each of your prototypes.",
            "A prototype is a row of (K, D).",
            "F.normalize(prototypes, dim=1)",
        ),
        lambda f: (
            not close(
                f(FEATURES, DIRECTIONS),
                f(FEATURES, DIRECTIONS * torch.tensor([5.0, 1, 1, 1, 1])[:, None]),
            )
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
        lambda f: not close(f(torch.zeros(3, 4), DIRECTIONS), torch.zeros(3, 5)),
    ),
)


def queue_assignments(features: Tensor, queue: Tensor, filled: int, prototypes: Tensor) -> Tensor:
    both = torch.cat([features, queue]) if filled == len(queue) else features
    q = sinkhorn(both @ prototypes.T, epsilon=0.5, iterations=3)
    return q[: len(features)]


OLD = F.normalize(drawn(4, 4, seed=5) + torch.tensor([2.0, 0, 0, 0]), dim=1)
FULL, PART = given(FEATURES, OLD, 4, torch.eye(4)), given(FEATURES, OLD, 2, torch.eye(4))
WITH_QUEUE = (
    Mistake(
        "rows-of-the-queue-returned",
        "You return assignments of the queue's features too; only this batch is predicted.",
        (
            "How many rows has your result?",
            "The queue helps to balance; its images have no other view now.",
            "Return the first N rows.",
        ),
        lambda f: len(result(f, FULL)) > 3,
    ),
    Mistake(
        "queue-used-before-it-is-full",
        "A queue that is partly empty takes part: the loss rises where its random features come "
        "in.",
        (
            "What stands in the places of the queue that were never filled?",
            "Use it from the step on at which filled == len(queue).",
            "if filled < len(queue): assign the batch alone.",
        ),
        lambda f: not ignores(f, PART, given(FEATURES, OLD.roll(1, 1), 2, torch.eye(4))),
    ),
    Mistake(
        "queue-ignored",
        "A full queue doesn't change your assignments.",
        (
            "Why does a small batch need a queue?",
            "With fewer images than prototypes, equal use makes no sense.",
            "Stack batch and queue, then Sinkhorn, then the first N rows.",
        ),
        lambda f: ignores(f, FULL, given(FEATURES, OLD.roll(1, 1), 4, torch.eye(4))),
    ),
)

SHARES = given(torch.tensor([[0.6, 0.3, 0.1, 0.0], [0.5, 0.2, 0.2, 0.1], [0.1, 0.7, 0.2, 0.0]]))
USED = (
    Mistake(
        "any-mass-counts",
        "You count prototypes that have any mass at all; after Sinkhorn that is nearly all of them.",
        (
            "For which prototype is an image the best one?",
            "Three images can choose at most three prototypes.",
            "len(assignments.argmax(dim=1).unique())",
        ),
        lambda f: close(f(*SHARES.args), 4) or close(f(torch.full((2, 9), 1 / 9)), 9),
    ),
)

TASKS = (
    Task(
        "05.1",
        "Sinkhorn's algorithm",
        "sinkhorn(scores, *, epsilon, iterations)",
        "Scores (N, K). Return exp(scores / epsilon) divided in turn by its column sums and its row "
        "sums, `iterations` times: (N, K), rows sum to 1, without gradient.",
        assign(LITTLE),
        (
            *from_reference(
                sinkhorn,
                assign(LITTLE),
                assign(),
                assign(drawn(5, 7, seed=4).tanh(), 0.2, 2),
                names="scores",
            ),
            holds(
                "gradient",
                "the assignments are targets and must not ask for a gradient.",
                lambda f: f.gradients(SCORES, epsilon=0.5, iterations=3) is None,
            ),
            holds(
                "invariance",
                "scores in float16 must give finite assignments.",
                lambda f: not overflows(f),
            ),
        ),
        SINKHORN,
    ),
    Task(
        "05.3",
        "scores of prototypes",
        "prototype_scores(features, prototypes)",
        "Features (N, D) of length 1 and prototypes (K, D) of any length. Return the cosines (N, K).",
        SCORED,
        from_reference(
            prototype_scores,
            SCORED,
            given(torch.zeros(2, 4), DIRECTIONS),
            names="features prototypes",
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
        from_reference(queue_assignments, FULL, PART, names="features queue filled prototypes"),
        WITH_QUEUE,
    ),
    Task(
        "05.5",
        "prototypes in use",
        "used_prototypes(assignments)",
        "Assignments (N, K). Return how many prototypes are the best one of at least one image.",
        SHARES,
        from_reference(
            lambda q: len(q.argmax(dim=1).unique()),
            SHARES,
            given(torch.eye(5)[[0, 0, 3]]),
            names="assignments",
        ),
        USED,
    ),
)
