"""SwAV's and DINO's losses: which views are compared with which targets."""

from collections.abc import Callable

from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like, ignores, off_by_a_factor
from sslcourse.teach.checks.numbers import drawn
from sslcourse.teach.checks.task import Attempt, Call, Mistake

Pairs = set[tuple[int, int]]  # numbers of a target and of a prediction


def same_up_to_a_factor(other: Callable, calls: tuple[Call, ...]) -> Callable[[Attempt], bool]:
    """Whether f is another loss, or that times a positive number."""
    return lambda f: acts_like(f, other, *calls) or off_by_a_factor(f, other, *calls)


def small_views_ignored(f: Attempt, call: Call) -> bool:
    """Whether the third view can be another one without changing the loss."""
    other = [*call.args[0][:2], drawn(3, 4, seed=77)]
    return ignores(f, call, Call((other, *call.args[1:]), call.kwargs))


def turned(views: list[Tensor], number: int | None) -> list[Tensor]:
    """The same views, but for one whose prototypes have changed places."""
    return [view.roll(1, 1) if i == number else view for i, view in enumerate(views)]


def pairs_met(f: Attempt, call: Call) -> Pairs:
    """Which targets are compared with which predictions, whatever else the loss does with them.

    What a target and a prediction do to the loss adds up where they never meet.
    """
    predictions, targets, *rest = call.args

    def loss(target: int | None, prediction: int | None) -> float:
        changed = turned(predictions, prediction), turned(targets, target)
        return float(f(*changed, *rest, **call.kwargs))

    alone = {i: loss(i, None) for i in range(len(targets))}
    beside = {j: loss(None, j) for j in range(len(predictions))}
    before = loss(None, None)
    return {
        (i, j)
        for i in alone
        for j in beside
        if abs(loss(i, j) - alone[i] - beside[j] + before) > 1e-4
    }


def missing(pairs: Pairs) -> bool:
    """Whether something is compared, but not each of two targets with each other view of three."""
    return bool(pairs) and not {(0, 1), (0, 2), (1, 0), (1, 2)} <= pairs


def turned_around(pairs: Pairs) -> bool:
    """Whether something is missing, and a view meets its own target instead."""
    return missing(pairs) and any(i == j for i, j in pairs)


def wrong_pairs(calls: tuple[Call, ...], over: Callable, said: str) -> tuple[Mistake, ...]:
    """A view meets its own target."""
    return (
        Mistake(
            "same-view-predicted",
            f"Your loss also compares a view with its own {said}: that is easy and teaches "
            "nothing.",
            (
                "Which pairs of views does your loop visit?",
                "A view must say what was said of another view.",
                "Skip the pairs with equal numbers: if i == j: continue.",
            ),
            same_up_to_a_factor(over(wanted=lambda i, j: True), calls),
        ),
        Mistake(
            "only-the-same-view-predicted",
            f"Your loss compares each view with its own {said} only; nothing is swapped.",
            (
                "What is swapped in a swapped prediction?",
                "View 1 must say what was said of view 2.",
                "Take the pairs with i != j.",
            ),
            same_up_to_a_factor(over(wanted=lambda i, j: i == j), calls),
        ),
    )


def missing_pairs(calls: tuple[Call, ...], said: str) -> tuple[Mistake, ...]:
    """Pairs of views that should meet and don't."""
    return (
        Mistake(
            "small-views-ignored",
            "A third view doesn't change your loss: the small crops are left out.",
            (
                "How many views does the learner see, and of how many are there targets?",
                "Targets come from the first views, predictions from all.",
                "for j, s in enumerate(scores): over all views, not only those with targets.",
            ),
            lambda f: small_views_ignored(f, calls[0]),
        ),
        Mistake(
            "lists-turned-around",
            f"A view meets its own {said}, and another pair is missing: one of the lists is turned "
            "around or shifted. That is the swap only where there are two of each.",
            (
                f"Write down the pairs that your loop visits, for two {said}s and three views.",
                f"View 2 of three stays in the middle when a list is reversed: it meets its own "
                f"{said}.",
                "Leave both lists as they are. Loop over both, and skip the pairs with i == j.",
            ),
            lambda f: turned_around(pairs_met(f, calls[0])),
        ),
        Mistake(
            "pairs-left-out",
            f"Not every {said} is predicted from every other view: some pairs don't count in your "
            "loss.",
            (
                f"Write down the pairs that your loop visits, for two {said}s and three views.",
                "There are four of them: (1, 2), (1, 3), (2, 1) and (2, 3).",
                "Loop over all targets and over all views, and skip only the pairs with i == j.",
            ),
            lambda f: missing(pairs_met(f, calls[0])),
        ),
    )
