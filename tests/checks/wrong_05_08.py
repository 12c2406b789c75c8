"""Wrong implementations of lessons 05 and 08: clusters, swapped prediction, the teacher."""

import torch
import torch.nn.functional as F
from collected import wrong

from sslcourse.methods import sinkhorn


def rounds(q, iterations, axes):
    for _ in range(iterations):
        for axis in axes:
            q = q / q.sum(dim=axis, keepdim=True)
    return q


def assigning(mistake):
    """Collect a function of (scores in float32, epsilon, iterations), without gradient."""

    def collect(function):
        wrong("05.1", mistake)(
            lambda scores, *, epsilon, iterations: function(
                scores.detach().float(), epsilon, iterations
            )
        )
        return function

    return collect


@wrong("05.1", "overflows-in-half-precision")
@torch.no_grad()
def in_half(scores, *, epsilon, iterations):
    return rounds(torch.exp(scores / epsilon), iterations, (0, 1))


assigning("axes-swapped")(lambda s, e, n: rounds(torch.exp(s / e), n, (1, 0)))
assigning("assignments-sum-to-one-together")(
    lambda s, e, n: rounds(torch.exp(s / e), n, (0, 1)) / len(s)
)
assigning("ends-with-the-prototypes")(
    lambda s, e, n: rounds(torch.exp(s / e), n, (1, 0)) * len(s) / s.shape[1]
)
assigning("prototypes-not-balanced")(lambda s, e, n: rounds(torch.exp(s / e), n, (1,)))
assigning("epsilon-multiplied")(lambda s, e, n: rounds(torch.exp(s * e), n, (0, 1)))
assigning("epsilon-ignored")(lambda s, e, n: rounds(torch.exp(s), n, (0, 1)))
assigning("iterations-ignored")(lambda s, e, n: rounds(torch.exp(s / e), 1, (0, 1)))
assigning("assignments-made-hard")(
    lambda s, e, n: F.one_hot(sinkhorn(s, epsilon=e, iterations=n).argmax(1), s.shape[1])
)
assigning("least-similar-prototypes")(lambda s, e, n: rounds(torch.exp(-s / e), n, (0, 1)))
wrong("05.1", "assignments-keep-the-gradient")(
    lambda scores, *, epsilon, iterations: rounds(
        torch.exp(scores.float() / epsilon), iterations, (0, 1)
    )
)


def cross_entropy(first, second, wanted, mean=True, entropy=False):
    terms = [
        (entropy * torch.special.xlogy(p, p) - p * log_q).sum(dim=1).mean()
        for i, p in enumerate(target.detach() for target in first)
        for j, log_q in enumerate(second)
        if wanted(i, j)
    ]
    return sum(terms) / (len(terms) if mean else 1)


def others(i, j):
    return i != j


def swapping(mistake, *, views=99, factor=lambda n, t, pairs: 1, log=None, **change):
    """Collect SwAV's loss and DINO's, with one thing changed.

    The factor is a function of the number of images, the temperature and the number of pairs.
    """
    change = {"wanted": others, **change}
    log = log or (lambda x: F.log_softmax(x, dim=1))

    def swav(scores, assignments, *, temperature):
        logs = [log(s / temperature) for s in scores[:views]]
        scale = factor(len(scores[0]), temperature, len(scores) * len(assignments))
        return cross_entropy(assignments, logs, **change) * scale

    def dino(student, teacher, center, *, student_temperature, teacher_temperature):
        targets = [torch.softmax((t - center.detach()) / teacher_temperature, 1) for t in teacher]
        logs = [log(s / student_temperature) for s in student[:views]]
        scale = factor(len(student[0]), student_temperature, len(student) * len(teacher))
        return cross_entropy(targets, logs, **change) * scale

    wrong("05.2", mistake)(swav)
    wrong("08.1", mistake)(dino)


swapping("same-view-predicted", wanted=lambda i, j: True)
swapping("only-the-same-view-predicted", wanted=lambda i, j: i == j)
swapping("small-views-ignored", views=2)
swapping("loss-without-minus", factor=lambda n, t, pairs: -1)
swapping("summed-over-the-batch", factor=lambda n, t, pairs: n)
swapping("pairs-summed", mean=False)
swapping("wrong-number-of-pairs", mean=False, factor=lambda n, t, pairs: 1 / pairs)
swapping("loss-rescaled-by-temperature", factor=lambda n, t, pairs: t * t)
swapping("divergence-instead-of-cross-entropy", entropy=True)
swapping("wrong-factor", factor=lambda n, t, pairs: 0.25)
swapping("logarithm-missing", log=lambda x: torch.softmax(x, dim=1))
swapping("softmax-over-the-batch", log=lambda x: F.log_softmax(x, dim=0))
swapping("softmax-before-the-loss", log=lambda x: F.log_softmax(x.softmax(dim=1), dim=1))


@wrong("05.2", "gradient-into-the-assignments")
def assignments_learn(scores, assignments, *, temperature):
    logs = [F.log_softmax(s / temperature, dim=1) for s in scores]
    terms = [
        -(q * log).sum(1).mean()
        for i, q in enumerate(assignments)
        for j, log in enumerate(logs)
        if i != j
    ]
    return sum(terms) / len(terms)


@wrong("05.2", "assignments-made-hard")
def best_only(scores, assignments, *, temperature):
    hard = [F.one_hot(q.argmax(dim=1), q.shape[1]).float() for q in assignments]
    return cross_entropy(hard, [F.log_softmax(s / temperature, dim=1) for s in scores], others)


def swav_at(mistake, change):
    wrong("05.2", mistake)(
        lambda scores, assignments, *, temperature: cross_entropy(
            assignments, [F.log_softmax(s / change(temperature), dim=1) for s in scores], others
        )
    )


swav_at("temperature-multiplied", lambda t: 1 / t)
swav_at("temperature-ignored", lambda t: 1)

wrong("05.3", "prototypes-not-normalised")(lambda features, prototypes: features @ prototypes.T)
wrong("05.3", "normalised-over-the-wrong-axis")(
    lambda features, prototypes: features @ F.normalize(prototypes, dim=0).T
)
wrong("05.3", "scores-with-a-bias")(
    lambda features, prototypes: F.linear(features, F.normalize(prototypes, dim=1), torch.ones(5))
)


def assign(features, prototypes):
    return sinkhorn(features @ prototypes.T, epsilon=0.5, iterations=3)


wrong("05.4", "rows-of-the-queue-returned")(
    lambda features, queue, filled, prototypes: assign(torch.cat([features, queue]), prototypes)
)
wrong("05.4", "queue-used-before-it-is-full")(
    lambda features, queue, filled, prototypes: assign(torch.cat([features, queue]), prototypes)[
        : len(features)
    ]
)
wrong("05.4", "queue-ignored")(
    lambda features, queue, filled, prototypes: assign(features, prototypes)
)
wrong("05.4", "filled-part-used")(
    lambda features, queue, filled, prototypes: assign(
        torch.cat([features, queue[:filled]]), prototypes
    )[: len(features)]
)
wrong("05.5", "any-mass-counts")(lambda assignments: (assignments.sum(dim=0) > 0).sum())


def distilling(mistake, target, detach=True, student=lambda s, c, soft, sharp: s / soft):
    """Collect DINO's loss with another target, target(t, c, soft, sharp), or another student."""

    @wrong("08.1", mistake)
    def dino(student_scores, teacher, center, *, student_temperature, teacher_temperature):
        terms = []
        temperatures = student_temperature, teacher_temperature
        center = center.detach()
        for i, t in enumerate(teacher):
            p = target(t.detach() if detach else t, center, *temperatures)
            for j, s in enumerate(student_scores):
                log_q = F.log_softmax(student(s, center, *temperatures), dim=1)
                terms += [-(p * log_q).sum(1).mean()] if i != j else []
        return sum(terms) / len(terms)


def sharp_target(t, c, soft, sharp):
    return torch.softmax((t - c) / sharp, dim=1)


distilling("gradient-into-the-teacher", sharp_target, detach=False)
distilling(
    "temperatures-swapped",
    lambda t, c, soft, sharp: torch.softmax((t - c) / soft, 1),
    student=lambda s, c, soft, sharp: s / sharp,
)
distilling("one-temperature-for-both", lambda t, c, soft, sharp: torch.softmax((t - c) / soft, 1))
distilling("temperature-ignored", sharp_target, student=lambda s, c, soft, sharp: s)
distilling("temperature-multiplied", lambda t, c, soft, sharp: torch.softmax((t - c) * sharp, 1))
distilling("center-ignored", lambda t, c, soft, sharp: torch.softmax(t / sharp, 1))
distilling("center-added", lambda t, c, soft, sharp: torch.softmax((t + c) / sharp, 1))
distilling("center-after-the-softmax", lambda t, c, soft, sharp: torch.softmax(t / sharp, 1) - c)
distilling("center-not-divided", lambda t, c, soft, sharp: torch.softmax(t / sharp - c, 1))
distilling("student-centred-too", sharp_target, student=lambda s, c, soft, sharp: (s - c) / soft)
