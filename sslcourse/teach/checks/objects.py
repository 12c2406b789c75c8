"""11.4, whether the kept patches are the object."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.evaluate.objects import jaccard
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

KEPT = torch.tensor([[[1, 1, 0, 0], [1, 0, 0, 0]], [[1, 1, 1, 1], [0, 0, 0, 0]]]).bool()

OBJECT = torch.tensor([[[0, 1, 1, 0], [1, 0, 1, 1]], [[1, 0, 0, 0], [0, 0, 0, 0]]]).bool()

COVERED, SHOWN = drawn(5, 3, 6, seed=7) > 0, drawn(5, 3, 6, seed=8) > 0.2
OVERLAP = given(KEPT, OBJECT), given(KEPT[:1], OBJECT[:1]), given(COVERED, SHOWN)


def counts(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return tuple(x.sum(dim=(1, 2)).float() for x in (a & b, a, b))


def overlaps(other):
    return lambda f: acts_like(f, lambda a, b: other(*counts(a, b)), *OVERLAP)


def row_by_row(maps: Tensor, masks: Tensor, dim: int) -> Tensor:
    both, either = (x.sum(dim=dim) for x in (maps & masks, maps | masks))
    return (both / either.clamp(min=1)).mean(dim=1)


def background_counts(f: Attempt) -> bool:
    """A frame of background raises the score, and an image without it has none."""
    framed = (F.pad(x, (1, 1, 1, 1)) for x in OVERLAP[0].args)
    before, after = f(*OVERLAP[0].args), f(*framed)
    return differ(before, after) and bool((after >= before).all())


JACCARD = (
    Mistake(
        "dice-instead-of-jaccard",
        "You divide by the mean size of both: that is Dice's coefficient, which is larger.",
        (
            "What does half an overlap give?",
            "Jaccard divides by the union.",
            "(a & b).sum() / (a | b).sum()",
        ),
        overlaps(lambda both, a, b: 2 * both / (a + b)),
    ),
    Mistake(
        "common-part-counted-twice",
        "A perfect map scores 0.5: you divide by the sum of both sizes, where the common part "
        "counts twice.",
        (
            "What does a perfect map score?",
            "The union counts each pixel once.",
            "union = a + b - both, or (a | b).sum()",
        ),
        overlaps(lambda both, a, b: both / (a + b)),
    ),
    Mistake(
        "one-of-two-errors-ignored",
        "You divide by the size of the map alone, or of the object alone: a map that covers too "
        "much, or too little, is not punished.",
        (
            "What does a map score that covers the whole picture, or a single pixel?",
            "Both kinds of error are in the union.",
            "(a & b).sum() / (a | b).sum()",
        ),
        lambda f: (
            overlaps(lambda both, a, b: both / a)(f) or overlaps(lambda both, a, b: both / b)(f)
        ),
    ),
    Mistake(
        "background-counted",
        "Background around the picture changes your score: pixels count that belong neither to the "
        "map nor to the object.",
        (
            "What does an empty map score on a small object?",
            "Pixels that both leave out are no success.",
            "(a & b).sum() / (a | b).sum()",
        ),
        background_counts,
    ),
    Mistake(
        "pixels-of-all-images-together",
        "You count the pixels of all images together, so large objects weigh more; each image "
        "has a score.",
        (
            "Which shape should your result have?",
            "(N,): one score for each image.",
            "Sum over the last two axes only: .sum(dim=(-2, -1)).",
        ),
        lambda f: close(f(KEPT, OBJECT), (KEPT & OBJECT).sum() / (KEPT | OBJECT).sum()),
    ),
    Mistake(
        "rows-scored-one-by-one",
        "You score each row of pixels and average the rows; an object lies in several of them.",
        (
            "Which axes belong to one picture?",
            "Count the pixels of the whole picture first, then divide once.",
            "Sum over the last two axes: .sum(dim=(-2, -1)), for both and for either.",
        ),
        lambda f: any(
            acts_like(f, lambda a, b, d=d: row_by_row(a, b, d), *OVERLAP[:2]) for d in (1, 2)
        ),
    ),
    Mistake(
        "scores-averaged-already",
        "You return the mean; a score for each image was asked for.",
        (
            "Which shape should your result have?",
            "(N,): one score for each image.",
            "Leave out the last .mean().",
        ),
        lambda f: close(f(KEPT, OBJECT), jaccard(KEPT, OBJECT).mean()),
    ),
)

TASKS = (
    Task(
        "11.4",
        "the Jaccard index",
        "jaccard(maps, masks)",
        "bool maps and masks (N, H, W). Return (N,): pixels in both / pixels in either.",
        OVERLAP[0],
        from_reference(jaccard, *OVERLAP, names="maps masks"),
        JACCARD,
    ),
)
