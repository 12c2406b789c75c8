"""Behaviours that many mistakes share: a constant factor, another temperature, another input."""

import math
from collections.abc import Callable
from itertools import count
from typing import Any

import torch

from sslcourse.teach.checks.limits import seed_everything
from sslcourse.teach.checks.numbers import close, constant_ratio, differ
from sslcourse.teach.checks.task import Attempt, Call


def result(f: Attempt, call: Call) -> Any:
    """What f makes of one call's inputs."""
    return f(*call.args, **call.kwargs)


def acts_like(f: Attempt, other: Callable, *calls: Call) -> bool:
    """Whether f does for several inputs what the right function does for changed ones."""
    right = Attempt(other)
    return all(close(result(f, c), result(right, c)) for c in calls)


def factor(f: Attempt, right: Callable, *calls: Call) -> float | None:
    """f / right, where it is one number for all these calls; None where it is not."""
    other = Attempt(right)
    return constant_ratio([(result(f, c), result(other, c)) for c in calls])


def off_by_a_factor(f: Attempt, right: Callable, *calls: Call) -> bool:
    """Whether f is the right function times a positive number that is not 1."""
    found = factor(f, right, *calls)
    return found is not None and found > 0 and not close(found, 1.0)


def wrong_sign(f: Attempt, right: Callable, *calls: Call) -> bool:
    """Whether f is the right function times a negative number."""
    found = factor(f, right, *calls)
    return found is not None and found < 0


def grows(f: Attempt, right: Callable, small: tuple[Call, ...], large: tuple[Call, ...]) -> bool:
    """Whether f / right is greater for large inputs than for small: a sum instead of a mean."""
    return growth(f, right, small, large) > 1.01


def growth(f: Attempt, right: Callable, small: tuple[Call, ...], large: tuple[Call, ...]) -> float:
    """How often f / right of small inputs goes into that of large ones; nan where there is none."""
    first, second = factor(f, right, *small), factor(f, right, *large)
    return math.nan if first is None or second is None else second / first


def rescaled(f: Attempt, right: Callable, here: tuple[Call, ...], there: tuple[Call, ...]) -> bool:
    """Whether f / right is one number for these calls, and another one for those."""
    return abs(growth(f, right, here, there) - 1) > 0.01


def ignores(f: Attempt, first: Call, second: Call) -> bool:
    """Whether two calls that should differ give the same."""
    return close(result(f, first), result(f, second))


def depends(f: Attempt, first: Call, second: Call) -> bool:
    """Whether two calls that should agree give different results, both finite."""
    return differ(result(f, first), result(f, second))


def seed_decides(draw: Callable[[int], Any]) -> bool:
    """Whether what is drawn is the same for equal seeds, and something else for another one."""
    first, again, other = draw(1), draw(1), draw(2)
    return close(first, again) and not close(first, other)


def generator_decides(f: Attempt, *sizes: Any) -> bool:
    """Whether the seed of a generator that is handed in decides, whatever other randomness does."""
    luck = count()

    def draw(seed: int) -> Any:
        seed_everything(next(luck))  # f itself would seed it alike every time
        return torch.as_tensor(f.function(*sizes, generator=torch.Generator().manual_seed(seed)))

    return seed_decides(draw)


def same_every_time(f: Attempt, *sizes: Any) -> bool:
    """Whether two calls in a row give the same, without a generator or with one that goes on."""
    seed_everything(0)
    for generator in (None, torch.Generator().manual_seed(3)):
        pair = (f.function(*sizes, generator=generator) for _ in range(2))
        if torch.equal(*map(torch.as_tensor, pair)):
            return True
    return False


def passes_gradient(f: Attempt, call: Call, number: int) -> bool:
    """Whether a gradient that is not zero arrives at the input with this number."""
    found = f.gradients(*call.args, **call.kwargs)
    return found is not None and float(found[number].abs().max()) > 1e-9
