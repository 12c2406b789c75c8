"""04.1, InfoNCE: mistakes of temperature, sign and scale."""

import math

import torch
import torch.nn.functional as F

from sslcourse.methods.moco import info_nce_loss
from sslcourse.teach.checks.behaviours import (
    acts_like,
    grows,
    ignores,
    off_by_a_factor,
    rescaled,
    wrong_sign,
)
from sslcourse.teach.checks.numbers import close, drawn, one_hot
from sslcourse.teach.checks.task import Attempt, Call, Mistake, given


def some(count: int = 3, negatives: int = 5, seed: int = 1, temperature: float = 0.5) -> Call:
    drawings = [drawn(n, 4, seed=seed + k) for k, n in enumerate((count, count, negatives))]
    return given(*drawings, temperature=temperature)


def at(change):
    """Whether the loss at T is the right one at another temperature."""
    return lambda f: acts_like(
        f,
        lambda *z, temperature: info_nce_loss(*z, temperature=change(temperature)),
        some(temperature=0.4),
        some(temperature=0.8),
    )


def half_divided(f: Attempt) -> bool:
    """With a positive of cosine 1 and negatives of cosine 0 only the positive's logit counts."""
    q = one_hot(0, 0, width=3)
    found = f(q, q, one_hot(1, 2, width=3), temperature=0.25)
    return close(found, math.log(1 + 2 * math.exp(-1)))


def other_half_divided(f: Attempt) -> bool:
    """With a positive of cosine 0 and negatives of cosine 1 only the negatives' logits count."""
    q = one_hot(0, 0, width=3)
    found = f(q, one_hot(1, 1, width=3), q, temperature=0.25)
    return close(found, math.log(1 + 2 * math.e))


def softmax_twice(f: Attempt) -> bool:
    """Each row is one-hot already after one softmax, and is softened again."""
    q = one_hot(0, 0, width=3)
    return all(
        close(f(q, q, torch.eye(3)[[1] * k], temperature=0.05), math.log(math.e + k) - 1)
        for k in (2, 5)
    )


def summed_first(queries, keys, negatives, *, temperature):
    """The negatives' cosines make one logit together."""
    q, k, n = (F.normalize(x, dim=1) for x in (queries, keys, negatives))
    logits = torch.stack([(q * k).sum(dim=1), (q @ n.T).sum(dim=1)], dim=1) / temperature
    return -logits.log_softmax(dim=1)[:, 0].mean()


SCALE = (
    Mistake(
        "negatives-summed-before-exp",
        "The similarities with all negatives are summed first, and the sum goes through exp once: "
        "a query has two candidates.",
        (
            "How many terms has the denominator, for K negatives?",
            "A sum of exponentials is not the exponential of a sum.",
            "torch.exp(queries @ negatives.T / temperature).sum(dim=1): exp first.",
        ),
        lambda f: acts_like(f, summed_first, some(), some(seed=7)),
    ),
    Mistake(
        "temperature-ignored",
        "Your loss is the same at every temperature.",
        (
            "Where does the temperature stand in equation 1?",
            "It divides every similarity.",
            "logits / temperature",
        ),
        lambda f: ignores(f, some(temperature=0.2), some(temperature=0.9)),
    ),
    Mistake(
        "positive-not-divided-by-temperature",
        "The positive's similarity is not divided by the temperature, only those of the negatives.",
        (
            "Which logits does the temperature divide?",
            "All 1 + K of them.",
            "Divide after torch.cat: logits = torch.cat([…], dim=1) / temperature.",
        ),
        half_divided,
    ),
    Mistake(
        "negatives-not-divided-by-temperature",
        "The similarities with the queue are not divided by the temperature, only the positive's.",
        (
            "Which logits does the temperature divide?",
            "All 1 + K of them.",
            "Divide after torch.cat: logits = torch.cat([…], dim=1) / temperature.",
        ),
        other_half_divided,
    ),
    Mistake(
        "temperature-multiplied",
        "Your loss at T is the right one at 1 / T: similarities are multiplied by the temperature.",
        (
            "Should a small temperature make the softmax sharper or flatter?",
            "T = 0.07 should stretch the cosines.",
            "Divide the logits by the temperature.",
        ),
        at(lambda t: 1 / t),
    ),
    Mistake(
        "softmax-before-the-loss",
        "A query that equals its key, far from the whole queue, still costs much: F.cross_entropy "
        "gets probabilities instead of logits, and takes a softmax of a softmax.",
        (
            "What does F.cross_entropy do first?",
            "It takes the softmax itself.",
            "Hand it the similarities divided by the temperature, as they are.",
        ),
        softmax_twice,
    ),
    Mistake(
        "loss-without-minus",
        "Your loss has the wrong sign.",
        (
            "Can the negative logarithm of a probability be below zero?",
            "The loss is the negative log of the positive's share.",
            "Put a minus in front, or use F.cross_entropy.",
        ),
        lambda f: wrong_sign(f, info_nce_loss, some(), some(seed=7)),
    ),
    Mistake(
        "loss-rescaled-by-temperature",
        "Your loss is the right one times a factor that changes with the temperature: when all are "
        "one point it isn't ln(1 + K).",
        (
            "Does the loss of a collapsed batch depend on T?",
            "MoCo v3 multiplies its loss by 2T; v1 and v2, and equation 1, don't.",
            "Return F.cross_entropy(logits, labels) as it is.",
        ),
        lambda f: rescaled(
            f,
            info_nce_loss,
            (some(temperature=0.25), some(seed=7, temperature=0.25)),
            (some(), some(seed=7)),
        ),
    ),
    Mistake(
        "summed-over-the-batch",
        "Your loss grows with the batch: the terms are summed, not averaged.",
        (
            "Should twice the batch double the loss?",
            "The loss is the mean over the queries.",
            "Use .mean(), or reduction='mean'.",
        ),
        lambda f: grows(f, info_nce_loss, (some(3), some(3, seed=7)), (some(6), some(6, seed=7))),
    ),
    Mistake(
        "wrong-factor",
        "Your loss is the right one times a constant.",
        (
            "Compare your loss of a collapsed batch with ln(1 + K).",
            "By which number do you divide the sum of the terms?",
            "Take one mean over the N queries.",
        ),
        lambda f: off_by_a_factor(f, info_nce_loss, some(), some(seed=7)),
    ),
)
