"""04.3 and 04.4: the momentum encoder and how it follows."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sslcourse.networks.ema import ema_copy, ema_update
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given


def network(weights: Tensor, trained: bool) -> nn.Module:
    """Two linear layers with the nine numbers as weights."""
    layers = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    nn.utils.vector_to_parameters(weights.clone(), layers.parameters())
    return layers.requires_grad_(trained)


def vector(module: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(module.parameters()).detach().clone()


def with_networks(function: Callable) -> Callable:
    """The teacher's nine weights after an update, or what else happened."""

    def run(teacher: Tensor, student: Tensor, momentum: float, ask: str = "teacher") -> Tensor:
        slow, fast = network(teacher, False), network(student, True)
        function(slow, fast, momentum)
        answers = {"teacher": vector(slow), "student": vector(fast)}
        answers["graph"] = torch.tensor(any(p.requires_grad for p in slow.parameters()))
        return answers[ask]

    return run


SLOW, FAST = torch.arange(1.0, 10.0), torch.arange(30.0, 3.0, -3.0)

FOLLOW = given(SLOW, FAST, 0.9), given(SLOW, drawn(9, seed=1), 0.99)

RIGHT = with_networks(ema_update)


def rounded(f: Attempt) -> bool:
    """Close to the right weights, but only as close as bfloat16 or float16 can be."""
    slow, fast = drawn(9, seed=2), drawn(9, seed=3)
    error = (f(slow, fast, 0.999) - RIGHT(slow, fast, 0.999)).abs().max()
    return 1e-5 < float(error) < 0.02


EMA = (
    Mistake(
        "teacher-never-moves",
        "The teacher is as it was: your result went into a new variable, not into its parameters.",
        (
            "What does `p = m * p + …` do to the parameter that p named before?",
            "It makes a new tensor; the network keeps the old one.",
            "Write into the parameter: p.mul_(m).add_(q, alpha=1 - m), or p.data = …",
        ),
        lambda f: close(f(SLOW, FAST, 0.5), SLOW),
    ),
    Mistake(
        "student-moves",
        "The student's weights are others afterwards; only the teacher follows.",
        (
            "Who follows whom?",
            "The optimiser trains the student, nothing else does.",
            "Write into the teacher's parameters only.",
        ),
        lambda f: not close(f(SLOW, FAST, 0.9, "student"), FAST),
    ),
    Mistake(
        "momentum-swapped",
        "Your teacher keeps the share 1 - m of itself and takes m of the student: it almost copies "
        "the student.",
        (
            "With m = 0.999, who changes little?",
            "The teacher keeps m of itself.",
            "teacher = m * teacher + (1 - m) * student",
        ),
        lambda f: acts_like(f, lambda t, s, m: m * s + (1 - m) * t, *FOLLOW),
    ),
    Mistake(
        "teacher-copies-the-student",
        "The teacher is the student after one update: the momentum is not used.",
        (
            "What should m = 0.999 leave of the teacher?",
            "The teacher is a mean over many steps.",
            "teacher = m * teacher + (1 - m) * student",
        ),
        lambda f: close(f(SLOW, FAST, 0.9), FAST),
    ),
    Mistake(
        "some-parameters-forgotten",
        "Some parameters follow and others stay: biases, or all but the first layer, are missing.",
        (
            "How many tensors does list(student.parameters()) have?",
            "Weights and biases of every layer follow.",
            "for p, q in zip(teacher.parameters(), student.parameters()): …",
        ),
        lambda f: bool(((f(SLOW, FAST, 0.9) - SLOW).abs() < 1e-6).any()),
    ),
    Mistake(
        "rounded-to-half-precision",
        "Your teacher is rounded to half precision: with m = 0.999 the small steps are lost, and "
        "after a thousand steps it has hardly moved.",
        (
            "How many digits has bfloat16?",
            "1 + 0.001 is 1 in bfloat16. A running mean needs float32.",
            "Keep teacher and update in float32.",
        ),
        rounded,
    ),
    Mistake(
        "teacher-remembers-the-student",
        "The teacher's parameters ask for a gradient afterwards: the update was recorded, and the "
        "graph grows with every step.",
        (
            "Which lines should autograd record?",
            "An update of the teacher is no part of the loss.",
            "Decorate the function with @torch.no_grad().",
        ),
        lambda f: bool(f(SLOW, FAST, 0.9, "graph")),
    ),
    Mistake(
        "shares-do-not-sum-to-one",
        "A teacher that equals its student moves: the shares of both don't sum to 1, and the "
        "weights grow or shrink with every step.",
        (
            "Let teacher and student be equal. Where should the teacher be afterwards?",
            "It is a mean: m of one and 1 - m of the other.",
            "teacher = m * teacher + (1 - m) * student",
        ),
        lambda f: not close(f(SLOW, SLOW, 0.9), SLOW),
    ),
)


def with_copy(function: Callable) -> Callable:
    """What a copy is like: its weights, before or after its model has changed, or its gradient."""

    def run(weights: Tensor, ask: str = "weights") -> Tensor:
        model = network(weights, True)
        copied = function(model)
        if ask == "gradient":
            return torch.tensor(any(p.requires_grad for p in copied.parameters()))
        if ask == "later":
            nn.utils.vector_to_parameters(weights + 1, model.parameters())
            model[0].weight.data.add_(1)
        return vector(copied)

    return run


COPY = (
    Mistake(
        "shares-the-weights",
        "When the encoder changes, your copy changes too: both are the same tensors.",
        (
            "What does `copy = encoder` copy?",
            "Only a name. copy.copy shares the parameters as well.",
            "copy.deepcopy(encoder)",
        ),
        lambda f: not close(f(SLOW, "later"), SLOW) and close(f(SLOW), SLOW),
    ),
    Mistake(
        "starts-with-other-weights",
        "The copy doesn't start with the encoder's weights.",
        (
            "What should the keys be like at the first step?",
            "A new network has random weights of its own.",
            "copy.deepcopy(encoder), or load_state_dict(encoder.state_dict()).",
        ),
        lambda f: not close(f(SLOW), SLOW),
    ),
    Mistake(
        "copy-is-trained",
        "The copy's parameters ask for a gradient: an optimiser would train it.",
        (
            "How does the momentum encoder change?",
            "Only by following. Gradient descent must not touch it.",
            "copied.requires_grad_(False)",
        ),
        lambda f: bool(f(SLOW, "gradient")),
    ),
)

TASKS = (
    Task(
        "04.3",
        "the momentum update",
        "ema_update(teacher, student, momentum)",
        "Two networks of one architecture and m in [0, 1]. Move every parameter of the teacher, in "
        "place: m of itself and 1 - m of the student. The student stays as it is.",
        FOLLOW[0],
        (
            *from_reference(RIGHT, *FOLLOW, names="teacher student momentum"),
            holds("value", "the update is less exact than float32.", lambda f: not rounded(f)),
            holds(
                "gradient",
                "the teacher's parameters ask for a gradient afterwards.",
                lambda f: not f(SLOW, FAST, 0.9, "graph"),
            ),
            holds(
                "invariance",
                "the student's parameters are others afterwards.",
                lambda f: close(f(SLOW, FAST, 0.9, "student"), FAST),
            ),
        ),
        EMA,
        with_networks,
        3,
    ),
    Task(
        "04.4",
        "the momentum encoder",
        "ema_copy(encoder)",
        "An encoder. Return a copy with the same weights, in tensors of its own, that is not "
        "trained.",
        given(SLOW),
        (
            *from_reference(with_copy(ema_copy), given(SLOW), names="weights"),
            holds(
                "gradient",
                "the copy's parameters ask for a gradient.",
                lambda f: not f(SLOW, "gradient"),
            ),
            holds(
                "invariance",
                "the copy changes when the encoder changes.",
                lambda f: close(f(SLOW, "later"), SLOW),
            ),
        ),
        COPY,
        with_copy,
        1,
    ),
)
