"""01.3 and 01.4: a frozen encoder, and images that it expects."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sslcourse.data.operations import normalize
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given


def small_encoder() -> nn.Module:
    """A convolution and a BatchNorm, the same every time and in training mode."""
    encoder = nn.Sequential(nn.Conv2d(3, 4, 2, stride=2), nn.BatchNorm2d(4), nn.Flatten())
    with torch.no_grad():
        for number, parameter in enumerate(encoder.parameters()):
            parameter.copy_(drawn(*parameter.shape, seed=number))
    encoder[1].running_mean.fill_(0.3)
    return encoder.train()


def watched(function: Callable) -> Callable:
    """Features of some images, or what happened to the encoder on the way."""

    def run(images: Tensor, ask: str = "features") -> Tensor | bool:
        encoder, modes = small_encoder(), []
        encoder[1].register_forward_pre_hook(lambda norm, inputs: modes.append(norm.training))
        before = [x.detach().clone() for x in (*encoder.parameters(), *encoder.buffers())]
        features = function(encoder, images)
        after = (*encoder.parameters(), *encoder.buffers())
        changed = [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
        answers = {
            "features": features,
            "weights": any(changed[:4]),
            "statistics": any(changed[4:]),
            "training": any(modes),
            "gradient": getattr(features, "requires_grad", False),
        }
        return answers[ask]

    return run


@torch.no_grad()
def features_of(encoder: nn.Module, images: Tensor) -> Tensor:
    return encoder.eval()(images)


PICTURES = normalize(drawn(4, 3, 4, 4, seed=5).sigmoid())


def prepared_again(f: Attempt) -> bool:
    """The features are right for images that were normalised, or divided by 255, once more."""
    return any(
        acts_like(f, watched(lambda e, x, c=change: features_of(e, c(x))), given(PICTURES))
        for change in (normalize, lambda x: x / 255, lambda x: normalize(x / 255))
    )


FROZEN = (
    Mistake(
        "frozen-encoder-is-trained",
        "The encoder's weights are others afterwards: it was trained.",
        (
            "A probe measures the encoder as it is. Which line of yours changes it?",
            "An optimiser step or a write into a parameter changes the encoder.",
            "Only call the encoder, inside torch.no_grad().",
        ),
        lambda f: bool(f(PICTURES, "weights")),
    ),
    Mistake(
        "encoder-left-in-training-mode",
        "The encoder was in training mode when the images went through: BatchNorm then normalises "
        "by the images that go through together, not by its running statistics, which move, too, "
        "unless its momentum is 0.",
        (
            "Is an encoder its weights alone? Which buffers does BatchNorm have?",
            "requires_grad = False and no_grad don't stop running statistics.",
            "Call encoder.eval() before the images go through.",
        ),
        lambda f: bool(f(PICTURES, "training")),
    ),
    Mistake(
        "features-keep-the-gradient",
        "The features still remember how they were computed: training a probe on them would send "
        "gradients into the encoder, and memory fills up.",
        (
            "What does features.requires_grad say?",
            "Freezing means that no gradient flows back.",
            "Use `with torch.no_grad():` around the call.",
        ),
        lambda f: bool(f(PICTURES, "gradient")),
    ),
    Mistake(
        "images-normalised-again",
        "The images come normalised, and you normalise or scale them once more: the encoder sees "
        "others than it was trained with.",
        (
            "What does the text of the task say about the images?",
            "Normalised images have values below 0; they are no pixels in [0, 1] any more.",
            "Hand the images to the encoder as they are. (The package's extract_features takes "
            "pixels, and normalises them itself.)",
        ),
        prepared_again,
    ),
)


def normalize_images(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return (images.float() / 255 - mean[:, None, None]) / std[:, None, None]


BYTES = (drawn(2, 3, 2, 3, seed=6).sigmoid() * 255).to(torch.uint8)

INPUT = given(BYTES, torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.3, 0.25]))
WIDE = given(
    (drawn(3, 3, 4, 5, seed=7).sigmoid() * 255).to(torch.uint8),
    torch.tensor([0.3, 0.6, 0.45]),
    torch.tensor([0.25, 0.2, 0.3]),
)

IMAGES = (
    Mistake(
        "divided-by-255-twice",
        "The pixels are divided by 255 twice: they run up to 1 / 255 only.",
        (
            "Print the largest value before the mean is subtracted.",
            "The first line of the function may divide already.",
            "Divide by 255 once.",
        ),
        lambda f: acts_like(f, lambda x, m, s: normalize_images(x.float() / 255, m, s), INPUT),
    ),
    Mistake(
        "bytes-not-scaled",
        "The constants are meant for pixels in [0, 1], but yours run up to 255.",
        (
            "Print the smallest and the largest value of your result.",
            "uint8 pixels are 0 to 255.",
            "images.float() / 255 comes first.",
        ),
        lambda f: acts_like(f, lambda x, m, s: normalize_images(x.float() * 255, m, s), INPUT),
    ),
    Mistake(
        "constants-over-the-wrong-axis",
        "A constant is applied to columns of pixels, not to channels: (3,) is matched with the "
        "last dimension.",
        (
            "With which dimension of (N, 3, H, W) is a (3,) matched?",
            "Broadcasting starts at the last dimension, the width.",
            "Use mean[:, None, None] and std[:, None, None], which are (3, 1, 1).",
        ),
        lambda f: any(acts_like(f, other, INPUT) for other in COLUMNS),
    ),
    Mistake(
        "mean-or-deviation-misused",
        "The channels don't come out with mean 0 and deviation 1: one of the constants is missing, "
        "exchanged, or used the wrong way or too early.",
        (
            "Which value should a pixel get that equals its channel's mean?",
            "The mean is subtracted, the deviation divides what is left.",
            "(x - mean) / std",
        ),
        lambda f: any(acts_like(f, other, INPUT) for other in MISUSES),
    ),
)

COLUMNS = (
    lambda x, m, s: (x.float() / 255 - m) / s,
    lambda x, m, s: (x.float() / 255 - m[:, None, None]) / s,
    lambda x, m, s: (x.float() / 255 - m) / s[:, None, None],
)
MISUSES = (
    lambda x, m, s: normalize_images(x, m, torch.ones(3)),
    lambda x, m, s: normalize_images(x, torch.zeros(3), s),
    lambda x, m, s: normalize_images(x, s, m),
    lambda x, m, s: normalize_images(x, m, 1 / s),
    lambda x, m, s: normalize_images(x, m, s * s),
    lambda x, m, s: normalize_images(x, m * s, s),  # divided first
    lambda x, m, s: x.float() / 255,
)

TASKS = (
    Task(
        "01.3",
        "features of a frozen encoder",
        "frozen_features(encoder, images)",
        "An encoder with BatchNorm, in training mode, and images (N, 3, H, W) that are normalised "
        "already. Return its features (N, D) as a fixed function of each image alone, without "
        "gradient; the encoder keeps its weights and its running statistics.",
        given(PICTURES),
        (
            *from_reference(
                watched(features_of),
                given(PICTURES),
                given(PICTURES[:1]),
                names="images",
            ),
            holds(
                "gradient",
                "the features still ask for a gradient.",
                lambda f: not f(PICTURES, "gradient"),
            ),
            holds(
                "invariance",
                "the encoder's weights or running statistics are others afterwards.",
                lambda f: not f(PICTURES, "weights") and not f(PICTURES, "statistics"),
            ),
        ),
        FROZEN,
        watched,
        inputs=2,
    ),
    Task(
        "01.4",
        "images that an encoder expects",
        "normalize_images(images, mean, std)",
        "uint8 images (N, 3, H, W), and mean and deviation (3,) of the channels for pixels in "
        "[0, 1]. Return float images (N, 3, H, W) with about mean 0 and deviation 1 a channel.",
        INPUT,
        from_reference(normalize_images, INPUT, WIDE, names="images mean std"),
        IMAGES,
    ),
)
