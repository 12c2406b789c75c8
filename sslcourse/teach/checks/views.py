"""03.2, 03.3 and 03.6: two views, and which rows belong together."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like, seed_decides
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given

FIRST, SECOND = drawn(3, 4, seed=1), drawn(3, 4, seed=2)

PAIR = given(FIRST, SECOND)

ROWS = given(torch.tensor([[0.0, 1, 2, 3], [0, 1, 2, 4], [5, 6, 7, 8], [5, 6, 7, 9]]))


def mixing(x: Tensor) -> Tensor:
    """An encoder that mixes the rows of a batch, as BatchNorm does."""
    return x - x.mean(dim=0)


def with_encoder(function: Callable) -> Callable:
    return lambda first, second: function(mixing, first, second)


def encode_views(encoder: Callable, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    return encoder(torch.cat([first, second])).chunk(2)


def features_are_split(f: Attempt, call: Call) -> bool:
    """All 2N rows, half as many columns."""
    rows, columns = sum(len(x) for x in call.args), call.args[0].shape[1]
    return [tuple(x.shape) for x in f(*call.args)] == [(rows, columns // 2)] * 2


SPLIT_FEATURES = Mistake(
    "chunk-splits-features",
    "Your two results have all 2N rows and half the width: you cut every feature in two instead "
    "of parting the views.",
    (
        "Print the shapes of your two results. Which should they have?",
        "Rows are views, columns are the numbers of a feature.",
        "Cut along dimension 0; where the rows alternate, use z.view(N, 2, D).unbind(1).",
    ),
    lambda f: features_are_split(f, PAIR),
)

ENCODE = (
    SPLIT_FEATURES,
    Mistake(
        "views-encoded-apart",
        "Each view went through the encoder by itself, so BatchNorm saw two batches, not one.",
        (
            "What does BatchNorm compute from the images that come in together?",
            "Two calls have two means and two deviations, and those give the view away.",
            "z = encoder(torch.cat([first, second])), then part z again.",
        ),
        lambda f: acts_like(f, lambda a, b: (mixing(a), mixing(b)), PAIR),
    ),
    Mistake(
        "rows-parted-in-another-order",
        "Row i of your two results doesn't show the same image: the views were stacked in one "
        "order and parted in another.",
        (
            "Use an encoder that returns its input. What do you get back?",
            "torch.cat puts all first views above all second ones.",
            "After torch.cat the first N rows are z1: encoder(...).chunk(2).",
        ),
        lambda f: any(
            acts_like(
                f, lambda a, b, o=order: torch.cat(encode_views(mixing, a, b))[o].chunk(2), PAIR
            )
            for order in ([0, 2, 4, 1, 3, 5], [0, 3, 1, 4, 2, 5])
        ),
    ),
    Mistake(
        "views-exchanged",
        "Your first result belongs to the second views, and the second one to the first.",
        (
            "Use an encoder that returns its input. What do you get back?",
            "The first N rows that come out belong to the first N rows that went in.",
            "z1, z2 = encoder(torch.cat([first, second])).chunk(2)",
        ),
        lambda f: acts_like(f, lambda a, b: encode_views(mixing, a, b)[::-1], PAIR),
    ),
)


def split_pairs(z: Tensor) -> tuple[Tensor, Tensor]:
    return z[0::2], z[1::2]


PAIRS = (
    Mistake(
        SPLIT_FEATURES.id,
        SPLIT_FEATURES.diagnosis,
        SPLIT_FEATURES.hints,
        lambda f: features_are_split(f, ROWS),
    ),
    Mistake(
        "halves-instead-of-pairs",
        "You cut the batch in the middle, but here the two views of an image stand one below the "
        "other.",
        (
            "Which image does row 1 show?",
            "The views alternate: image 0, 0, 1, 1, …",
            "z.view(N, 2, D).unbind(1), or z[0::2] and z[1::2].",
        ),
        lambda f: acts_like(f, lambda z: z.chunk(2), ROWS),
    ),
    Mistake(
        "views-exchanged",
        "Your first result holds the second views, and the second one the first.",
        (
            "In which row does the first view of image 0 stand?",
            "Even rows are first views, odd rows second ones.",
            "z1 = z[0::2], z2 = z[1::2]",
        ),
        lambda f: acts_like(f, lambda z: (z[1::2], z[0::2]), ROWS),
    ),
)


def noisy(function: Callable) -> Callable:
    """Two views; an augmented view is 1 to 2 brighter than the image, by the generator's noise."""

    def augment(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return images + 1 + torch.rand(images.shape, generator=generator)

    return lambda images, seed=0: function(images, augment, torch.Generator().manual_seed(seed))


IMAGES = torch.zeros(3, 4)

TWO_VIEWS = (
    Mistake(
        "identical-views",
        "Both views are the same: the network could agree with itself without seeing anything.",
        (
            "Subtract your two views. What is left?",
            "One call is one draw; a generator that starts anew repeats itself.",
            "Call augment(images, generator) twice, and never seed in between.",
        ),
        lambda f: close(*f(IMAGES)),
    ),
    Mistake(
        "one-view-is-the-image",
        "One of your views is the image itself, without augmentation.",
        (
            "How many of the two views should be augmented?",
            "In SimCLR both views are drawn in the same way.",
            "return augment(images, generator), augment(images, generator)",
        ),
        lambda f: any(close(view, IMAGES) for view in f(IMAGES)),
    ),
    Mistake(
        "one-draw-for-the-whole-batch",
        "Equal images get equal views: one draw serves the whole batch.",
        (
            "Put three copies of an image in. Should their views be equal?",
            "Each image needs parameters of its own.",
            "Hand the whole batch to augment, once for each view.",
        ),
        lambda f: any(close(view[0], view[1]) for view in f(IMAGES)),
    ),
    Mistake(
        "view-of-a-view",
        "One of your views was augmented twice: it was made of the other view, not of the images.",
        (
            "What does each call of augment get?",
            "Both views start from the images, so that neither depends on the other.",
            "return augment(images, generator), augment(images, generator)",
        ),
        lambda f: any(2 <= float(view.min()) <= float(view.max()) <= 4 for view in f(IMAGES)),
    ),
    Mistake(
        "generator-ignored",
        "The generator that is handed in doesn't decide your views: it isn't handed to augment, or "
        "it is seeded anew.",
        (
            "Where does the randomness of your views come from?",
            "A generator that is handed over should decide, so that a run can be repeated.",
            "augment(images, generator), for both views",
        ),
        lambda f: not all(seed_decides(lambda seed, i=i: f(IMAGES, seed)[i]) for i in (0, 1)),
    ),
)

TASKS = (
    Task(
        "03.2",
        "both views in one pass",
        "encode_views(encoder, first, second)",
        "Views (N, …) of the same images. Send both through the encoder in one pass and return z1 "
        "and z2, (N, D) each; row i of both shows image i.",
        PAIR,
        from_reference(with_encoder(encode_views), PAIR, names="first second", gradient=True),
        ENCODE,
        with_encoder,
        3,
    ),
    Task(
        "03.3",
        "pairs that alternate",
        "split_pairs(z)",
        "Projections (2N, D) of a loader that gives both views of an image one after the other: "
        "rows 2i and 2i + 1 show image i. Return z1 and z2, (N, D) each.",
        ROWS,
        from_reference(split_pairs, ROWS, names="z", gradient=True),
        PAIRS,
    ),
    Task(
        "03.6",
        "two independent views",
        "two_views(images, augment, generator)",
        "augment(images, generator) returns a random view of each image. Return two views that are "
        "drawn independently of each other.",
        given(IMAGES),
        (
            holds(
                "shape",
                "two views with the shape of the images are expected.",
                lambda f: [x.shape for x in f(IMAGES)] == [IMAGES.shape] * 2,
            ),
            holds(
                "value",
                "both views of each image must be drawn anew; yours are not.",
                lambda f: not any(mistake.shows(f) for mistake in TWO_VIEWS),
            ),
        ),
        TWO_VIEWS,
        noisy,
        3,
    ),
)
