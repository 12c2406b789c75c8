"""05.5, how many prototypes are in use."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Mistake, Task, given

SHARES = given(torch.tensor([[0.6, 0.3, 0.1, 0.0], [0.5, 0.2, 0.2, 0.1], [0.1, 0.7, 0.2, 0.0]]))

# 3 of 6 and 4 of 9 are in use; scores may be negative, and a best one small
# the second best has more than an even share, and never half
SHARED = torch.tensor([[0.4, 0.35, 0.15, 0.1], [0.45, 0.3, 0.15, 0.1], [0.1, 0.31, 0.4, 0.19]])
MANY = given(drawn(8, 6, seed=2)), given(drawn(5, 9, seed=4))


def used_prototypes(assignments: Tensor) -> int:
    return len(assignments.argmax(dim=1).unique())


def counts(other: Callable):
    """Whether the result is that of another count."""
    return lambda f: acts_like(f, other, *MANY)


USED = (
    Mistake(
        "any-mass-counts",
        "You count prototypes that have any mass at all; after Sinkhorn that is nearly all of "
        "them.",
        (
            "For which prototype is an image the best one?",
            "Three images can choose at most three prototypes.",
            "len(assignments.argmax(dim=1).unique())",
        ),
        lambda f: close(f(*SHARES.args), 4) and close(f(torch.eye(5)[[0, 0, 3]]), 2),
    ),
    Mistake(
        "best-image-of-each-prototype",
        "You look for the best image of each prototype; asked is the best prototype of each image.",
        (
            "Who chooses, the images or the prototypes?",
            "A row is an image. Its best prototype is the place of the row's largest number.",
            "len(assignments.argmax(dim=1).unique())",
        ),
        counts(lambda q: len(q.argmax(dim=0).unique())),
    ),
    Mistake(
        "images-counted",
        "Your result is the number of images: you count choices, or their values, and not the "
        "different prototypes that are chosen.",
        (
            "What should two images with the same best prototype count together?",
            "max gives numbers, argmax the prototypes; equal ones count once.",
            "len(assignments.argmax(dim=1).unique())",
        ),
        counts(len),
    ),
    Mistake(
        "most-wanted-prototype",
        "You return how many images the most wanted prototype has.",
        (
            "Is your result a number of images, or of prototypes?",
            "bincount says for each prototype how many images chose it. How many are not zero?",
            "(counts > 0).sum()",
        ),
        counts(lambda q: q.argmax(dim=1).bincount().max()),
    ),
    Mistake(
        "unused-ones-counted",
        "Prototypes that nobody chose are in your count.",
        (
            "How many places does bincount have, and how many of them are zero?",
            "Only those count that are the best one of some image.",
            "(counts > 0).sum(), or len(assignments.argmax(dim=1).unique())",
        ),
        lambda f: (
            acts_like(f, lambda q: q.shape[1] - used_prototypes(q), *MANY, given(SHARED))
            or acts_like(f, lambda q: len(q.argmax(dim=1).bincount()), *MANY, given(SHARED))
            or acts_like(f, lambda q: q.shape[1], *MANY, given(SHARED))
        ),
    ),
    Mistake(
        "largest-of-the-whole-table",
        "Only prototypes that reach the largest number of all are counted; each image has a best "
        "one of its own.",
        (
            "Which images take part in your maximum?",
            "The best one of an image may have a small share.",
            "argmax(dim=1) looks at each row by itself.",
        ),
        counts(lambda q: (q == q.max()).any(dim=0).sum()),
    ),
    Mistake(
        "share-instead-of-a-number",
        "You divide by the number of prototypes: a share, not a number.",
        (
            "What should your function say when all K prototypes are in use?",
            "K. The share would be 1.",
            "Leave out the division.",
        ),
        counts(lambda q: used_prototypes(q) / q.shape[1]),
    ),
)

TASKS = (
    Task(
        "05.5",
        "prototypes in use",
        "used_prototypes(assignments)",
        "Assignments (N, K). Return how many prototypes are the best one of at least one image.",
        SHARES,
        from_reference(
            used_prototypes,
            SHARES,
            given(torch.eye(5)[[0, 0, 3]]),
            given(SHARED),
            *MANY,
            names="assignments",
        ),
        USED,
    ),
)
