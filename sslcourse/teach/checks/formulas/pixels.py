"""01.4: images that an encoder expects."""

import torch
from torch import Tensor, amax, amin

from sslcourse.teach.checks.formulas.formula import Formula, Way


def scaled_pixels(kind: str, images: Tensor) -> Tensor:
    """What is made of bytes before mean and deviation are used."""
    divisors = {"256": 256.0, "not-scaled": 1.0, "127.5": 127.5, "2-for-1": 510.0}
    x = images.float() / divisors.get(kind, 255.0)
    if kind == "minus-1-to-1":
        x = x * 2 - 1
    if kind == "largest-value":
        x = images / images.max()
    if kind == "each-image-from-0-to-1":
        low, high = (end(images.float(), dim=(1, 2, 3), keepdim=True) for end in (amin, amax))
        x = (images - low) / (high - low)
    if kind == "reshaped-to-colours-last":
        x = x.reshape(len(x), *x.shape[2:], 3).permute(0, 3, 1, 2)
    if kind == "colours-turned-around":
        x = x.flip(1)
    return x


def normalize_images(way: Way, images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    x = scaled_pixels(way("pixels"), images)
    m, s = mean[:, None, None], std[:, None, None]
    constants = {
        "exchanged": lambda: (s, m),
        "times-255": lambda: (255 * m, 255 * s),
        "only-the-mean-times-255": lambda: (255 * m, s),
        "only-the-deviation-times-255": lambda: (m, 255 * s),
        "one-mean-for-all": lambda: (mean.mean(), s),
        "one-deviation-for-all": lambda: (m, std.mean()),
        "one-of-each-for-all": lambda: (mean.mean(), std.mean()),
        "turned-around": lambda: (m.flip(0), s.flip(0)),
        "halves": lambda: (torch.tensor(0.5), torch.tensor(0.5)),
        "imagenet": lambda: (
            torch.tensor([0.485, 0.456, 0.406]),
            torch.tensor([0.229, 0.224, 0.225]),
        ),
        "root-of-the-deviation": lambda: (m, s.sqrt()),
        "squared-deviation": lambda: (m, s.square()),
        "1e-2-added": lambda: (m, s + 1e-2),
        "batch-statistics": lambda: (x.mean(dim=(0, 2, 3)), x.std(dim=(0, 2, 3))),
    }.get(way("constants"), lambda: (m, s))()
    m, s = (c if c.ndim != 1 else c[:, None, None] for c in constants)
    wrapped = images - (255 * m).to(torch.uint8)  # below 0 it begins again at 255
    ends = {
        "bytes-wrap-around": lambda: wrapped.float() / 255 / s,
        "mean-left-out": lambda: x / s,
        "deviation-left-out": lambda: x - m,
        "mean-added": lambda: (x + m) / s,
        "multiplied": lambda: (x - m) * s,
        "multiplied-and-added": lambda: x * s + m,
        "divided-first": lambda: x / s - m,
        "only-the-mean-divided": lambda: x - m / s,
        "scaled-at-the-end": lambda: ((255 * x - m) / s) / 255,
        "kept-between-minus-1-and-1": lambda: ((x - m) / s).clamp(-1, 1),
        "kept-between-0-and-1": lambda: ((x - m) / s).clamp(0, 1),
        "rounded": lambda: ((x - m) / s).round(),
        "bytes-again": lambda: ((x - m) / s * 255).round() / 255,
    }
    return ends.get(way("last-step"), lambda: (x - m) / s)()


FORMULAS = {
    "01.4": Formula(
        normalize_images,
        {
            "pixels": {
                "256": "the pixels are divided by 256, not by 255",
                "not-scaled": "the pixels are not divided by 255",
                "127.5": "the pixels are divided by 127.5",
                "2-for-1": "the pixels are divided by 510",
                "minus-1-to-1": "the pixels are brought to -1 to 1 first",
                "largest-value": "the pixels are divided by the largest of these images",
                "each-image-from-0-to-1": "each image is brought to 0 to 1 by its own extremes",
                "reshaped-to-colours-last": "the images are reshaped to colours last",
                "colours-turned-around": "red and blue are exchanged",
            },
            "constants": {
                "exchanged": "mean and deviation are exchanged",
                "times-255": "mean and deviation are multiplied by 255",
                "only-the-mean-times-255": "the mean is multiplied by 255",
                "only-the-deviation-times-255": "the deviation is multiplied by 255",
                "one-mean-for-all": "one mean is used for all channels",
                "one-deviation-for-all": "one deviation is used for all channels",
                "one-of-each-for-all": "one mean and one deviation are used for all channels",
                "turned-around": "the constants of red and blue are exchanged",
                "halves": "mean and deviation are 0.5, whatever is asked",
                "imagenet": "the constants of ImageNet are used, whatever is asked",
                "root-of-the-deviation": "the root of the deviation divides",
                "squared-deviation": "the squared deviation divides",
                "1e-2-added": "1e-2 is added to the deviation",
                "batch-statistics": "mean and deviation are those of these images",
            },
            "last-step": {
                "bytes-wrap-around": "the mean is subtracted from bytes, which go on at 255 "
                "below 0",
                "mean-left-out": "the mean is left out",
                "deviation-left-out": "the deviation is left out",
                "mean-added": "the mean is added",
                "multiplied": "the deviation multiplies",
                "multiplied-and-added": "the deviation multiplies and the mean is added",
                "divided-first": "the pixels are divided before the mean is subtracted",
                "only-the-mean-divided": "only the mean is divided: parentheses are missing",
                "scaled-at-the-end": "the division by 255 comes last",
                "kept-between-minus-1-and-1": "the result is kept between -1 and 1",
                "kept-between-0-and-1": "the result is kept between 0 and 1",
                "rounded": "the result is rounded to whole numbers",
                "bytes-again": "the result is rounded to steps of 1 / 255",
            },
        },
    ),
}
