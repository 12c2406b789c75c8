"""02.2 and 03.4: unit length, and the deviation of the features."""

import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way


def feature_std(way: Way, z: Tensor) -> Tensor:
    kind = way("lengths")
    if kind == "centred-before-the-lengths":
        z = z - z.mean(dim=0)
    rows = {
        "lengths-left": lambda: z,
        "columns-normalised": lambda: F.normalize(z, dim=0),
        "sum-of-absolute-values": lambda: F.normalize(z, p=1, dim=1),
        "largest-value": lambda: z / z.abs().amax(dim=1, keepdim=True),
        "mean-length-for-all": lambda: z / z.norm(dim=1).mean(),
        "standardised-first": lambda: F.normalize(standardised(z), dim=1),
        "squared-length": lambda: z / z.square().sum(dim=1, keepdim=True),
        "one-length-for-all": lambda: z / z.norm(),
    }.get(kind, lambda: F.normalize(z, dim=1))()
    if way("axis") == "over-the-dimensions":
        rows = rows.T
    if way("axis") == "over-everything":
        rows = rows.reshape(-1, 1)
    centred = rows - rows.mean(dim=0)
    std = {
        "variance": lambda: rows.var(dim=0),
        "around-zero": lambda: rows.square().mean(dim=0).sqrt(),
        "mean-absolute-deviation": lambda: centred.abs().mean(dim=0),
        "not-divided-by-n": lambda: centred.norm(dim=0),
        "range": lambda: rows.amax(dim=0) - rows.amin(dim=0),
        "1e-4-added": lambda: (rows.var(dim=0) + 1e-4).sqrt(),
        "1e-3-added": lambda: (rows.var(dim=0) + 1e-3).sqrt(),
    }.get(way("deviation"), lambda: rows.std(dim=0))()
    ends = {
        "summed": lambda: std.sum(),
        "median": lambda: std.median(),
        "largest": lambda: std.max(),
        "smallest": lambda: std.min(),
        "length": lambda: std.norm(),
        "root-of-the-mean-variance": lambda: std.square().mean().sqrt(),
        "times-the-root-of-the-width": lambda: std.mean() * z.shape[1] ** 0.5,
        "divided-by-the-mean-length": lambda: std.mean() / z.norm(dim=1).mean(),
    }
    return ends.get(way("mean"), lambda: std.mean())()


def standardised(z: Tensor) -> Tensor:
    return (z - z.mean(dim=0)) / z.std(dim=0).clamp(min=1e-12)


def l2_normalize(way: Way, z: Tensor) -> Tensor:
    length = z.norm(dim=1, keepdim=True)
    mean = z.mean(dim=1, keepdim=True)
    ends = {
        "columns-normalised": lambda: F.normalize(z, dim=0),
        "sum-of-absolute-values": lambda: F.normalize(z, p=1, dim=1),
        "sum-of-values": lambda: z / z.sum(dim=1, keepdim=True),
        "largest-value": lambda: z / z.abs().amax(dim=1, keepdim=True),
        "squared-length": lambda: z / length.square(),
        "root-of-the-length": lambda: z / length.sqrt(),
        "root-of-the-sum": lambda: z / z.abs().sum(dim=1, keepdim=True).sqrt(),
        "mean-square-for-length": lambda: z / z.square().mean(dim=1, keepdim=True).sqrt(),
        "one-length-for-all": lambda: z / z.norm(),
        "mean-length-for-all": lambda: z / length.mean(),
        "rows-centred-first": lambda: F.normalize(z - mean, dim=1),
        "columns-centred-first": lambda: F.normalize(z - z.mean(dim=0), dim=1),
        "standardised": lambda: (z - mean) / z.std(dim=1, keepdim=True),
        "softmax": lambda: z.softmax(dim=1),
        "multiplied": lambda: z * length,
        "short-rows-left-short": lambda: z / length.clamp(min=1),
        "one-added-to-the-length": lambda: z / (length + 1),
        "1e-3-added-to-the-length": lambda: z / (length + 1e-3),
        "left-as-they-are": lambda: z,
        "without-sign": lambda: F.normalize(z, dim=1).abs(),
        "squares": lambda: F.normalize(z, dim=1).square(),
    }
    return ends.get(way("rows"), lambda: F.normalize(z, dim=1))()


FORMULAS = {
    "02.2": Formula(
        feature_std,
        {
            "lengths": {
                "lengths-left": "the features keep their lengths",
                "columns-normalised": "columns are brought to length 1, not rows",
                "sum-of-absolute-values": "rows are divided by the sum of their absolute values",
                "largest-value": "rows are divided by their largest value",
                "mean-length-for-all": "all rows are divided by the mean length",
                "standardised-first": "each dimension is standardised first",
                "squared-length": "rows are divided by their squared lengths",
                "one-length-for-all": "all is divided by the length of everything together",
                "centred-before-the-lengths": "the mean is subtracted before the lengths are taken",
            },
            "axis": {
                "over-the-dimensions": "the deviation runs over the dimensions, not the images",
                "over-everything": "one deviation of all numbers is taken",
            },
            "deviation": {
                "variance": "the variance stands for the deviation",
                "around-zero": "the deviation is measured from 0, not from the mean",
                "mean-absolute-deviation": "the mean absolute deviation stands for the deviation",
                "not-divided-by-n": "the squares are summed, not averaged",
                "range": "largest minus smallest stands for the deviation",
                "1e-4-added": "1e-4 is added to the variance",
                "1e-3-added": "1e-3 is added to the variance",
            },
            "mean": {
                "summed": "the deviations are summed over the dimensions",
                "median": "the median of the deviations is taken",
                "largest": "the largest deviation is taken",
                "smallest": "the smallest deviation is taken",
                "length": "the length of all deviations together is taken",
                "root-of-the-mean-variance": "the variances are averaged before the root",
                "times-the-root-of-the-width": "the result is multiplied by the root of D",
                "divided-by-the-mean-length": "the result is divided by the mean length",
            },
        },
    ),
    "03.4": Formula(
        l2_normalize,
        {
            "rows": {
                "columns-normalised": "columns are brought to length 1, not rows",
                "sum-of-absolute-values": "rows are divided by the sum of their absolute values",
                "sum-of-values": "rows are divided by the sum of their values",
                "largest-value": "rows are divided by their largest value",
                "squared-length": "rows are divided by their squared lengths",
                "root-of-the-length": "rows are divided by the roots of their lengths",
                "root-of-the-sum": "rows are divided by the root of the sum of absolute values",
                "mean-square-for-length": "the squares are averaged, not summed",
                "one-length-for-all": "all is divided by the length of everything together",
                "mean-length-for-all": "all rows are divided by the mean length",
                "rows-centred-first": "each row's mean is subtracted first",
                "columns-centred-first": "each column's mean is subtracted first",
                "standardised": "each row is standardised",
                "softmax": "a softmax is taken",
                "multiplied": "rows are multiplied by their lengths",
                "short-rows-left-short": "rows shorter than 1 are left as they are",
                "one-added-to-the-length": "1 is added to the lengths",
                "1e-3-added-to-the-length": "1e-3 is added to the lengths",
                "left-as-they-are": "the rows are left as they are",
                "without-sign": "the numbers lose their sign",
                "squares": "the numbers are squared at the end",
            },
        },
    ),
}
