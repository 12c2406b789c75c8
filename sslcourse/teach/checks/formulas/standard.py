"""01.2 and 09.5: standardised features, and a ridge on them."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way


def standardize(way: Way, train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    known = {"both-together": lambda: torch.cat([train, test]), "test-decides": lambda: test}
    known = known.get(way("images"), lambda: train)()
    mean = {
        "one-mean-for-all": lambda: known.mean().expand(known.shape[1]),
        "mean-left-out": lambda: torch.zeros(known.shape[1]),
        "median": lambda: known.median(dim=0).values,
        "smallest": lambda: known.amin(dim=0),
        "mean-of-the-test-images": lambda: test.mean(dim=0),
        "divided-mean": lambda: known.mean(dim=0) / known.std(dim=0),
    }.get(way("mean"), lambda: known.mean(dim=0))()
    centred = known - known.mean(dim=0)
    std = {
        "one-deviation-for-all": lambda: known.std().expand(known.shape[1]),
        "variance": lambda: known.var(dim=0),
        "deviation-left-out": lambda: torch.ones(known.shape[1]),
        "around-zero": lambda: known.square().mean(dim=0).sqrt(),
        "mean-absolute-deviation": lambda: centred.abs().mean(dim=0),
        "range": lambda: known.amax(dim=0) - known.amin(dim=0),
        "length": lambda: centred.norm(dim=0),
        "length-uncentred": lambda: known.norm(dim=0),
        "at-least-1": lambda: known.std(dim=0).clamp(min=1),
        "1e-3-added": lambda: known.std(dim=0) + 1e-3,
        "1e-2-added": lambda: known.std(dim=0) + 1e-2,
        "deviation-of-the-test-images": lambda: test.std(dim=0),
    }.get(way("deviation"), lambda: known.std(dim=0))()
    both = [(x - mean) / torch.where(std > 1e-6, std, torch.ones_like(std)) for x in (train, test)]
    orders = {
        "divided-first": lambda: [x / std - mean for x in (train, test)],
        "multiplied": lambda: [(x - mean) * std for x in (train, test)],
        "test-left": lambda: [both[0], test],
        "test-only-centred": lambda: [both[0], test - mean],
        "each-by-itself": lambda: [both[0], (test - test.mean(dim=0)) / test.std(dim=0)],
        "rows-normalised-after": lambda: [F.normalize(x, dim=1) for x in both],
    }
    return tuple(orders.get(way("order"), lambda: both)())


def ridge_scores(
    way: Way, train: Tensor, labels: Tensor, test: Tensor, classes: int, *, strength: float
) -> Tensor:
    x, t = standardize(way, train, test)
    targets = F.one_hot(labels, classes).to(x)
    if way("targets") == "minus-1-and-1":
        targets = 2 * targets - 1
    if way("targets") == "shares-of-the-classes":
        targets = targets / targets.sum(dim=0).clamp(min=1)
    bias = {
        "left-out": lambda: torch.zeros_like(targets[0]),
        "one-for-all": lambda: targets.mean().expand_as(targets[0]),
    }.get(way("bias"), lambda: targets.mean(dim=0))()
    factor = {
        "strength-left-out": lambda: 0.0,
        "strength-times-images": lambda: len(x),
        "strength-over-images": lambda: 1 / len(x),
        "strength-squared": lambda: strength,
        "strength-halved": lambda: 0.5,
        "strength-doubled": lambda: 2.0,
        "root-of-the-strength": lambda: strength**-0.5,
    }.get(way("strength"), lambda: 1.0)()
    if way("bias") == "held-back-too":
        x, t = (torch.cat([z, torch.ones(len(z), 1)], dim=1) for z in (x, t))
        bias = torch.zeros_like(bias)
    squares = x.T @ x + factor * strength * torch.eye(x.shape[1])
    scores = t @ torch.linalg.solve(squares, x.T @ (targets - bias)) + bias
    ends = {"softmax": lambda: scores.softmax(dim=1), "bias-not-added": lambda: scores - bias}
    return ends.get(way("last-step"), lambda: scores)()


STANDARD = {
    "images": {
        "both-together": "training and test images together decide mean and deviation",
        "test-decides": "the test images decide mean and deviation",
    },
    "mean": {
        "one-mean-for-all": "one mean of all numbers is subtracted",
        "mean-left-out": "the mean is left out",
        "median": "the median stands for the mean",
        "smallest": "the smallest value stands for the mean",
        "mean-of-the-test-images": "the mean is that of the test images",
        "divided-mean": "the mean is divided before it is subtracted",
    },
    "deviation": {
        "one-deviation-for-all": "one deviation of all numbers divides",
        "variance": "the variance stands for the deviation",
        "deviation-left-out": "the deviation is left out",
        "around-zero": "the deviation is measured from 0, not from the mean",
        "mean-absolute-deviation": "the mean absolute deviation stands for the deviation",
        "range": "largest minus smallest stands for the deviation",
        "length": "each centred feature is brought to length 1 over the images",
        "length-uncentred": "each feature is divided by its length over the images",
        "at-least-1": "deviations below 1 don't divide",
        "1e-3-added": "1e-3 is added to the deviation",
        "1e-2-added": "1e-2 is added to the deviation",
        "deviation-of-the-test-images": "the deviation is that of the test images",
    },
    "order": {
        "divided-first": "the features are divided before the mean is subtracted",
        "multiplied": "the deviation multiplies",
        "test-left": "the test features are left as they are",
        "test-only-centred": "the test features are centred and not divided",
        "each-by-itself": "the test features are standardised by themselves",
        "rows-normalised-after": "the rows are brought to length 1 afterwards",
    },
}


FORMULAS = {
    "01.2": Formula(standardize, STANDARD),
    "09.5": Formula(
        ridge_scores,
        {
            **STANDARD,
            "targets": {
                "minus-1-and-1": "the targets are -1 and 1, not 0 and 1",
                "shares-of-the-classes": "the targets are divided by the size of their class",
            },
            "bias": {
                "left-out": "the bias is left out",
                "one-for-all": "all classes get one bias",
                "held-back-too": "the bias is held back as the weights are",
            },
            "strength": {
                "strength-left-out": "the strength is left out",
                "strength-times-images": "the strength is multiplied by the number of images",
                "strength-over-images": "the strength is divided by the number of images",
                "strength-squared": "the strength is squared",
                "strength-halved": "the strength is halved",
                "strength-doubled": "the strength is doubled",
                "root-of-the-strength": "the root of the strength is taken",
            },
            "last-step": {
                "softmax": "a softmax is taken",
                "bias-not-added": "the bias is not added at the end",
            },
        },
    ),
}
