"""04.1, InfoNCE with a queue."""

import math

import torch
from torch import Tensor

from sslcourse.methods.moco import info_nce_loss
from sslcourse.teach.checks.behaviours import (
    acts_like,
    grows,
    ignores,
    off_by_a_factor,
    passes_gradient,
    result,
    wrong_sign,
)
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, drawn, one_hot
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given


def some(count: int = 3, negatives: int = 5, seed: int = 1, temperature: float = 0.5) -> Call:
    drawings = [drawn(n, 4, seed=seed + k) for k, n in enumerate((count, count, negatives))]
    return given(*drawings, temperature=temperature)


def changed(call: Call, number: int, change) -> Call:
    args = list(call.args)
    args[number] = change(args[number])
    return Call(tuple(args), call.kwargs)


def collapsed(f: Attempt, count: int, negatives: int) -> Tensor:
    ones = torch.ones(count, 4)
    return f(ones, ones, torch.ones(negatives, 4), temperature=0.5)


def candidates(f: Attempt, number) -> bool:
    """Whether a collapsed batch has this many candidates, for several N and K."""
    return all(close(collapsed(f, n, k), math.log(number(n, k))) for n, k in ((3, 4), (5, 9)))


def length_matters(f: Attempt) -> bool:
    tripled = [changed(some(), number, lambda x: 3 * x) for number in range(3)]
    return not all(ignores(f, some(), call) for call in tripled)


def order_of_negatives_matters(f: Attempt) -> bool:
    return not ignores(f, some(), changed(some(), 2, lambda x: x.roll(1, 0)))


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


MISTAKES = (
    Mistake(
        "gradient-into-the-keys",
        "A gradient reaches the keys: they come from the momentum encoder, which is not trained.",
        (
            "Which of the three inputs should the loss train?",
            "Gradient flows to the queries only.",
            "Use keys.detach() inside the loss.",
        ),
        lambda f: passes_gradient(f, some(), 1),
    ),
    Mistake(
        "gradient-into-the-queue",
        "A gradient reaches the negatives: the queue holds finished keys of earlier batches.",
        (
            "Which of the three inputs should the loss train?",
            "The graph of an old batch is gone; the queue is data.",
            "Use negatives.detach() inside the loss.",
        ),
        lambda f: passes_gradient(f, some(), 2),
    ),
    Mistake(
        "no-gradient-to-the-queries",
        "No gradient reaches the queries, so the encoder would learn nothing.",
        (
            "Which of the three inputs should the loss train?",
            "Only keys and queue are detached.",
            "Leave the queries out of no_grad and detach.",
        ),
        lambda f: (
            not passes_gradient(f, some(), 0)
            and close(result(f, some()), result(Attempt(info_nce_loss), some()))
        ),
    ),
    Mistake(
        "queue-ignored",
        "Other negatives don't change your loss: the queue is not among the candidates.",
        (
            "Where do MoCo's negatives come from?",
            "Each query has its own key and all K keys of the queue as candidates.",
            "torch.cat([positive[:, None], queries @ negatives.T], dim=1)",
        ),
        lambda f: ignores(f, some(), changed(some(), 2, lambda x: drawn(5, 4, seed=9))),
    ),
    Mistake(
        "a-negative-is-the-target",
        "The order of the queue changes your loss: the label points at a negative.",
        (
            "In which column does your positive stand, and what is your label?",
            "All negatives are alike; only the positive has a place of its own.",
            "Put the positive in column 0 and use zeros as labels, or K for the last column.",
        ),
        order_of_negatives_matters,
    ),
    Mistake(
        "pairs-not-matched",
        "Shuffling the keys doesn't change your loss: a query isn't compared with its own key.",
        (
            "What belongs together, row by row?",
            "Query i and key i show the same image.",
            "positive = (queries * keys).sum(dim=1)",
        ),
        lambda f: ignores(f, some(), changed(some(), 1, lambda x: x.roll(1, 0))),
    ),
    Mistake(
        "inputs-not-normalised",
        "Your loss changes when the queries, the keys or the queue become three times as long.",
        (
            "Cosines know directions only. Are all three inputs of length 1 here?",
            "Normalise queries, keys and negatives.",
            "F.normalize(…, dim=1) for each of them.",
        ),
        length_matters,
    ),
    Mistake(
        "keys-of-the-batch-as-negatives",
        "When all are one point, your loss counts the keys of this batch as candidates too: the "
        "negatives are the K of the queue.",
        (
            "How many candidates has a query? Which loss has a collapsed batch?",
            "ln(1 + K): one positive and the queue.",
            "Use the row sums of queries * keys, not the whole matrix queries @ keys.T.",
        ),
        lambda f: candidates(f, lambda n, k: n + k) or candidates(f, lambda n, k: n + k + 1),
    ),
    Mistake(
        "positive-left-out-of-the-denominator",
        "When all are one point, your loss is ln K instead of ln(1 + K): the positive is missing "
        "among the candidates.",
        (
            "Which logits go into the softmax?",
            "The positive competes with the negatives.",
            "Put it into one row with them before the cross-entropy.",
        ),
        lambda f: candidates(f, lambda n, k: k),
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
        "loss-without-minus",
        "Your loss has the wrong sign.",
        (
            "Can the negative logarithm of a probability be below zero?",
            "The loss is the *negative* log of the positive's share.",
            "Put a minus in front, or use F.cross_entropy.",
        ),
        lambda f: wrong_sign(f, info_nce_loss, some(), some(seed=7)),
    ),
    Mistake(
        "summed-over-the-batch",
        "Your loss grows with the batch: add up, then divide by the number of queries.",
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

SMALL = given(
    one_hot(0, 1, width=3), one_hot(0, 2, width=3), one_hot(1, 2, width=3), temperature=0.5
)

TASKS = (
    Task(
        "04.1",
        "InfoNCE with a queue",
        "info_nce_loss(queries, keys, negatives, *, temperature)",
        "queries and keys (N, D), row i of both shows image i; negatives (K, D), the queue; all of "
        "any length. Return the scalar mean over the queries; gradient flows to them only.",
        SMALL,
        from_reference(
            info_nce_loss,
            SMALL,
            some(),
            some(5, 7, seed=11, temperature=0.1),
            names="queries keys negatives",
            gradient=True,
        ),
        MISTAKES,
    ),
)
