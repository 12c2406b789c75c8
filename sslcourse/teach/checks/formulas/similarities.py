"""What the contrastive losses have in common: similarities, a temperature, a softmax."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Way

SIMILARITY = {
    "lengths-left": "the projections are not brought to length 1",
    "second-lengths-left": "only the first of two projections is brought to length 1",
    "first-lengths-left": "only the second of two projections is brought to length 1",
    "distance-for-cosine": "minus the distance stands in the place of the cosine",
    "squared-distance-for-cosine": "minus the squared distance stands in the place of the cosine",
    "cosine-without-sign": "the cosines lose their sign",
    "columns-normalised": "columns are brought to length 1 instead of rows",
    "sum-of-absolute-values": "rows are divided by the sum of their absolute values",
    "centred-first": "the mean of each dimension is subtracted first",
    "rows-centred-first": "the mean of each row is subtracted first",
}
TEMPERATURE = {
    "temperature-ignored": "the temperature is left out",
    "temperature-multiplied": "the similarities are multiplied by the temperature",
    "temperature-twice": "the temperature divides twice",
    "root-of-the-temperature": "the root of the temperature divides",
    "temperature-for-positives-only": "the temperature divides the positives only",
    "temperature-for-negatives-only": "the temperature divides the negatives only",
    "temperature-above-only": "the temperature is missing in the denominator",
    "temperature-below-only": "the temperature is missing in the numerator",
}
NOT_ABOVE = ("temperature-for-negatives-only", "temperature-below-only")
NOT_BELOW = ("temperature-for-negatives-only", "temperature-above-only")
NOT_FOR_NEGATIVES = ("temperature-for-positives-only", "temperature-above-only")
CANDIDATES = {
    "positive-not-among-the-candidates": "the positive is missing in the denominator",
    "positive-twice-among-the-candidates": "the positive stands in the denominator twice",
    "negatives-averaged": "the negatives in the denominator are averaged, not summed",
    "candidates-averaged": "all candidates in the denominator are averaged, not summed",
    "positive-weighs-half": "the positive in the numerator is halved",
    "one-denominator-for-all": "all anchors share one denominator, the sum of all candidates",
    "negatives-of-all-together": "each denominator holds the negatives of all the others, too",
}
END = {
    "mean-before-the-logarithm": "the mean is taken before the logarithm",
    "logarithm-left-out": "the logarithm is left out",
    "sign-turned": "the sign is turned",
    "summed": "the terms are summed, not averaged",
    "halved": "the loss is halved",
    "doubled": "the loss is doubled",
    "divided-by-the-temperature": "the loss is divided by the temperature at the end",
    "multiplied-by-the-temperature": "the loss is multiplied by the temperature at the end",
    "two-instead-of-e": "the logarithm has base 2",
}


SHARED = {
    "similarity": SIMILARITY,
    "temperature": TEMPERATURE,
    "candidates": CANDIDATES,
    "last-step": END,
}


def similarities(way: Way, a: Tensor, b: Tensor) -> Tensor:
    """What stands for the cosine of each row of a with each row of b: (A, B)."""
    kind = way("similarity")
    if kind == "centred-first":
        a, b = a - a.mean(dim=0), b - b.mean(dim=0)
    if kind == "rows-centred-first":
        a, b = a - a.mean(dim=1, keepdim=True), b - b.mean(dim=1, keepdim=True)
    if kind == "columns-normalised":
        return F.normalize(a, dim=0) @ F.normalize(b, dim=0).T
    if kind == "sum-of-absolute-values":
        return F.normalize(a, p=1, dim=1) @ F.normalize(b, p=1, dim=1).T
    first = a if kind in ("lengths-left", "first-lengths-left") else F.normalize(a, dim=1)
    second = b if kind in ("lengths-left", "second-lengths-left") else F.normalize(b, dim=1)
    if kind == "distance-for-cosine":
        return -torch.cdist(first, second)
    if kind == "squared-distance-for-cosine":
        return -torch.cdist(first, second).square()
    cosine = first @ second.T
    return cosine.abs() if kind == "cosine-without-sign" else cosine


def temperature_factor(way: Way, temperature: float) -> float:
    """What similarities or scores are multiplied by."""
    return {
        "temperature-ignored": 1.0,
        "temperature-multiplied": temperature,
        "temperature-twice": temperature**-2,
        "root-of-the-temperature": temperature**-0.5,
    }.get(way("temperature"), 1 / temperature)


def contrasted(way: Way, positive: Tensor, negative: Tensor, temperature: float) -> Tensor:
    """The loss of positives (A,) among negatives (A, M), -inf where there is none."""
    scale = temperature_factor(way, temperature)
    kind = way("temperature")
    above = positive * (1 if kind in NOT_ABOVE else scale)
    if way("candidates") == "positive-weighs-half":
        above = above / 2
    below = positive * (1 if kind in NOT_BELOW else scale)
    negative = negative * (1 if kind in NOT_FOR_NEGATIVES else scale)
    log_share = above - denominators(way, below, negative)
    kind = way("last-step")
    mean = -log_share.exp().mean() if kind == "logarithm-left-out" else -log_share.mean()
    if kind == "mean-before-the-logarithm":
        mean = -log_share.exp().mean().log()
    factor = {
        "sign-turned": lambda: -1,
        "summed": lambda: len(positive),
        "halved": lambda: 0.5,
        "doubled": lambda: 2,
        "divided-by-the-temperature": lambda: 1 / temperature,
        "multiplied-by-the-temperature": lambda: temperature,
        "two-instead-of-e": lambda: 1 / torch.log(torch.tensor(2.0)),
    }
    return mean * factor.get(kind, lambda: 1)()


def denominators(way: Way, positive: Tensor, negative: Tensor) -> Tensor:
    """The logarithm of each anchor's denominator: (A,)."""
    kind, own = way("candidates"), negative.logsumexp(dim=1)
    count = negative.isfinite().sum(dim=1).log()
    if kind == "positive-not-among-the-candidates":
        return own
    if kind == "positive-twice-among-the-candidates":
        own = torch.logaddexp(own, positive)
    if kind == "negatives-averaged":
        own = own - count
    if kind == "negatives-of-all-together":
        own = negative.flatten().logsumexp(dim=0)
    if kind == "one-denominator-for-all":
        return torch.cat([positive, negative.flatten()]).logsumexp(dim=0).expand_as(positive)
    total = torch.logaddexp(positive, own)
    if kind == "candidates-averaged":
        return total - torch.log(count.exp() + 1)
    return total
