"""08.3 and 08.4: the teacher's output, and how a teacher with BatchNorm follows."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sslcourse.methods.dino import teacher_output
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.centre import CENTER, SCORES, without_gradient
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

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
            "Which sign has the centre?",
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
            "Subtract it before the softmax.",
        ),
        lambda f: acts_like(f, lambda s, c, t: torch.softmax(s / t, 1) - c, *SHARP),
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
        "The temperature doesn't change your output: without sharpening all ends uniform.",
        (
            "What is the third input for?",
            "It divides the centred scores.",
            "torch.softmax((scores - center) / temperature, dim=-1)",
        ),
        lambda f: close(f(SCORES, CENTER, 0.2), f(SCORES, CENTER, 0.8)),
    ),
    Mistake(
        "gradient-into-the-teacher",
        "The output asks for a gradient; it is a target.",
        (
            "How does the teacher change?",
            "Only by following the student slowly.",
            "Use .detach(), or torch.no_grad().",
        ),
        lambda f: f.gradients(*SHARP[0].args) is not None,
    ),
)


def network(weights: Tensor, statistics: Tensor, trained: bool) -> nn.Module:
    """A linear layer and a BatchNorm: ten parameters, four running statistics."""
    layers = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).requires_grad_(trained)
    nn.utils.vector_to_parameters(weights.clone(), layers.parameters())
    layers[1].running_mean.copy_(statistics[:2])
    layers[1].running_var.copy_(statistics[2:])
    return layers


def with_networks(function: Callable) -> Callable:
    def run(slow: Tensor, fast: Tensor, momentum: float, ask: str = "parameters") -> Tensor:
        teacher = network(slow, torch.tensor([0.0, 0, 1, 1]), False)
        student = network(fast, torch.tensor([8.0, 6, 3, 5]), True)
        function(teacher, student, momentum)
        if ask == "statistics":
            return torch.cat([teacher[1].running_mean, teacher[1].running_var])
        return nn.utils.parameters_to_vector(teacher.parameters()).detach()

    return run


def follow(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    with torch.no_grad():
        for slow, fast in zip(teacher.parameters(), student.parameters()):
            slow.mul_(momentum).add_(fast, alpha=1 - momentum)
        for slow, fast in zip(teacher.buffers(), student.buffers()):
            slow.copy_(fast)


SLOW, FAST = torch.arange(1.0, 11.0), torch.arange(40.0, 10.0, -3.0)

FOLLOW = given(SLOW, FAST, 0.9), given(SLOW, FAST, 0.5)


def statistics_follow(f: Attempt) -> bool:
    """Running statistics are the student's, or have moved towards them by the momentum."""
    found, start, end = (
        f(SLOW, FAST, 0.5, "statistics"),
        torch.tensor([0.0, 0, 1, 1]),
        torch.tensor([8.0, 6, 3, 5]),
    )
    return close(found, end) or close(found, (start + end) / 2)


TEACHER = (
    Mistake(
        "momentum-swapped",
        "Your teacher keeps the share 1 - m of itself: it almost copies the student.",
        (
            "With m = 0.996, who changes little?",
            "The teacher keeps m of itself.",
            "slow.mul_(m).add_(fast, alpha=1 - m)",
        ),
        lambda f: acts_like(f, lambda t, s, m: m * s + (1 - m) * t, *FOLLOW[:1]),
    ),
    Mistake(
        "teacher-never-moves",
        "The teacher's parameters are as they were: your result went into new variables.",
        (
            "What does `p = m * p + …` do to the parameter that p named before?",
            "It makes a new tensor; the network keeps the old one.",
            "Write in place: slow.mul_(m).add_(fast, alpha=1 - m).",
        ),
        lambda f: close(f(SLOW, FAST, 0.5), SLOW),
    ),
    Mistake(
        "teacher-copies-the-student",
        "The teacher's parameters are the student's: the momentum is not used, or load_state_dict "
        "has overwritten them.",
        (
            "What should m = 0.9 leave of the teacher?",
            "Only buffers may be copied.",
            "Move parameters by the momentum, copy buffers().",
        ),
        lambda f: close(f(SLOW, FAST, 0.9), FAST),
    ),
    Mistake(
        "statistics-left-behind",
        "The parameters follow, but BatchNorm's running statistics stay those of the start: they "
        "are buffers, and parameters() doesn't list them.",
        (
            "What does a BatchNorm in eval mode divide by?",
            "list(teacher.buffers()) shows what you left out.",
            "for slow, fast in zip(teacher.buffers(), student.buffers()): slow.copy_(fast)",
        ),
        lambda f: close(f(SLOW, FAST, 0.5, "statistics"), torch.tensor([0.0, 0, 1, 1])),
    ),
)

TASKS = (
    Task(
        "08.3",
        "the teacher's output",
        "teacher_output(scores, center, temperature)",
        "scores (N, K), center (1, K). Return the centred and sharpened distribution (N, K), "
        "without gradient.",
        SHARP[0],
        (
            *from_reference(teacher_output, *SHARP, names="scores center temperature"),
            *without_gradient("output", SHARP[0]),
        ),
        OUTPUT,
    ),
    Task(
        "08.4",
        "a teacher with BatchNorm",
        "update_teacher(teacher, student, momentum)",
        "Two networks of one architecture, and m. In place: the teacher's parameters keep m of "
        "themselves and take 1 - m of the student's; its buffers follow too, for it runs in eval "
        "mode.",
        FOLLOW[0],
        (
            *from_reference(with_networks(follow), *FOLLOW, names="teacher student momentum"),
            holds(
                "value",
                "the running statistics of the teacher's BatchNorm did not follow.",
                statistics_follow,
            ),
        ),
        TEACHER,
        with_networks,
        3,
    ),
)
