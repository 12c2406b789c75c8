"""05.1 and 05.4: Sinkhorn's algorithm, alone and with a queue."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way

SINKHORN = {
    "rounds": {
        "one-round": "there is one round only",
        "a-round-too-few": "there is a round too few",
        "a-round-too-many": "there is a round too many",
        "no-round": "there is no round",
    },
    "order": {
        "rows-first": "the rows come before the columns",
        "columns-only": "only the columns are divided",
        "rows-only": "only the rows are divided",
        "both-sums-at-once": "both sums are taken before either divides",
        "all-columns-then-all-rows": "all rounds of columns come before all rounds of rows",
        "columns-once-more": "the columns are divided once more at the end",
        "rows-once-before": "the rows are divided once before",
    },
    "shares": {
        "columns-share-the-images": "each column is brought to N / K",
        "rows-add-up-to-the-prototypes": "each row adds up to K at the end",
        "all-adds-up-to-one": "all numbers together add up to 1 at the end",
        "columns-add-up-to-one": "each column adds up to 1 at the end",
        "rows-share-the-images": "each row adds up to 1 / N at the end",
        "means-for-sums": "rows are divided by their means, not by their sums",
        "largest-for-sums": "rows are divided by their largest number, not by their sums",
    },
    "scores": {
        "epsilon-ignored": "epsilon is left out",
        "epsilon-multiplied": "the scores are multiplied by epsilon",
        "epsilon-twice": "epsilon divides twice",
        "sign-turned": "the sign of the scores is turned",
        "scores-not-exponentiated": "the exponential is left out",
        "softmax-first": "a softmax is taken before the exponential",
        "scores-normalised": "each image's scores are brought to length 1 first",
        "two-instead-of-e": "powers of 2 stand for powers of e",
        "scores-kept-below-10": "the exponent is kept below 10",
        "eps-added": "1e-6 is added to the sums",
        "small-eps-added": "1e-8 is added to the sums",
    },
}


def sinkhorn(way: Way, scores: Tensor, *, epsilon: float, iterations: int) -> Tensor:
    q = mass(way, scores.double(), epsilon)
    eps = {"eps-added": 1e-6, "small-eps-added": 1e-8}.get(way("scores"), 0.0)
    rounds = {"one-round": 1, "a-round-too-few": iterations - 1, "no-round": 0}
    rounds = rounds.get(way("rounds"), iterations + (way("rounds") == "a-round-too-many"))
    order = {
        "rows-first": [1, 0] * rounds,
        "columns-only": [0] * rounds,
        "rows-only": [1] * rounds,
        "both-sums-at-once": [2] * rounds,
        "all-columns-then-all-rows": [0] * rounds + [1] * rounds,
        "columns-once-more": [0, 1] * rounds + [0],
        "rows-once-before": [1] + [0, 1] * rounds,
    }.get(way("order"), [0, 1] * rounds)
    for axis in order:
        if axis == 2:
            q = q / (q.sum(dim=0, keepdim=True) * q.sum(dim=1, keepdim=True))
        elif axis == 1 and way("shares") == "means-for-sums":
            q = q / (q.mean(dim=1, keepdim=True) + eps)
        elif axis == 1 and way("shares") == "largest-for-sums":
            q = q / (q.amax(dim=1, keepdim=True) + eps)
        else:
            q = q / (q.sum(dim=axis, keepdim=True) + eps)
    return ended(way, q).float()


def mass(way: Way, scores: Tensor, epsilon: float) -> Tensor:
    """What is balanced: exp(scores / epsilon), or what stands for it."""
    kind = way("scores")
    if kind == "scores-normalised":
        scores = F.normalize(scores, dim=1)
    if kind == "softmax-first":
        scores = scores.softmax(dim=1)
    factors = {"epsilon-ignored": 1.0, "epsilon-multiplied": epsilon, "epsilon-twice": epsilon**-2}
    factor = factors.get(kind, 1 / epsilon) * (-1 if kind == "sign-turned" else 1)
    if kind == "scores-not-exponentiated":
        return scores * factor
    if kind == "two-instead-of-e":
        factor = factor * 0.6931471805599453
    exponent = scores * factor
    return (exponent.clamp(max=10) if kind == "scores-kept-below-10" else exponent).exp()


def ended(way: Way, q: Tensor) -> Tensor:
    n, k = q.shape
    ends = {
        "columns-share-the-images": lambda: q / q.sum(dim=0, keepdim=True) * n / k,
        "rows-add-up-to-the-prototypes": lambda: q * k,
        "all-adds-up-to-one": lambda: q / q.sum(),
        "columns-add-up-to-one": lambda: q / q.sum(dim=0, keepdim=True),
        "rows-share-the-images": lambda: q / n,
    }
    return ends.get(way("shares"), lambda: q)()


def queue_assignments(
    way: Way, features: Tensor, queue: Tensor, filled: int, prototypes: Tensor
) -> Tensor:
    n, size = len(features), len(queue)
    used = {
        "queue-never-used": lambda: False,
        "queue-always-used": lambda: True,
        "used-when-as-full-as-the-batch": lambda: filled >= n,
        "used-when-half-full": lambda: 2 * filled >= size,
        "used-when-one-is-missing": lambda: filled >= size - 1,
        "used-when-as-full-as-there-are-prototypes": lambda: filled >= len(prototypes),
        "used-when-not-empty": lambda: filled > 0,
    }.get(way("when"), lambda: filled == size)()
    parts = {
        "as-many-as-the-batch": lambda: queue[:n],
        "prototypes-too": lambda: torch.cat([queue, prototypes]),
    }
    rows = [features, parts.get(way("what"), lambda: queue)()] if used else [features]
    if way("place") == "queue-first":
        rows = rows[::-1]
    scores = torch.cat(rows) @ prototypes.T  # (N + Q, K)
    if way("place") == "axes-exchanged":
        return sinkhorn(way, scores.T, epsilon=0.5, iterations=3).T[:n]
    found = sinkhorn(way, scores, epsilon=0.5, iterations=3)
    if way("place") == "balanced-once-more":
        return sinkhorn(way, found[:n].log() * 0.5, epsilon=0.5, iterations=3)
    return found[-n:] if way("place") == "the-last-rows" else found[:n]


OF_COSINES = {  # which are too small for a bound or an eps to be seen
    way: text
    for way, text in SINKHORN["scores"].items()
    if "eps-added" not in way and "10" not in way
}


FORMULAS = {
    "05.1": Formula(sinkhorn, SINKHORN),
    "05.4": Formula(
        queue_assignments,
        {
            **SINKHORN,
            "scores": OF_COSINES,
            "when": {
                "queue-never-used": "the queue is never used",
                "queue-always-used": "the queue is always used",
                "used-when-as-full-as-the-batch": "the queue is used once it holds a batch",
                "used-when-half-full": "the queue is used once it is half full",
                "used-when-one-is-missing": "the queue is used though one place is free",
                "used-when-as-full-as-there-are-prototypes": "the queue is used once it holds as "
                "many as there are prototypes",
                "used-when-not-empty": "the queue is used once it holds anything",
            },
            "what": {
                "as-many-as-the-batch": "only as many of the queue are used as the batch has",
                "prototypes-too": "the prototypes are assigned, too",
            },
            "place": {
                "queue-first": "the queue stands before the batch, and the first rows are returned",
                "the-last-rows": "the last rows are returned, which are the queue's",
                "axes-exchanged": "images and prototypes are exchanged for Sinkhorn",
                "balanced-once-more": "the batch is balanced once more after the cut",
            },
        },
    ),
}
