"""02.3, the chance line of NT-Xent."""

import math

from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, differ
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given


def chance_line(images: int, micro_batches: int = 1) -> float:
    return math.log(2 * images - 1)


def chance(f: Attempt, other) -> bool:
    return all(close(f(n, 1), math.log(other(n))) for n in (4, 7, 32))


CHANCE = (
    Mistake(
        "accumulation-counted-as-negatives",
        "Your chance line changes with the number of micro-batches: accumulating gradients neither "
        "adds nor takes negatives, and the loss is the mean over them.",
        (
            "Which views are compared when a micro-batch goes through the loss?",
            "Each micro-batch has a softmax of its own, and `images` is the number in one of them.",
            "Only the images of one micro-batch count: ln(2N - 1).",
        ),
        lambda f: differ(f(8, 4), f(8, 1)),
    ),
    Mistake(
        "wrong-number-of-candidates",
        "Your number of candidates is not 2N - 1: the images, or all 2N views, or the negatives "
        "alone were counted.",
        (
            "A batch of N images has 2N views. Among how many does one look for its partner?",
            "Not itself; but the partner is a candidate too.",
            "math.log(2 * images - 1)",
        ),
        lambda f: any(
            chance(f, other)
            for other in (
                lambda n: n,
                lambda n: 2 * n,
                lambda n: 2 * n - 2,
                lambda n: n - 1,
                lambda n: 4 * n - 1,  # views doubled once more
            )
        ),
    ),
    Mistake(
        "logarithm-of-another-base",
        "Your logarithm is not the natural one, which cross-entropy uses.",
        (
            "Which logarithm is in F.cross_entropy?",
            "log2 gives bits and log10 digits; a loss is in nats.",
            "Use math.log.",
        ),
        lambda f: any(
            all(close(f(n, 1), math.log(2 * n - 1, base)) for n in (4, 7)) for base in (2, 10)
        ),
    ),
)

TASKS = (
    Task(
        "02.3",
        "the chance line of NT-Xent",
        "chance_line(images, micro_batches)",
        "The number of images N that go through the loss together, and how many such micro-batches "
        "are accumulated before a step. Return the loss when all similarities are equal.",
        given(4, 1),
        from_reference(
            chance_line, given(4, 1), given(32, 1), given(8, 4), names="images micro_batches"
        ),
        CHANCE,
    ),
)
