"""Lesson 02: numbers that show a collapse, and the chance line."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.evaluate.collapse import effective_rank, feature_std
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

FLAT = torch.diag(torch.tensor([3.0, 1.0, 1.0]))  # singular values 3, 1, 1
TILTED = drawn(12, 4, seed=1) * torch.tensor([4.0, 2.0, 1.0, 0.2]) + 1
CALLS = (given(FLAT), given(TILTED))


def entropy(share: Tensor) -> Tensor:
    return torch.special.entr(share).sum()


def rank_of(z: Tensor, change=lambda s: s) -> Tensor:
    """The exponential of the entropy of the changed singular values."""
    values = change(torch.linalg.svdvals(z))
    return torch.exp(entropy(values / values.sum()))


def ranks_like(f: Attempt, other) -> bool:
    return acts_like(f, other, *CALLS)


RANK = (
    Mistake(
        "entropy-not-exponentiated",
        "Your result is the entropy itself, in nats or bits: three equal directions should count "
        "as 3, not as ln 3.",
        (
            "What does your function say for the identity matrix?",
            "A rank is a number of dimensions; the entropy is its logarithm.",
            "Return exp(entropy), with the natural logarithm in the entropy.",
        ),
        lambda f: close(f(torch.eye(4)), math.log(4)) or close(f(torch.eye(4)), 2.0),
    ),
    Mistake(
        "logarithms-of-different-bases",
        "The entropy is in bits but the exponential is natural, so the identity matrix gets more "
        "dimensions than it has.",
        (
            "What does your function say for the identity matrix?",
            "exp undoes the natural logarithm, 2 ** undoes log2.",
            "Use torch.log with torch.exp.",
        ),
        lambda f: close(f(torch.eye(4)), math.exp(2)) or close(f(torch.eye(4)), 2 ** math.log(4)),
    ),
    Mistake(
        "squared-singular-values",
        "Your shares are squares of the singular values (or eigenvalues of the covariance): large "
        "directions count too much.",
        (
            "Compare your shares for diag(3, 1, 1) with 3/5, 1/5, 1/5.",
            "Eigenvalues of z.T @ z are squared singular values of z.",
            "Use torch.linalg.svdvals(z) as they are.",
        ),
        lambda f: ranks_like(f, lambda z: rank_of(z, torch.square)),
    ),
    Mistake(
        "shares-by-softmax",
        "Scaling all features changes your result: the singular values were not divided by their "
        "sum.",
        (
            "Does the number of directions depend on the unit of length?",
            "Shares must sum to 1; a softmax does that too, but it isn't proportional.",
            "share = values / values.sum()",
        ),
        lambda f: not close(f(FLAT), f(FLAT / 5)),
    ),
    Mistake(
        "features-centred-first",
        "You subtract the mean first; this definition doesn't, so one constant point has rank 1.",
        (
            "Which rank does a matrix of equal rows have?",
            "RankMe takes the singular values of z itself.",
            "Leave z as it is.",
        ),
        lambda f: ranks_like(f, lambda z: rank_of(z - z.mean(dim=0))),
    ),
    Mistake(
        "rows-normalised-first",
        "You bring every feature to unit length first; this definition takes z as it is.",
        (
            "Does one long feature change your result? It should.",
            "feature_std normalises, effective_rank doesn't.",
            "Take the singular values of z itself.",
        ),
        lambda f: (
            ranks_like(f, lambda z: rank_of(F.normalize(z, dim=1)))
            and close(f(TILTED * torch.arange(1.0, 13.0)[:, None]), f(TILTED))
        ),
    ),
    Mistake(
        "zero-times-log-zero",
        "When all features are one point, your result is not a number: 0 · ln 0 counts as 0.",
        (
            "Which singular values has a matrix of equal rows?",
            "log(0) is -inf, and 0 times that is nan.",
            "Use torch.special.entr, or drop the zeros before the logarithm.",
        ),
        lambda f: not bool(f(torch.eye(4)[:, :2]).isfinite()) or not bool(f(ONE_POINT).isfinite()),
    ),
)
ONE_POINT = torch.diag(torch.tensor([2.0, 0.0, 0.0]))


def std_like(f: Attempt, other) -> bool:
    return acts_like(f, other, given(TILTED), given(FLAT))


STD = (
    Mistake(
        "features-not-normalised",
        "Your result grows with the length of the features: a collapse would look healthy if the "
        "features were long.",
        (
            "Multiply z by 10. Has it collapsed less?",
            "1/sqrt(D) is the healthy value for features of length 1.",
            "z = F.normalize(z, dim=1) comes first.",
        ),
        lambda f: not close(f(TILTED), f(10 * TILTED)),
    ),
    Mistake(
        "deviation-over-the-wrong-axis",
        "When all features are one point, your result isn't 0: it is the deviation over the "
        "numbers of a feature, not over the images.",
        (
            "Over what should the features differ?",
            "Rows are images. Take the deviation down each column.",
            "z.std(dim=0).mean()",
        ),
        lambda f: float(f(drawn(1, 4, seed=2).expand(6, 4)).abs().max()) > 1e-3,
    ),
    Mistake(
        "variance-instead-of-deviation",
        "Your result is a mean variance: features spread evenly should give 1/sqrt(D), not 1/D.",
        (
            "What does your function say for many random features of width D?",
            "The deviation is the root of the variance.",
            "Use std instead of var, then the mean over the dimensions.",
        ),
        lambda f: (
            std_like(f, lambda z: F.normalize(z, dim=1).var(0).mean())
            or std_like(f, lambda z: F.normalize(z, dim=1).var(0, correction=0).mean())
        ),
    ),
)


def chance_line(images: int, micro_batches: int = 1) -> float:
    return math.log(2 * images - 1)


def chance(f: Attempt, other) -> bool:
    return all(close(f(n, 1), math.log(other(n))) for n in (4, 7, 32))


CHANCE = (
    Mistake(
        "accumulation-counted-as-negatives",
        "Your chance line rises with the number of micro-batches: accumulating gradients doesn't "
        "add negatives.",
        (
            "Which views are compared when a micro-batch goes through the loss?",
            "Each micro-batch has a softmax of its own.",
            "Only the images of one micro-batch count: ln(2N - 1).",
        ),
        lambda f: not close(f(8, 4), f(8, 1)),
    ),
    Mistake(
        "wrong-number-of-candidates",
        "Your number of candidates is not 2N - 1: the images, or all 2N views, or the negatives "
        "alone were counted.",
        (
            "A batch of N images has 2N views. Among how many does one look for its partner?",
            "Not itself; but the partner is a candidate too.",
            "math.log(2 * images - 1)",
        ),
        lambda f: any(
            chance(f, other)
            for other in (lambda n: n, lambda n: 2 * n, lambda n: 2 * n - 2, lambda n: n - 1)
        ),
    ),
    Mistake(
        "logarithm-of-another-base",
        "Your logarithm is not the natural one, which cross-entropy uses.",
        (
            "Which logarithm is in F.cross_entropy?",
            "log2 gives bits and log10 digits; a loss is in nats.",
            "Use math.log.",
        ),
        lambda f: any(
            all(close(f(n, 1), math.log(2 * n - 1, base)) for n in (4, 7)) for base in (2, 10)
        ),
    ),
)

TASKS = (
    Task(
        "02.1",
        "the effective rank",
        "effective_rank(z)",
        "Features (N, D). Return the exponential of the entropy of the singular values' shares: a "
        "number between 1 and min(N, D).",
        given(FLAT),
        from_reference(effective_rank, *CALLS, given(torch.eye(4)), given(ONE_POINT), names="z"),
        RANK,
    ),
    Task(
        "02.2",
        "the deviation of the features",
        "feature_std(z)",
        "Features (N, D) of any length. Bring each to length 1, and return the mean over the "
        "dimensions of the standard deviation over the images.",
        given(FLAT),
        from_reference(
            feature_std,
            given(FLAT),
            given(TILTED),
            names="z",
            also=lambda z: F.normalize(z, dim=1).std(0, correction=0).mean(),
        ),
        STD,
    ),
    Task(
        "02.3",
        "the chance line of NT-Xent",
        "chance_line(images, micro_batches)",
        "The number of images N that go through the loss together, and how many such micro-batches "
        "are accumulated before a step. Return the loss when all similarities are equal.",
        given(4, 1),
        from_reference(
            chance_line, given(4, 1), given(32, 1), given(8, 4), names="images micro_batches"
        ),
        CHANCE,
    ),
)
