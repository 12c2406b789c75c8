"""11.6, a head that is chosen on validation images."""

import torch
from torch import Tensor

from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.choosing import choice_depends_on, mistakes, result
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.task import Mistake, Task, given

# overlaps (N, heads): head 1 is best on validation, head 0 in most of its images, head 2 on test
OVERLAPS = torch.tensor(
    [[0.62, 0.6, 0.4, 0.1, 0.3], [0.6, 0.7, 0.3, 0.2, 0.3], [0.55, 0.5, 0.4, 0.1, 0.5]]
)
LATER = torch.tensor(
    [[0.9, 0.4, 0.8, 0.3, 0.1], [0.6, 0.5, 0.92, 0.4, 0.2], [0.7, 0.3, 0.94, 0.2, 0.8]]
)
HEADS = given(OVERLAPS, LATER)
# the best single image is head 0's, the best image on average image 0
LONE = given(
    torch.tensor([[0.95, 0.5, 0.3], [0.2, 0.6, 0.3], [0.1, 0.7, 0.4], [0.3, 0.6, 0.65]]),
    torch.tensor([[0.3, 0.4, 0.8], [0.5, 0.45, 0.7], [0.6, 0.35, 0.75], [0.2, 0.5, 0.9]]),
)
# head 2 has the best mean, head 1 the best median, head 0 wins most images
UNEVEN = given(
    torch.tensor(
        [
            [0.6, 0.5, 0.4, 0.1],
            [0.6, 0.5, 0.4, 0.1],
            [0.0, 0.5, 0.4, 0.1],
            [0.0, 0.5, 0.95, 0.1],
            [0.0, 0.5, 0.4, 0.55],
        ]
    ),
    torch.tensor([[0.3, 0.8, 0.1, 0.6], [0.4, 0.7, 0.3, 0.2], [0.2, 0.9, 0.15, 0.4]]),
)


def choose_head(validation: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    head = validation.mean(dim=0).argmax()
    return head, test.mean(dim=0)[head]


def best_of_each(validation: Tensor, test: Tensor) -> Tensor:
    return test.amax(dim=1).mean()


OF_EACH = Mistake(
    "best-head-of-each-image",
    "Each image is scored by the head that suits it best: of six random maps one always fits.",
    (
        "How many heads do you report?",
        "One head is chosen, once, and judged on all test images.",
        "head = validation.mean(dim=0).argmax(), and test[:, head].mean() is reported.",
    ),
    lambda f: (
        close(result(f, HEADS)[1], float(best_of_each(*HEADS.args)))
        or close(result(f, HEADS)[1], float(OVERLAPS.amax(dim=1).mean()))
    ),
)

TASKS = (
    Task(
        "11.6",
        "choose a head on validation images",
        "choose_head(validation, test)",
        "Overlaps (N, heads) of validation and of test images. Return the number, counted from 0, "
        "of the one head with the best mean, and the mean to report for it.",
        HEADS,
        (
            *from_reference(
                choose_head,
                HEADS,
                given(LATER, OVERLAPS),
                LONE,
                UNEVEN,
                names="validation test",
            ),
            holds(
                "invariance",
                "other test scores change your choice.",
                lambda f: not choice_depends_on(f, HEADS, 1),
            ),
        ),
        (
            OF_EACH,
            *mistakes(
                HEADS,
                (OVERLAPS.mean(dim=0), LATER.mean(dim=0)),
                "validation.mean(dim=0).argmax()",
                "test[:, best].mean()",
            ),
        ),
    ),
)
