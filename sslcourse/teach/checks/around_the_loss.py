"""03.4, 03.5, 03.7 and 03.8: lengths, representations, more views, the stem."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.methods.simclr import nt_xent_loss
from sslcourse.teach.checks.behaviours import acts_like, grows
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Mistake, Task, given

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

HEAD = torch.tensor([[1.0, 2.0], [0.0, 1.0], [1.0, 0.0]])


def with_head(function: Callable) -> Callable:
    def run(images: Tensor) -> Tensor:
        head = nn.Linear(3, 2, bias=False)
        head.weight.data = HEAD.T.clone()
        return function(nn.Flatten(), head, images)

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
        lambda f: acts_like(f, lambda x: x.flatten(1) @ HEAD, given(drawn(2, 3, 1, 1))),
    ),
)


def multi_view_loss(views: list[Tensor], *, temperature: float) -> Tensor:
    terms = [
        nt_xent_loss(a, b, temperature=temperature)
        for number, a in enumerate(views)
        for b in views[number + 1 :]
    ]
    return torch.stack(terms).mean()


def some_views(count: int, seed: int = 1) -> list[Tensor]:
    return [drawn(3, 5, seed=seed + number) for number in range(count)]


FOUR = some_views(4)

TWO_SETS, FOUR_SETS = (
    tuple(given(some_views(count, seed), temperature=0.5) for seed in (1, 5)) for count in (2, 4)
)

PERFECT = [torch.eye(3)] * 4

MANY = (
    Mistake(
        "extra-positives-as-negatives",
        "Four perfect views should cost nothing, but your loss stays above ln 3: the other views "
        "of the same image are pushed away as negatives.",
        (
            "How many of the other rows show the same image?",
            "With V views a row has V - 1 positives, and none of them is a negative.",
            "Take NT-Xent of every pair of views, and the mean of all pairs.",
        ),
        lambda f: all(close(f(PERFECT[:n], temperature=0.05), math.log(n - 1)) for n in (2, 3, 4)),
    ),
    Mistake(
        "views-ignored",
        "A view beyond the second doesn't change your loss.",
        (
            "Which views does your function use?",
            "V views make V (V - 1) / 2 pairs.",
            "Loop over all pairs: itertools.combinations(views, 2).",
        ),
        lambda f: close(f(FOUR, temperature=0.5), f([*FOUR[:3], FOUR[0]], temperature=0.5)),
    ),
    Mistake(
        "pairs-summed",
        "Your loss grows with the number of views: the pairs are summed, or divided by less than "
        "their number.",
        (
            "How many pairs do two views make, and how many do four?",
            "V views make V (V - 1) / 2 pairs, and the loss is the mean over them.",
            "Divide by the number of pairs that you added: torch.stack(terms).mean()",
        ),
        lambda f: grows(f, multi_view_loss, TWO_SETS, FOUR_SETS),
    ),
)


def built_stem(function: Callable) -> Callable:
    return lambda images: torch.tensor(function(8)(images).shape)


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
        from_reference(
            with_head(lambda encoder, head, images: encoder(images)),
            given(drawn(2, 3, 1, 1)),
            names="images",
        ),
        REPRESENTATION,
        with_head,
        3,
    ),
    Task(
        "03.7",
        "more than two views",
        "multi_view_loss(views, *, temperature)",
        "A list of V tensors (N, D). Return the mean of NT-Xent over all pairs of views.",
        given(FOUR[:2], temperature=0.5),
        from_reference(
            multi_view_loss,
            given(FOUR[:2], temperature=0.5),
            given(FOUR, temperature=0.3),
            names="views",
            gradient=True,
        ),
        MANY,
    ),
    Task(
        "03.8",
        "a stem for small images",
        "small_stem(width)",
        "Return a module that maps images (N, 3, 32, 32) to (N, width, 32, 32).",
        given(torch.zeros(2, 3, 32, 32)),
        (
            holds(
                "shape",
                "expected (2, 8, 32, 32) for two images of 32x32 pixels and width 8.",
                lambda f: f(torch.zeros(2, 3, 32, 32)).tolist() == [2, 8, 32, 32],
            ),
        ),
        STEM,
        built_stem,
        1,
    ),
)
