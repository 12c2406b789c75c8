"""04.1, InfoNCE with a queue."""

import math

import torch
from torch import Tensor

from sslcourse.methods.moco import info_nce_loss
from sslcourse.teach.checks.behaviours import depends, ignores, passes_gradient, result
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.info_nce_scale import SCALE, some
from sslcourse.teach.checks.numbers import close, differ, drawn, one_hot
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given


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
    """Longer inputs, or one longer row of them, change the loss."""

    def lengthened(rows: int):
        return lambda x: torch.cat([3 * x[:rows], x[rows:]])

    longer = (changed(some(), number, lengthened(rows)) for number in range(3) for rows in (1, 9))
    return any(depends(f, some(), call) for call in longer)


def part_ignored(f: Attempt) -> bool:
    """Some key of a queue can become equal to the queries without changing the loss."""
    queries, far = one_hot(0, 0, 0, width=2), one_hot(1, 1, 1, 1, 1, width=2)
    queues = (one_hot(*(0 if j == place else 1 for j in range(5)), width=2) for place in range(5))
    loss = f(queries, queries, far, temperature=0.5)
    return any(close(loss, f(queries, queries, queue, temperature=0.5)) for queue in queues)


def a_negative_wins(f: Attempt) -> bool:
    """It matters at which place of the queue a negative stands that is equal to the queries."""
    queries, keys = one_hot(0, 0, width=3), one_hot(1, 1, width=3)
    queues = (one_hot(*(0 if j == place else 2 for j in range(4)), width=3) for place in range(4))
    costs = [float(f(queries, keys, queue, temperature=0.1)) for queue in queues]
    return differ(min(costs), max(costs))


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
        "Other negatives don't change your loss: the queue is not among the candidates, or the "
        "softmax runs over the queries.",
        (
            "Where do MoCo's negatives come from?",
            "Each query has its own key and all K keys of the queue as candidates.",
            "torch.cat([positive[:, None], queries @ negatives.T], dim=1)",
        ),
        lambda f: ignores(f, some(), changed(some(), 2, lambda x: drawn(5, 4, seed=9))),
    ),
    Mistake(
        "part-of-the-queue-ignored",
        "Some keys of the queue don't change your loss: only a part of it is used.",
        (
            "How many candidates does a query have?",
            "All K keys of the queue are negatives of every query.",
            "queries @ negatives.T, with all rows of negatives: it is (N, K).",
        ),
        part_ignored,
    ),
    Mistake(
        "a-negative-is-the-target",
        "It matters at which place of the queue a negative stands that is equal to the query: your "
        "label points at a negative.",
        (
            "In which column does your positive stand, and what is your label?",
            "All negatives are alike; only the positive has a place of its own.",
            "Put the positive in column 0 and use zeros as labels, or K for the last column.",
        ),
        a_negative_wins,
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
        "Your loss changes when the queries, the keys or the queue, or some of their rows, become "
        "three times as long.",
        (
            "Cosines know directions only. Are all three inputs of length 1 here?",
            "Each row of queries, keys and negatives is divided by its own length.",
            "F.normalize(…, dim=1) for each of them.",
        ),
        length_matters,
    ),
    Mistake(
        "keys-of-the-batch-as-negatives",
        "When all are one point, your loss counts the keys of this batch as candidates too: the "
        "negatives are the K of the queue.",
        (
            "How many candidates does a query have? What is the loss of a collapsed batch?",
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
            "torch.cat([positive[:, None], queries @ negatives.T], dim=1), then the cross-entropy.",
        ),
        lambda f: candidates(f, lambda n, k: k),
    ),
    *SCALE,
)

SMALL = given(
    one_hot(0, 1, width=3), one_hot(0, 2, width=3), one_hot(1, 2, 2, width=3), temperature=0.5
)

TASKS = (
    Task(
        "04.1",
        "InfoNCE with a queue",
        "my_info_nce_loss(queries, keys, negatives, *, temperature)",
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
