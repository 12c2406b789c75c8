"""Wrong implementations that tries at the exercises of lessons 03, 05 and 08 brought."""

import math

import torch
import torch.nn.functional as F
from collected import unseen, wrong
from wrong_05_08 import assigning, distilling, others, rounds, swapping
from wrong_teacher import centring, mixed, output

from sslcourse import networks
from sslcourse.methods import nt_xent_loss, sinkhorn


@wrong("03.6", "rows-of-other-images")
def second_view_shuffled(images, augment, generator):
    return augment(images, generator), augment(images.roll(1, 0), generator)


@wrong("03.6", "one-view-made-of-the-other")
def second_view_turned(images, augment, generator):
    view = augment(images, generator)
    return view, view.flip(-1)


wrong("03.2", "normalised-too-early")(
    lambda encoder, first, second: F.normalize(encoder(torch.cat([first, second])), dim=1).chunk(2)
)


def exponentials(z1, z2, temperature):
    """Those of all similarities, zero for a view with itself, and those of the partners."""
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    all_of_them = torch.exp(z @ z.T / temperature) * (1 - torch.eye(len(z)))
    return all_of_them, all_of_them.diagonal(len(z1)).repeat(2)


@wrong("03.1", "logarithm-missing")
def share(z1, z2, *, temperature):
    candidates, partners = exponentials(z1, z2, temperature)
    return -(partners / candidates.sum(dim=1)).mean()


@wrong("03.1", "mean-in-the-denominator")
def mean_of_candidates(z1, z2, *, temperature):
    candidates, partners = exponentials(z1, z2, temperature)
    return -(partners / candidates.mean(dim=1)).log().mean()


@unseen("03.1", "mean-in-the-denominator")
def mean_of_others(z1, z2, *, temperature):
    return nt_xent_loss(z1, z2, temperature=temperature) - math.log(2 * len(z1) - 1)


@unseen("03.7", "views-ignored")
def last_pair_only(views, *, temperature):
    for number, first in enumerate(views):
        for second in views[number + 1 :]:
            loss = nt_xent_loss(first, second, temperature=temperature)
    return loss


assigning("exponential-missing")(lambda s, e, n: rounds(s / e, n, (0, 1)))
assigning("rows-divided-first")(
    lambda s, e, n: rounds(torch.exp((s - s.amax(dim=1, keepdim=True)) / e), n, (0, 1))
)
unseen("05.1", "rows-divided-first")(
    lambda scores, *, epsilon, iterations: rounds(
        torch.softmax(scores.detach().float() / epsilon, dim=1), iterations, (0, 1)
    )
)


def exchanged(target_of):
    """The mean over pairs of -(q log p), with target_of(number) = p."""

    def loss(predictions, count):
        terms = [
            -(q * target_of(i).log()).sum(dim=1).mean()
            for i in range(count)
            for j, q in enumerate(predictions)
            if others(i, j)
        ]
        return sum(terms) / len(terms)

    return loss


@wrong("05.2", "roles-exchanged")
def assignments_in_the_logarithm(scores, assignments, *, temperature):
    predictions = [torch.softmax(s / temperature, dim=1) for s in scores]
    return exchanged(lambda i: assignments[i].detach() + 1e-9)(predictions, len(assignments))


@wrong("08.1", "roles-exchanged")
def targets_in_the_logarithm(student, teacher, center, *, student_temperature, teacher_temperature):
    targets = [torch.softmax((t - center).detach() / teacher_temperature, dim=1) for t in teacher]
    predictions = [torch.softmax(s / student_temperature, dim=1) for s in student]
    return exchanged(lambda i: targets[i])(predictions, len(targets))


swapping("lists-turned-around", wanted=lambda i, j: i + j == 2)  # of three: 0 meets 2, 1 meets 1
swapping("pairs-left-out", wanted=lambda i, j: i < j)


@unseen("05.2", "lists-turned-around")
def reversed_assignments(scores, assignments, *, temperature):
    terms = [
        F.cross_entropy(s / temperature, q.detach())
        for i, q in enumerate(reversed(assignments))
        for j, s in enumerate(scores)
        if others(i, j)
    ]
    return torch.stack(terms).mean()


@unseen("05.2", "lists-turned-around")
def reversed_scores(scores, assignments, *, temperature):
    terms = [
        F.cross_entropy(s / temperature, q.detach()) for q, s in zip(assignments, reversed(scores))
    ]
    return torch.stack(terms).mean()


@unseen("05.2", "small-views-ignored")
def assignments_in_turn(scores, assignments, *, temperature):
    terms = [
        F.cross_entropy(s / temperature, q.detach()) for q, s in zip(reversed(assignments), scores)
    ]
    return torch.stack(terms).mean()


@unseen("05.2", "pairs-left-out")
def next_view_only(scores, assignments, *, temperature):
    terms = [
        F.cross_entropy(scores[(i + 1) % len(scores)] / temperature, q.detach())
        for i, q in enumerate(assignments)
    ]
    return torch.stack(terms).mean()


@unseen("05.2", "pairs-left-out")
def small_views_only(scores, assignments, *, temperature):
    terms = [
        F.cross_entropy(s / temperature, q.detach())
        for q in assignments
        for s in scores[len(assignments) :]
    ]
    return torch.stack(terms).mean()  # two views without a small one: an error


@wrong("05.4", "another-part-returned")
def first_rows_of_the_queue(features, queue, filled, prototypes):
    both = torch.cat([queue, features]) if filled == len(queue) else features
    return sinkhorn(both @ prototypes.T, epsilon=0.5, iterations=3)[: len(features)]


@unseen("05.4", "")
def features_are_balanced(features, queue, filled, prototypes):
    both = torch.cat([features, queue]) if filled == len(queue) else features
    return sinkhorn(both, epsilon=0.5, iterations=3)[: len(features)] @ prototypes.T


wrong("05.5", "best-image-of-each-prototype")(lambda q: len(q.argmax(dim=0).unique()))
wrong("05.5", "images-counted")(lambda q: len(q.amax(dim=1)))
unseen("05.5", "images-counted")(lambda q: len(q.amax(dim=1).unique()))
wrong("05.5", "most-wanted-prototype")(lambda q: q.argmax(dim=1).bincount().max())
wrong("05.5", "unused-ones-counted")(lambda q: len(q.argmax(dim=1).bincount()))
unseen("05.5", "unused-ones-counted")(lambda q: q.shape[1] - len(q.argmax(dim=1).unique()))
wrong("05.5", "share-instead-of-a-number")(
    lambda q: len(q.argmax(dim=1).unique()) / q.shape[1],
)
unseen("05.5", "")(lambda q: (q > 0.5).any(dim=0).sum())

centring("momentum-ignored")(lambda c, s, m: mixed(c, s.mean(0, True), 0.9))
centring("shares-above-one")(lambda c, s, m: m * c + s.mean(0, True))
unseen("08.2", "shares-above-one")(
    lambda center, scores, momentum: center + (1 - momentum) * scores.detach().mean(0, True)
)
output("softmax-forgotten")(lambda s, c, t: (s - c) / t)
unseen("08.3", "softmax-forgotten")(
    lambda scores, center, temperature: torch.log_softmax((scores - center) / temperature, dim=1)
)
output("temperature-after-the-softmax")(lambda s, c, t: torch.softmax(s - c, 1) / t)
distilling(
    "teacher-softmax-over-the-batch", lambda t, c, soft, sharp: torch.softmax((t - c) / sharp, 0)
)
wrong("08.5", "mean-without-a-row")(
    lambda center, batches, move: move(center, torch.cat(batches).mean(dim=0))
)
wrong("08.5", "scores-summed")(
    lambda center, batches, move: move(center, torch.cat(batches).sum(dim=0, keepdim=True))
)


def off_by(rounds_more):
    return torch.no_grad()(
        lambda scores, *, epsilon, iterations: sinkhorn(
            scores, epsilon=epsilon, iterations=iterations + rounds_more
        )
    )


wrong("05.1", "rounds-miscounted")(off_by(-1))
unseen("05.1", "rounds-miscounted")(off_by(1))


@wrong("05.3", "prototypes-cut-off")
def prototypes_without_gradient(features, prototypes):
    with torch.no_grad():
        unit = F.normalize(prototypes, dim=1)
    return F.linear(features, unit)


wrong("05.3", "shares-instead-of-cosines")(
    lambda features, prototypes: (features @ F.normalize(prototypes, dim=1).T).softmax(dim=1)
)


@wrong("05.4", "another-epsilon")
def epsilon_of_the_paper(features, queue, filled, prototypes):
    both = torch.cat([features, queue]) if filled == len(queue) else features
    return sinkhorn(both @ prototypes.T, epsilon=0.05, iterations=3)[: len(features)]


@wrong("08.4", "moved-twice")
@torch.no_grad()
def parameters_and_then_the_whole_state(teacher, student, momentum):
    networks.ema_update(teacher, student, momentum)
    new = student.state_dict()
    for name, value in teacher.state_dict().items():
        if value.is_floating_point():
            value.lerp_(new[name], 1 - momentum)


wrong("11.1", "compared-with-themselves")(lambda q, k: (q @ q.mT / 2).softmax(dim=3))
unseen("11.1", "compared-with-themselves")(lambda q, k: (k @ k.mT / 2).softmax(dim=3))
