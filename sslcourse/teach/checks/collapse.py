"""02.1 and 02.2: numbers that show a collapse."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.evaluate.collapse import effective_rank, feature_std
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

FLAT = torch.diag(torch.tensor([3.0, 1.0, 1.0]))  # singular values 3, 1, 1
TILTED = drawn(12, 4, seed=1) * torch.tensor([4.0, 2.0, 1.0, 0.2]) + 1
SMALL = torch.diag(torch.tensor([1.0, 0.03, 0.003]))  # small directions count, too
CALLS = (given(FLAT), given(TILTED), given(SMALL))


def entropy(share: Tensor) -> Tensor:
    return torch.special.entr(share).sum()


def rank_of(z: Tensor, change=lambda s: s) -> Tensor:
    """The exponential of the entropy of the changed singular values."""
    values = change(torch.linalg.svdvals(z))
    return torch.exp(entropy(values / values.sum()))


def ranks_like(f: Attempt, other) -> bool:
    return acts_like(f, other, *CALLS)


def even_gives(f: Attempt, *values) -> bool:
    """Whether d directions that are used alike give one of value(d), for several d."""
    return any(all(close(f(torch.eye(d)), value(d)) for d in (2, 3, 8)) for value in values)


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
        lambda f: even_gives(f, math.log, math.log2),
    ),
    Mistake(
        "entropy-without-minus",
        "Your entropy is negative, so more directions give a smaller number: the minus before the "
        "sum is missing.",
        (
            "What does your function say for the identity matrix, and for a larger one?",
            "The logarithm of a share is below zero, and an entropy never is.",
            "torch.exp(-(share * share.log()).sum()), or torch.special.entr, which has the minus.",
        ),
        lambda f: even_gives(f, lambda d: 1 / d, lambda d: -math.log(d)),
    ),
    Mistake(
        "logarithms-of-different-bases",
        "Entropy and exponential don't have the same base, so the identity matrix gets more or "
        "fewer dimensions than it has.",
        (
            "What does your function say for the identity matrix?",
            "exp undoes the natural logarithm, 2 ** undoes log2.",
            "Use torch.log with torch.exp.",
        ),
        lambda f: even_gives(f, lambda d: math.exp(math.log2(d)), lambda d: 2 ** math.log(d)),
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
        lambda f: (
            ranks_like(f, lambda z: rank_of(z, torch.square))
            or ranks_like(f, lambda z: rank_of(z - z.mean(dim=0), torch.square))
        ),
    ),
    Mistake(
        "shares-by-softmax",
        "Multiplying all features by a number changes your result: the singular values were not "
        "divided by their sum.",
        (
            "Does the number of directions depend on the unit of length?",
            "Shares sum to 1 and are proportional to the values; those of a softmax are not.",
            "share = values / values.sum()",
        ),
        lambda f: differ(f(FLAT), f(FLAT / 5)),
    ),
    Mistake(
        "features-centred-first",
        "You subtract the mean first; this definition doesn't, so one constant point has rank 1.",
        (
            "Which rank should a matrix of equal rows have?",
            "RankMe takes the singular values of z itself.",
            "torch.linalg.svdvals(z), without z - z.mean(dim=0) before it.",
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
            "Which singular values does a matrix of equal rows have?",
            "log(0) is -inf, and 0 times that is nan.",
            "Use torch.special.entr, or drop the zeros before the logarithm.",
        ),
        lambda f: (
            bool(f(torch.eye(4)).isfinite())
            and not all(bool(f(z).isfinite()) for z in (ONE_POINT, torch.eye(4)[:, :2]))
        ),
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
        lambda f: differ(f(TILTED), f(10 * TILTED)),
    ),
    Mistake(
        "normalised-over-the-wrong-axis",
        "You bring the columns to length 1, or all numbers together, instead of each feature.",
        (
            "Print z.norm(dim=1) after your normalisation. What should it say?",
            "Each row is the feature of one image; its D numbers are in dimension 1.",
            "Use F.normalize(z, dim=1), or z / z.norm(dim=1, keepdim=True).",
        ),
        lambda f: any(
            std_like(f, lambda z, u=u, c=c: u(z).std(0, correction=c).mean())
            for u in (lambda z: F.normalize(z, dim=0), lambda z: z / z.norm())
            for c in (0, 1)
        ),
    ),
    Mistake(
        "deviation-over-the-wrong-axis",
        "When all features are one point, your result isn't 0: the deviation also runs over the "
        "numbers of a feature, not over the images alone.",
        (
            "Over what should the features differ?",
            "Rows are images. Take the deviation down each column.",
            "z.std(dim=0).mean()",
        ),
        lambda f: (
            differ(f(drawn(1, 4, seed=2).expand(6, 4)), 0.0) and close(f(torch.ones(6, 4)), 0.0)
        ),
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

TASKS = (
    Task(
        "02.1",
        "the effective rank",
        "my_effective_rank(z)",
        "Features (N, D). Return the exponential of the entropy of the singular values' shares: a "
        "number between 1 and min(N, D).",
        given(FLAT),
        (
            *from_reference(
                effective_rank,
                *CALLS,
                given(torch.eye(4)),
                given(ONE_POINT),
                given(1e-3 * TILTED),
                names="z",
            ),
            holds(
                "value",
                "64 equal features have rank 1, whatever rounding makes of the other directions.",
                lambda f: 0.9 < float(f(drawn(1, 32, seed=5).repeat(64, 1))) < 1.5,
            ),
        ),
        RANK,
    ),
    Task(
        "02.2",
        "the deviation of the features",
        "my_feature_std(z)",
        "Features (N, D) of any length. Bring each to length 1, and return the mean over the "
        "dimensions of the standard deviation over the images.",
        given(FLAT),
        from_reference(
            feature_std,
            given(FLAT),
            given(TILTED),
            given(drawn(1, 4, seed=5).repeat(6, 1)),
            names="z",
            also=lambda z: F.normalize(z, dim=1).std(0, correction=0).mean(),
        ),
        STD,
    ),
)
