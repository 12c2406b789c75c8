"""09.2: positions that were drawn, and what many draws say about them."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from sslcourse.teach.checks.cases import form
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.task import Attempt, Call, Failed, given

# class 2 stands behind all others, so a position inside of it is none in the whole
LABELS = torch.tensor([0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1] + [2] * 10)
CLASSES = 3
SIZES = torch.bincount(LABELS)  # 7, 8, 10
FIRST = torch.stack([(label == LABELS).nonzero()[:3, 0] for label in range(CLASSES)])  # (3, 3)
MANY_CLASSES = torch.arange(12).repeat(3)

DRAWS = range(60)


def one_row(found: Any) -> Tensor:
    """A row of numbers, from a list of single ones too."""
    if isinstance(found, tuple) and all(isinstance(x, Tensor) and x.ndim == 0 for x in found):
        return torch.stack(found)
    if not isinstance(found, Tensor):
        raise Failed(f"expected one tensor of positions; your function returned {form(found)}.")
    return found


def right_shape(f: Attempt) -> None:
    """Fails unless positions come in one row, as many as were asked for."""
    for count in (2, 1):
        found = one_row(f.result(asked(count, 0)))
        if found.shape != (count * CLASSES,):
            raise Failed(
                f"expected {count * CLASSES} positions in one row for {CLASSES} classes and a "
                f"count of {count}; your function returned {form(found)}."
            )


def sized(f: Attempt, seed: int) -> Tensor:
    """Three positions of each class; fails where another number of them came."""
    found = positions(f, 3, seed)
    if len(found) != 3 * CLASSES:
        raise Failed("the number of positions is wrong.")
    return found


@cache
def asked(count: int, seed: int) -> Call:
    """One call for each count and seed, so that a function is called once; see Attempt.result."""
    return given(LABELS, count, seed)


def positions(f: Attempt, count: int = 2, seed: int = 0) -> Tensor:
    """What was drawn, in rising order, int64 (classes * count,)."""
    found = one_row(f.result(asked(count, seed)))
    if found.dtype == torch.bool:
        raise Failed("positions are whole numbers, your function returned bool.")
    return found.flatten().long().sort().values


def inside(chosen: Tensor) -> bool:
    return bool(((chosen >= 0) & (chosen < len(LABELS))).all())


def enough(f: Attempt) -> bool:
    """Whether as many positions come as there should be, all of them of images."""
    chosen = positions(f)
    return len(chosen) == 2 * CLASSES and inside(chosen)


def counts(chosen: Tensor) -> Tensor:
    """How many images of each class were drawn."""
    return torch.bincount(LABELS[chosen], minlength=CLASSES)


def balanced(f: Attempt) -> bool:
    """Whether every class gives `count` images, whatever the seed."""
    tries = [(positions(f, count, seed), count) for count in (1, 3, 7) for seed in range(4)]
    return all(inside(x) and bool((counts(x) == count).all()) for x, count in tries)


def repeats(f: Attempt) -> bool:
    """Whether one draw holds an image twice."""
    return any(len(x.unique()) < len(x) for x in (positions(f, 5, seed) for seed in range(4)))


def many(f: Attempt) -> list[Tensor]:
    """The positions of many draws, each in rising order."""
    return [positions(f, 2, seed) for seed in DRAWS]


def unequal(f: Attempt) -> bool:
    """Some images are never drawn, or far too often: by more than five deviations of chance."""
    shares = torch.bincount(torch.cat(many(f)), minlength=len(LABELS)) / len(DRAWS)
    expected = 2 / SIZES[LABELS]
    spread = (expected * (1 - expected) / len(DRAWS)).sqrt()
    left_out = (shares == 0) & (torch.bincount(LABELS, shares)[LABELS] > 0)
    return bool(((shares - expected > 5 * spread) | left_out).any())


def class_left_out(f: Attempt) -> bool:
    """No image of the first or of the last class ever comes, and as many as asked of the others."""
    drawn = [counts(positions(f, 2, seed)) for seed in range(4)]
    return all(
        set(x.tolist()) == {0, 2} and 0 in (int(x[0]), int(x[-1])) and int((x == 0).sum()) == 1
        for x in drawn
    )


def in_groups(f: Attempt) -> bool:
    """Of all pairs of images of a class, hardly any are drawn together."""
    pairs = {
        tuple(chosen[label == LABELS[chosen]].tolist())
        for chosen in many(f)
        for label in range(CLASSES)
    }
    return len(pairs) < 0.6 * sum(math.comb(int(size), 2) for size in SIZES)


def inside_the_class(f: Attempt) -> bool:
    """No number ever reaches beyond the size of the largest class."""
    drawn = torch.stack([positions(f, 3, seed) for seed in range(8)])  # (8, 9)
    right_size = drawn.shape == (8, 3 * CLASSES)
    return right_size and bool((drawn >= 0).all()) and int(drawn.max()) < int(SIZES.max())


def always(expected: Callable[[int], Tensor]) -> Callable[[Attempt], bool]:
    """Whether these numbers come, whatever the seed."""
    return lambda f: all(
        close(positions(f, count, seed), expected(count).flatten().sort().values)
        for count in (2, 3)
        for seed in (0, 1)
    )
