"""02.1: the effective rank."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way


def effective_rank(way: Way, z: Tensor) -> Tensor:
    z = z.double()
    first = {
        "centred-first": lambda x: x - x.mean(dim=0),
        "centred-on-one-mean": lambda x: x - x.mean(),
        "rows-normalised-first": lambda x: F.normalize(x, dim=1),
        "standardised-first": lambda x: (x - x.mean(dim=0)) / x.std(dim=0),
    }.get(way("features"), lambda x: x)
    z = first(z)
    singular = torch.linalg.svdvals(z)
    values = {
        "squared-singular-values": lambda: singular.square(),
        "roots-of-singular-values": lambda: singular.sqrt(),
        "deviations-of-the-dimensions": lambda: z.std(dim=0),
        "variances-of-the-dimensions": lambda: z.var(dim=0),
        "lengths-of-the-columns": lambda: z.norm(dim=0),
        "lengths-of-the-rows": lambda: z.norm(dim=1),
        "all-values": lambda: z.abs().flatten(),
        "singular-values-and-1e-3": lambda: singular + 1e-3,
        "singular-values-and-1e-4": lambda: singular + 1e-4,
        "largest-left-out": lambda: singular[1:],
    }.get(way("values"), lambda: singular)()
    shares = {
        "shares-by-softmax": lambda: values.softmax(dim=0),
        "divided-by-the-largest": lambda: values / values.max(),
        "divided-by-the-length": lambda: values / values.norm(),
        "divided-by-their-number": lambda: values / len(values),
        "not-divided": lambda: values,
    }.get(way("shares"), lambda: values / values.sum())()
    logs = {
        "log-of-1-and-the-share": lambda: shares.log1p(),
        "log-of-the-share-and-1e-2": lambda: (shares + 1e-2).log(),
        "log-of-the-share-and-1e-3": lambda: (shares + 1e-3).log(),
        "two-instead-of-e": lambda: shares.clamp(min=1e-300).log2(),
    }.get(way("logarithm"), lambda: shares.clamp(min=1e-300).log())()
    entropy = -(shares * logs).sum()
    ends = {
        "entropy-itself": lambda: entropy,
        "sign-left-out": lambda: (-entropy).exp(),
        "exponential-inside-the-sum": lambda: (-shares * logs).exp().sum(),
        "mean-for-sum": lambda: (-(shares * logs).mean()).exp(),
        "two-for-e-at-the-end": lambda: 2**entropy,
        "share-of-the-dimensions": lambda: entropy.exp() / min(z.shape),
        "entropy-over-its-maximum": lambda: entropy / math.log(min(z.shape)),
        "participation-ratio": lambda: 1 / shares.square().sum(),
        "number-of-values": lambda: torch.linalg.matrix_rank(z).double(),
        "sum-over-the-largest": lambda: values.sum() / values.max(),
    }
    return ends.get(way("last-step"), lambda: entropy.exp())().float()


FORMULAS = {
    "02.1": Formula(
        effective_rank,
        {
            "features": {
                "centred-first": "each dimension's mean is subtracted first",
                "centred-on-one-mean": "the mean of all numbers is subtracted first",
                "rows-normalised-first": "the rows are brought to length 1 first",
                "standardised-first": "each dimension is standardised first",
            },
            "values": {
                "squared-singular-values": "the singular values are squared",
                "roots-of-singular-values": "the roots of the singular values are taken",
                "deviations-of-the-dimensions": "deviations of the dimensions stand for singular "
                "values",
                "variances-of-the-dimensions": "variances of the dimensions stand for singular "
                "values",
                "lengths-of-the-columns": "lengths of the columns stand for singular values",
                "lengths-of-the-rows": "lengths of the rows stand for singular values",
                "all-values": "the features' own sizes stand for singular values",
                "singular-values-and-1e-3": "1e-3 is added to the singular values",
                "singular-values-and-1e-4": "1e-4 is added to the singular values",
                "largest-left-out": "the largest singular value is left out",
            },
            "shares": {
                "shares-by-softmax": "a softmax makes the shares",
                "divided-by-the-largest": "the values are divided by the largest, not by their sum",
                "divided-by-the-length": "the values are divided by the root of the sum of squares",
                "divided-by-their-number": "the values are divided by how many they are",
                "not-divided": "the values are not divided by their sum",
            },
            "logarithm": {
                "log-of-1-and-the-share": "1 is added within the logarithm",
                "log-of-the-share-and-1e-2": "1e-2 is added within the logarithm",
                "log-of-the-share-and-1e-3": "1e-3 is added within the logarithm",
                "two-instead-of-e": "the logarithm has base 2, the exponential base e",
            },
            "last-step": {
                "entropy-itself": "the exponential is left out",
                "sign-left-out": "the minus of the entropy is left out",
                "exponential-inside-the-sum": "the exponential is taken of each term",
                "mean-for-sum": "the terms of the entropy are averaged, not summed",
                "two-for-e-at-the-end": "2 is raised to the entropy, not e",
                "share-of-the-dimensions": "the rank is divided by its largest value",
                "entropy-over-its-maximum": "the entropy is divided by its largest value",
                "participation-ratio": "1 is divided by the sum of squared shares",
                "number-of-values": "the singular values above 0 are counted",
                "sum-over-the-largest": "the sum is divided by the largest value",
            },
        },
    ),
}
