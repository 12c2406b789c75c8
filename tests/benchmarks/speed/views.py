"""(c) Views of a whole batch against torchvision image by image, and kornia batch by batch.

All three do the same operations with the same probabilities and ranges, from uint8 images to
normalised floats. Where kornia offers two ways (of cropping, of changing colours), it takes the
faster one.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import kornia.augmentation as kornia
import torch
from speed.timing import Effort, Row, alternate
from torch import Tensor, nn
from torchvision.transforms import v2 as torchvision

from sslcourse.data.augment import Augment
from sslcourse.data.operations import MEAN, STD

ASKED = {"torchvision": 5, "kornia": 1}
FEW = Augment(size=24)  # the laptop's views: crop, flip, jitter, grayscale
ALL = replace(FEW, blur=0.5, solarize=0.2)
CASES = {  # what, views, images N x H
    "laptop's views": (FEW, 128, 32),
    "with blur and solarize": (ALL, 128, 32),
    "with blur and solarize, large": (replace(ALL, size=96), 64, 96),
}


def jitter_of(augment: Augment) -> dict[str, float]:
    """How far colours may change, as SimCLR derives it from one strength."""
    strength = augment.jitter
    return dict.fromkeys(("brightness", "contrast", "saturation"), 0.8 * strength) | {
        "hue": 0.2 * strength
    }


def kernel(augment: Augment) -> int:
    """Width of the blur, a tenth of the view."""
    return 2 * max(augment.size // 20, 1) + 1


def by_torchvision(augment: Augment) -> torchvision.Compose:
    """One uint8 image (3, H, W) -> one view."""
    steps = [
        torchvision.RandomResizedCrop(augment.size, augment.crop_scale, augment.crop_aspect),
        torchvision.RandomHorizontalFlip(augment.flip),
        torchvision.RandomApply(
            [torchvision.ColorJitter(**jitter_of(augment))], augment.jitter_probability
        ),
        torchvision.RandomGrayscale(augment.grayscale),
    ]
    if augment.blur:
        blur = torchvision.GaussianBlur(kernel(augment), augment.blur_sigma)
        steps.append(torchvision.RandomApply([blur], augment.blur))
    if augment.solarize:
        steps.append(torchvision.RandomSolarize(128, augment.solarize))
    steps += [torchvision.ToDtype(torch.float32, scale=True), torchvision.Normalize(MEAN, STD)]
    return torchvision.Compose(steps)


def by_kornia(augment: Augment) -> nn.Sequential:
    """Images (N, 3, H, W) in [0, 1] -> views."""
    size = (augment.size, augment.size)
    steps = [
        kornia.RandomResizedCrop(
            size, augment.crop_scale, augment.crop_aspect, cropping_mode="resample"
        ),
        kornia.RandomHorizontalFlip(p=augment.flip),
        kornia.ColorJiggle(**jitter_of(augment), p=augment.jitter_probability),
        kornia.RandomGrayscale(p=augment.grayscale),
    ]
    if augment.blur:
        width = kernel(augment)
        steps.append(kornia.RandomGaussianBlur((width, width), augment.blur_sigma, p=augment.blur))
    if augment.solarize:
        steps.append(kornia.RandomSolarize((0.5, 0.5), (0.0, 0.0), p=augment.solarize))
    steps.append(kornia.Normalize(torch.tensor(MEAN), torch.tensor(STD)))
    return nn.Sequential(*steps)


def beside(augment: Augment, images: Tensor) -> dict[str, Callable[[], Tensor]]:
    """The same views in all three ways."""
    single, batched = by_torchvision(augment), by_kornia(augment)
    return {
        "ours": lambda: augment(images),
        "torchvision": lambda: torch.stack([single(image) for image in images]),
        "kornia": lambda: batched(images.float() / 255),
    }


def rows(effort: Effort) -> Iterator[Row]:
    """Each case beside both."""
    for name, (augment, count, side) in CASES.items():
        images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)
        times = alternate(beside(augment, images), effort.seconds, fewest=effort.fewest)
        shapes = f"{count} x 3 x {side} x {side} -> {augment.size} x {augment.size}"
        for peer, asked in ASKED.items():
            what = f"{peer}, {name}, {shapes}"
            yield Row(what, times["ours"], times[peer], asked, unit="images/s", images=count)
