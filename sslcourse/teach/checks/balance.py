"""Inputs for Sinkhorn's algorithm, and how a function behaves on them; for check 05.1."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.methods.swav import sinkhorn
from sslcourse.teach.checks.behaviours import acts_like, result
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Call, Mistake, given

SCORES = F.normalize(drawn(6, 4, seed=1), dim=1)

SHARP = torch.tensor([[1.0, -0.9], [0.9, -1.0], [1.0, -1.0]])  # exp(-20) must not be lost

LITTLE = torch.tensor([[1.0, 0.0], [1.0, 0.5], [0.5, 0.0]])


def assign(scores: Tensor = SCORES, epsilon: float = 0.5, iterations: int = 3) -> Call:
    return given(scores, epsilon=epsilon, iterations=iterations)


def mass(f: Attempt, axis: int, iterations: int = 3) -> Tensor:
    return result(f, assign(iterations=iterations)).double().sum(dim=axis)


def even(mass_of: Tensor, value: float) -> bool:
    return close(mass_of, torch.full_like(mass_of, value))


def choices_are_hard(f: Attempt) -> bool:
    """Every number is 0 or 1, though the scores are near each other and epsilon is large."""
    found = result(f, assign(SCORES / 10, epsilon=5.0))
    return close(found, found.round())


def more_rounds(extra: int) -> Callable:
    """Sinkhorn's algorithm with another number of rounds than asked."""
    return lambda s, *, epsilon, iterations: sinkhorn(
        s, epsilon=epsilon, iterations=iterations + extra
    )


def overflows(f: Attempt) -> bool:
    """Cosines in half precision at the paper's epsilon: neither exp(20) nor exp(-20) fits."""
    for low in (0.6, 0.0):  # exp(-8) is a float16 still, exp(-20) is none
        scores = torch.tensor([[1.0, low], [0.6, low], [1.0, low - 0.1]])
        found = result(f, assign(scores.half(), 0.05)).float()
        right = sinkhorn(scores, epsilon=0.05, iterations=3)
        if not bool(((found - right).abs() < 0.05).all()):  # nan is not near it either
            return True
    return False


def else_right(f: Attempt) -> bool:
    """Whether float32 scores give what they should, without a gradient or a changed input."""
    call = assign()
    changes = f.changes_inputs(*call.args, **call.kwargs)
    right = acts_like(f, sinkhorn, call, assign(SHARP, 0.05))
    return right and not changes and not any(f.remembers(call, 0))


def softmax_rounds(scores, *, epsilon, iterations):
    q = scores / epsilon
    for _ in range(iterations):
        q = q.softmax(dim=0).softmax(dim=1)
    return q


def sums_at_once(scores: Tensor, *, epsilon: float, iterations: int) -> Tensor:
    """Rounds in which both sums are taken before anything is divided, and the rows once more."""
    q = (scores / epsilon).exp()
    for _ in range(iterations):
        q = q / q.sum(dim=0, keepdim=True) / q.sum(dim=1, keepdim=True)
    return q / q.sum(dim=1, keepdim=True)


SUMS_AT_ONCE = Mistake(
    "sums-taken-at-once",
    "In a round both sums are taken of the same table; the row sums must be those after the "
    "columns were divided.",
    (
        "In which line of your round are the row sums computed?",
        "Each division changes the sums of the other axis.",
        "q = q / q.sum(dim=0, keepdim=True), then q = q / q.sum(dim=1, keepdim=True)",
    ),
    lambda f: acts_like(f, sums_at_once, assign(), assign(iterations=2)),
)
