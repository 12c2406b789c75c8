"""08.3, the teacher's output."""

from collections.abc import Callable

import torch

from sslcourse.methods.dino import teacher_output
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.centre import CENTER, SCORES, without_gradient
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Mistake, Task, given

SHARP = given(SCORES, CENTER, 0.5), given(drawn(5, 4, seed=4), CENTER, 0.2)


def outputs(change: Callable):
    """Whether the output is the right one of changed inputs: change(scores, center, T)."""
    return lambda f: acts_like(f, lambda s, c, t: teacher_output(*change(s, c, t)), *SHARP)


OUTPUT = (
    Mistake(
        "softmax-over-the-batch",
        "Your columns sum to 1, not your rows: the softmax runs over the images.",
        (
            "Between what does the teacher decide?",
            "Each image is shared out among K prototypes.",
            "torch.softmax(…, dim=-1)",
        ),
        lambda f: close(f(SCORES, CENTER, 0.5).sum(dim=0), torch.ones(4)),
    ),
    Mistake(
        "center-ignored",
        "Another centre doesn't change your output.",
        (
            "What is the second input for?",
            "It is subtracted from the scores.",
            "torch.softmax((scores - center) / temperature, dim=-1)",
        ),
        lambda f: close(f(SCORES, CENTER, 0.5), f(SCORES, -CENTER, 0.5)),
    ),
    Mistake(
        "center-added",
        "The centre is added: the strongest prototype becomes stronger.",
        (
            "Is the centre added or subtracted?",
            "What is common to all images is taken away.",
            "scores - center",
        ),
        outputs(lambda s, c, t: (s, -c, t)),
    ),
    Mistake(
        "center-not-divided",
        "The centre is subtracted after the division by the temperature.",
        (
            "In which order come centring and sharpening?",
            "First centre the raw scores, then divide.",
            "(scores - center) / temperature: mind the brackets.",
        ),
        outputs(lambda s, c, t: (s, c * t, t)),
    ),
    Mistake(
        "center-after-the-softmax",
        "Your rows don't sum to 1: the centre was subtracted from probabilities.",
        (
            "What does each row of your output sum to?",
            "The centre belongs to the scores.",
            "torch.softmax((scores - center) / temperature, dim=-1)",
        ),
        lambda f: acts_like(f, lambda s, c, t: torch.softmax(s / t, 1) - c, *SHARP),
    ),
    Mistake(
        "softmax-forgotten",
        "Some of your numbers are negative: scores, or logarithms, are no shares yet.",
        (
            "What does each row of your output sum to?",
            "A distribution has shares from 0 to 1.",
            "torch.softmax((scores - center) / temperature, dim=-1)",
        ),
        lambda f: bool((f(SCORES, CENTER, 0.5) < 0).any()),
    ),
    Mistake(
        "temperature-after-the-softmax",
        "Your rows sum to 1 / T: the outputs are divided by the temperature, not the scores.",
        (
            "What does each row of your output sum to?",
            "The temperature decides how sharp the softmax is, so it stands inside.",
            "torch.softmax((scores - center) / temperature, dim=-1)",
        ),
        lambda f: all(close(f(SCORES, CENTER, t).sum(1), torch.ones(3) / t) for t in (0.5, 0.2)),
    ),
    Mistake(
        "temperature-multiplied",
        "A small temperature makes your output softer.",
        (
            "Should a small temperature make the teacher more or less decided?",
            "softmax(… / T) is sharp for small T.",
            "Divide by the temperature.",
        ),
        outputs(lambda s, c, t: (s, c, 1 / t)),
    ),
    Mistake(
        "not-sharpened",
        "The temperature doesn't change your output; it should decide how sharp it is.",
        (
            "What is the third input for?",
            "It divides the centred scores.",
            "torch.softmax((scores - center) / temperature, dim=-1)",
        ),
        lambda f: close(f(SCORES, CENTER, 0.2), f(SCORES, CENTER, 0.8)),
    ),
    Mistake(
        "gradient-into-the-teacher",
        "The output asks for a gradient if the scores do; it is a target.",
        (
            "How does the teacher change?",
            "Only by following the student slowly.",
            "Use .detach(), or torch.no_grad().",
        ),
        lambda f: any(f.remembers(SHARP[0], 0)),
    ),
)

TASKS = (
    Task(
        "08.3",
        "the teacher's output",
        "my_teacher_output(scores, center, temperature)",
        "scores (N, K), center (1, K). Return the centred and sharpened distribution (N, K), "
        "without gradient.",
        SHARP[0],
        (
            *from_reference(teacher_output, *SHARP, names="scores center temperature"),
            without_gradient("output", SHARP[0], 0),
        ),
        OUTPUT,
    ),
)
