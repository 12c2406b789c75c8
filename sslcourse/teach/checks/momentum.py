"""04.3 to 04.5: the momentum encoder and shuffled keys."""

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


SLOW, FAST = torch.arange(1.0, 10.0), 10 * torch.arange(1.0, 10.0)
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


def grouped(x: Tensor) -> Tensor:
    """An encoder with a BatchNorm that sees the two halves of a batch apart."""
    return torch.cat([half - half.mean(dim=0) for half in x.chunk(2)])


def with_encoder(function: Callable) -> Callable:
    return lambda images, order: function(grouped, images, order)


def shuffled_keys(encoder: Callable, images: Tensor, order: Tensor) -> Tensor:
    with torch.no_grad():
        return encoder(images[order])[order.argsort()]


ORDERED = given(torch.tensor([[1.0], [2.0], [40.0], [80.0]]), torch.tensor([2, 0, 3, 1]))
SHUFFLE = (
    Mistake(
        "shuffle-not-undone",
        "Key i no longer belongs to image i: the keys are still shuffled.",
        (
            "Which image does row 0 of your keys show?",
            "Queries are in the old order, so keys must be too.",
            "keys[order.argsort()] puts them back.",
        ),
        lambda f: acts_like(f, lambda x, o: grouped(x[o]), ORDERED),
    ),
    Mistake(
        "undone-with-the-same-order",
        "You shuffled twice in the same way; that doesn't undo a shuffle.",
        (
            "Try it with order = [2, 0, 1] and the letters a, b, c.",
            "The inverse of a permutation is needed.",
            "order.argsort() is the inverse of order.",
        ),
        lambda f: (
            acts_like(f, lambda x, o: grouped(x[o])[o], ORDERED)
            or acts_like(f, lambda x, o: grouped(x[o.argsort()])[o.argsort()], ORDERED)
        ),
    ),
    Mistake(
        "never-shuffled",
        "The keys are what they would be without a shuffle: BatchNorm saw the images in the old "
        "groups.",
        (
            "Where in your function does BatchNorm work?",
            "A shuffle after the encoder changes nothing.",
            "encoder(images[order]), and the keys are put back afterwards.",
        ),
        lambda f: acts_like(f, lambda x, o: grouped(x), ORDERED),
    ),
    Mistake(
        "keys-keep-the-gradient",
        "The keys ask for a gradient; the momentum encoder is not trained.",
        (
            "What does keys.requires_grad say?",
            "Gradient flows to the queries only.",
            "Use `with torch.no_grad():` around the encoder.",
        ),
        lambda f: f.gradients(*ORDERED.args) is not None,
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
    Task(
        "04.5",
        "shuffled keys",
        "shuffled_keys(key_encoder, images, order)",
        "images (N, …) and a permutation (N,) of the numbers 0 to N - 1. Send the images through "
        "the encoder in this order and return the keys (N, D) in the old one, without gradient.",
        ORDERED,
        (
            *from_reference(with_encoder(shuffled_keys), ORDERED, names="images order"),
            holds(
                "gradient",
                "the keys ask for a gradient.",
                lambda f: f.gradients(*ORDERED.args) is None,
            ),
        ),
        SHUFFLE,
        with_encoder,
        3,
    ),
)
