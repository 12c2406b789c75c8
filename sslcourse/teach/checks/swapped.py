"""Cross-entropy between two views: the mistakes that SwAV's and DINO's losses share.

Both compare every target with the prediction of every *other* view. In SwAV the target is an
assignment; in DINO it is a teacher's centred, sharpened output.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like, grows, ignores, off_by_a_factor, wrong_sign
from sslcourse.teach.checks.numbers import drawn
from sslcourse.teach.checks.task import Attempt, Call, Mistake


def scores(views: int, count: int = 3, seed: int = 0) -> list[Tensor]:
    return [drawn(count, 4, seed=seed + view).tanh() for view in range(views)]


def pairs_of(first: Callable, second: Callable, wanted: Callable) -> Callable:
    """A cross-entropy over the pairs of views that are wanted: (target's, prediction's) number."""

    def loss(predictions: list[Tensor], targets: list[Tensor], *rest, **temperatures) -> Tensor:
        terms = [
            -(first(t, *rest, **temperatures) * second(p, **temperatures)).sum(1).mean()
            for i, t in enumerate(targets)
            for j, p in enumerate(predictions)
            if wanted(i, j)
        ]
        return torch.stack(terms).mean()

    return loss


def same_views(loss: Callable, calls: tuple[Call, ...], wanted: Callable):
    """Whether f sums up other pairs than the right function, in the same way."""
    return lambda f: acts_like(f, loss(wanted), *calls) or off_by_a_factor(f, loss(wanted), *calls)


def small_views_ignored(f: Attempt, call: Call) -> bool:
    """Whether the third view can be another one without changing the loss."""
    other = [*call.args[0][:2], drawn(3, 4, seed=77)]
    return ignores(f, call, Call((other, *call.args[1:]), call.kwargs))


def target_gradient(f: Attempt, call: Call, start: int) -> bool:
    found = f.gradients(*call.args, **call.kwargs)
    return found is not None and any(float(g.abs().max()) > 1e-9 for g in found[start:])


def shared(right: Callable, call: Callable, over: Callable, said: str) -> tuple[Mistake, ...]:
    """The mistakes that both losses know. `said` is what their targets are called."""
    return (*wrong_pairs(call, over, said), *wrong_scales(right, call))


def wrong_pairs(call: Callable, over: Callable, said: str) -> tuple[Mistake, ...]:
    """Pairs of views that are too many, too few or others."""
    calls = (call(), call(seed=5))
    return (
        Mistake(
            "same-view-predicted",
            f"Your loss also compares a view with its own {said}: that is easy and teaches "
            "nothing.",
            (
                "Which pairs of views does your loop visit?",
                "A view must say what was said of *another* view.",
                "Skip the pairs with equal numbers: if i == j: continue.",
            ),
            same_views(over, calls, lambda i, j: True),
        ),
        Mistake(
            "only-the-same-view-predicted",
            f"Your loss compares each view with its own {said} only; nothing is swapped.",
            (
                "What is swapped in a swapped prediction?",
                "View 1 must say what was said of view 2.",
                "Take the pairs with i != j.",
            ),
            same_views(over, calls, lambda i, j: i == j),
        ),
        Mistake(
            "small-views-ignored",
            "A third view doesn't change your loss: the small crops are left out.",
            (
                "How many views does the learner see, and of how many are there targets?",
                "Targets come from the first views, predictions from all.",
                "The inner loop runs over all predictions.",
            ),
            lambda f: small_views_ignored(f, call()),
        ),
    )


def wrong_scales(right: Callable, call: Callable) -> tuple[Mistake, ...]:
    """A wrong sign, a sum instead of a mean, another factor."""
    calls = (call(), call(seed=5))
    return (
        Mistake(
            "loss-without-minus",
            "Your loss has the wrong sign: it drives predictions away from their targets.",
            (
                "Can a cross-entropy be below zero?",
                "It is minus the sum of p log q.",
                "Put a minus in front of the sum.",
            ),
            lambda f: wrong_sign(f, right, *calls),
        ),
        Mistake(
            "summed-over-the-batch",
            "Your loss grows with the batch: the images are summed, not averaged.",
            (
                "Should twice the batch double the loss?",
                "Sum over the prototypes, mean over the images.",
                "-(p * log_q).sum(dim=1).mean()",
            ),
            lambda f: grows(f, right, calls, (call(count=6), call(count=6, seed=5))),
        ),
        Mistake(
            "pairs-summed",
            "Your loss grows with the number of views: the pairs are summed, not averaged.",
            (
                "How many terms have two views, and how many four?",
                "Divide by the number of pairs that you added.",
                "Count the pairs in your loop and divide at the end.",
            ),
            lambda f: grows(f, right, calls, (call(views=4), call(views=4, seed=5))),
        ),
        Mistake(
            "wrong-factor",
            "Your loss is the right one times a constant, so uniform predictions don't cost ln K.",
            (
                "What do uniform predictions cost with K prototypes?",
                "Sum over the prototypes; a mean over them divides by K.",
                "-(p * log_q).sum(dim=1).mean()",
            ),
            lambda f: off_by_a_factor(f, right, *calls),
        ),
    )
