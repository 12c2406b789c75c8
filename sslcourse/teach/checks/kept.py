"""11.3, the patches that hold most of a map's mass."""

import torch
from torch import Tensor

from sslcourse.evaluate.attention import threshold_mass
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

# no sum of them comes near a threshold that is asked for; EXACT reaches it without rounding
TINY = torch.tensor([[[0.10, 0.45], [0.27, 0.18]]])

EXACT = torch.tensor([[[0.5, 0.25], [0.125, 0.125]]])

SPOTTY = torch.softmax(drawn(3, 4, 4, seed=1) * torch.tensor([0.5, 1.0, 2.5])[:, None, None], 0)
MAPS = SPOTTY * torch.tensor([1.0, 5.0, 0.2])[:, None, None]  # maps need not sum to 1

KEEP = given(TINY, 0.6), given(MAPS, 0.6), given(MAPS, 0.85)


def keeps(other):
    return lambda f: acts_like(f, other, *KEEP)


def rank(maps: Tensor) -> Tensor:
    """The place of each value in its map, 0 for the largest."""
    return maps.flatten(1).argsort(1, descending=True).argsort(1).view(maps.shape)


def short_by_one(maps: Tensor, share: float) -> Tensor:
    kept = threshold_mass(maps, share)
    return kept & (rank(maps) < kept.flatten(1).sum(1)[:, None, None] - 1)


def long_by_one(maps: Tensor, share: float) -> Tensor:
    kept = threshold_mass(maps, share)
    return rank(maps) <= kept.flatten(1).sum(1)[:, None, None]


def only_ranks_count(f: Attempt) -> bool:
    """Sharper maps whose patches have the same order keep the same patches."""
    return all(close(f(MAPS, share), f(MAPS**3, share)) for share in (0.62, 0.87))


def weakest_kept(f: Attempt) -> bool:
    """In each map the weakest patch is kept and the strongest is not."""
    kept, places = f(MAPS, 0.6), rank(MAPS)
    return bool(kept[places == 15].all()) and not bool(kept[places == 0].any())


THRESHOLD = (
    Mistake(
        "places-not-put-back",
        "You keep as many patches as you should, but the wrong ones: the sorted order was not "
        "undone, or with a wrong permutation.",
        (
            "Which place of the picture does value 0 of a sorted map come from?",
            "Sorting gives the order too; it must be undone.",
            "kept_sorted.gather(1, order.argsort()): argsort gives the inverse of an order.",
        ),
        lambda f: (
            close(f(MAPS, 0.6).flatten(1).sum(1), threshold_mass(MAPS, 0.6).flatten(1).sum(1))
            and differ(f(MAPS, 0.6), threshold_mass(MAPS, 0.6))
        ),
    ),
    Mistake(
        "weakest-patches-kept",
        "You keep the weakest patches: the sum runs from the wrong end, or the result is inverted.",
        (
            "Is the strongest patch kept in your result?",
            "The kept patches are the fewest that hold the mass: the strongest.",
            "Sort from strong to weak, or keep where the sum from the weak end is > 1 - share.",
        ),
        weakest_kept,
    ),
    Mistake(
        "share-of-the-wrong-part",
        "You keep the mass 1 - share instead of share.",
        (
            "How much of the mass do your patches hold?",
            "The kept patches hold at least `share`.",
            "From weak to strong the sum must be > 1 - share; from strong to weak compare share.",
        ),
        keeps(lambda maps, share: threshold_mass(maps, 1 - share)),
    ),
    Mistake(
        "one-threshold-for-all-maps",
        "A map changes what is kept of another: values of all maps were put together.",
        (
            "Put a single map in, then two. Is the same kept of the first?",
            "Each map has a mass of its own.",
            "Flatten the last two axes only, and sum over the last axis.",
        ),
        lambda f: differ(f(MAPS, 0.6)[:1], f(MAPS[:1], 0.6)),
    ),
    Mistake(
        "mass-not-normalised",
        "A map that is twice as strong keeps other patches: its values weren't divided by their "
        "sum.",
        (
            "Double a map. Should other patches be kept?",
            "The share is one of the map's own mass.",
            "Divide by the map's sum before you compare.",
        ),
        lambda f: f(*KEEP[0].args).dtype == torch.bool and differ(f(MAPS, 0.6), f(7 * MAPS, 0.6)),
    ),
    Mistake(
        "share-of-the-patches",
        "You keep a share of the patches, however strong they are.",
        (
            "How many patches do you keep of a map with one strong spot?",
            "The mass decides: few strong patches are enough.",
            "Compare the cumulative sum of the sorted values with the share, not their number.",
        ),
        only_ranks_count,
    ),
    Mistake(
        "share-of-the-maximum",
        "You keep what is stronger than a share of the maximum; the mass doesn't matter.",
        (
            "Raise all weak patches a little. Should your result stay the same?",
            "The sum of the kept patches must reach the share.",
            "values, order = mass.sort(dim=1, descending=True), and compare values.cumsum(dim=1).",
        ),
        keeps(lambda maps, share: maps >= share * maps.amax(dim=(1, 2), keepdim=True)),
    ),
    Mistake(
        "last-patch-missing",
        "Your patches hold less than the share: the one that crosses the threshold is missing.",
        (
            "How much of the mass do your patches hold?",
            "It must be at least the share.",
            "Sorted from strong to weak, keep where values.cumsum(dim=1) - values < share.",
        ),
        keeps(short_by_one),
    ),
    Mistake(
        "one-patch-too-many",
        "You keep one patch more than needed.",
        (
            "Take your weakest kept patch away. Is the share still reached?",
            "The smallest set is wanted.",
            "Sorted from strong to weak, keep where values.cumsum(dim=1) - values < share.",
        ),
        keeps(long_by_one),
    ),
    Mistake(
        "share-ignored",
        "You keep the same patches for every share.",
        (
            "Where does the share occur in your function?",
            "A larger share needs more patches.",
            "Compare the cumulative sum of the sorted values with it.",
        ),
        lambda f: close(f(MAPS, 0.4), f(MAPS, 0.9)),
    ),
)

TASKS = (
    Task(
        "11.3",
        "the patches that hold most of the mass",
        "threshold_mass(maps, share)",
        "Maps (N, H, W), not negative. Return bool (N, H, W), True for the fewest, strongest "
        "patches that hold at least `share` of their map's mass.",
        KEEP[0],
        (
            *from_reference(threshold_mass, *KEEP, given(EXACT, 0.5), names="maps share"),
            holds(
                "value",
                "of four patches with a quarter of the mass each, two hold half of it.",
                lambda f: int(f(torch.ones(1, 2, 2), 0.5).sum()) == 2,
            ),
        ),
        THRESHOLD,
    ),
)
