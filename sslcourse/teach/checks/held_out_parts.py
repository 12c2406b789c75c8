"""09.4: the two parts of a split, and what their pictures say about it."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.cases import form
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.task import Attempt, Call, Failed, given

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
        raise Failed(
            "expected two rows: positions to learn from, and positions held out; your function "
            f"returned {form(found)}."
        )
    return found


def parts(f: Attempt, call: Call) -> Parts:
    """The positions to learn from and those held out, each in rising order."""
    found = two_parts(f, call)
    found = tuple(part if len(part) else part.long() for part in found)
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


def held_are(f: Attempt, number: Callable[[float, int], int]) -> bool:
    """Whether number(share, views) whole pictures are held out, for all shares."""
    return all(
        len(held_pictures(*one)) == number(share, len(one[0])) and not torn(*one)
        for share in CALLS
        for one in tries(f, share)
    )


def exchanged(f: Attempt) -> bool:
    """Whether the first part holds the share of the pictures, not the second."""
    return held_are(f, lambda share, views: len(NAMES) - round(share * len(NAMES)))


def share_of_views(f: Attempt) -> bool:
    """Whether the share was taken of the number of views."""
    return held_are(f, lambda share, views: min(len(NAMES), round(share * views)))


def held_shares(f: Attempt) -> list[float]:
    """How many of the pictures that should be held out are, as shares."""
    return [
        len(held_pictures(*one)) / round(share * len(NAMES))
        for share in CALLS
        for one in tries(f, share)
    ]


def places_for_names(f: Attempt) -> bool:
    """Whether numbers were drawn that are no picture's name: far too few pictures are held out."""
    held = held_shares(f)
    return max(held) <= 1 and sum(held) / len(held) < 0.6


def names_drawn_twice(f: Attempt) -> bool:
    """Whether some draws hold out a picture or two too few, and none too many."""
    held = held_shares(f)
    few = max(held) <= 1 and 0.6 <= sum(held) / len(held) < 1
    varying = [{len(held_pictures(*one)) for one in tries(f, share)} for share in CALLS]
    return few and any(len(numbers) > 1 for numbers in varying)


def at_the_edge(f: Attempt) -> bool:
    """Whether the pictures held out are always the first, the last, or those of extreme names."""
    number = round(SHARE * len(NAMES))
    by_name = NAMES.sort().values
    edges = (NAMES[:number], NAMES[-number:], by_name[:number], by_name[-number:])
    held = [held_pictures(*one) for one in tries(f)]
    return any(all(close(found, edge.sort().values) for found in held) for edge in edges)


def names_returned(f: Attempt) -> bool:
    """Whether all numbers are names of pictures: one for each picture, or for each view."""
    return all(
        len(torch.cat(found)) in (len(NAMES), len(sources))
        and bool(torch.isin(torch.cat(found), NAMES).all())
        for sources, found in tries(f)
    )


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
