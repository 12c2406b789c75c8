"""09.1: what is chosen on validation images and reported on test images."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, differ
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


def choose(validation: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    best = validation.argmax()
    return best, test[best]


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
            lambda f: both_signs(f, call, lambda scores: len(scores) - 1, validation),
        ),
        Mistake(
            "worst-one-taken",
            "You take the one with the lowest validation score.",
            (
                "Is a larger score better?",
                "These are scores, not losses.",
                f"best = {decide}: argmax, not argmin.",
            ),
            lambda f: both_signs(f, call, lambda scores: int(scores.argmin()), validation),
        ),
    )


def both_signs(f: Attempt, call: Call, chosen: Callable[[Tensor], int], scores: Tensor) -> bool:
    """Whether this is chosen, and also of scores that are turned upside down."""
    below = Call((-call.args[0], call.args[1]), call.kwargs)
    pairs = (call, scores), (below, -scores)
    return all(close(result(f, one)[0], chosen(values)) for one, values in pairs)


def choice_depends_on(f: Attempt, call: Call, number: int) -> bool:
    """Whether the choice changes when one score of validation (0) or test images (1) is raised."""
    args, choices = list(call.args), set()
    for place in range(args[number].shape[-1]):
        args[number] = call.args[number].clone()
        args[number][..., place] += 5
        choices.add(float(f(*args)[0]))
    return len(choices) > 1


def order_decides(f: Attempt) -> bool:
    """The same epochs in another order lead to another one."""
    order = torch.tensor([0, 2, 4, 1, 3, 5])
    mixed = given(*(scores[order] for scores in EPOCHS.args))
    return differ(result(f, mixed)[1], result(f, EPOCHS)[1])


ORDER = Mistake(
    "order-decides",
    "The same scores in another order give you another choice: where a score stands, or what "
    "stands beside it, takes part.",
    (
        "Write the same six epochs down in another order. Which one should be kept?",
        "The one with the best score of its own: no smoothing, no early stop, no place in a list.",
        "best = validation.argmax()",
    ),
    order_decides,
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
        (*mistakes(EPOCHS, EPOCHS.args, "validation.argmax()", "test[best]"), ORDER),
    ),
)
