"""09.2, few labels of each class: many draws together say what is wrong."""

import torch

from sslcourse.teach.checks.cases import holds
from sslcourse.teach.checks.few_positions import (
    CLASSES,
    FIRST,
    LABELS,
    MANY_CLASSES,
    always,
    asked,
    balanced,
    class_left_out,
    enough,
    in_groups,
    inside_the_class,
    one_row,
    positions,
    repeats,
    right_shape,
    sized,
    unequal,
)
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.seeding import about_seeds, repeatable
from sslcourse.teach.checks.task import Case, Mistake, Task, given

FEW = (
    Mistake(
        "labels-instead-of-positions",
        "Your numbers are the labels of the images that you drew, not their positions.",
        (
            "Print your result beside the labels. Which numbers should it hold?",
            "Whoever calls you takes images[positions], so a position counts images from 0.",
            "Return the positions themselves, not labels[positions].",
        ),
        always(lambda count: torch.arange(CLASSES).repeat_interleave(count)),
    ),
    Mistake(
        "count-shared-among-the-classes",
        "You draw `count` images in all; each class should give as many.",
        (
            "How many images should come out for 3 classes and a count of 2?",
            "`count` labels of each class are classes * count labels.",
            "Draw `count` positions for every label, and put them together with torch.cat.",
        ),
        lambda f: all(f(LABELS, count, 1).numel() == count for count in (3, 6)),
    ),
    Mistake(
        "class-left-out",
        "One class gives no image at all: the first or the last one is left out.",
        (
            "Print labels[positions].bincount() beside labels.bincount().",
            "range(labels.max()) ends before the last class, and range(1, ...) begins after class "
            "0.",
            "Go through labels.unique().",
        ),
        class_left_out,
    ),
    Mistake(
        "positions-inside-the-class",
        "Your numbers count within a class: images far behind in the whole set are never drawn.",
        (
            "Which is the largest number that you ever return, and how many images are there?",
            "A random order of 7 numbers says which of a class's own 7 images, not where they "
            "stand among all.",
            "places = (labels == label).nonzero()[:, 0]; then places[order[:count]] are positions.",
        ),
        inside_the_class,
    ),
    Mistake(
        "images-drawn-twice",
        "Some images come twice in one draw, so there are fewer labels than you say.",
        (
            "Compare len(positions) with len(positions.unique()).",
            "Independent random numbers can repeat; the beginning of a random order can't.",
            "torch.randperm(len(places), generator=generator)[:count]",
        ),
        lambda f: enough(f) and repeats(f),
    ),
    Mistake(
        "classes-not-balanced",
        "The classes don't give the same number of images: they are drawn from all together, or "
        "the positions belong to other labels.",
        (
            "Print labels[positions].bincount().",
            "Chance gives one class more than another, and one perhaps none.",
            "Go through the classes, and draw `count` positions for each.",
        ),
        lambda f: enough(f) and not balanced(f),
    ),
    Mistake(
        "always-the-first-ones",
        "You take the first images of each class, whatever the seed is.",
        (
            "What does another seed change?",
            "The first images of a folder may all come from one place; and five seeds would be "
            "five times the same.",
            "Bring the positions of a class into a random order first, and cut it then.",
        ),
        always(lambda count: FIRST[:, :count]),
    ),
    *about_seeds(sized, LABELS, 2, 1),
    Mistake(
        "not-equally-likely",
        "Some images of a class are drawn much more often than others, or always with the same "
        "neighbours.",
        (
            "Draw with 100 seeds. How often does each image come, and beside which others?",
            "A random start, or a range that ends too early, leaves some choices out.",
            "torch.randperm(len(places), generator=generator)[:count]",
        ),
        lambda f: unequal(f) or in_groups(f),
    ),
)

TASKS = (
    Task(
        "09.2",
        "a few labels of each class",
        "few_of_each(labels, count, seed)",
        "Labels int64 (N,), how many images of each class, and a seed. Return the positions "
        "(classes * count,) of the images drawn, in any order, each at most once. Only the seed "
        "decides, and the global randomness stays as it is.",
        given(torch.tensor([0, 1, 1, 0, 1, 0]), 2, 0),
        (
            Case("shape", right_shape),
            holds(
                "dtype",
                "positions are whole numbers, not bool or float.",
                lambda f: one_row(f.result(asked(2, 0))).dtype in (torch.int64, torch.int32),
            ),
            holds(
                "value",
                "each class must give `count` images, and none of them twice.",
                lambda f: balanced(f) and not repeats(f),
            ),
            holds(
                "value",
                "with twelve classes each must give `count` images, too.",
                lambda f: close(
                    MANY_CLASSES[one_row(f(MANY_CLASSES, 2, 0))].bincount(minlength=12), 12 * [2]
                ),
            ),
            holds(
                "value",
                "every image of a class must be equally likely, beside any other.",
                lambda f: not unequal(f) and not in_groups(f),
            ),
            *repeatable(lambda f, seed: positions(f, 3, seed), LABELS, 2, 1),
        ),
        FEW,
    ),
)
