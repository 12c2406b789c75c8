"""09.1 and 11.6: what is chosen on validation images and reported on test images."""

import torch
from torch import Tensor

from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given

# the best on validation, on test and on both, the worst, the first and the last all differ
VALIDATION = torch.tensor([0.40, 0.50, 0.62, 0.60, 0.30, 0.58])
TEST = torch.tensor([0.31, 0.76, 0.57, 0.70, 0.45, 0.52])
EPOCHS = given(VALIDATION, TEST)

# the best stands at the beginning; behind a dip, among scores below zero; a thousandth ahead; at
# the end, behind a dip; less than a hundredth ahead of the first
OTHERS = (
    given(torch.tensor([0.9, 0.4, 0.5]), torch.tensor([0.3, 0.8, 0.5])),
    given(torch.tensor([-0.5, -0.7, -0.6, -0.2, -0.4]), torch.tensor([0.1, 0.6, 0.5, 0.3, 0.2])),
    given(torch.tensor([0.621, 0.622, 0.629, 0.625]), torch.tensor([0.4, 0.3, 0.1, 0.2])),
    given(torch.tensor([0.3, 0.5, 0.45, 0.7]), torch.tensor([0.6, 0.2, 0.8, 0.4])),
    given(torch.tensor([0.601, 0.55, 0.604]), torch.tensor([0.5, 0.7, 0.45])),
)
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


def choose(validation: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    best = validation.argmax()
    return best, test[best]


def choose_head(validation: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    head = validation.mean(dim=0).argmax()
    return head, test.mean(dim=0)[head]


def result(f: Attempt, call: Call) -> list[float]:
    """Choice and score as plain numbers."""
    return [float(x) for x in f(*call.args)]


def mistakes(
    call: Call, means: tuple[Tensor, Tensor], decide: str, report: str
) -> tuple[Mistake, ...]:
    """The mistakes of choosing one of several.

    Args:
        call: inputs on which the choices differ.
        means: the score of each, on validation and on test images.
        decide: code that chooses.
        report: code that gives the score of the choice.
    """
    validation, test = means
    best, lucky = int(validation.argmax()), int(test.argmax())
    return (
        Mistake(
            "chosen-on-the-test-images",
            "The choice follows the test scores: the luckiest one is picked.",
            (
                "Which images may decide, and which may only judge?",
                "Of many random choices one looks good on the images that chose it, and its score "
                "promises too much.",
                f"best = {decide}, and {report} is reported.",
            ),
            lambda f: close(result(f, call)[0], lucky) and not choice_depends_on(f, call, 0),
        ),
        exchanged(call, [float(test[best]), best], report),
        Mistake(
            "best-test-score-reported",
            "The choice is right, but you report the best of all test scores, not that of your "
            "choice.",
            (
                "Whose test score do you report?",
                "The score that the chosen one has, even if another one was luckier.",
                f"Report {report}.",
            ),
            lambda f: close(result(f, call), [best, float(test[lucky])]),
        ),
        Mistake(
            "validation-score-reported",
            "The choice is right, but you report the score of the images that made it.",
            (
                "Which score has been looked at before?",
                "The images that chose are too kind.",
                f"Report {report}.",
            ),
            lambda f: close(result(f, call), [best, float(validation[best])]),
        ),
        *blind(call, validation, decide),
    )


def exchanged(call: Call, turned: list[float], report: str) -> Mistake:
    return Mistake(
        "results-exchanged",
        "Choice and score are exchanged: the number of the choice comes first.",
        (
            "What does your function return first?",
            "Whoever calls you unpacks: choice, score = …",
            f"Return best first, then {report}.",
        ),
        lambda f: close(result(f, call), turned),
    )


def blind(call: Call, validation: Tensor, decide: str) -> tuple[Mistake, ...]:
    """Choices that don't look for the best validation score alone."""
    return (
        Mistake(
            "both-sets-decide",
            "Other test scores change your choice: they take part in it.",
            (
                "Which images may decide?",
                "Only validation images.",
                f"best = {decide}",
            ),
            lambda f: choice_depends_on(f, call, 1),
        ),
        Mistake(
            "last-one-taken",
            "You take the last one, whatever its validation score is.",
            (
                "Is the last one the best?",
                "Compare the validation scores.",
                f"best = {decide}",
            ),
            lambda f: close(result(f, call)[0], len(validation) - 1),
        ),
        Mistake(
            "worst-one-taken",
            "You take the one with the lowest validation score.",
            (
                "Is a larger score better?",
                "These are scores, not losses.",
                f"best = {decide}: argmax, not argmin.",
            ),
            lambda f: close(result(f, call)[0], int(validation.argmin())),
        ),
    )


def choice_depends_on(f: Attempt, call: Call, number: int) -> bool:
    """Whether the choice changes when one score of validation (0) or test images (1) is raised."""
    args, choices = list(call.args), set()
    for place in range(args[number].shape[-1]):
        args[number] = call.args[number].clone()
        args[number][..., place] += 5
        choices.add(float(f(*args)[0]))
    return len(choices) > 1


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
        "09.1",
        "choose on validation images",
        "choose(validation, test)",
        "Scores (E,) of each epoch (or setting) on validation and on test images. Return the "
        "number of the epoch to keep, counted from 0, and the score to report.",
        EPOCHS,
        (
            *from_reference(
                choose, EPOCHS, given(TEST, VALIDATION), *OTHERS, names="validation test"
            ),
            holds(
                "invariance",
                "other test scores change your choice.",
                lambda f: not choice_depends_on(f, EPOCHS, 1),
            ),
        ),
        mistakes(EPOCHS, EPOCHS.args, "validation.argmax()", "test[best]"),
    ),
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
