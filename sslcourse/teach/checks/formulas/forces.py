"""02.5: alignment and uniformity."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way


def two_forces(way: Way, z1: Tensor, z2: Tensor) -> Tensor:
    lengths = {
        "lengths-left": lambda x: x,
        "columns-normalised": lambda x: F.normalize(x, dim=0),
        "second-lengths-left": lambda x: F.normalize(x, dim=1),
    }
    kind = way("lengths")
    a = lengths.get(kind, lambda x: F.normalize(x, dim=1))(z1)
    b = (
        z2
        if kind == "second-lengths-left"
        else lengths.get(kind, lambda x: F.normalize(x, dim=1))(z2)
    )
    if way("pairs") == "next-image":
        b = b.roll(-1, 0)
    if way("pairs") == "opposite-order":
        b = b.flip(0)
    close, apart = alignment(way, a, b), [uniformity(way, x) for x in (a, b)]
    if way("views") == "one-mean-inside-the-logarithm":
        apart = [torch.stack([x.exp() for x in apart]).mean().log()] * 2
    if way("views") == "mean-of-the-views":
        apart = [uniformity(way, F.normalize(a + b, dim=1))] * 2
    if way("views") == "both-views-together":
        apart = [uniformity(way, torch.cat([a, b]))] * 2
    spread = {
        "first-view-only": apart[0],
        "second-view-only": apart[1],
        "views-summed": apart[0] + apart[1],
    }.get(way("views"), (apart[0] + apart[1]) / 2)
    ends = {
        "alignment-only": close,
        "uniformity-only": spread,
        "uniformity-subtracted": close - spread,
        "alignment-subtracted": spread - close,
        "three-averaged": (close + apart[0] + apart[1]) / 3,
        "all-halved": (close + apart[0] + apart[1]) / 2,
        "half-the-alignment": close / 2 + spread,
        "sum-halved": (close + spread) / 2,
        "difference-of-the-views": close + (apart[0] - apart[1]) / 2,
    }
    return ends.get(way("last-step"), close + spread)


def alignment(way: Way, a: Tensor, b: Tensor) -> Tensor:
    squares = (a - b).square().sum(dim=1)
    cosine = (a * b).sum(dim=1)
    return {
        "distance-not-squared": lambda: squares.sqrt().mean(),
        "square-of-the-mean-distance": lambda: squares.sqrt().mean().square(),
        "summed-over-the-images": lambda: squares.sum(),
        "averaged-over-the-numbers": lambda: squares.mean() / a.shape[1],
        "cosine-with-minus": lambda: -cosine.mean(),
        "halved": lambda: squares.mean() / 2,
        "over-all-pairs": lambda: torch.cdist(a, b).square().mean(),
        "fourth-power": lambda: squares.square().mean(),
        "median": lambda: squares.median(),
        "largest": lambda: squares.max(),
    }.get(way("alignment"), lambda: squares.mean())()


def mean_of_others(x: Tensor) -> Tensor:
    """The mean of what lies beside the diagonal of x (N, N)."""
    return x[~torch.eye(len(x), dtype=torch.bool)].mean()


def uniformity(way: Way, x: Tensor) -> Tensor:
    n, kind = len(x), way("uniformity")
    own = torch.eye(n, dtype=torch.bool)
    squares = (x[:, None] - x[None]).square().sum(dim=2)  # (N, N)
    factor = {"sign-of-the-exponent": 2, "once-for-twice": -1, "half-for-twice": -0.5}
    factor |= {"four-for-twice": -4, "distance-not-squared": -2}
    if kind == "distance-not-squared":
        squares = (squares + own).sqrt() * ~own
    weights = (factor.get(kind, -2) * squares).exp()
    others = weights.masked_fill(own, 0.0)
    apart = squares.masked_fill(own, 0.0)
    total = others.sum()
    return {
        "a-point-with-itself": lambda: weights.mean().log(),
        "divided-by-all-pairs": lambda: (total / n**2).log(),
        "a-point-with-itself-but-not-counted": lambda: (weights.sum() / (n * (n - 1))).log(),
        "summed": lambda: total.log(),
        "divided-by-the-images": lambda: (total / n).log(),
        "each-pair-once-but-all-counted": lambda: (others.triu().sum() / (n * (n - 1))).log(),
        "ones-below-the-diagonal": lambda: (-2 * squares.triu(1)).exp().mean().log(),
        "logarithm-left-out": lambda: total / (n * (n - 1)),
        "logarithm-of-each-row": lambda: (others.sum(dim=1) / (n - 1)).log().mean(),
        "mean-before-the-exponential": lambda: -2 * apart.sum() / (n * (n - 1)),
        "exponential-of-cosines": lambda: mean_of_others((2 * (x @ x.T)).exp()).log(),
        "sign-turned": lambda: -(total / (n * (n - 1))).log(),
        "closest-pair-only": lambda: weights.masked_fill(own, 0.0).max().log(),
    }.get(kind, lambda: (total / (n * (n - 1))).log())()


FORMULAS = {
    "02.5": Formula(
        two_forces,
        {
            "lengths": {
                "lengths-left": "the projections are not brought to length 1",
                "columns-normalised": "columns are brought to length 1, not rows",
                "second-lengths-left": "only the first projections are brought to length 1",
            },
            "alignment": {
                "distance-not-squared": "the distances of pairs are not squared",
                "square-of-the-mean-distance": "the mean distance of pairs is squared",
                "summed-over-the-images": "the alignment is summed over the images",
                "averaged-over-the-numbers": "the alignment is averaged over the dimensions, too",
                "cosine-with-minus": "minus the cosine stands for the squared distance of a pair",
                "halved": "the alignment is halved: by a parenthesis around all three, or as 1 "
                "minus the cosine, which is half the squared distance",
                "over-all-pairs": "the alignment runs over all pairs of images",
                "fourth-power": "the squared distances of pairs are squared again",
                "median": "the median pair stands for the mean",
                "largest": "the largest distance of a pair stands for the mean",
            },
            "uniformity": {
                "sign-of-the-exponent": "the exponent is +2 times the squared distance",
                "once-for-twice": "the exponent is -1 times the squared distance",
                "half-for-twice": "the exponent is -1/2 times the squared distance",
                "four-for-twice": "the exponent is -4 times the squared distance",
                "distance-not-squared": "the distances of strangers are not squared",
                "a-point-with-itself": "each image counts as its own stranger",
                "divided-by-all-pairs": "the sum over strangers is divided by N * N",
                "a-point-with-itself-but-not-counted": "each image counts as its own stranger, and "
                "the sum is divided by N (N - 1)",
                "summed": "the strangers are summed, not averaged",
                "divided-by-the-images": "the sum over strangers is divided by N",
                "each-pair-once-but-all-counted": "each pair is summed once and counted twice",
                "ones-below-the-diagonal": "distances below the diagonal are 0",
                "logarithm-left-out": "the logarithm of the uniformity is left out",
                "logarithm-of-each-row": "the logarithm is taken of each row, before the mean",
                "mean-before-the-exponential": "the squared distances are averaged, without "
                "exponential and logarithm",
                "exponential-of-cosines": "cosines stand for squared distances of strangers",
                "sign-turned": "the sign of the uniformity is turned",
                "closest-pair-only": "only the closest strangers count",
            },
            "views": {
                "first-view-only": "only the first views are spread out",
                "second-view-only": "only the second views are spread out",
                "views-summed": "the two uniformities are summed, not averaged",
                "one-mean-inside-the-logarithm": "the two uniformities are averaged within the "
                "logarithm",
                "mean-of-the-views": "the mean of both views is spread out",
                "both-views-together": "both views together are spread out",
            },
            "pairs": {
                "next-image": "each image is drawn to the next one's view",
                "opposite-order": "the second views stand in the opposite order",
            },
            "last-step": {
                "alignment-only": "the uniformity is left out",
                "uniformity-only": "the alignment is left out",
                "uniformity-subtracted": "the uniformity is subtracted",
                "alignment-subtracted": "the alignment is subtracted",
                "three-averaged": "all three are averaged",
                "sum-halved": "the whole sum is halved",
                "difference-of-the-views": "the two uniformities are subtracted from each other",
            },
        },
    ),
}
