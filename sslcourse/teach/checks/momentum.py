"""04.3, how the momentum encoder follows."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sslcourse.networks.ema import ema_update
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Attempt, Case, Mistake, Task, given


def network(weights: Tensor, trained: bool) -> nn.Module:
    """Two linear layers and a norm, one in the other, with the nine numbers as weights."""
    layers = nn.Sequential(nn.Sequential(nn.Linear(2, 1), nn.LayerNorm(1)), nn.Linear(1, 2))
    nn.utils.vector_to_parameters(weights.clone(), layers.parameters())
    return layers.requires_grad_(trained)


def vector(module: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(module.parameters()).detach().clone()


def afterwards(slow: nn.Module, fast: nn.Module, before: list[Tensor]) -> dict[str, Tensor]:
    """What an update has made of the teacher, of the student, and of their parameters `before`."""
    after = [*slow.parameters(), *fast.parameters()]
    tensors = [*after, *slow.buffers(), *fast.buffers()]
    facts = {
        "graph": any(p.requires_grad for p in slow.parameters()),
        "learns": all(p.requires_grad for p in fast.parameters()),
        "same": all(old is new for old, new in zip(before, after, strict=True)),
        "apart": len({x.data_ptr() for x in tensors}) == len(tensors),
    }
    weights = {"teacher": vector(slow), "student": vector(fast)}
    return weights | {name: torch.tensor(fact) for name, fact in facts.items()}


def with_networks(function: Callable) -> Callable:
    """The teacher's nine weights after an update, or what else happened."""

    def run(teacher: Tensor, student: Tensor, momentum: float, ask: str = "teacher") -> Tensor:
        slow, fast = network(teacher, False), network(student, True)
        before = [*slow.parameters(), *fast.parameters()]
        function(slow, fast, momentum)
        return afterwards(slow, fast, before)[ask]

    return run


SLOW, FAST = torch.arange(1.0, 10.0), torch.arange(30.0, 3.0, -3.0)

FOLLOW = given(SLOW, FAST, 0.9), given(SLOW, drawn(9, seed=1), 0.99)

RIGHT = with_networks(ema_update)


NEAR = drawn(9, seed=2), drawn(9, seed=3), 0.999


def exact(f: Attempt) -> bool:
    """Whether small steps arrive, too."""
    return float((f(*NEAR) - RIGHT(*NEAR)).abs().max()) < 1e-5


def rounded(f: Attempt) -> bool:
    """The new weights are numbers of bfloat16 or float16, though the old ones were not."""
    found = f(*NEAR)
    return any(torch.equal(found.to(half).float(), found) for half in (torch.bfloat16, torch.half))


def vectors_apart(f: Attempt) -> bool:
    """Weights that are vectors are the student's, or stay; matrices follow as they should."""
    right, found = RIGHT(*FOLLOW[0].args), f(*FOLLOW[0].args)
    vectors = torch.tensor([0, 0, 1, 1, 1, 0, 0, 1, 1]).bool()
    apart = any(close(found[vectors], other[vectors]) for other in (SLOW, FAST))
    return apart and close(found[~vectors], right[~vectors])


EMA = (
    Mistake(
        "vectors-handled-apart",
        "Biases and the weights of norms are copied, or stay as they were; matrices alone follow "
        "as they should.",
        (
            "Which parameters does your function treat in another way?",
            "LARS leaves vectors out of its scaling. A momentum encoder has no such exception.",
            "The same line for every parameter: p.mul_(m).add_(q, alpha=1 - m)",
        ),
        vectors_apart,
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
        "teacher-never-moves",
        "The teacher is as it was: your result went into a new variable, not into its parameters, "
        "or they were passed over, as they ask for no gradient.",
        (
            "What does `p = m * p + …` do to the parameter that p named before? Is there a "
            "condition that a frozen teacher never meets?",
            "`p = …` makes a new tensor; the network keeps the old one.",
            "Write into the parameter, inside torch.no_grad(): p.mul_(m).add_(q, alpha=1 - m)",
        ),
        lambda f: close(f(SLOW, FAST, 0.5), SLOW),
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
        "momentum-ignored",
        "Your teacher moves as far at every momentum: the one that is handed in is not used.",
        (
            "Where does `momentum` occur in your function?",
            "It may change during a training, so it is an input.",
            "teacher = momentum * teacher + (1 - momentum) * student",
        ),
        lambda f: close(f(SLOW, FAST, 0.9), f(SLOW, FAST, 0.5)),
    ),
    Mistake(
        "some-parameters-forgotten",
        "Some parameters follow and others stay: biases, or all but the first layer, are missing.",
        (
            "How many tensors does list(student.parameters()) have?",
            "Weights and biases follow, those of every layer.",
            "for p, q in zip(teacher.parameters(), student.parameters()): …",
        ),
        lambda f: bool(((f(SLOW, FAST, 0.9) - SLOW).abs() < 1e-6).any()),
    ),
    Mistake(
        "rounded-to-half-precision",
        "Your teacher is rounded to half precision: with m = 0.999 its steps are so small that "
        "many of them are lost.",
        (
            "How many digits does bfloat16 keep?",
            "1 + 0.001 is 1 in bfloat16. A running mean needs float32.",
            "Keep teacher and update in float32.",
        ),
        rounded,
    ),
    Mistake(
        "teacher-remembers-the-student",
        "The teacher's parameters ask for a gradient afterwards: the update was recorded, or new "
        "parameters took their place.",
        (
            "Which lines should autograd record?",
            "An update of the teacher is no part of the loss, and nothing trains the teacher.",
            "Decorate the function with @torch.no_grad(), and write in place.",
        ),
        lambda f: bool(f(SLOW, FAST, 0.9, "graph")),
    ),
    Mistake(
        "shares-do-not-sum-to-one",
        "A teacher that equals its student moves: the shares of both don't sum to 1.",
        (
            "Let teacher and student be equal. Where should the teacher be afterwards?",
            "It is a mean: m of one and 1 - m of the other.",
            "teacher = m * teacher + (1 - m) * student",
        ),
        lambda f: differ(f(SLOW, SLOW, 0.9), SLOW),
    ),
)


def nothing_else_changes(slow: Tensor, fast: Tensor) -> tuple[Case, ...]:
    """The teacher asks for no gradient and the student stays; see `with_networks` for both."""
    return (
        holds(
            "gradient",
            "the teacher's parameters ask for a gradient afterwards.",
            lambda f: not f(slow, fast, 0.9, "graph"),
        ),
        holds(
            "invariance",
            "the student's parameters are others afterwards.",
            lambda f: close(f(slow, fast, 0.9, "student"), fast),
        ),
        holds(
            "invariance",
            "the student's parameters ask for no gradient any more: it would stop learning.",
            lambda f: bool(f(slow, fast, 0.9, "learns")),
        ),
        holds(
            "invariance",
            "new parameters took the place of the old ones; an optimizer still holds the old.",
            lambda f: bool(f(slow, fast, 0.9, "same")),
        ),
        holds(
            "invariance",
            "at momentum 0 teacher and student share their memory: the next step moves both.",
            lambda f: bool(f(slow, fast, 0.0, "apart")),
        ),
    )


TASKS = (
    Task(
        "04.3",
        "the momentum update",
        "my_ema_update(teacher, student, momentum)",
        "Two networks of one architecture and m in [0, 1]. Move every parameter of the teacher, in "
        "place: m of itself and 1 - m of the student. The student stays as it is.",
        FOLLOW[0],
        (
            *from_reference(RIGHT, *FOLLOW, names="teacher student momentum"),
            holds("value", "the update is less exact than float32.", exact),
            *nothing_else_changes(SLOW, FAST),
        ),
        EMA,
        with_networks,
        3,
    ),
)
