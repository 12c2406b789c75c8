"""11.5, whether the strongest point is on the object."""

import torch
from torch import Tensor

from sslcourse.evaluate.objects import pointing_accuracy
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

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


def strongest_sums(maps: Tensor, masks: Tensor) -> Tensor:
    rows, columns = (maps.sum(dim=dim).argmax(dim=1) for dim in (2, 1))
    return masks[torch.arange(len(maps)), rows, columns].float().mean()


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
        "strongest-row-and-column",
        "You take the row and the column with the largest sums: the strongest pixel may stand "
        "elsewhere.",
        (
            "Draw a map with one bright pixel and a row of faint ones. Where do you point?",
            "The pointing game asks for the single largest number of the map.",
            "places = maps.flatten(1).argmax(dim=1)",
        ),
        points(strongest_sums),
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
