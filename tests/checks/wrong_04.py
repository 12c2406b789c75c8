"""Wrong implementations of lesson 04."""

import copy

import torch
import torch.nn.functional as F
from collected import wrong
from torch import nn

from sslcourse.methods import info_nce_loss


def unit(x):
    return F.normalize(x, dim=1)


def info_nce(q, k, n, temperature, label=0):
    logits = torch.cat([(q * k).sum(dim=1, keepdim=True), q @ n.T], dim=1) / temperature
    return F.cross_entropy(logits, torch.full((len(q),), label))


@wrong("04.1", "gradient-into-the-keys")
def keys_learn(queries, keys, negatives, *, temperature):
    return info_nce(unit(queries), unit(keys), unit(negatives.detach()), temperature)


@wrong("04.1", "gradient-into-the-queue")
def queue_learns(queries, keys, negatives, *, temperature):
    return info_nce(unit(queries), unit(keys.detach()), unit(negatives), temperature)


@wrong("04.1", "no-gradient-to-the-queries")
@torch.no_grad()
def nothing_learns(queries, keys, negatives, *, temperature):
    return info_nce_loss(queries, keys, negatives, temperature=temperature)


def detached(mistake):
    """Collect a loss of unit-length inputs, of which only the queries get a gradient."""

    def collect(function):
        wrong("04.1", mistake)(
            lambda queries, keys, negatives, *, temperature: function(
                unit(queries), unit(keys.detach()), unit(negatives.detach()), temperature
            )
        )
        return function

    return collect


@detached("queue-ignored")
def in_batch(q, k, n, t):
    return F.cross_entropy(q @ k.T / t, torch.arange(len(q)))


detached("a-negative-is-the-target")(lambda q, k, n, t: info_nce(q, k, n, t, label=1))


@detached("pairs-not-matched")
def mean_positive(q, k, n, t):
    positive = (q @ k.T).mean(dim=1, keepdim=True)
    logits = torch.cat([positive, q @ n.T], dim=1) / t
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))


@wrong("04.1", "inputs-not-normalised")
def any_length(queries, keys, negatives, *, temperature):
    return info_nce(queries, keys.detach(), negatives.detach(), temperature)


@detached("keys-of-the-batch-as-negatives")
def batch_too(q, k, n, t):
    return F.cross_entropy(torch.cat([q @ k.T, q @ n.T], dim=1) / t, torch.arange(len(q)))


@detached("positive-left-out-of-the-denominator")
def without_positive(q, k, n, t):
    return ((q @ n.T / t).logsumexp(dim=1) - (q * k).sum(dim=1) / t).mean()


@detached("positive-not-divided-by-temperature")
def only_negatives_divided(q, k, n, t):
    logits = torch.cat([(q * k).sum(dim=1, keepdim=True), q @ n.T / t], dim=1)
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))


detached("temperature-multiplied")(lambda q, k, n, t: info_nce(q, k, n, 1 / t))
detached("temperature-ignored")(lambda q, k, n, t: info_nce(q, k, n, 1.0))
detached("loss-without-minus")(lambda q, k, n, t: -info_nce(q, k, n, t))
detached("summed-over-the-batch")(lambda q, k, n, t: info_nce(q, k, n, t) * len(q))
detached("wrong-factor")(lambda q, k, n, t: info_nce(q, k, n, t) / 2)

wrong("04.2", "queue-grows")(lambda queue, keys: torch.cat([keys, queue]).detach())
wrong("04.2", "queue-shrinks")(
    lambda queue, keys: torch.cat([keys, queue[: -len(keys) - 1]]).detach()
)
wrong("04.2", "queue-is-replaced")(lambda queue, keys: keys.detach())
wrong("04.2", "queue-never-changes")(
    lambda queue, keys: torch.cat([keys, queue])[len(keys) :].detach()
)
wrong("04.2", "youngest-leave")(lambda queue, keys: torch.cat([keys, queue[len(keys) :]]).detach())
wrong("04.2", "new-keys-leave-next")(
    lambda queue, keys: torch.cat([queue[: -len(keys)], keys]).detach()
)
wrong("04.2", "keys-in-turned-order")(
    lambda queue, keys: torch.cat([keys.flip(0), queue[: -len(keys)]]).detach()
)
wrong("04.2", "new-keys-at-the-end")(
    lambda queue, keys: torch.cat([queue[len(keys) :], keys]).detach()
)
wrong("04.2", "keys-keep-the-gradient")(lambda queue, keys: torch.cat([keys, queue[: -len(keys)]]))


def both(teacher, student):
    return zip(teacher.parameters(), student.parameters(), strict=True)


@wrong("04.3", "teacher-never-moves")
def new_variables(teacher, student, momentum):
    for slow, fast in both(teacher, student):
        slow = momentum * slow + (1 - momentum) * fast


@wrong("04.3", "student-moves")
@torch.no_grad()
def student_follows(teacher, student, momentum):
    for slow, fast in both(teacher, student):
        slow.mul_(momentum).add_(fast, alpha=1 - momentum)
        fast.copy_(slow)


@wrong("04.3", "momentum-swapped")
def swapped(teacher, student, momentum):
    for slow, fast in both(teacher, student):
        slow.data = (1 - momentum) * slow.data + momentum * fast.data


@wrong("04.3", "teacher-copies-the-student")
def copied(teacher, student, momentum):
    teacher.load_state_dict(student.state_dict())


@wrong("04.3", "momentum-ignored")
@torch.no_grad()
def always_the_same_momentum(teacher, student, momentum):
    for slow, fast in both(teacher, student):
        slow.lerp_(fast, 1 - 0.996)


@wrong("04.3", "some-parameters-forgotten")
@torch.no_grad()
def weights_only(teacher, student, momentum):
    for (name, slow), fast in zip(teacher.named_parameters(), student.parameters()):
        if "weight" in name:
            slow.lerp_(fast, 1 - momentum)


@wrong("04.3", "shares-do-not-sum-to-one")
def added(teacher, student, momentum):
    for slow, fast in both(teacher, student):
        slow.data = momentum * slow.data + fast.data


@wrong("04.3", "rounded-to-half-precision")
@torch.no_grad()
def half(teacher, student, momentum):
    for slow, fast in both(teacher, student):
        slow.copy_(torch.lerp(slow.bfloat16(), fast.bfloat16(), 1 - momentum))


@wrong("04.3", "teacher-remembers-the-student")
def recorded(teacher, student, momentum):
    for slow, fast in both(teacher, student):
        slow.mul_(momentum).add_(fast, alpha=1 - momentum)


wrong("04.4", "shares-the-weights")(lambda encoder: copy.copy(encoder).requires_grad_(False))


@wrong("04.4", "starts-with-other-weights")
def another(encoder):
    return nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)).requires_grad_(False)


wrong("04.4", "copy-is-trained")(copy.deepcopy)
wrong("04.4", "encoder-frozen-too")(lambda encoder: copy.deepcopy(encoder.requires_grad_(False)))


@wrong("04.5", "shuffle-not-undone")
@torch.no_grad()
def still_shuffled(key_encoder, images, order):
    return key_encoder(images[order])


@wrong("04.5", "undone-with-the-same-order")
@torch.no_grad()
def shuffled_twice(key_encoder, images, order):
    return key_encoder(images[order])[order]


@wrong("04.5", "never-shuffled")
@torch.no_grad()
def shuffled_afterwards(key_encoder, images, order):
    return key_encoder(images)[order][order.argsort()]


@wrong("04.5", "keys-keep-the-gradient")
def with_gradient(key_encoder, images, order):
    return key_encoder(images[order])[order.argsort()]


@wrong("04.6", "enqueued-before-the-loss")
def too_early(queries, keys, queue, *, temperature):
    queue = torch.cat([keys, queue])[: len(queue)].detach()
    return info_nce_loss(queries, keys, queue, temperature=temperature), queue


@wrong("04.6", "never-enqueued")
def forgotten(queries, keys, queue, *, temperature):
    return info_nce_loss(queries, keys, queue, temperature=temperature), queue


@wrong("04.6", "keys-keep-the-gradient")
def not_detached(queries, keys, queue, *, temperature):
    loss = info_nce_loss(queries, keys, queue, temperature=temperature)
    return loss, torch.cat([keys, queue[: -len(keys)]])


@wrong("04.6", "no-gradient-to-the-queries")
def keys_instead(queries, keys, queue, *, temperature):
    loss = info_nce(unit(queries.detach()), unit(keys), unit(queue), temperature)
    return loss, torch.cat([keys, queue[: -len(keys)]]).detach()


@wrong("04.6", "gradient-into-the-keys")
def keys_are_trained(queries, keys, queue, *, temperature):
    loss = info_nce(unit(queries), unit(keys), unit(queue), temperature)
    return loss, torch.cat([keys, queue[: -len(keys)]]).detach()


wrong("04.7", "queue-too-short")(lambda images, batch: int(0.05 * images) // batch * batch)
wrong("04.7", "queue-as-large-as-the-data")(lambda images, batch: images // batch * batch)
wrong("04.7", "queue-no-multiple-of-the-batch")(lambda images, batch: int(0.08 * images) - 1)


@wrong("04.5", "inverse-sent-first")
@torch.no_grad()
def by_the_inverse(key_encoder, images, order):
    return key_encoder(images[order.argsort()])[order]
