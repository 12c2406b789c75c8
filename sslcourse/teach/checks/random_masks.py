"""06.3, a random mask: many masks together say what is wrong."""

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import generator_decides, same_every_time
from sslcourse.teach.checks.cases import holds
from sslcourse.teach.checks.task import Attempt, Case, Failed, Mistake, Task, given

SETTINGS = ((6, 16, 0.75), (5, 10, 0.6), (5, 49, 0.75), (5, 10, 0.25))

MANY = given(1000, 16, 0.75)


def counts(f: Attempt, n: int, length: int, ratio: float) -> Tensor:
    """How many patches each image hides, (N,)."""
    mask = f(n, length, ratio)
    if mask.shape != (n, length):
        raise Failed(f"expected a mask {(n, length)}, got {tuple(mask.shape)}.")
    return mask.sum(dim=1)


def shows_instead(f: Attempt) -> bool:
    """As many are True as should be visible."""
    return all((counts(f, n, k, r) == k - round(r * k)).all() for n, k, r in SETTINGS)


def wrong_numbers(f: Attempt) -> None:
    """Fails with the first number of hidden patches that is wrong."""
    for n, length, ratio in ((2, 4, 0.75), *SETTINGS):
        found, wanted = counts(f, n, length, ratio).tolist(), round(ratio * length)
        if set(found) != {wanted}:
            hide = "hides" if len(set(found)) == 1 else "hide"
            who = "each image" if len(set(found)) == 1 else "the images"
            shown = found[0] if len(set(found)) == 1 else ", ".join(map(str, found))
            raise Failed(
                f"with {length} patches and ratio {ratio} {who} {hide} {shown}; expected {wanted}."
            )


def places_as_rows(f: Attempt) -> bool:
    """Each image hides all or nothing: places were taken for images."""
    rows = f(40, 16, 0.75).sum(dim=1)
    return len(rows) == 40 and bool(((rows == 0) | (rows == 16)).all()) and bool((rows == 0).any())


def places_together(f: Attempt) -> bool:
    """One image alone is right; of two and of many all hide what any of them should."""
    one, many = counts(f, 1, 16, 0.75), f(40, 16, 0.75)
    return bool((one == 12).all()) and bool((many == many[0]).all()) and bool(many.all())


def number_differs(f: Attempt) -> bool:
    return any(len(counts(f, 40, k, r).unique()) > 1 for _, k, r in SETTINGS)


def same_for_all(f: Attempt) -> bool:
    """All images hide the same, without a generator or with one."""
    return any(
        all(len(f(*sizes, generator=draw()).unique(dim=0)) == 1 for sizes in SETTINGS)
        for draw in (lambda: None, lambda: torch.Generator().manual_seed(3))
    )


def often(f: Attempt) -> tuple[Tensor, Tensor]:
    """How often each place is hidden, and how often two places together."""
    mask = f.result(MANY).double()
    return mask.mean(dim=0), torch.einsum("ni,nj->ij", mask, mask) / len(mask)


def unequal(f: Attempt) -> bool:
    """Some places are hidden much more often than others."""
    return f.result(MANY).shape == (1000, 16) and bool(((often(f)[0] - 0.75).abs() > 0.1).any())


def hang_together(f: Attempt) -> bool:
    """Two places are hidden together more or less often than 12 of 16 random places are."""
    apart = ~torch.eye(16, dtype=torch.bool)
    return f.result(MANY).shape == (1000, 16) and bool(
        ((often(f)[1] - 0.75 * 11 / 15)[apart].abs() > 0.1).any()
    )


def generator_ignored(f: Attempt) -> bool:
    """A generator's seed does not decide the mask, whatever torch's own randomness does."""
    return not generator_decides(f, 20, 16, 0.75)


def seeded_anew(*sizes: int | float) -> Mistake:
    """The mistake of masks that are the same in every call, for masks of any kind."""
    return Mistake(
        "same-mask-every-time",
        "Two calls in a row give the same masks: your randomness is seeded anew in each call.",
        (
            "Call your function twice. Are the masks the same?",
            "Each step of a training needs masks of its own.",
            "Leave out manual_seed; generator=None means torch's own randomness.",
        ),
        lambda f: same_every_time(f, *sizes),
    )


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
        "places-used-as-rows",
        "An index along the images got the numbers of places: whole images are hidden and others "
        "not at all, or the index is out of range.",
        (
            "What does mask[3] mean: place 3, or image 3?",
            "The first axis of a mask (N, L) counts images, and places are of the second.",
            "mask.scatter_(1, places, True) sets in each row the places of that row.",
        ),
        places_as_rows,
    ),
    Mistake(
        "places-of-all-images-together",
        "Each image hides its own places and those of all others: the more images, the more is "
        "hidden.",
        (
            "Call your function with one image, then with two. How many places are hidden?",
            "mask[:, places] sets these places in every row.",
            "mask.scatter_(1, places, True) sets in each row the places of that row.",
        ),
        places_together,
    ),
    Mistake(
        "number-differs-between-images",
        "Your images hide different numbers of patches, so their visible patches don't fit into "
        "one tensor.",
        (
            "Print mask.sum(dim=1).",
            "A coin for each patch, or a place that is drawn twice, makes the number random.",
            "Sort random numbers: noise.argsort(dim=1), and hide the first ones.",
        ),
        number_differs,
    ),
    Mistake(
        "wrong-number-hidden",
        "The number of hidden patches is not ratio · L, rounded.",
        (
            "How many of 16 patches should a ratio of 0.75 hide, and how many of 49?",
            "12, and round(36.75) = 37: rounded, not cut off.",
            "With places = noise.argsort(dim=1)[:, :hidden], mask.scatter_(1, places, True) hides "
            "exactly that many.",
        ),
        lambda f: any((counts(f, n, k, r) != round(r * k)).any() for n, k, r in SETTINGS),
    ),
    Mistake(
        "same-mask-for-all",
        "All images hide the same patches: one draw serves the whole batch.",
        (
            "Compare two rows of your mask.",
            "Each image needs noise of its own.",
            "torch.rand(n, length) has a row for each image; use all of its rows, not the first "
            "one's order.",
        ),
        same_for_all,
    ),
    Mistake(
        "places-not-equally-likely",
        "Some places are hidden much more often than others.",
        (
            "Draw many masks. How often is each place hidden?",
            "Each place should be hidden with the probability `ratio`.",
            "Take the places from a random permutation of each image.",
        ),
        unequal,
    ),
    Mistake(
        "places-hang-together",
        "Each place is hidden as often as it should be, but some are hidden together too often or "
        "too rarely: runs or groups of places are drawn, not single ones.",
        (
            "Show some masks as rows of 0 and 1. Which pattern do you see?",
            "Any two places should be hidden together as often as any other two.",
            "Take the places from a random permutation of each image: noise.argsort(dim=1).",
        ),
        hang_together,
    ),
    Mistake(
        "generator-ignored",
        "The generator that is handed in doesn't decide your mask alone: some random call doesn't "
        "get it, or it is seeded anew.",
        (
            "Where does your randomness come from?",
            "A generator that is handed over should decide.",
            "torch.rand(n, length, generator=generator)",
        ),
        generator_ignored,
    ),
    seeded_anew(20, 16, 0.75),
)

TASKS = (
    Task(
        "06.3",
        "a random mask",
        "my_random_mask(n, length, ratio, *, generator=None)",
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
            Case("value", wrong_numbers),
            holds(
                "value",
                "each image must hide round(ratio * length) patches of its own; with ratio 0.75 "
                "that is 3 of 4.",
                lambda f: (
                    not any(
                        mistake.shows(f)
                        for mistake in MASKS
                        if mistake.shows is not generator_ignored
                    )
                ),
            ),
            holds(
                "invariance",
                "generators of one seed must give one mask, and those of another seed another.",
                lambda f: not generator_ignored(f),
            ),
        ),
        MASKS,
    ),
)
