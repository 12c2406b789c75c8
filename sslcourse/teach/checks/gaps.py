"""09.3, the gap between two methods that were measured with the same seeds."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like, off_by_a_factor
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, differ
from sslcourse.teach.checks.task import Attempt, Failed, Mistake, Task, given

# in points: a seed's luck moves both alike, so the gap is surer than either score
FIRST = torch.tensor([50.0, 58.0, 44.0, 63.0, 55.0])
SECOND = torch.tensor([47.0, 52.0, 43.0, 58.0, 50.0])
# the first method loses here with three seeds, and wins with one
LOSES = given(torch.tensor([20.0, 30.0, 10.0, 48.0]), torch.tensor([35.0, 34.0, 30.0, 45.0]))
CALLS = (given(FIRST, SECOND), LOSES)


def paired_gap(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    gaps = first - second
    return gaps.mean(), gaps.std() / len(gaps) ** 0.5


def part(f: Attempt, number: int, first: Tensor, second: Tensor) -> Tensor:
    """The gap (0) or its error (1), which must be a single number each."""
    found = f(first, second)[number]
    if found.ndim:
        raise Failed("expected two single numbers: the mean gap and its standard error.")
    return found


def gap(f: Attempt, first: Tensor = FIRST, second: Tensor = SECOND) -> Tensor:
    return part(f, 0, first, second)


def error(f: Attempt, first: Tensor = FIRST, second: Tensor = SECOND) -> Tensor:
    return part(f, 1, first, second)


def error_is(f: Attempt, factor: Callable[[int], float]) -> bool:
    """Whether the error is the right one times a factor of the number of seeds."""
    return all(
        close(error(f, *c.args), paired_gap(*c.args)[1] * factor(len(c.args[0]))) for c in CALLS
    )


def gap_is(f: Attempt, other: Callable[[Tensor, Tensor], Tensor]) -> bool:
    return all(close(gap(f, *c.args), other(*c.args)) for c in CALLS)


def reacts(f: Attempt) -> tuple[bool, bool]:
    """Whether the first and the second method play a part in the error."""
    changes = (FIRST * 3 - 40, SECOND), (FIRST, SECOND * 3 - 40)
    return tuple(differ(error(f), error(f, *scores)) for scores in changes)


def order_ignored(f: Attempt) -> bool:
    """Whether it makes no difference to the error which scores share a seed."""
    return all(reacts(f)) and close(error(f), error(f, FIRST, SECOND[[3, 0, 4, 1, 2]]))


def times_a_number(f: Attempt) -> bool:
    """Whether the error is the right one times a number that all calls share."""
    return off_by_a_factor(Attempt(lambda *x: f(*x)[1]), lambda *x: paired_gap(*x)[1], *CALLS)


def signs_dropped(f: Attempt) -> bool:
    turned, larger = gap(f, SECOND, FIRST), gap(f, 10 * FIRST, 10 * SECOND)
    return bool(gap(f) > 0) and close(gap(f), turned) and differ(gap(f), larger)


def turned(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    return paired_gap(first, second)[::-1]


GAPS = (
    Mistake(
        "results-exchanged",
        "Your two results are right, in the other order.",
        (
            "Look at the last line of your function and at the text of the task.",
            "Which number comes first?",
            "return gap, error",
        ),
        lambda f: acts_like(f, turned, *CALLS),
    ),
    Mistake(
        "sign-turned",
        "A better first method gives you a negative gap.",
        (
            "Which gap do you expect where the first method wins with every seed?",
            "The gap says how far the first is ahead.",
            "gaps = first - second",
        ),
        lambda f: gap_is(f, lambda first, second: (second - first).mean()),
    ),
    Mistake(
        "best-seeds-compared",
        "Your gap is that of the luckiest seed of each method.",
        (
            "Which seeds take part in your gap?",
            "Whoever tries more seeds finds a luckier one, with the same method.",
            "(first - second).mean(), over all seeds.",
        ),
        lambda f: gap_is(f, lambda first, second: first.max() - second.max()),
    ),
    Mistake(
        "sizes-of-the-gaps",
        "Your gap stays positive where the first method loses: the signs were dropped.",
        (
            "Exchange the two methods. What should become of the gap?",
            "The seeds at which the first one loses must pull the mean down.",
            "Leave out abs() and the square: gaps = first - second.",
        ),
        signs_dropped,
    ),
    Mistake(
        "difference-in-parts-of-the-second",
        "Your gap is a share of the second method's score; points were asked for.",
        (
            "What should the gap between 0.40 and 0.20 be?",
            "Twice as good, or 20 points better: the second is what you report.",
            "gaps = first - second, divided by nothing.",
        ),
        lambda f: any(
            gap_is(f, other)
            for other in (
                lambda first, second: (first / second - 1).mean(),
                lambda first, second: first.mean() / second.mean() - 1,
                lambda first, second: (first / second).mean(),
            )
        ),
    ),
    Mistake(
        "error-of-one-method",
        "Only one of the two methods takes part in your error.",
        (
            "Whose deviation do you compute?",
            "The gap is what should be known, so its own deviation counts.",
            "(first - second).std()",
        ),
        lambda f: sum(reacts(f)) == 1,
    ),
    Mistake(
        "pairs-torn-apart",
        "It makes no difference to your error which two scores share a seed: you treat the methods "
        "as if they had been measured with different ones.",
        (
            "What do two scores with the same seed have in common?",
            "A lucky draw of labels lifts both. It drops out of their difference.",
            "First subtract, then take the deviation: gaps = first - second, gaps.std().",
        ),
        order_ignored,
    ),
    Mistake(
        "deviation-instead-of-error",
        "You report how far single gaps lie apart, not how far their mean may be off: more seeds "
        "don't make yours smaller.",
        (
            "Give each score twice. What should happen to the error of the mean?",
            "The mean of S gaps is surer than one gap, by the root of S.",
            "gaps.std() / len(gaps) ** 0.5",
        ),
        lambda f: error_is(f, lambda seeds: seeds**0.5),
    ),
    Mistake(
        "divided-by-the-number-itself",
        "Your error falls with the number of seeds; it should fall with its root.",
        (
            "How many more seeds does half the error take?",
            "Four times as many: the variance is what S divides.",
            "gaps.std() / len(gaps) ** 0.5",
        ),
        lambda f: error_is(f, lambda seeds: seeds**-0.5),
    ),
    Mistake(
        "squared-after-the-sum",
        "Your error is always 0: the gaps' distances from their mean are summed before they are "
        "squared, and that sum is 0.",
        (
            "What do the distances of some numbers from their own mean sum to?",
            "First square each distance, then sum.",
            "((gaps - gaps.mean()) ** 2).sum(), or gaps.std()",
        ),
        lambda f: all(abs(float(error(f, *c.args))) < 1e-4 for c in CALLS),
    ),
    Mistake(
        "variance-instead-of-deviation",
        "Scores that are 10 times as large give an error 100 times as large: it is a variance.",
        (
            "Multiply all scores by 10. What should the error be multiplied by?",
            "An error has the unit of the scores, so a root is missing.",
            "gaps.std(), or gaps.var() ** 0.5",
        ),
        lambda f: close(error(f, 10 * FIRST, 10 * SECOND), 100 * error(f)),
    ),
    Mistake(
        "divided-by-all-seeds",
        "Your deviation divides by S where S - 1 is right: few seeds look surer than they are.",
        (
            "By which number is the sum of squares divided?",
            "The mean was made of the same gaps, so one of them is spent.",
            "torch's std() does it by itself; NumPy's needs ddof=1.",
        ),
        lambda f: error_is(f, lambda seeds: (1 - 1 / seeds) ** 0.5),
    ),
    Mistake(
        "error-of-equals",
        "Two methods with the very same scores have a gap of 0 that is sure, but your error isn't "
        "0: the part that both share is not taken out, or not wholly.",
        (
            "Call your function with `first` twice. What should the error be?",
            "The variance of a difference is var + var - 2 cov: with equal scores nothing is left.",
            "gaps = first - second, and gaps.std() / len(gaps) ** 0.5",
        ),
        lambda f: abs(float(error(f, FIRST, FIRST))) > 1e-3,
    ),
    Mistake(
        "error-times-a-number",
        "Your error is the standard error times a fixed number.",
        (
            "Which number stands before your root?",
            "Twice the error makes an interval; the error itself is what was asked for.",
            "gaps.std() / len(gaps) ** 0.5, times nothing.",
        ),
        times_a_number,
    ),
)

TASKS = (
    Task(
        "09.3",
        "the gap between two methods",
        "paired_gap(first, second)",
        "Scores (S,) of two methods; those in the same place were measured with the same seed. "
        "Return how far the first is ahead on average, and the standard error of that mean.",
        CALLS[0],
        from_reference(paired_gap, *CALLS, names="first second"),
        GAPS,
    ),
)
