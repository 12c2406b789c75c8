"""11.4 and 11.5: whether the kept patches, or the strongest point, are the object."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.evaluate.objects import jaccard, pointing_accuracy
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

POINTS = torch.tensor(
    [[[0.9, 0.1], [0.0, 0.2]], [[0.1, 0.3], [0.2, 0.4]], [[0.0, 0.5], [0.4, 0.1]]]
)

SPOTS = torch.tensor([[[1, 0], [0, 0]], [[1, 1], [0, 0]], [[0, 1], [1, 0]]]).bool()

LARGE, LARGE_SPOTS = drawn(12, 3, 4, seed=5), drawn(12, 3, 4, seed=6) > 0.3

# so many pictures that two ways of counting hardly give the same share
MANY = given(drawn(40, 3, 5, seed=9), drawn(40, 3, 5, seed=54) > 0.3)
POINTING = given(POINTS, SPOTS), given(LARGE, LARGE_SPOTS), MANY


def points(other):
    return lambda f: acts_like(f, other, *POINTING)


def mass_inside(maps: Tensor, masks: Tensor) -> Tensor:
    return ((maps * masks).sum(dim=(1, 2)) / maps.sum(dim=(1, 2))).mean()


def depends_on_batch(f: Attempt) -> bool:
    """The share of all images is not the mean of what single images give."""
    alone = [f(LARGE[i : i + 1], LARGE_SPOTS[i : i + 1]) for i in range(len(LARGE))]
    return differ(f(LARGE, LARGE_SPOTS), torch.stack(alone).mean())


def turned_lookup(f: Attempt) -> bool:
    """A maximum on the diagonal is found, and one beside it at the place turned round."""
    spots = torch.eye(3).bool()[None]
    first = torch.zeros(1, 3, 3)
    first[0, 0, 1] = 1.0
    mask = torch.zeros(1, 3, 3, dtype=torch.bool)
    mask[0, 1, 0] = True
    turned = close(f(first, mask), 1.0) and close(f(first, mask.mT), 0.0)
    return turned and close(f(torch.eye(3)[None] * torch.arange(1.0, 4.0), spots), 1.0)


POINT = (
    Mistake(
        "weakest-point",
        "You ask where the map is weakest.",
        (
            "Which point is pointed at?",
            "The strongest one.",
            "argmax, not argmin",
        ),
        points(lambda maps, masks: pointing_accuracy(-maps, masks)),
    ),
    Mistake(
        "mass-instead-of-point",
        "You measure how much of the map lies on the object; the pointing game asks for one point.",
        (
            "What decides a hit?",
            "Only the place of the maximum.",
            "maps.flatten(1).argmax(dim=1), looked up in masks.flatten(1)",
        ),
        points(mass_inside),
    ),
    Mistake(
        "misses-counted",
        "You return the share of misses.",
        (
            "Is a larger result better?",
            "A hit is a maximum on the object.",
            "Leave out the ~ or the 1 - …",
        ),
        points(lambda maps, masks: 1 - pointing_accuracy(maps, masks)),
    ),
    Mistake(
        "no-share",
        "You return a count or per cent; a share between 0 and 1 is expected.",
        (
            "What is the largest number your function can return?",
            "Divide the hits by the number of images.",
            ".float().mean()",
        ),
        lambda f: (
            points(lambda maps, masks: len(maps) * pointing_accuracy(maps, masks))(f)
            or points(lambda maps, masks: 100 * pointing_accuracy(maps, masks))(f)
        ),
    ),
    Mistake(
        "one-point-for-the-whole-batch",
        "What you say of an image depends on the others in the batch: the maximum was taken over "
        "all images, or looked up in all of them.",
        (
            "How many points do N maps have, and in how many masks is each looked up?",
            "Each map has a maximum of its own, which counts in its own mask only.",
            "places = maps.flatten(1).argmax(dim=1, keepdim=True), then "
            "masks.flatten(1).gather(1, places)",
        ),
        depends_on_batch,
    ),
    Mistake(
        "rows-and-columns-exchanged",
        "The flat place of the maximum is turned into a wrong row and column.",
        (
            "For a map of 3 x 4, which row and column is place 5?",
            "row = place // columns, column = place % columns",
            "Look it up in masks.flatten(1) instead: then no row is needed.",
        ),
        turned_lookup,
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
    Task(
        "11.5",
        "the pointing game",
        "pointing_accuracy(maps, masks)",
        "Maps (N, H, W) and bool masks (N, H, W). Return the share of images whose map is "
        "strongest on the object.",
        POINTING[0],
        from_reference(pointing_accuracy, *POINTING, names="maps masks"),
        POINT,
    ),
)
