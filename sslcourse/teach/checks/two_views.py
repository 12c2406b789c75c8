"""03.6, two views that are drawn independently of each other."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import seed_decides
from sslcourse.teach.checks.cases import holds
from sslcourse.teach.checks.numbers import close, differ
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given


def noisy(function: Callable) -> Callable:
    """Two views; an augmented view is 1 to 2 brighter than the image, by the generator's noise."""

    def augment(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        if images.ndim != IMAGES.ndim:
            raise ValueError(f"augment takes a whole batch of images, got {tuple(images.shape)}.")
        return images + 1 + torch.rand(images.shape, generator=generator)

    def run(images: Tensor, seed: int = 0, turn: int = 0) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed + 17)  # not what global randomness has
        for _ in range(turn):  # earlier steps of the same training
            function(images, augment, generator)
        return function(images, augment, generator)

    return run


IMAGES = torch.zeros(3, 4)

STEPS = 10 * torch.arange(3.0)[:, None].expand(3, 4)  # an image can be told by its brightness


def other_images(f: Attempt) -> bool:
    """Whether a row of a view shows another image than that row of the images."""
    views = f(STEPS)
    rows = [view.mean(dim=1) / 10 for view in views if view.shape == STEPS.shape]
    return len(rows) == len(views) and any(differ(row.floor(), STEPS[:, 0] / 10) for row in rows)


def scaled_first(f: Attempt) -> bool:
    """Whether images that are 255 times as bright give the views of these."""
    rows = [(view.mean(dim=1) / 10).floor() for view in f(255 * STEPS)]
    return other_images(f) and all(close(row, STEPS[:, 0] / 10) for row in rows)


def repeats_itself(f: Attempt) -> bool:
    """Whether one of the views comes again in the next step."""
    return any(close(now, then) for now in f(IMAGES) for then in f(IMAGES, turn=1))


def one_tells_the_other(f: Attempt) -> bool:
    """Whether, over many draws, the brightness of one view goes with that of the other."""
    pairs = [torch.stack([view.sum(dim=1) for view in f(IMAGES, seed)]) for seed in range(30)]
    return abs(float(torch.corrcoef(torch.cat(pairs, dim=1))[0, 1])) > 0.6  # by luck about 0.1


TWO_VIEWS = (
    Mistake(
        "images-scaled-first",
        "You divide the images before they are augmented: augment takes them as they are stored, "
        "and scales them itself.",
        (
            "What does augment get in your function?",
            "Augment takes uint8 images, 0 to 255.",
            "augment(images, generator), twice, with the images as they come.",
        ),
        scaled_first,
    ),
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
        "rows-of-other-images",
        "Row i of one of your views shows another image than row i of the images: the partners "
        "don't belong together any more.",
        (
            "Which image does row 0 of each of your views show?",
            "Both views keep the order of the batch.",
            "return augment(images, generator), augment(images, generator)",
        ),
        other_images,
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
    Mistake(
        "next-step-draws-the-same",
        "The next step draws a view again that this one had: the generator is put back, copied, or "
        "replaced by one with a fixed seed.",
        (
            "Call your function twice with one generator. What should differ?",
            "A generator goes on with each number that is drawn from it, and must not be put back.",
            "Hand the generator itself to augment, and leave its state alone.",
        ),
        repeats_itself,
    ),
    Mistake(
        "one-view-made-of-the-other",
        "Your views are not independent: over many draws the brightness of one tells that of the "
        "other. One of them is the other one, turned or changed a little.",
        (
            "How many random draws do you make for each image?",
            "A view that is made of the other one brings nothing that the network could ignore.",
            "return augment(images, generator), augment(images, generator)",
        ),
        one_tells_the_other,
    ),
)

TASKS = (
    Task(
        "03.6",
        "two independent views",
        "two_views(images, augment, generator)",
        "augment(images, generator) returns a random view of each image; all its chance comes from "
        "the generator. Return two views that are drawn independently of each other.",
        given(IMAGES),
        (
            holds(
                "shape",
                "two views with the shape of the images are expected.",
                lambda f: [x.shape for x in f(IMAGES)] == [IMAGES.shape] * 2,
            ),
            holds(
                "value",
                "expected two views that differ, that differ between generators and from step to "
                "step, and that show the images in their order.",
                lambda f: not any(mistake.shows(f) for mistake in TWO_VIEWS),
            ),
        ),
        TWO_VIEWS,
        noisy,
        3,
    ),
)
