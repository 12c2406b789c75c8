"""06.3, a random mask: many masks together say what is wrong."""

import torch
from torch import Tensor

from sslcourse.teach.checks.cases import holds
from sslcourse.teach.checks.task import Attempt, Failed, Mistake, Task, given

SETTINGS = ((6, 16, 0.75), (5, 10, 0.6))


def counts(f: Attempt, n: int, length: int, ratio: float) -> Tensor:
    mask = f(n, length, ratio)
    if mask.shape != (n, length):
        raise Failed(f"expected a mask {(n, length)}, got {tuple(mask.shape)}.")
    return mask.sum(dim=1)


def shows_instead(f: Attempt) -> bool:
    """As many are True as should be visible."""
    return all((counts(f, n, k, r) == k - round(r * k)).all() for n, k, r in SETTINGS)


def number_differs(f: Attempt) -> bool:
    return any(len(counts(f, 40, k, r).unique()) > 1 for _, k, r in SETTINGS)


def same_for_all(f: Attempt) -> bool:
    return all(len(f(n, k, r).unique(dim=0)) == 1 for n, k, r in SETTINGS)


def always_together(f: Attempt) -> bool:
    """Few places are ever hidden, or neighbours always share their fate."""
    mask = f(400, 16, 0.75).float()
    return bool((mask.mean(dim=0) < 0.5).any() or (mask.mean(dim=0) > 0.95).any())


def seeded(f: Attempt) -> tuple[Tensor, Tensor]:
    first, second = (torch.Generator().manual_seed(seed) for seed in (1, 2))
    return f(20, 16, 0.75, generator=first), f(20, 16, 0.75, generator=second)


def generator_ignored(f: Attempt) -> bool:
    return bool(torch.equal(*seeded(f)))


MASKS = (
    Mistake(
        "mask-inverted",
        "As many patches are True as should stay visible: True means hidden here.",
        (
            "How many patches should be hidden of 16 at a ratio of 0.75?",
            "In this course True = hidden, in MAE and BEiT.",
            "Set the hidden places to True, or return ~mask.",
        ),
        shows_instead,
    ),
    Mistake(
        "number-differs-between-images",
        "Each patch is hidden by a coin of its own, so images hide different numbers, and their "
        "visible patches don't fit into one tensor.",
        (
            "Print mask.sum(dim=1).",
            "Every image must keep the same number of patches.",
            "Sort random numbers: noise.argsort(dim=1), and hide the first ones.",
        ),
        number_differs,
    ),
    Mistake(
        "same-mask-for-all",
        "All images hide the same patches: one draw serves the whole batch.",
        (
            "Compare two rows of your mask.",
            "Each image needs noise of its own.",
            "torch.rand(n, length), not torch.rand(length).",
        ),
        same_for_all,
    ),
    Mistake(
        "places-not-equally-likely",
        "Some places are hidden nearly always and others hardly ever: the choice isn't random.",
        (
            "Draw many masks. How often is each place hidden?",
            "Each place should be hidden with the probability `ratio`.",
            "Take the places from a random permutation of each image.",
        ),
        always_together,
    ),
    Mistake(
        "generator-ignored",
        "Generators with different seeds give the same mask: yours isn't used, or is seeded anew.",
        (
            "Where does your randomness come from?",
            "A generator that is handed over should decide.",
            "torch.rand(n, length, generator=generator)",
        ),
        generator_ignored,
    ),
    Mistake(
        "wrong-number-hidden",
        "The number of hidden patches is not ratio · L.",
        (
            "How many of 16 patches should a ratio of 0.75 hide?",
            "round(ratio * length)",
            "noise.argsort(dim=1)[:, :hidden] are the places to hide.",
        ),
        lambda f: any((counts(f, n, k, r) != round(r * k)).any() for n, k, r in SETTINGS),
    ),
)

TASKS = (
    Task(
        "06.3",
        "a random mask",
        "random_mask(n, length, ratio, *, generator=None)",
        "Return bool (n, length), True = hidden: round(ratio * length) random places in each "
        "image, drawn for each image anew, by the generator where one is given.",
        given(2, 4, 0.75),
        (
            holds(
                "shape",
                "expected a mask (n, length).",
                lambda f: all(f(n, k, r).shape == (n, k) for n, k, r in SETTINGS),
            ),
            holds(
                "dtype",
                "expected bool numbers, True = hidden.",
                lambda f: f(2, 4, 0.75).dtype == torch.bool,
            ),
            holds(
                "value",
                "each image must hide round(ratio * length) patches of its own; with ratio 0.75 "
                "that is 3 of 4.",
                lambda f: not any(mistake.shows(f) for mistake in MASKS if "gen" not in mistake.id),
            ),
            holds(
                "invariance",
                "a generator with another seed must give another mask.",
                lambda f: not generator_ignored(f),
            ),
        ),
        MASKS,
    ),
)
