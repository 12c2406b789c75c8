"""09.2, few labels of each class: many draws together say what is wrong."""

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from sslcourse.teach.checks.cases import holds
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.seeding import about_seeds, repeatable
from sslcourse.teach.checks.task import Attempt, Call, Failed, Mistake, Task, given

# class 2 stands behind all others, so a position inside of it is none in the whole
LABELS = torch.tensor([0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1] + [2] * 10)
CLASSES = 3
SIZES = torch.bincount(LABELS)  # 7, 8, 10
FIRST = torch.stack([(label == LABELS).nonzero()[:3, 0] for label in range(CLASSES)])  # (3, 3)
MANY_CLASSES = torch.arange(12).repeat(3)

DRAWS = range(60)


@cache
def asked(count: int, seed: int) -> Call:
    """One call for each count and seed, so that a function is called once; see Attempt.result."""
    return given(LABELS, count, seed)


def positions(f: Attempt, count: int = 2, seed: int = 0) -> Tensor:
    """What was drawn, in rising order, int64 (classes * count,)."""
    found = f.result(asked(count, seed))
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


FEW = (
    Mistake(
        "labels-instead-of-positions",
        "Your numbers are the labels of the images that you drew, not their positions.",
        (
            "Print your result beside the labels. Which numbers should it hold?",
            "Whoever calls you takes images[positions], so a position counts images from 0.",
            "Return the positions themselves, not labels[positions].",
        ),
        always(lambda count: torch.arange(CLASSES).repeat_interleave(count)),
    ),
    Mistake(
        "count-shared-among-the-classes",
        "You draw `count` images in all; each class should give as many.",
        (
            "How many images should come out for 3 classes and a count of 2?",
            "`count` labels of each class are classes * count labels.",
            "Draw `count` positions for every label, and put them together with torch.cat.",
        ),
        lambda f: all(f(LABELS, count, 1).numel() == count for count in (3, 6)),
    ),
    Mistake(
        "class-left-out",
        "One class gives no image at all: the first or the last one is left out.",
        (
            "Print labels[positions].bincount() beside labels.bincount().",
            "range(labels.max()) ends before the last class, and range(1, ...) begins after class "
            "0.",
            "Go through labels.unique().",
        ),
        class_left_out,
    ),
    Mistake(
        "positions-inside-the-class",
        "Your numbers count within a class: images far behind in the whole set are never drawn.",
        (
            "Which is the largest number that you ever return, and how many images are there?",
            "A random order of 7 numbers says which of a class's own 7 images, not where they "
            "stand among all.",
            "places = (labels == label).nonzero()[:, 0]; then places[order[:count]] are positions.",
        ),
        inside_the_class,
    ),
    Mistake(
        "images-drawn-twice",
        "Some images come twice in one draw, so there are fewer labels than you say.",
        (
            "Compare len(positions) with len(positions.unique()).",
            "Independent random numbers can repeat; the beginning of a random order can't.",
            "torch.randperm(len(places), generator=generator)[:count]",
        ),
        lambda f: enough(f) and repeats(f),
    ),
    Mistake(
        "classes-not-balanced",
        "The classes don't give the same number of images: they are drawn from all together, or "
        "the positions belong to other labels.",
        (
            "Print labels[positions].bincount().",
            "Chance gives one class more than another, and one perhaps none.",
            "Go through the classes, and draw `count` positions for each.",
        ),
        lambda f: enough(f) and not balanced(f),
    ),
    Mistake(
        "always-the-first-ones",
        "You take the first images of each class, whatever the seed is.",
        (
            "What does another seed change?",
            "The first images of a folder may all come from one place; and five seeds would be "
            "five times the same.",
            "Bring the positions of a class into a random order first, and cut it then.",
        ),
        always(lambda count: FIRST[:, :count]),
    ),
    *about_seeds(lambda f, seed: positions(f, 3, seed), LABELS, 2, 1),
    Mistake(
        "not-equally-likely",
        "Some images of a class are drawn much more often than others, or always with the same "
        "neighbours.",
        (
            "Draw with 100 seeds. How often does each image come, and beside which others?",
            "A random start, or a range that ends too early, leaves some choices out.",
            "torch.randperm(len(places), generator=generator)[:count]",
        ),
        lambda f: unequal(f) or in_groups(f),
    ),
)

TASKS = (
    Task(
        "09.2",
        "a few labels of each class",
        "few_of_each(labels, count, seed)",
        "Labels int64 (N,), how many images of each class, and a seed. Return the positions "
        "(classes * count,) of the images drawn, in any order, each at most once. Only the seed "
        "decides, and the global randomness stays as it is.",
        given(torch.tensor([0, 1, 1, 0, 1, 0]), 2, 0),
        (
            holds(
                "shape",
                "expected classes * count positions in one row: 6 for 3 classes and a count of 2.",
                lambda f: f(LABELS, 2, 0).shape == (6,) and f(LABELS, 1, 3).shape == (3,),
            ),
            holds(
                "dtype",
                "positions are whole numbers, not bool or float.",
                lambda f: f(LABELS, 2, 0).dtype in (torch.int64, torch.int32),
            ),
            holds(
                "value",
                "each class must give `count` images, and none of them twice.",
                lambda f: balanced(f) and not repeats(f),
            ),
            holds(
                "value",
                "with twelve classes each must give `count` images, too.",
                lambda f: close(
                    MANY_CLASSES[f(MANY_CLASSES, 2, 0)].bincount(minlength=12), 12 * [2]
                ),
            ),
            holds(
                "value",
                "every image of a class must be equally likely, beside any other.",
                lambda f: not unequal(f) and not in_groups(f),
            ),
            *repeatable(lambda f, seed: positions(f, 3, seed), LABELS, 2, 1),
        ),
        FEW,
    ),
)
