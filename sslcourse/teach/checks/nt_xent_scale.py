"""03.1, NT-Xent: mistakes of temperature, sign and scale.

They leave a wrong loss that is the right one at another temperature, or times a factor.
"""

import math

from sslcourse.methods.simclr import nt_xent_loss
from sslcourse.teach.checks.numbers import close, constant_ratio, differ, drawn
from sslcourse.teach.checks.task import Attempt, Mistake

Z1, Z2 = drawn(4, 6, seed=1), drawn(4, 6, seed=2)


def ratios(f: Attempt, count: int = 4, temperature: float = 0.5) -> float | None:
    """The loss divided by the right one, where it is the same for different projections."""
    draws = [(drawn(count, 6, seed=s), drawn(count, 6, seed=s + 9)) for s in (3, 4, 5)]
    return constant_ratio(
        [(f(*z, temperature=temperature), nt_xent_loss(*z, temperature=temperature)) for z in draws]
    )


def equals_at(f: Attempt, change) -> bool:
    """Whether the loss at T is the right loss at another temperature, for several T."""
    return all(
        close(f(Z1, Z2, temperature=t), nt_xent_loss(Z1, Z2, temperature=change(t)))
        for t in (0.4, 0.8)
    )


def rescaled(f: Attempt) -> bool:
    """Whether the factor is another one at another temperature."""
    found = [ratios(f, temperature=t) for t in (0.25, 0.5)]
    return None not in found and not math.isclose(*found, rel_tol=0.01)


def batch_matters(f: Attempt, grows: bool) -> bool:
    """Whether the factor grows, or shrinks, with the number of images."""
    small, large = ratios(f, 3), ratios(f, 5)
    return None not in (small, large) and differ(small, large) and (large > small) == grows


def ends_below_zero(f: Attempt) -> bool:
    return ratios(f) is not None and ratios(f) < 0


SCALE = (
    Mistake(
        "temperature-multiplied",
        "Your loss at temperature T is the right loss at 1 / T: the similarities are multiplied by "
        "the temperature.",
        (
            "Should a small temperature make the softmax sharper or flatter?",
            "T = 0.1 should stretch the cosines to the range -10 to 10.",
            "Divide the similarities by the temperature.",
        ),
        lambda f: equals_at(f, lambda t: 1 / t),
    ),
    Mistake(
        "temperature-ignored",
        "Your loss is the same at every temperature.",
        (
            "Where does the temperature stand in equation 1?",
            "Every similarity is divided by it, before the exponential.",
            "logits = z @ z.T / temperature",
        ),
        lambda f: close(f(Z1, Z2, temperature=0.2), f(Z1, Z2, temperature=0.9)),
    ),
    Mistake(
        "temperature-applied-twice",
        "Your loss at T is the right loss at T squared: you divide by the temperature twice.",
        (
            "Count the places where the temperature occurs in your code.",
            "Similarities that are divided already need no second division.",
            "Keep one division: logits = similarities / temperature.",
        ),
        lambda f: equals_at(f, lambda t: t * t),
    ),
    Mistake(
        "loss-rescaled-by-temperature",
        "Your loss is the right one times a factor that changes with the temperature: when all "
        "projections are one point it isn't ln(2N - 1).",
        (
            "What should the loss of a collapsed batch be, and does it depend on T?",
            "The temperature belongs inside the softmax and nowhere else.",
            "Return F.cross_entropy(logits, labels) as it is.",
        ),
        rescaled,
    ),
    Mistake(
        "loss-without-minus",
        "Your loss is the right one with the wrong sign: descending it drives positives apart.",
        (
            "Can the negative logarithm of a probability be below zero?",
            "The loss is the negative log of the positive's share.",
            "Put a minus in front, or use F.cross_entropy, which has it.",
        ),
        ends_below_zero,
    ),
    Mistake(
        "one-loss-for-each-view",
        "You return a loss for every view; training needs one number, their mean.",
        (
            "What does .shape of your result say?",
            "backward() starts from a scalar: how wrong is the whole batch?",
            "Return losses.mean(); in F.cross_entropy that is reduction='mean'.",
        ),
        lambda f: f(Z1, Z2, temperature=0.5).numel() in (len(Z1), 2 * len(Z1)),
    ),
    Mistake(
        "summed-over-the-batch",
        "Your loss grows with the batch: you add the terms of the views instead of averaging them.",
        (
            "Should twice the batch double the loss?",
            "Equation 1 is averaged over all 2N views.",
            "Use .mean(), or reduction='mean'.",
        ),
        lambda f: batch_matters(f, grows=True),
    ),
    Mistake(
        "divided-too-often",
        "Your loss is the right one divided by a number that grows with the batch: a mean over all "
        "entries of a matrix, say, though each row has one term only.",
        (
            "How many numbers does your mean average, and how many of them are terms of the loss?",
            "There are 2N terms, one for each row. Entries that are zero must not be counted.",
            "Sum over dimension 1 first: -(mask * log_prob).sum(dim=1).mean()",
        ),
        lambda f: batch_matters(f, grows=False),
    ),
    Mistake(
        "wrong-factor",
        "Your loss is the right one times a constant. Some codes add the losses of both views; "
        "here it is the mean over all 2N views.",
        (
            "Compare your loss of a collapsed batch with ln(2N - 1).",
            "There are 2N terms. By which number do you divide their sum?",
            "Take one mean over all 2N terms, or (loss_1 + loss_2) / 2.",
        ),
        lambda f: ratios(f) is not None and not close(ratios(f), 1.0),
    ),
)
