"""05.2 and 08.1: cross-entropy between two views, in SwAV and in DINO.

Both losses compare every target with the prediction of every *other* view, so they share their
mistakes. In SwAV the target is an assignment; in DINO it is a teacher's centred, sharpened output.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.methods.dino import dino_loss
from sslcourse.methods.swav import swav_loss
from sslcourse.teach.checks.behaviours import (
    acts_like,
    grows,
    ignores,
    off_by_a_factor,
    wrong_sign,
)
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given


def scores(views: int, count: int = 3, seed: int = 0) -> list[Tensor]:
    return [drawn(count, 4, seed=seed + view).tanh() for view in range(views)]


def swapped(views: int = 3, count: int = 3, seed: int = 0, temperature: float = 0.5) -> Call:
    targets = [torch.softmax(2 * s, dim=1) for s in scores(2, count, seed + 20)]
    return given(scores(views, count, seed), targets, temperature=temperature)


def distilled(
    views: int = 3, count: int = 3, seed: int = 0, student: float = 0.5, teacher: float = 0.25
) -> Call:
    return given(
        scores(views, count, seed),
        scores(2, count, seed + 20),
        drawn(1, 4, seed=seed + 40) / 2,
        student_temperature=student,
        teacher_temperature=teacher,
    )


def pairs_of(first: Callable, second: Callable, wanted: Callable) -> Callable:
    """A cross-entropy over the pairs of views that are wanted: (target's, prediction's) number."""

    def loss(predictions: list[Tensor], targets: list[Tensor], *rest, **temperatures) -> Tensor:
        terms = [
            -(first(t, *rest, **temperatures) * second(p, **temperatures)).sum(1).mean()
            for i, t in enumerate(targets)
            for j, p in enumerate(predictions)
            if wanted(i, j)
        ]
        return torch.stack(terms).mean()

    return loss


def same_views(loss: Callable, calls: tuple[Call, ...], wanted: Callable):
    """Whether f sums up other pairs than the right function, in the same way."""
    return lambda f: acts_like(f, loss(wanted), *calls) or off_by_a_factor(f, loss(wanted), *calls)


def swav_over(wanted: Callable) -> Callable:
    return pairs_of(
        lambda q, *, temperature: q,
        lambda s, *, temperature: F.log_softmax(s / temperature, dim=1),
        wanted,
    )


def dino_over(wanted: Callable) -> Callable:
    return pairs_of(
        lambda t, c, *, teacher_temperature, **_: torch.softmax((t - c) / teacher_temperature, 1),
        lambda s, *, student_temperature, **_: F.log_softmax(s / student_temperature, dim=1),
        wanted,
    )


def small_views_ignored(f: Attempt, call: Call) -> bool:
    """Whether the third view can be another one without changing the loss."""
    other = [*call.args[0][:2], drawn(3, 4, seed=77)]
    return ignores(f, call, Call((other, *call.args[1:]), call.kwargs))


def target_gradient(f: Attempt, call: Call, start: int) -> bool:
    found = f.gradients(*call.args, **call.kwargs)
    return found is not None and any(float(g.abs().max()) > 1e-9 for g in found[start:])


def shared(right: Callable, call: Callable, over: Callable, said: str) -> tuple[Mistake, ...]:
    """The mistakes that both losses know. `said` is what their targets are called."""
    calls = (call(), call(seed=5))
    return (
        Mistake(
            "same-view-predicted",
            f"Your loss also compares a view with its own {said}: that is easy and teaches nothing.",
            (
                "Which pairs of views does your loop visit?",
                "A view must say what was said of *another* view.",
                "Skip the pairs with equal numbers: if i == j: continue.",
            ),
            same_views(over, calls, lambda i, j: True),
        ),
        Mistake(
            "only-the-same-view-predicted",
            f"Your loss compares each view with its own {said} only; nothing is swapped.",
            (
                "What is swapped in a swapped prediction?",
                "View 1 must say what was said of view 2.",
                "Take the pairs with i != j.",
            ),
            same_views(over, calls, lambda i, j: i == j),
        ),
        Mistake(
            "small-views-ignored",
            "A third view doesn't change your loss: the small crops are left out.",
            (
                "How many views does the learner see, and of how many are there targets?",
                "Targets come from the first views, predictions from all.",
                "The inner loop runs over all predictions.",
            ),
            lambda f: small_views_ignored(f, call()),
        ),
        Mistake(
            "loss-without-minus",
            "Your loss has the wrong sign: it drives predictions away from their targets.",
            (
                "Can a cross-entropy be below zero?",
                "It is minus the sum of p log q.",
                "Put a minus in front of the sum.",
            ),
            lambda f: wrong_sign(f, right, *calls),
        ),
        Mistake(
            "summed-over-the-batch",
            "Your loss grows with the batch: the images are summed, not averaged.",
            (
                "Should twice the batch double the loss?",
                "Sum over the prototypes, mean over the images.",
                "-(p * log_q).sum(dim=1).mean()",
            ),
            lambda f: grows(f, right, calls, (call(count=6), call(count=6, seed=5))),
        ),
        Mistake(
            "pairs-summed",
            "Your loss grows with the number of views: the pairs are summed, not averaged.",
            (
                "How many terms have two views, and how many four?",
                "Divide by the number of pairs that you added.",
                "Count the pairs in your loop and divide at the end.",
            ),
            lambda f: grows(f, right, calls, (call(views=4), call(views=4, seed=5))),
        ),
        Mistake(
            "wrong-factor",
            "Your loss is the right one times a constant, so uniform predictions don't cost ln K.",
            (
                "What do uniform predictions cost with K prototypes?",
                "Sum over the prototypes; a mean over them divides by K.",
                "-(p * log_q).sum(dim=1).mean()",
            ),
            lambda f: off_by_a_factor(f, right, *calls),
        ),
    )


def swav_at(change: Callable):
    return lambda f: acts_like(
        f,
        lambda s, q, *, temperature: swav_loss(s, q, temperature=change(temperature)),
        swapped(temperature=0.4),
        swapped(temperature=0.8),
    )


SWAV = (
    Mistake(
        "gradient-into-the-assignments",
        "A gradient reaches the assignments: they are targets, and would move towards the "
        "predictions.",
        (
            "Which side of the loss should learn?",
            "A target is fixed for the step.",
            "Use q.detach().",
        ),
        lambda f: target_gradient(f, swapped(), 3),
    ),
    Mistake(
        "temperature-multiplied",
        "Your loss at T is the right one at 1 / T.",
        (
            "Should a small temperature make predictions sharper or flatter?",
            "Scores are cosines; T = 0.1 stretches them.",
            "F.log_softmax(scores / temperature, dim=1)",
        ),
        swav_at(lambda t: 1 / t),
    ),
    Mistake(
        "temperature-ignored",
        "Your loss is the same at every temperature.",
        (
            "Where does the temperature stand?",
            "It divides the scores before the softmax.",
            "F.log_softmax(scores / temperature, dim=1)",
        ),
        lambda f: ignores(f, swapped(temperature=0.2), swapped(temperature=0.9)),
    ),
    Mistake(
        "logarithm-missing",
        "Uniform predictions cost 1 / K in your loss, not ln K: the logarithm is missing.",
        (
            "What is the chance line of this loss?",
            "Cross-entropy is minus the sum of p log q.",
            "Use F.log_softmax instead of softmax.",
        ),
        lambda f: close(
            f([torch.ones(2, 4)] * 2, [torch.eye(4)[:2]] * 2, temperature=0.5).abs(), 0.25
        ),
    ),
    Mistake(
        "softmax-over-the-batch",
        "Uniform predictions cost ln N in your loss, not ln K: the softmax runs over the images.",
        (
            "Over which axis do predictions sum to 1?",
            "Each image is distributed over the prototypes.",
            "F.log_softmax(…, dim=1)",
        ),
        lambda f: close(
            f([torch.ones(3, 5)] * 2, [torch.eye(5)[:3]] * 2, temperature=0.5), math.log(3)
        ),
    ),
    *shared(swav_loss, swapped, swav_over, "assignment"),
)


def dino_acts(f: Attempt, change: Callable) -> bool:
    """Whether the loss is the right one of changed inputs: change(student, teacher, center, t)."""

    def other(s, t, c, *, student_temperature, teacher_temperature):
        s, t, c, soft, sharp = change(s, t, c, student_temperature, teacher_temperature)
        return dino_loss(s, t, c, student_temperature=soft, teacher_temperature=sharp)

    return acts_like(f, other, distilled(), distilled(seed=5, student=0.4, teacher=0.3))


def center_after_softmax(f: Attempt) -> bool:
    over = pairs_of(
        lambda t, c, *, teacher_temperature, **_: torch.softmax(t / teacher_temperature, 1) - c,
        lambda s, *, student_temperature, **_: F.log_softmax(s / student_temperature, dim=1),
        lambda i, j: i != j,
    )
    return acts_like(f, over, distilled(), distilled(seed=5))


DINO = (
    Mistake(
        "gradient-into-the-teacher",
        "A gradient reaches the teacher's scores: student and teacher would meet in a collapse.",
        (
            "How does the teacher change?",
            "Only by following the student slowly.",
            "Use teacher.detach(), or torch.no_grad() around the teacher's part.",
        ),
        lambda f: target_gradient(f, distilled(), 3),
    ),
    Mistake(
        "temperatures-swapped",
        "Your loss is the right one with the two temperatures exchanged: the teacher is softer "
        "than its student.",
        (
            "Who should be more decided, teacher or student?",
            "T_t < T_s: this is the sharpening.",
            "softmax(teacher / teacher_temperature), log_softmax(student / student_temperature)",
        ),
        lambda f: dino_acts(f, lambda s, t, c, soft, sharp: (s, t, c, sharp, soft)),
    ),
    Mistake(
        "one-temperature-for-both",
        "The teacher's temperature doesn't change your loss, or the student's doesn't: there is no "
        "sharpening.",
        (
            "How many temperatures does your code use?",
            "Without a sharper teacher all outputs drift to the uniform one.",
            "Divide the teacher's scores by teacher_temperature, the student's by the other.",
        ),
        lambda f: (
            ignores(f, distilled(teacher=0.2), distilled(teacher=0.4))
            or ignores(f, distilled(student=0.5), distilled(student=0.9))
        ),
    ),
    Mistake(
        "temperature-multiplied",
        "A temperature multiplies your scores instead of dividing them.",
        (
            "Should a small temperature make an output sharper or flatter?",
            "softmax(scores / T)",
            "Divide in both softmaxes.",
        ),
        lambda f: any(
            dino_acts(f, change)
            for change in (
                lambda s, t, c, soft, sharp: (s, t, c, 1 / soft, 1 / sharp),
                lambda s, t, c, soft, sharp: (s, t, c, soft, 1 / sharp),
                lambda s, t, c, soft, sharp: (s, t, c, 1 / soft, sharp),
            )
        ),
    ),
    Mistake(
        "center-ignored",
        "Another centre doesn't change your loss: nothing keeps one prototype from winning always.",
        (
            "What is the third input for?",
            "Centring subtracts the running mean from the teacher's scores.",
            "softmax((teacher - center) / teacher_temperature)",
        ),
        lambda f: ignores(
            f, distilled(), Call((*distilled().args[:2], drawn(1, 4, seed=9)), distilled().kwargs)
        ),
    ),
    Mistake(
        "center-added",
        "Your loss is the right one with the opposite centre: it is added, and the strongest "
        "prototype becomes stronger.",
        (
            "Which sign has the centre?",
            "What is common to all images is taken away.",
            "teacher - center",
        ),
        lambda f: dino_acts(f, lambda s, t, c, soft, sharp: (s, t, -c, soft, sharp)),
    ),
    Mistake(
        "center-after-the-softmax",
        "The centre is subtracted after the softmax; it belongs to the scores.",
        (
            "Is your target a distribution? Does it sum to 1?",
            "The centre is a mean of scores, not of outputs.",
            "softmax((teacher - center) / teacher_temperature)",
        ),
        center_after_softmax,
    ),
    Mistake(
        "center-not-divided",
        "The centre is subtracted after the teacher's scores were divided by the temperature.",
        (
            "In which order come centring and sharpening?",
            "First centre the raw scores, then divide.",
            "(teacher - center) / teacher_temperature: mind the brackets.",
        ),
        lambda f: dino_acts(f, lambda s, t, c, soft, sharp: (s, t, c * sharp, soft, sharp)),
    ),
    Mistake(
        "student-centred-too",
        "The centre is subtracted from the student's scores as well; only the teacher is centred.",
        (
            "Whose scores are centred in equation 2?",
            "If both are moved alike, centring changes little.",
            "Leave the student's scores as they are.",
        ),
        lambda f: (
            dino_acts(f, lambda s, t, c, soft, sharp: ([x - c for x in s], t, c, soft, sharp))
            or dino_acts(
                f, lambda s, t, c, soft, sharp: ([x - c for x in s], t, 0 * c, soft, sharp)
            )
        ),
    ),
    *shared(dino_loss, distilled, dino_over, "target"),
)

TWO = [torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.5, 0.0], [1.0, 0.0]])]
SWAV_SMALL = given(TWO, [torch.eye(2), torch.tensor([[0.5, 0.5], [0.0, 1.0]])], temperature=0.5)
DINO_SMALL = given(
    TWO, TWO[::-1], torch.tensor([[0.5, 0.0]]), student_temperature=0.5, teacher_temperature=0.25
)
TASKS = (
    Task(
        "05.2",
        "swapped prediction",
        "swav_loss(scores, assignments, *, temperature)",
        "A list of scores (N, K), one for each view, and a list of assignments (N, K) of the first "
        "of these views. Each assignment is predicted from every other view. Return the scalar "
        "mean over images and pairs; no gradient flows to the assignments.",
        SWAV_SMALL,
        from_reference(
            swav_loss,
            SWAV_SMALL,
            swapped(),
            swapped(4, 5, temperature=0.1),
            names="scores assignments",
            gradient=True,
        ),
        SWAV,
    ),
    Task(
        "08.1",
        "DINO's loss",
        "dino_loss(student, teacher, center, *, student_temperature, teacher_temperature)",
        "Lists of scores (N, K): the student's of all views, the teacher's of the first of them; "
        "center (1, K). Return the scalar mean over images and pairs of different views; gradient "
        "flows to the student only.",
        DINO_SMALL,
        from_reference(
            dino_loss,
            DINO_SMALL,
            distilled(),
            distilled(4, 5, student=0.1, teacher=0.05),
            names="student teacher center",
            gradient=True,
        ),
        DINO,
    ),
)
