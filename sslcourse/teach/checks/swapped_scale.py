"""SwAV's and DINO's losses: a wrong sign, sums instead of means, and other factors."""

from collections.abc import Callable

from sslcourse.teach.checks.behaviours import grows, growth, off_by_a_factor, rescaled, wrong_sign
from sslcourse.teach.checks.task import Attempt, Call, Mistake


def wrong_scales(right: Callable, call: Callable, warmer: tuple[Call, ...]) -> tuple[Mistake, ...]:
    """A loss that is the right one times a factor; inputs as for `swapped.shared`."""
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
            "loss-rescaled-by-temperature",
            "Your loss is the right one times a factor that changes with the temperature, so "
            "uniform predictions don't cost ln K.",
            (
                "What do uniform predictions cost with K prototypes, and does it depend on T?",
                "The temperature divides the scores and stands nowhere else.",
                "Leave out the factor in front of the loss.",
            ),
            lambda f: rescaled(f, right, calls, warmer),
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
        *wrong_counts(right, call),
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


def wrong_counts(right: Callable, call: Callable) -> tuple[Mistake, ...]:
    """Another divisor than the number of pairs."""
    calls, more = (call(), call(seed=5)), (call(views=4), call(views=4, seed=5))

    def summed(f: Attempt) -> bool:
        """Three views make four pairs with the two targets, four views make six."""
        return abs(growth(f, right, calls, more) - 6 / 4) < 0.01

    return (
        Mistake(
            "pairs-summed",
            "Your loss grows with the number of views as the number of pairs does: the pairs are "
            "summed, not averaged.",
            (
                "How many pairs do three views make with two targets, and how many do four?",
                "Divide by the number of pairs that you added.",
                "Count the pairs in your loop and divide at the end.",
            ),
            summed,
        ),
        Mistake(
            "wrong-number-of-pairs",
            "Your loss is the right one times a factor that changes with the number of views: you "
            "divide by another number than that of the pairs you added.",
            (
                "How many pairs do two targets and three views make, if equal numbers are skipped?",
                "2 targets · 3 views - 2 skipped pairs = 4.",
                "Collect the terms in a list: torch.stack(terms).mean()",
            ),
            lambda f: rescaled(f, right, calls, more),
        ),
    )
