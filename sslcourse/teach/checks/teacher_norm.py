"""08.4, how a teacher with BatchNorm follows that runs in eval mode."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.momentum import EMA, afterwards, nothing_else_changes
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given


def network(weights: Tensor, statistics: Tensor, trained: bool) -> nn.Module:
    """A linear layer and a BatchNorm: ten parameters, four running statistics."""
    layers = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).requires_grad_(trained)
    nn.utils.vector_to_parameters(weights.clone(), layers.parameters())
    layers[1].running_mean.copy_(statistics[:2])
    layers[1].running_var.copy_(statistics[2:])
    return layers


OLD, NEW = torch.tensor([0.0, 0, 1, 1]), torch.tensor([8.0, 6, 3, 5])  # running statistics


def with_networks(function: Callable) -> Callable:
    """The teacher's ten parameters after an update, or what else happened."""

    def run(slow: Tensor, fast: Tensor, momentum: float, ask: str = "teacher") -> Tensor:
        teacher, student = network(slow, OLD, False).eval(), network(fast, NEW, True)
        before = [*teacher.parameters(), *student.parameters()]
        function(teacher, student, momentum)
        found = afterwards(teacher, student, before)
        for name, net in (("statistics", teacher), ("student statistics", student)):
            found[name] = torch.cat([net[1].running_mean, net[1].running_var])
        found["modes"] = torch.tensor([net.training for net in (teacher, student)])
        return found[ask]

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

    def followed(momentum: float) -> bool:
        found = f(SLOW, FAST, momentum, "statistics")
        return close(found, NEW) or close(found, momentum * OLD + (1 - momentum) * NEW)

    return followed(0.5) and followed(0.9)


def modes_change(f: Attempt) -> bool:
    return f(SLOW, FAST, 0.9, "modes").tolist() != [False, True]


def no_whole_number(f: Attempt) -> bool:
    """Whether PyTorch refuses to write a float into a whole number."""
    try:
        f(SLOW, FAST, 0.9)
    except RuntimeError as error:
        return "can't be cast" in str(error) and "Long" in str(error)
    return False


def following(name: str, shows: Callable[[Attempt], bool]) -> Mistake:
    """A mistake that 04.3 knows too, recognised in these networks."""
    known = next(mistake for mistake in EMA if mistake.id == name)
    return replace(known, shows=shows)


TEACHER = (
    following("student-moves", lambda f: not close(f(SLOW, FAST, 0.9, "student"), FAST)),
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
        "The teacher's parameters are as they were: your result went into new variables, or they "
        "were passed over, as they ask for no gradient.",
        (
            "What does `p = m * p + …` do to the parameter that p named before? Is there a "
            "condition that a frozen teacher never meets?",
            "`p = …` makes a new tensor; the network keeps the old one.",
            "Write in place, inside torch.no_grad(): slow.mul_(m).add_(fast, alpha=1 - m)",
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
    following("momentum-ignored", lambda f: close(f(SLOW, FAST, 0.9), f(SLOW, FAST, 0.5))),
    Mistake(
        "moved-twice",
        "The teacher's parameters move two steps in one call: they keep m² of themselves.",
        (
            "What share of itself does the teacher keep after two steps?",
            "ema_update, or your loop, goes over the parameters already; state_dict() lists them "
            "once more, beside the buffers.",
            "Move parameters() once, and let only buffers() follow after that.",
        ),
        lambda f: acts_like(f, lambda t, s, m: m**2 * t + (1 - m**2) * s, *FOLLOW),
    ),
    Mistake(
        "statistics-copied-backwards",
        "The student's running statistics are those of the teacher afterwards: the copy runs the "
        "wrong way.",
        (
            "Whose statistics should change?",
            "a.copy_(b) writes b into a.",
            "for slow, fast in zip(teacher.buffers(), student.buffers()): slow.copy_(fast)",
        ),
        lambda f: close(f(SLOW, FAST, 0.5, "student statistics"), OLD),
    ),
    Mistake(
        "statistics-take-the-momentum",
        "Running statistics follow with the shares exchanged: they keep 1 - m of themselves and "
        "take m of the student's.",
        (
            "How far has a running mean gone after one step with m = 0.9?",
            "BatchNorm's own momentum is the share that is new; m here is the share that stays.",
            "slow.mul_(m).add_(fast, alpha=1 - m), or slow.copy_(fast), for the buffers, too.",
        ),
        lambda f: close(f(SLOW, FAST, 0.9, "statistics"), 0.1 * OLD + 0.9 * NEW),
    ),
    Mistake(
        "statistics-left-behind",
        "Running statistics of BatchNorm stay those of the start: they are buffers, and "
        "parameters() doesn't list them. In eval mode the teacher normalises by them.",
        (
            "What does a BatchNorm in eval mode divide by?",
            "list(teacher.buffers()) shows what you left out.",
            "for slow, fast in zip(teacher.buffers(), student.buffers()): slow.copy_(fast)",
        ),
        lambda f: bool((f(SLOW, FAST, 0.5, "statistics") == OLD).any()),
    ),
    Mistake(
        "counter-moved-by-shares",
        "One of the buffers counts batches: it is a whole number, and a share of it is none.",
        (
            "Print the dtype of each tensor in state_dict().",
            "num_batches_tracked is int64. It can be copied, not moved by shares.",
            "for slow, fast in zip(teacher.buffers(), student.buffers()): slow.copy_(fast)",
        ),
        no_whole_number,
    ),
    following("teacher-remembers-the-student", lambda f: bool(f(SLOW, FAST, 0.9, "graph"))),
    Mistake(
        "mode-changed",
        "A network is in another mode after your update: the teacher was in evaluation mode, the "
        "student in training mode.",
        (
            "What do .eval() and .train() change, and for how long?",
            "A mode stays until somebody changes it. An update moves numbers only.",
            "Leave .eval() and .train() out of this function.",
        ),
        modes_change,
    ),
)

TASKS = (
    Task(
        "08.4",
        "a teacher with BatchNorm",
        "update_teacher(teacher, student, momentum)",
        "Two networks of one architecture, and m. In place: the teacher's parameters keep m of "
        "themselves and take 1 - m of the student's. This teacher is in eval mode already, so its "
        "buffers follow too, by m or as copies; leave the modes as they are. (The package's "
        "teachers run in training mode, where BatchNorm measures their own batches, so ema_update "
        "leaves buffers alone.)",
        FOLLOW[0],
        (
            *from_reference(with_networks(follow), *FOLLOW, names="teacher student momentum"),
            holds(
                "value",
                "the running statistics of the teacher's BatchNorm are neither the student's, nor "
                "have they moved towards them by 1 - m.",
                statistics_follow,
            ),
            *nothing_else_changes(SLOW, FAST),
            holds(
                "invariance",
                "the teacher must stay in evaluation mode and the student in training mode.",
                lambda f: not modes_change(f),
            ),
        ),
        TEACHER,
        with_networks,
        3,
    ),
)
