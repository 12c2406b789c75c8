"""07.2: the softened choice of a code."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way
from sslcourse.teach.checks.formulas.similarities import temperature_factor


def gumbel_softmax(way: Way, logits: Tensor, noise: Tensor, *, temperature: float) -> Tensor:
    noises = {
        "noise-left-out": lambda: 0 * noise,
        "noise-subtracted": lambda: -noise,
        "noise-doubled": lambda: 2 * noise,
        "one-noise-for-all-images": lambda: noise[:1],
        "one-noise-for-all-patches": lambda: noise[:, :1],
        "made-gumbel-again": lambda: -torch.log(-torch.log(noise)),
        "made-gumbel-again-and-kept": lambda: -torch.log(-torch.log(noise.clamp(1e-6, 1 - 1e-6))),
        "exponential-of-the-noise": lambda: noise.exp(),
    }
    noise = noises.get(way("noise"), lambda: noise)()
    scores = {
        "softmax-first": lambda: logits.softmax(dim=2),
        "log-softmax-over-patches": lambda: logits.log_softmax(dim=1),
    }.get(way("scores"), lambda: logits)()
    scale = temperature_factor(way, temperature)
    sums = {
        "temperature-for-the-scores-only": lambda: scores / temperature + noise,
        "temperature-for-the-noise-only": lambda: scores + noise / temperature,
        "noise-multiplied-by-the-temperature": lambda: scores + noise * temperature,
        "noise-multiplies": lambda: scores * noise * scale,
    }
    sums = sums.get(way("temperature"), lambda: (scores + noise) * scale)()
    ends = {
        "softmax-over-patches": lambda: sums.softmax(dim=1),
        "softmax-over-images": lambda: sums.softmax(dim=0),
        "softmax-over-everything": lambda: sums.flatten(1).softmax(dim=1).view_as(sums),
        "softmax-left-out": lambda: sums,
        "logarithms": lambda: sums.log_softmax(dim=2),
        "temperature-after-the-softmax": lambda: (scores + noise).softmax(dim=2) / temperature,
        "noise-after-the-softmax": lambda: (scores * scale).softmax(dim=2) + noise,
        "sigmoid": lambda: sums.sigmoid(),
        "choice": lambda: F.one_hot(sums.argmax(dim=2), sums.shape[2]).float(),
    }
    return ends.get(way("last-step"), lambda: sums.softmax(dim=2))()


FORMULAS = {
    "07.2": Formula(
        gumbel_softmax,
        {
            "noise": {
                "noise-left-out": "the noise is left out",
                "noise-subtracted": "the noise is subtracted",
                "noise-doubled": "the noise is added twice",
                "one-noise-for-all-images": "the first image's noise is used for all",
                "one-noise-for-all-patches": "the first patch's noise is used for all",
                "made-gumbel-again": "the noise is turned into Gumbel's, which it is already",
                "made-gumbel-again-and-kept": "the noise is kept between 0 and 1 and turned into "
                "Gumbel's, which it is already",
                "exponential-of-the-noise": "the exponential of the noise is added",
            },
            "scores": {
                "softmax-first": "a softmax is taken before the noise is added",
                "log-softmax-over-patches": "a softmax over the patches is taken first",
            },
            "temperature": {
                "temperature-ignored": "the temperature is left out",
                "temperature-multiplied": "the temperature multiplies",
                "temperature-twice": "the temperature divides twice",
                "root-of-the-temperature": "the root of the temperature divides",
                "temperature-for-the-scores-only": "the temperature divides the scores only",
                "temperature-for-the-noise-only": "the temperature divides the noise only",
                "noise-multiplied-by-the-temperature": "the temperature multiplies the noise, and "
                "the scores are not divided",
                "noise-multiplies": "the noise multiplies the scores",
            },
            "last-step": {
                "softmax-over-patches": "the softmax runs over the patches",
                "softmax-over-images": "the softmax runs over the images",
                "softmax-over-everything": "the softmax runs over patches and codes together",
                "softmax-left-out": "the softmax is left out",
                "logarithms": "logarithms of the shares are returned",
                "temperature-after-the-softmax": "the temperature divides after the softmax",
                "noise-after-the-softmax": "the noise is added after the softmax",
                "sigmoid": "a sigmoid stands for the softmax",
                "choice": "the choice itself is returned, one-hot",
            },
        },
    ),
}
