"""03.7: a loss for more than two views."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.methods.simclr import nt_xent_loss
from sslcourse.teach.checks.behaviours import acts_like, off_by_a_factor
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Mistake, Task, given


def multi_view_loss(views: list[Tensor], *, temperature: float) -> Tensor:
    terms = [
        nt_xent_loss(a, b, temperature=temperature)
        for number, a in enumerate(views)
        for b in views[number + 1 :]
    ]
    return torch.stack(terms).mean()


FOUR = [drawn(2, 3, seed=s) for s in (1, 2, 3, 4)]


def with_another(number: int) -> list[Tensor]:
    """Four views, one of which is not the one of `FOUR`."""
    return [drawn(2, 3, seed=9) if i == number else view for i, view in enumerate(FOUR)]


PERFECT = [torch.eye(3)] * 4

FOUR_VIEWS = tuple(
    given([drawn(4, 5, seed=s + shift) for s in (1, 2, 3, 4)], temperature=0.5) for shift in (0, 9)
)


def only_pairs(*pairs: tuple[int, int]) -> Callable:
    """Whether the loss is the mean over these pairs of four views."""

    def some(views: list[Tensor], *, temperature: float) -> Tensor:
        return torch.stack(
            [nt_xent_loss(views[a], views[b], temperature=temperature) for a, b in pairs]
        ).mean()

    return lambda f: acts_like(f, some, *FOUR_VIEWS)


MANY = (
    Mistake(
        "extra-positives-as-negatives",
        "Four perfect views should cost nothing, but your loss stays above ln 3: the other views "
        "of the same image are pushed away as negatives.",
        (
            "How many of the other rows show the same image?",
            "With V views a row has V - 1 positives, and none of them is a negative.",
            "Take NT-Xent of every pair of views, and the mean of all pairs.",
        ),
        lambda f: all(close(f(PERFECT[:n], temperature=0.05), math.log(n - 1)) for n in (2, 3, 4)),
    ),
    Mistake(
        "views-ignored",
        "One of the views doesn't change your loss.",
        (
            "Which views does your function use?",
            "V views make V (V - 1) / 2 pairs.",
            "Loop over all pairs: itertools.combinations(views, 2).",
        ),
        lambda f: any(
            close(f(FOUR, temperature=0.5), f(with_another(number), temperature=0.5))
            for number in range(4)
        ),
    ),
    Mistake(
        "pairs-left-out",
        "You compare neighbouring views, or the first view with the others. Some pairs of views "
        "are never compared.",
        (
            "Write down the pairs of four views. How many are there, and which do you use?",
            "V views make V (V - 1) / 2 pairs: six for four views.",
            "Loop over all pairs: itertools.combinations(views, 2).",
        ),
        lambda f: any(
            only_pairs(*pairs)(f)
            for pairs in (
                ((0, 1), (1, 2), (2, 3)),
                ((0, 1), (1, 2), (2, 3), (3, 0)),
                ((0, 1), (0, 2), (0, 3)),
                ((0, 1), (2, 3)),
            )
        ),
    ),
    Mistake(
        "view-compared-with-itself",
        "Your mean holds pairs of a view with itself. They are perfect at any time and teach "
        "nothing.",
        (
            "Which pairs does your double loop visit?",
            "A pair has two different views.",
            "Let the second loop begin behind the first: for b in views[number + 1 :].",
        ),
        only_pairs(*((a, b) for a in range(4) for b in range(4))),
    ),
    Mistake(
        "not-the-mean-over-pairs",
        "Your loss is the right one times a number: the losses of the pairs are added, or divided "
        "by something else than the number of pairs.",
        (
            "How many terms do you add, and by what do you divide?",
            "Six pairs of views have six losses.",
            "torch.stack(losses).mean()",
        ),
        lambda f: off_by_a_factor(f, multi_view_loss, *FOUR_VIEWS),
    ),
    Mistake(
        "temperature-not-passed-on",
        "Your loss is the same at every temperature.",
        (
            "Which temperature does nt_xent_loss get from you?",
            "Your own function has an input of this name.",
            "nt_xent_loss(a, b, temperature=temperature)",
        ),
        lambda f: close(f(FOUR, temperature=0.2), f(FOUR, temperature=0.9)),
    ),
)

TASKS = (
    Task(
        "03.7",
        "more than two views",
        "multi_view_loss(views, *, temperature)",
        "A list of V tensors (N, D). Return the mean of NT-Xent over all pairs of views.",
        given(FOUR[:2], temperature=0.5),
        from_reference(
            multi_view_loss,
            given(FOUR[:2], temperature=0.5),
            given(FOUR, temperature=0.3),
            names="views",
            gradient=True,
        ),
        MANY,
    ),
)
