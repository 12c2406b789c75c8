"""09.4, pictures held out with all their views."""

import torch
from torch import Tensor

from sslcourse.teach.checks.cases import holds
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.seeding import about_seeds, repeatable
from sslcourse.teach.checks.task import Attempt, Call, Case, Failed, Mistake, Task, given

# ten pictures, named by numbers with holes, two or three views each, in two orders
NAMES = torch.tensor([40, 3, 17, 25, 8, 31, 12, 50, 22, 36])
BESIDE = NAMES.repeat_interleave(torch.tensor([2, 3, 2, 2, 3, 2, 2, 3, 2, 2]))
ROUNDS = torch.cat([NAMES, NAMES, NAMES[[1, 4, 7]]])
ORDERS = (BESIDE, ROUNDS)
SHARE, OTHER, THIRD = 0.3, 0.48, 0.34  # 4.8 of ten pictures are five, 3.4 are three
SEEDS = range(4)
# each is asked once, see Attempt.result
CALLS = {
    share: [given(sources, share, seed) for sources in ORDERS for seed in SEEDS]
    for share in (SHARE, OTHER, THIRD)
}
MANY = [given(ROUNDS, SHARE, seed) for seed in range(40)]
Parts = tuple[Tensor, Tensor]


def two_parts(f: Attempt, call: Call) -> Parts:
    found = f.result(call)
    if isinstance(found, Tensor) and len(found) == 2:
        found = tuple(found.unbind())
    if not isinstance(found, tuple) or [x.ndim for x in found] != [1, 1]:
        raise Failed("expected two rows: positions to learn from, and positions held out.")
    return found


def parts(f: Attempt, call: Call) -> Parts:
    """The positions to learn from and those held out, each in rising order."""
    found = two_parts(f, call)
    for part in found:
        if part.dtype not in (torch.int64, torch.int32):
            raise Failed(f"positions are whole numbers; your function returned {part.dtype}.")
    return tuple(part.sort().values for part in found)


def tries(f: Attempt, share: float = SHARE) -> list[tuple[Tensor, Parts]]:
    """[(sources, what came)] for both orders and several seeds."""
    return [(call.args[0], parts(f, call)) for call in CALLS[share]]


def torn(sources: Tensor, found: Parts) -> bool:
    """Whether a picture has views on both sides."""
    learn, held = (sources[part] for part in found)
    return bool(torch.isin(learn, held).any())


def complete(sources: Tensor, found: Parts) -> bool:
    """Whether every position comes exactly once."""
    return close(torch.cat(found).sort().values, torch.arange(len(sources)))


def common(found: Parts) -> bool:
    return bool(torch.isin(*found).any())


def held_pictures(sources: Tensor, found: Parts) -> Tensor:
    return sources[found[1]].unique()


def right_number(f: Attempt, share: float) -> bool:
    wanted = round(share * len(NAMES))
    return all(len(held_pictures(*one)) == wanted for one in tries(f, share))


def exchanged(f: Attempt) -> bool:
    """Whether the first part holds the share of the pictures, not the second."""
    wanted = len(NAMES) - round(SHARE * len(NAMES))
    return all(len(held_pictures(*one)) == wanted and not torn(*one) for one in tries(f))


def at_the_edge(f: Attempt) -> bool:
    """Whether the pictures held out are always the first, the last, or those of extreme names."""
    number = round(SHARE * len(NAMES))
    by_name = NAMES.sort().values
    edges = (NAMES[:number], NAMES[-number:], by_name[:number], by_name[-number:])
    held = [held_pictures(*one) for one in tries(f)]
    return any(all(close(found, edge.sort().values) for found in held) for edge in edges)


def names_returned(f: Attempt) -> bool:
    """Whether all numbers are names of pictures, each at most once."""
    return all(close(torch.cat(found).sort().values, NAMES.sort().values) for _, found in tries(f))


def numbers_of_pictures(f: Attempt) -> bool:
    """Whether the numbers count pictures, not views."""
    counted = torch.arange(len(NAMES))
    return all(close(torch.cat(found).sort().values, counted) for _, found in tries(f))


def only_beside(f: Attempt) -> bool:
    """Whether pictures stay whole as long as their views stand beside each other."""
    whole = [not torn(sources, found) for sources, found in tries(f)]
    return all(whole[: len(SEEDS)]) and not all(whole[len(SEEDS) :])


def some_torn(f: Attempt) -> bool:
    return any(complete(*one) and torn(*one) for one in tries(f))


def never_held(f: Attempt) -> bool:
    """Whether some picture is not held out by any of 40 seeds; by chance that hardly happens."""
    held = [held_pictures(ROUNDS, parts(f, call)) for call in MANY]
    return len(torch.cat(held).unique()) < len(NAMES)


def held_positions(f: Attempt, seed: int) -> Tensor:
    return parts(f, MANY[seed])[1]


HELD_OUT = (
    Mistake(
        "names-instead-of-positions",
        "Your numbers name or count pictures; they should be positions of views.",
        (
            "How many numbers should both parts hold together?",
            "Whoever calls you takes views[learn] and views[held], so every view needs a number.",
            "torch.isin(sources, chosen).nonzero()[:, 0] are the positions of the chosen pictures.",
        ),
        lambda f: names_returned(f) or numbers_of_pictures(f),
    ),
    Mistake(
        "same-views-in-both",
        "Some views stand in both parts: what judges was learned by heart.",
        (
            "Put both parts together. Does a position come twice?",
            "What is held out must be taken away from the other part.",
            "held = torch.isin(sources, chosen); learn = ~held.",
        ),
        lambda f: any(common(found) for _, found in tries(f)),
    ),
    Mistake(
        "some-views-lost",
        "Some views stand in neither part.",
        (
            "How many numbers do both parts hold together?",
            "Every view of a picture goes where its picture goes.",
            "held = torch.isin(sources, chosen); learn = ~held.",
        ),
        lambda f: any(not complete(sources, found) for sources, found in tries(f)),
    ),
    Mistake(
        "views-taken-for-neighbours",
        "Pictures stay whole only as long as their views stand beside each other, and as many of "
        "each: you cut by places.",
        (
            "Where are the views of picture 0 if `sources` is 0, 1, 2, 0, 1, 2?",
            "Only `sources` knows which views belong together.",
            "Draw from sources.unique(), and find the views by torch.isin(sources, chosen).",
        ),
        only_beside,
    ),
    Mistake(
        "pictures-torn-apart",
        "A picture has views in both parts: those held out have twins that were learned from.",
        (
            "Which pictures do the views in your two parts come from?",
            "Views of a picture look alike, so whoever knows one can name the other. Draw "
            "pictures, not views.",
            "names = sources.unique(); draw from names; torch.isin(sources, chosen).",
        ),
        some_torn,
    ),
    Mistake(
        "parts-exchanged",
        "The parts are exchanged: `share` is held out, and the rest is learned from.",
        (
            "Which part should be the small one at a share of 0.3?",
            "First come the positions to learn from.",
            "return learn, held",
        ),
        exchanged,
    ),
    Mistake(
        "not-shuffled",
        "The pictures held out are always the first or the last ones.",
        (
            "What if pictures come class by class?",
            "Then whole classes would be missing from one part.",
            "names[torch.randperm(len(names), generator=generator)]",
        ),
        at_the_edge,
    ),
    Mistake(
        "wrong-number-held-out",
        "The number of pictures held out is not round(share * pictures).",
        (
            "How many of 10 pictures should be held out at a share of 0.3?",
            "The share is one of pictures: count them once each.",
            "round(share * len(sources.unique()))",
        ),
        lambda f: not all(right_number(f, share) for share in CALLS),
    ),
    *about_seeds(held_positions, ROUNDS, SHARE, 1),
)

TASKS = (
    Task(
        "09.4",
        "pictures held out with all their views",
        "hold_out(sources, share, seed)",
        "Whole numbers (N,): the picture that each view was made of. Hold out round(share * "
        "pictures) random pictures with all their views. Return two tensors: positions of views "
        "to learn from, and positions held out. Only the seed decides, and the global randomness "
        "stays as it is.",
        given(torch.tensor([4, 7, 9, 4, 7, 9]), 1 / 3, 0),
        (
            Case("shape", lambda f: two_parts(f, MANY[0])),
            Case("dtype", lambda f: parts(f, MANY[0])),
            holds(
                "value",
                "every position must come exactly once.",
                lambda f: all(complete(*one) for one in tries(f)),
            ),
            holds(
                "value",
                "a picture has views in both parts.",
                lambda f: not any(torn(*one) for one in tries(f)),
            ),
            holds(
                "value",
                "round(share * pictures) different pictures must be held out: of 10 at the shares "
                "0.3, 0.34 and 0.48 it is 3, 3 and 5.",
                lambda f: all(right_number(f, share) for share in CALLS),
            ),
            holds(
                "value",
                "some pictures are never held out, whatever the seed.",
                lambda f: not never_held(f),
            ),
            *repeatable(held_positions, ROUNDS, SHARE, 1),
        ),
        HELD_OUT,
    ),
)
