"""02.5, alignment and uniformity as a loss (Wang and Isola 2020, arXiv:2005.10242)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given


def pull(z1: Tensor, z2: Tensor) -> Tensor:
    return (z1 - z2).square().sum(dim=1).mean()


def push(z: Tensor, *, power: int = 2, t: float = 2.0) -> Tensor:
    return torch.pdist(z).pow(power).mul(-t).exp().mean().log()


def two_forces(z1: Tensor, z2: Tensor) -> Tensor:
    z1, z2 = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    return pull(z1, z2) + (push(z1) + push(z2)) / 2


FIRST = given(torch.eye(3)[:2], torch.eye(3)[[0, 2]])
Z1, Z2 = 2 * drawn(5, 4, seed=1), 3 * drawn(5, 4, seed=2)
CALLS = (given(Z1, Z2), given(drawn(7, 3, seed=3), drawn(7, 3, seed=4)))

TWINS = given(Z1[[0, 0, 1, 2]], Z2[[0, 1, 2, 2]])  # the first two images are one, the last two


def like(*changes):
    """Acts as one of these functions of normalised projections."""

    def shows(f: Attempt) -> bool:
        return any(
            acts_like(f, lambda a, b, c=c: c(F.normalize(a, dim=1), F.normalize(b, dim=1)), *CALLS)
            for c in changes
        )

    return shows


def across(a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(a, b).square().mul(-2).exp()  # (N, N)


def others(table: Tensor) -> Tensor:
    return table[~torch.eye(len(table), dtype=torch.bool)]


def averaged(crowd):
    """The right pull, and another push of each set of views."""
    return lambda a, b: pull(a, b) + (crowd(a) + crowd(b)) / 2


def with_itself(z: Tensor) -> Tensor:
    return (2 * z @ z.T - 2).mul(2).exp().mean().log()  # all N * N pairs


MISTAKES = (
    Mistake(
        "inputs-not-normalised",
        "Your loss changes when all projections become three times as long: bring them to length 1 "
        "first.",
        (
            "Multiply z1 and z2 by 3. Has the arrangement on the sphere changed?",
            "Without a fixed length, the network could spread its points by making them longer.",
            "Begin with F.normalize(z1, dim=1) and F.normalize(z2, dim=1).",
        ),
        lambda f: not close(f(3 * Z1, 3 * Z2), f(Z1, Z2)),
    ),
    Mistake(
        "image-is-its-own-stranger",
        "Your uniformity also counts each view with itself, at distance 0.",
        (
            "How many pairs of different views do N views have?",
            "It is N(N - 1)/2; an (N, N) table also holds the N pairs i = k.",
            "Use torch.pdist(z), or leave out the diagonal before the mean.",
        ),
        like(averaged(with_itself)),
    ),
    Mistake(
        "partners-count-as-strangers",
        "Your uniformity is that of both views together: there, partners push each other away.",
        (
            "Which pairs are among all pairs of torch.cat([z1, z2])?",
            "Also (z1[i], z2[i]), which alignment pulls together.",
            "Take the uniformity of z1 and of z2, each by itself, and their mean.",
        ),
        like(lambda a, b: pull(a, b) + push(torch.cat([a, b]))),
    ),
    Mistake(
        "strangers-across-the-views",
        "Your uniformity compares first views with second views.",
        (
            "How many tensors does uniformity take in the equation?",
            "It looks at the pairs within one set of views.",
            "Take the uniformity of z1 and of z2, each by itself, and their mean.",
        ),
        like(
            lambda a, b: pull(a, b) + across(a, b).mean().log(),
            lambda a, b: pull(a, b) + others(across(a, b)).mean().log(),
        ),
    ),
    Mistake(
        "views-not-averaged",
        "Your two uniformities are not averaged: one of them is missing, or they are added.",
        (
            "How much should each of the two sets of views count?",
            "Each by one half, so that pulling and pushing weigh the same.",
            "(uniformity(z1) + uniformity(z2)) / 2",
        ),
        like(
            lambda a, b: pull(a, b) + push(a),
            lambda a, b: pull(a, b) + push(b),
            lambda a, b: pull(a, b) + push(a) + push(b),
        ),
    ),
    Mistake(
        "mean-over-the-numbers-too",
        "Your alignment is D times too small: the squares are averaged, not added, over the D "
        "numbers of a projection.",
        (
            "What is the squared distance of (1, 0) and (0, 1)?",
            "A squared distance is a sum over D. The mean runs over the N images only.",
            "(z1 - z2).square().sum(dim=1).mean(), not F.mse_loss.",
        ),
        like(lambda a, b: F.mse_loss(a, b) + (push(a) + push(b)) / 2),
    ),
    Mistake(
        "distance-not-squared",
        "A distance is not squared: in alignment, in uniformity, or in both.",
        (
            "Look for the small 2 in both equations.",
            "norm, pdist and cdist give distances, not their squares.",
            "Put .square() behind them.",
        ),
        like(
            lambda a, b: (a - b).norm(dim=1).mean() + (push(a) + push(b)) / 2,
            averaged(lambda z: push(z, power=1)),
            lambda a, b: (a - b).norm(dim=1).mean() + (push(a, power=1) + push(b, power=1)) / 2,
        ),
    ),
    Mistake(
        "wrong-sharpness",
        "In your uniformity the factor 2 before the squared distance is missing, or another one.",
        (
            "What stands before the squared distance in the equation?",
            "exp(-2 d²), not exp(-d²) or exp(-d²/2).",
            "torch.pdist(z).square().mul(-2).exp().mean().log()",
        ),
        like(*(averaged(lambda z, t=t: push(z, t=t)) for t in (0.5, 1.0, 4.0))),
    ),
    Mistake(
        "logarithm-misplaced",
        "The logarithm of your uniformity is missing, or it is taken before the mean.",
        (
            "In which order do mean, exponential and logarithm stand in the equation?",
            "The logarithm is of the mean. Before the mean it only undoes the exponential.",
            ".exp().mean().log(), in this order",
        ),
        like(
            averaged(lambda z: push(z).exp()),
            averaged(lambda z: -2 * torch.pdist(z).square().mean()),
        ),
    ),
    Mistake(
        "pairs-added-instead-of-averaged",
        "Your uniformity grows with the batch: it is the logarithm of a sum, not of a mean.",
        (
            "What is the uniformity of points that are all one? It should be 0.",
            "logsumexp adds. The equation averages.",
            ".exp().mean().log(), or logsumexp minus the logarithm of the number of pairs.",
        ),
        like(
            averaged(lambda z: push(z) + math.log(len(z) * (len(z) - 1) / 2)),
            averaged(lambda z: push(z) + math.log(len(z) * (len(z) - 1))),
        ),
    ),
    Mistake(
        "uniformity-subtracted",
        "You subtract the uniformity: descending your loss would bring all points together.",
        (
            "Which value has uniformity when all points are one?",
            "It is 0 then, and below 0 when they spread. Lower is better.",
            "Add it: alignment + uniformity.",
        ),
        like(lambda a, b: pull(a, b) - (push(a) + push(b)) / 2),
    ),
)

TASKS = (
    Task(
        "02.5",
        "alignment and uniformity as a loss",
        "two_forces(z1, z2)",
        "Projections (N, D) of any length; row i of both shows image i. Return the scalar "
        "alignment + (uniformity of z1 + uniformity of z2) / 2 of the normalised projections.",
        FIRST,
        (
            *from_reference(two_forces, FIRST, *CALLS, names="z1 z2", gradient=True),
            holds(
                "value",
                "two images that lie on one point are a pair like any other.",
                lambda f: close(f(*TWINS.args), two_forces(*TWINS.args)),
            ),
        ),
        MISTAKES,
    ),
)
