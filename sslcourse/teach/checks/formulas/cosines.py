"""02.3 and 02.4: the chance line, and cosines over temperature."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way
from sslcourse.teach.checks.formulas.similarities import SIMILARITY, similarities


def chance_line(way: Way, images: int, micro_batches: int) -> Tensor:
    counts = {
        "only-other-views": 2 * images - 2,
        "a-view-itself-too": 2 * images,
        "one-too-many": 2 * images + 1,
        "two-too-few": 2 * images - 3,
        "images-only": images,
        "other-images-only": images - 1,
        "all-pairs": (2 * images) ** 2,
        "different-pairs": images * (2 * images - 1),
    }
    kind = way("micro-batches")
    together = {"multiplied": images * micro_batches, "divided": images / micro_batches}
    images = together.get(kind, images)
    count = counts.get(way("count"), 2 * images - 1)
    ends = {
        "two-instead-of-e": lambda: math.log2(count),
        "ten-instead-of-e": lambda: math.log10(count),
        "logarithm-left-out": lambda: count,
        "share": lambda: 1 / count,
        "one-taken-away-after": lambda: math.log(2 * images) - 1,
        "twice-the-logarithm-less-1": lambda: 2 * math.log(images) - 1,
        "sign-turned": lambda: -math.log(count),
        "summed-over-the-views": lambda: 2 * images * math.log(count),
        "summed-over-the-images": lambda: images * math.log(count),
        "rounded": lambda: round(math.log(count)),
        "summed-over-micro-batches": lambda: micro_batches * math.log(count),
        "averaged-over-micro-batches": lambda: math.log(count) / micro_batches,
    }
    return torch.tensor(float(ends.get(way("last-step"), lambda: math.log(count))()))


def scaled_cosines(way: Way, z: Tensor, *, temperature: float) -> Tensor:
    cosines, kind = similarities(way, z, z), way("temperature")
    factors = {
        "temperature-ignored": 1.0,
        "temperature-multiplied": temperature,
        "temperature-twice": temperature**-2,
        "root-of-the-temperature": temperature**-0.5,
        "one-minus-the-temperature": 1 - temperature,
    }
    logits = cosines * factors.get(kind, 1 / temperature)
    short = z / z.norm(dim=1, keepdim=True).clamp(min=1)
    own = torch.eye(len(z), dtype=torch.bool)
    ends = {
        "largest-subtracted": lambda: logits - logits.amax(dim=1, keepdim=True),
        "mean-subtracted": lambda: logits - logits.mean(dim=1, keepdim=True),
        "kept-between-minus-1-and-1": lambda: logits.clamp(-1, 1),
        "nothing-below-0": lambda: logits.relu(),
        "exponentials": lambda: logits.exp(),
        "softmax": lambda: logits.softmax(dim=1),
        "diagonal-only": lambda: torch.where(own, logits, cosines),
        "all-but-the-diagonal": lambda: torch.where(own, cosines, logits),
        "diagonal-zero": lambda: logits.masked_fill(own, 0.0),
        "upper-half-only": lambda: logits.triu(),
        "lower-half-only": lambda: logits.tril(),
        "short-rows-left-short": lambda: short @ short.T / temperature,
        "added-to-its-transpose": lambda: logits + logits.T,
        "one-minus": lambda: (1 - cosines) / temperature,
        "product-of-dimensions": lambda: (
            F.normalize(z, dim=1).square() @ F.normalize(z, dim=1).square().T
        ),
    }
    return ends.get(way("last-step"), lambda: logits)()


FORMULAS = {
    "02.3": Formula(
        chance_line,
        {
            "count": {
                "only-other-views": "the positive is not counted",
                "a-view-itself-too": "a view counts itself",
                "one-too-many": "2N + 1 candidates are counted",
                "two-too-few": "2N - 3 candidates are counted",
                "images-only": "images are counted, not views",
                "other-images-only": "other images are counted, not views",
                "all-pairs": "all pairs of views are counted",
                "different-pairs": "all different pairs of views are counted",
            },
            "micro-batches": {
                "multiplied": "the micro-batches count as one large batch",
                "divided": "the images are divided by the number of micro-batches",
            },
            "last-step": {
                "two-instead-of-e": "the logarithm has base 2",
                "ten-instead-of-e": "the logarithm has base 10",
                "logarithm-left-out": "the logarithm is left out",
                "share": "the share of one candidate is returned, not its cost",
                "one-taken-away-after": "1 is subtracted from the logarithm, not within it",
                "twice-the-logarithm-less-1": "2 log N - 1 stands for log(2N - 1)",
                "sign-turned": "the sign is turned",
                "summed-over-the-views": "the loss is summed over the views",
                "summed-over-the-images": "the loss is summed over the images",
                "rounded": "the result is rounded to a whole number",
                "summed-over-micro-batches": "the micro-batches' losses are summed",
                "averaged-over-micro-batches": "the loss is divided by the micro-batches",
            },
        },
    ),
    "02.4": Formula(
        scaled_cosines,
        {
            "similarity": SIMILARITY,
            "temperature": {
                "temperature-ignored": "the temperature is left out",
                "temperature-multiplied": "the cosines are multiplied by the temperature",
                "temperature-twice": "the temperature divides twice",
                "root-of-the-temperature": "the root of the temperature divides",
                "one-minus-the-temperature": "1 - temperature multiplies",
            },
            "last-step": {
                "largest-subtracted": "each row's largest number is subtracted",
                "mean-subtracted": "each row's mean is subtracted",
                "kept-between-minus-1-and-1": "the result is kept between -1 and 1",
                "nothing-below-0": "what is below 0 is set to 0",
                "exponentials": "the exponential is taken",
                "softmax": "a softmax follows",
                "diagonal-only": "the temperature divides the diagonal only",
                "all-but-the-diagonal": "the temperature divides all but the diagonal",
                "diagonal-zero": "the diagonal is set to 0",
                "upper-half-only": "what is below the diagonal is set to 0",
                "lower-half-only": "what is above the diagonal is set to 0",
                "short-rows-left-short": "rows shorter than 1 are left as they are",
                "added-to-its-transpose": "the matrix is added to its transpose",
                "one-minus": "the cosines are taken from 1",
                "product-of-dimensions": "the squares of the numbers are multiplied",
            },
        },
    ),
}
