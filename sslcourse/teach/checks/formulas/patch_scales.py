"""06.5 and 06.8: patches on a scale of their own, and back."""

import torch
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way

EPS = 1e-6


SCALE = {
    "eps-without-effect": "the eps has next to no effect: it is too small, added to the deviation, "
    "or used where the deviation is 0 only",
    "variance-with-n": "the variance is divided by n, not by n - 1",
    "eps-beside-the-deviation": "the eps is added to the deviation, not to the variance",
    "eps-left-out": "the eps is left out",
    "eps-ten-times": "the eps is 1e-5",
    "eps-a-tenth": "the eps is 1e-7",
    "eps-a-hundredth": "the eps is 1e-8",
    "eps-a-thousand-times": "the eps is 1e-3",
    "eps-as-a-lower-bound": "the eps is a lower bound of the variance, not added",
    "eps-as-a-lower-bound-of-the-deviation": "the eps is a lower bound of the deviation",
    "root-of-eps-added": "the root of the eps is added to the deviation",
    "eps-subtracted": "the eps is subtracted",
    "variance-for-deviation": "the variance stands for the deviation",
    "variance-over-the-patches": "the variance runs over the patches, not over a patch's values",
    "one-deviation-for-all": "all patches get one deviation",
    "one-deviation-an-image": "each image has one deviation for all its patches",
    "deviation-around-zero": "the deviation is measured from 0, not from the mean",
    "mean-absolute-deviation": "the mean absolute deviation stands for the deviation",
    "range-for-deviation": "largest minus smallest stands for the deviation",
    "length-for-deviation": "the length of what is centred stands for the deviation",
    "deviation-left-out": "nothing is divided",
}


MEAN = {
    "one-mean-for-all": "all patches get one mean",
    "one-mean-an-image": "each image has one mean for all its patches",
    "median-for-mean": "the median stands for the mean",
    "smallest-for-mean": "the smallest value stands for the mean",
    "mean-left-out": "the mean is left out",
}


def statistics(way: Way, patches: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each patch (N, L, 1)."""
    mean = patches.mean(dim=2, keepdim=True)
    means = {
        "one-mean-for-all": lambda: patches.mean().expand_as(mean),
        "one-mean-an-image": lambda: patches.mean(dim=(1, 2), keepdim=True).expand_as(mean),
        "median-for-mean": lambda: patches.median(dim=2, keepdim=True).values,
        "smallest-for-mean": lambda: patches.amin(dim=2, keepdim=True),
        "mean-left-out": lambda: torch.zeros_like(mean),
    }
    return means.get(way("mean"), lambda: mean)(), deviations(way, patches, patches - mean)


def deviations(way: Way, patches: Tensor, centred: Tensor) -> Tensor:
    kind, n = way("scale"), patches.shape[2]
    variance = centred.square().sum(dim=2, keepdim=True) / (n - 1)
    eps = {
        "eps-left-out": 0.0,
        "eps-ten-times": 10 * EPS,
        "eps-a-tenth": EPS / 10,
        "eps-a-hundredth": EPS / 100,
        "eps-a-thousand-times": 1000 * EPS,
        "eps-subtracted": -EPS,
    }.get(kind, EPS)
    found = {
        "eps-without-effect": lambda: variance.sqrt().clamp(min=1e-12),
        "variance-with-n": lambda: (variance * (n - 1) / n + EPS).sqrt(),
        "eps-beside-the-deviation": lambda: variance.sqrt() + EPS,
        "eps-as-a-lower-bound": lambda: variance.clamp(min=EPS).sqrt(),
        "eps-as-a-lower-bound-of-the-deviation": lambda: variance.sqrt().clamp(min=EPS),
        "root-of-eps-added": lambda: variance.sqrt() + EPS**0.5,
        "variance-for-deviation": lambda: variance + EPS,
        "variance-over-the-patches": lambda: (patches.var(dim=1, keepdim=True) + EPS).sqrt(),
        "one-deviation-for-all": lambda: (patches.var() + EPS).sqrt().expand_as(variance),
        "one-deviation-an-image": lambda: (patches.flatten(1).var(dim=1) + EPS).sqrt()[
            :, None, None
        ],
        "deviation-around-zero": lambda: (patches.square().mean(dim=2, keepdim=True) + EPS).sqrt(),
        "mean-absolute-deviation": lambda: centred.abs().mean(dim=2, keepdim=True) + EPS,
        "range-for-deviation": lambda: (
            centred.amax(2, keepdim=True) - centred.amin(2, keepdim=True) + EPS
        ),
        "length-for-deviation": lambda: centred.norm(dim=2, keepdim=True).clamp(min=1e-12),
        "deviation-left-out": lambda: torch.ones_like(variance),
    }
    return found.get(kind, lambda: (variance + eps).sqrt())()


def normalize_patches(way: Way, patches: Tensor) -> Tensor:
    mean, deviation = statistics(way, patches)
    if way("order") == "divided-first":
        return patches / deviation - mean
    if way("order") == "multiplied":
        return (patches - mean) * deviation
    return (patches - mean) / deviation


def denormalize_patches(way: Way, predictions: Tensor, patches: Tensor) -> Tensor:
    if way("inputs") == "inputs-exchanged":
        predictions, patches = patches, predictions
    mean, deviation = statistics(way, predictions if way("inputs") == "own-statistics" else patches)
    if way("inputs") == "own-mean":
        mean = predictions.mean(dim=2, keepdim=True)
    if way("inputs") == "own-deviation":
        deviation = deviations(way, predictions, predictions - predictions.mean(2, keepdim=True))
    if way("inputs") == "predictions-normalised-first":
        centred = predictions - predictions.mean(dim=2, keepdim=True)
        predictions = centred / (predictions.var(dim=2, keepdim=True) + EPS).sqrt()
    orders = {
        "mean-added-first": lambda: (predictions + mean) * deviation,
        "divided": lambda: predictions / deviation + mean,
        "mean-subtracted": lambda: predictions * deviation - mean,
        "mean-added-to-the-deviation": lambda: predictions * (deviation + mean),
        "normalised-again": lambda: (predictions - mean) / deviation,
        "kept-in-0-to-1": lambda: (predictions * deviation + mean).clamp(0, 1),
    }
    return orders.get(way("order"), lambda: predictions * deviation + mean)()


FORMULAS = {
    "06.5": Formula(
        normalize_patches,
        {
            "scale": SCALE,
            "mean": MEAN,
            "order": {
                "divided-first": "the values are divided before the mean is subtracted",
                "multiplied": "the deviation multiplies",
            },
        },
    ),
    "06.8": Formula(
        denormalize_patches,
        {
            "scale": SCALE,
            "mean": MEAN,
            "order": {
                "mean-added-first": "the mean is added before the deviation multiplies",
                "divided": "the deviation divides",
                "mean-subtracted": "the mean is subtracted",
                "mean-added-to-the-deviation": "mean and deviation are added before they multiply",
                "normalised-again": "the values are normalised once more",
                "kept-in-0-to-1": "the result is kept between 0 and 1",
            },
            "inputs": {
                "inputs-exchanged": "predictions and patches are exchanged",
                "own-statistics": "the statistics are those of the predictions",
                "own-mean": "the mean is that of the predictions",
                "own-deviation": "the deviation is that of the predictions",
                "predictions-normalised-first": "the predictions are normalised first",
            },
        },
    ),
}
