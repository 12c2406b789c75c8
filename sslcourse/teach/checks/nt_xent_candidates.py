"""03.1, NT-Xent: how many candidates a view chooses from, and which.

When all projections are one point, all similarities are equal, and the loss is the logarithm of the
number of candidates.
"""

import math

import torch

from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.task import Attempt, Mistake


def collapsed(f: Attempt, count: int) -> float:
    """The loss when all projections are one point."""
    return float(f(torch.ones(count, 4), torch.ones(count, 4), temperature=0.5))


def candidates(f: Attempt, extra: int, per_image: int = 2) -> bool:
    """Whether a collapsed batch counts `per_image` N + extra candidates, for several N."""
    return all(close(collapsed(f, n), math.log(per_image * n + extra)) for n in (3, 5))


def orthogonal(f: Attempt) -> float:
    """The loss of three images whose six projections are orthogonal; only a view itself is near."""
    z = torch.eye(6)
    return float(f(z[:3], z[3:], temperature=0.5))


def own_side_counts(f: Attempt) -> bool:
    """All first views are one point, far from all second ones: does that cost anything?"""
    z = torch.eye(4)
    return not close(f(z[[0, 0, 0]], z[1:], temperature=0.5), math.log(3))


def self_pair_half_gone(f: Attempt) -> bool:
    """A collapsed batch counts a part of a candidate more than 2N - 1, the same for all N."""
    extra = [math.exp(collapsed(f, n)) - (2 * n - 1) for n in (3, 5)]
    return close(*extra) and 0.01 < extra[0] < 0.99


CANDIDATES = (
    Mistake(
        "self-pair-kept",
        "When all projections are one point, your loss is ln(2N) instead of ln(2N - 1): each view "
        "still has itself among its candidates.",
        (
            "How many other views does a view have in a batch of 2N?",
            "The diagonal of the similarity matrix is always 1, the best there is.",
            "logits.fill_diagonal_(-torch.inf) takes it out of the softmax.",
        ),
        lambda f: candidates(f, 0) and orthogonal(f) > math.log(6) + 0.1,
    ),
    Mistake(
        "positive-counted-twice",
        "When all projections are one point, your loss is ln(2N) instead of ln(2N - 1), and not "
        "because of the view itself: the positive is a candidate twice.",
        (
            "How many candidates does a view have in your code, and which of them are the same?",
            "You put the positive in front, but it is also among the others.",
            "Leave it out of the others, or take all 2N - 1 others once and use the positive's "
            "column as the label.",
        ),
        lambda f: (
            candidates(f, 0)
            and close(f(torch.eye(4), torch.eye(4), temperature=0.05), math.log(2))
            and close(f(torch.eye(4)[:2], torch.eye(4)[2:], temperature=0.05), math.log(4))
        ),
    ),
    Mistake(
        "positive-left-out-of-the-denominator",
        "When all projections are one point, your loss is ln(2N - 2): the sum below the fraction "
        "has only the negatives.",
        (
            "Look at the sum in equation 1: which k does it leave out?",
            "Only k = i is left out. The positive belongs to the candidates.",
            "Mask the diagonal only, with -torch.inf; then F.cross_entropy over the whole row.",
        ),
        lambda f: candidates(f, -2),
    ),
    Mistake(
        "negatives-from-the-other-view-only",
        "When all projections are one point, your loss is ln N: you compare z1 with z2 only, and "
        "the negatives among a view's own side are missing.",
        (
            "How many negatives does a view have in NT-Xent?",
            "A (N, N) matrix holds N - 1 negatives a row; 2N - 2 are wanted.",
            "Stack first: z = torch.cat([z1, z2]), then z @ z.T is (2N, 2N).",
        ),
        lambda f: candidates(f, 0, per_image=1) and not own_side_counts(f),
    ),
    Mistake(
        "negatives-from-the-own-side-only",
        "When all projections are one point, your loss is ln N: a view's negatives are those of "
        "its own side, z1 or z2, and the other side's are missing.",
        (
            "How many negatives does a view have in NT-Xent?",
            "N - 1 come from z1 and N - 1 from z2: the two views of every other image.",
            "Stack first: z = torch.cat([z1, z2]), then z @ z.T is (2N, 2N).",
        ),
        lambda f: candidates(f, 0, per_image=1) and own_side_counts(f),
    ),
    Mistake(
        "self-pair-subtracted-wrongly",
        "When all projections are one point, your loss lies between ln(2N - 1) and ln(2N): you "
        "take something off for the view itself, but not all of it.",
        (
            "What is the similarity of a view with itself, and what is its exponential?",
            "exp(1 / T), not 1.",
            "Fill the diagonal with -inf before the softmax; then nothing is left to subtract.",
        ),
        self_pair_half_gone,
    ),
)
