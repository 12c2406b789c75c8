"""03.4, 03.5 and 03.8: lengths, representations, the stem."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import drawn
from sslcourse.teach.checks.task import Attempt, Case, Failed, Mistake, Task, given

LONG = given(torch.tensor([[3.0, 4.0, 0.0], [0.0, 6.0, 8.0]]))


def unit(z: Tensor) -> Tensor:
    return F.normalize(z, dim=1)


LENGTH = (
    Mistake(
        "normalised-over-the-wrong-axis",
        "The rows don't have length 1: the norm was taken over the batch, or over everything.",
        (
            "Print the length of each row of your result.",
            "One row is one projection.",
            "z / z.norm(dim=1, keepdim=True)",
        ),
        lambda f: (
            acts_like(f, lambda z: F.normalize(z, dim=0), LONG)
            or acts_like(f, lambda z: z / z.norm(), LONG)
        ),
    ),
    Mistake(
        "another-norm",
        "You divide by something else than the length, which is the root of the sum of squares.",
        (
            "What is the length of (3, 4, 0)?",
            "It is 5, the root of 9 + 16: not 7, not 4, not 25.",
            "z / z.square().sum(dim=1, keepdim=True).sqrt()",
        ),
        lambda f: (
            any(
                acts_like(f, lambda z, of=of: z / of(z), LONG)
                for of in (
                    lambda z: z.abs().sum(1, keepdim=True),
                    lambda z: z.square().sum(1, keepdim=True),
                    lambda z: z.abs().amax(1, keepdim=True),
                    lambda z: z.std(1, keepdim=True),
                    lambda z: z.square().mean(1, keepdim=True).sqrt(),
                )
            )
            or acts_like(f, lambda z: z.softmax(1), LONG)
        ),
    ),
)

HIDDEN = torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
HEAD = torch.tensor([[1.0, 2.0], [0.0, 1.0], [1.0, 0.0]])


def hidden(images: Tensor) -> Tensor:
    """What the head's first layers make of the encoder's output."""
    return (images.flatten(1) @ HIDDEN).relu()


def with_head(function: Callable) -> Callable:
    """What a probe would see, or whether the encoder is in training mode afterwards."""

    def run(images: Tensor, ask: str = "features") -> Tensor:
        encoder, head = (
            nn.Flatten().eval(),
            nn.Sequential(nn.Linear(3, 3, bias=False), nn.ReLU(), nn.Linear(3, 2, bias=False)),
        )
        head[0].weight.data, head[2].weight.data = HIDDEN.T.clone(), HEAD.T.clone()
        features = function(encoder, head, images)
        return features if ask == "features" else torch.tensor(encoder.training)

    return run


REPRESENTATION = (
    Mistake(
        "projection-instead-of-representation",
        "You return z, what the head makes of h. The head throws away what the loss doesn't need, "
        "and a classifier does.",
        (
            "Which part of SimCLR is thrown away after pre-training?",
            "h = encoder(images), z = head(h). Which one is evaluated?",
            "return encoder(images)",
        ),
        lambda f: acts_like(f, lambda x: hidden(x) @ HEAD, given(drawn(2, 3, 1, 1))),
    ),
    Mistake(
        "hidden-layer-of-the-head",
        "You return what the head's first layers make of h: that is closer to the loss than h is.",
        (
            "Which part of SimCLR is thrown away after pre-training?",
            "All of the head, not its last layer alone. h = encoder(images).",
            "return encoder(images)",
        ),
        lambda f: any(
            acts_like(f, layer, given(drawn(2, 3, 1, 1)))
            for layer in (hidden, lambda x: x.flatten(1) @ HIDDEN)
        ),
    ),
)


def built_stem(function: Callable) -> Callable:
    """The shape of what a stem of width 8 makes of images, or whether it is a module."""

    def run(images: Tensor, ask: str = "shape") -> Tensor:
        stem = function(8)
        return torch.tensor(stem(images).shape if ask == "shape" else isinstance(stem, nn.Module))

    return run


def right_shape(f: Attempt) -> None:
    came = tuple(f(torch.zeros(2, 3, 32, 32)).tolist())
    if came != (2, 8, 32, 32):
        raise Failed(
            f"expected (2, 8, 32, 32) for two images of 32x32 pixels and width 8, got {came}."
        )


STEM = (
    Mistake(
        "imagenet-stem",
        "Your stem makes the picture smaller: after four stages of a ResNet hardly anything would "
        "be left of an image of 32 pixels.",
        (
            "How large is the last map of a ResNet for 224 pixels, and for 32?",
            "A stride of 2 and a max-pool divide the sides by 4.",
            "nn.Conv2d(3, width, 3, stride=1, padding=1), without a max-pool.",
        ),
        lambda f: int(f(torch.zeros(2, 3, 32, 32))[2]) <= 17,
    ),
    Mistake(
        "padding-does-not-fit",
        "Your stem changes the picture's sides by a few pixels: its padding doesn't fit its "
        "kernel.",
        (
            "How many places has a kernel of 3 in a row of 32 pixels?",
            "30. A border of 1 on both sides gives the other two.",
            "nn.Conv2d(3, width, 3, padding=1); in general padding = kernel // 2",
        ),
        lambda f: (
            f(torch.zeros(2, 3, 32, 32)).tolist()[:2] == [2, 8]
            and 17 < int(f(torch.zeros(2, 3, 32, 32))[2]) != 32
        ),
    ),
    Mistake(
        "another-width",
        "Your stem gives another number of channels than `width`.",
        (
            "Print stem(images).shape for a width of 8.",
            "Dimension 1 holds the channels.",
            "nn.Conv2d(3, width, 3, padding=1)",
        ),
        lambda f: (
            f(torch.zeros(2, 3, 32, 32)).tolist()[2:] == [32, 32]
            and int(f(torch.zeros(2, 3, 32, 32))[1]) != 8
        ),
    ),
)

TASKS = (
    Task(
        "03.4",
        "unit length",
        "l2_normalize(z)",
        "Projections (N, D). Return them with rows of length 1.",
        LONG,
        from_reference(unit, LONG, given(drawn(5, 3)), names="z", gradient=True),
        LENGTH,
    ),
    Task(
        "03.5",
        "what is evaluated",
        "represent(encoder, head, images)",
        "A trained encoder and its projection head, and images. Return what a probe should see.",
        given(drawn(2, 3, 1, 1)),
        (
            *from_reference(
                with_head(lambda encoder, head, images: encoder(images)),
                given(drawn(2, 3, 1, 1)),
                names="images",
            ),
            holds(
                "invariance",
                "the encoder came in evaluation mode and is in training mode afterwards: its "
                "BatchNorm would go by the batch, and learn from it.",
                lambda f: not bool(f(drawn(2, 3, 1, 1), "training")),
            ),
        ),
        REPRESENTATION,
        with_head,
        3,
    ),
    Task(
        "03.8",
        "a stem for small images",
        "small_stem(width)",
        "Return a module that maps images (N, 3, 32, 32) to (N, width, 32, 32).",
        given(torch.zeros(2, 3, 32, 32)),
        (
            Case("shape", right_shape),
            holds(
                "dtype",
                "what you return can be called, but it is no nn.Module: nobody finds its weights.",
                lambda f: bool(f(torch.zeros(2, 3, 32, 32), "module")),
            ),
        ),
        STEM,
        built_stem,
        1,
    ),
)
