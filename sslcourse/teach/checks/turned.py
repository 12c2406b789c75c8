"""01.5, a puzzle: every picture turned by a number of quarters of its own."""

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given


def turn(images: Tensor, quarters: Tensor, dims: tuple[int, int] = (1, 2)) -> Tensor:
    pairs = zip(images, quarters.tolist(), strict=True)
    return torch.stack([image.rot90(k, dims) for image, k in pairs])


def repeated(images: Tensor, quarters: Tensor, change) -> Tensor:
    """Each image changed as often as its number says."""
    changed = []
    for image, k in zip(images, quarters.tolist(), strict=True):
        for _ in range(k):
            image = change(image)
        changed.append(image)
    return torch.stack(changed)


FIRST = given(torch.arange(16.0).view(2, 2, 2, 2), torch.tensor([1, 2]))
CALL = given(drawn(5, 3, 4, 4, seed=1), torch.tensor([3, 0, 1, 2, 1]))
CUBE = given(drawn(3, 3, 3, 3, seed=2), torch.tensor([1, 2, 3]))  # any two dimensions can be turned


def all_alike(f: Attempt) -> bool:
    """Whether every picture is turned by the number of one of them."""
    return any(acts_like(f, lambda x, q, i=i: turn(x, q[i].expand(len(q))), CALL) for i in range(5))


def mirrored(f: Attempt) -> bool:
    changes = (lambda x: x.mT, lambda x: x.flip(1), lambda x: x.flip(2))
    return any(acts_like(f, lambda x, q, c=c: repeated(x, q, c), CALL) for c in changes)


def other_dimensions(f: Attempt) -> bool:
    planes = ((0, 1), (0, 2))
    return any(acts_like(f, lambda x, q, d=d: turn(x, q, d), CUBE) for d in planes)


def some_left(f: Attempt) -> bool:
    """Whether pictures with some of the numbers stay as they were, and others are turned right."""
    return any(
        acts_like(f, lambda x, q, keep=keep: turn(x, q * torch.isin(q, keep)), CALL)
        for keep in map(torch.tensor, ([1, 2], [2, 3], [1], [2], [3], [1, 3]))
    )


MISTAKES = (
    Mistake(
        "nothing-turned",
        "Your pictures come out as they went in.",
        (
            "Which line keeps what rot90 returns?",
            "image.rot90(…) leaves image alone and returns a new tensor.",
            "out[i] = image.rot90(k, dims=(1, 2)), or collect the results and stack them.",
        ),
        lambda f: acts_like(f, lambda x, q: x, CALL),
    ),
    Mistake(
        "some-numbers-left-out",
        "Pictures with some of the numbers stay as they were, and all others are right.",
        (
            "Which of the numbers 0 to 3 does your code treat?",
            "range(3) ends before 3, and range(1, 3) does so, too.",
            "range(4), or go through zip(images, quarters.tolist()).",
        ),
        some_left,
    ),
    Mistake(
        "one-turn-for-all",
        "All pictures are turned alike, although each has a number of its own.",
        (
            "How many different numbers are in `quarters`, and how many does your code use?",
            "rot90 on a whole batch turns all of it by one number.",
            "Go through zip(images, quarters), turn each picture, and stack them again.",
        ),
        all_alike,
    ),
    Mistake(
        "turned-the-other-way",
        "Your pictures are turned clockwise: 1 and 3 are exchanged.",
        (
            "Turn [[1, 2], [3, 4]] by one quarter on paper. What stands top left?",
            "Counterclockwise, the right column becomes the top row.",
            "image.rot90(k, dims=(1, 2)), with no minus, and with the dimensions in this order.",
        ),
        lambda f: acts_like(f, lambda x, q: turn(x, -q), CALL),
    ),
    Mistake(
        "mirrored-instead-of-turned",
        "Your pictures are mirrored, not turned: what was written in them can't be read any more.",
        (
            "Mirror a picture twice. Then turn it by a quarter twice. Is that the same?",
            "flip and transpose mirror; a turn is both of them, one after the other.",
            "Use image.rot90(k, dims=(1, 2)).",
        ),
        mirrored,
    ),
    Mistake(
        "colours-turned-too",
        "You turn over the wrong dimensions: the colour channels take part.",
        (
            "A single picture is (C, H, W). Which two dimensions are its height and width?",
            "rot90 takes dimensions 0 and 1 if it isn't told others.",
            "Use image.rot90(k, dims=(1, 2)) for one picture (C, H, W).",
        ),
        other_dimensions,
    ),
)

TASKS = (
    Task(
        "01.5",
        "turned pictures",
        "turn(images, quarters)",
        "Images (N, C, H, H), and whole numbers 0 to 3, (N,). Return the images (N, C, H, H), each "
        "turned counterclockwise by as many quarters as its own number says.",
        FIRST,
        from_reference(turn, FIRST, CALL, names="images quarters"),
        MISTAKES,
    ),
)
