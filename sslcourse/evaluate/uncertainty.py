"""What a difference means: how far chance alone could have moved it.

Two causes are kept apart. Other *test images* would have given another accuracy: `wilson_interval`
for one encoder, `paired_difference` for two on the same images. Another *seed* would have trained
another encoder: `seed_difference`. None of them knows of a third: a choice made on the test images.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, variance
from typing import NamedTuple

import torch
from torch import Tensor


class Interval(NamedTuple):
    """The range of values that agree with what was measured.

    Attributes:
        low: the lowest of them.
        high: the highest.
    """

    low: float
    high: float


class Difference(NamedTuple):
    """What a is better than b, and how sure that is.

    Attributes:
        value: a minus b; accuracies lie in [0, 1], so 0.02 is two points.
        error: standard error, the typical distance between such a difference and the true one.
        low: where the interval begins.
        high: where it ends.
    """

    value: float
    error: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether zero lies outside the interval, so that chance alone is a poor explanation."""
        return self.low > 0 or self.high < 0


def deviations(confidence: float) -> float:
    """How many standard errors an interval of the normal distribution reaches to each side."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), such as 0.95; got {confidence}.")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson_interval(correct: int, images: int, *, confidence: float = 0.95) -> Interval:
    """Which true accuracies agree with so many correct answers (Wilson 1927).

    For p = correct / n and z deviations of the normal distribution:

        (p + z²/2n ± z · sqrt(p (1 - p) / n + z²/4n²)) / (1 + z²/n)

    Unlike p ± z · sqrt(p (1 - p) / n) it never leaves [0, 1], and has a width where all or none are
    right.

    Args:
        correct: test images that were classified correctly, 0 to `images`; for an accuracy a that
            is round(a * images).
        images: test images, at least 1.
        confidence: how often such an interval holds the true accuracy, in (0, 1).

    Raises:
        ValueError: impossible counts or confidence.
    """
    if images < 1 or not 0 <= correct <= images or correct != int(correct):
        raise ValueError(
            f"correct must be a whole number from 0 to images, which is at least 1; got {correct} "
            f"of {images}. For an accuracy give round(accuracy * images)."
        )
    z, p = deviations(confidence), correct / images
    centre = p + z**2 / (2 * images)
    reach = z * math.sqrt(p * (1 - p) / images + z**2 / (4 * images**2))
    low, high = ((centre + side) / (1 + z**2 / images) for side in (-reach, reach))
    return Interval(max(low, 0.0), min(high, 1.0))


def paired_difference(
    predictions_a: Tensor, predictions_b: Tensor, labels: Tensor, *, confidence: float = 0.95
) -> Difference:
    """Accuracy of a minus accuracy of b on the same test images, as McNemar counts it.

    Images on which both are right or both wrong say nothing about the difference. What counts is
    how often only a is right, and how often only b. The error and the interval are those of Agresti
    and Min (2005, Statistics in Medicine 24): half an image more in each of the four cells, so that
    two classifiers that agree on a handful of images don't get an error of zero.

    Args:
        predictions_a: predicted classes (N,).
        predictions_b: the other's, of the same images in the same order, (N,).
        labels: the true classes (N,).
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: lengths that differ, no image, or an impossible confidence.
    """
    a, b, labels = (torch.as_tensor(part).cpu() for part in (predictions_a, predictions_b, labels))
    if not a.shape == b.shape == labels.shape or labels.ndim != 1 or len(labels) == 0:
        raise ValueError(
            "predictions and labels must be three (N,) of the same images, got "
            f"{tuple(a.shape)}, {tuple(b.shape)} and {tuple(labels.shape)}."
        )
    a, b, n = a == labels, b == labels, len(labels)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    gap, either, more = only_a - only_b, only_a + only_b + 1, n + 2
    error = math.sqrt(either - gap**2 / more) / more
    centre, reach = gap / more, deviations(confidence) * error
    return Difference(gap / n, error, max(centre - reach, -1.0), min(centre + reach, 1.0))


def seed_difference(
    scores_a: Sequence[float], scores_b: Sequence[float], *, confidence: float = 0.95
) -> Difference:
    """Mean of a minus mean of b over trainings with several seeds (Welch 1947).

    Two or three seeds know little of their own spread. Student's t with the Welch-Satterthwaite
    degrees of freedom takes that into account, so the interval of few seeds is wide. The spread of
    seeds is all it knows: where all share their test images, what those add is left out.

    Args:
        scores_a: one score for each seed, at least two.
        scores_b: the other setting's, at least two; they need not be as many.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: fewer than two scores, or an impossible confidence.
    """
    if min(len(scores_a), len(scores_b)) < 2:
        raise ValueError(
            f"one training has no spread; give at least two scores of each, got {len(scores_a)} "
            f"and {len(scores_b)}."
        )
    from scipy.special import stdtrit  # quantiles of Student's t; slow to import, so only here

    deviations(confidence)  # refuses an impossible one
    value = fmean(scores_a) - fmean(scores_b)
    # of each mean: its squared error, and how many free values that rests on
    parts = [(variance(scores) / len(scores), len(scores) - 1) for scores in (scores_a, scores_b)]
    squared = sum(part for part, _ in parts)
    if squared == 0:  # no spread at all
        return Difference(value, 0.0, value, value)
    freedom = squared**2 / sum(part**2 / free for part, free in parts)
    reach = float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(squared)
    return Difference(value, math.sqrt(squared), value - reach, value + reach)
