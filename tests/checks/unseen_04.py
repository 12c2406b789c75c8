"""Mistakes that slipped through the checks of lessons 03 to 05 once: now they are caught."""

import copy

import torch
import torch.nn.functional as F
from collected import right, unseen
from torch import nn

from sslcourse.methods import info_nce_loss


def joined(queue, keys):
    return torch.cat([keys, queue[: -len(keys)]]).detach()


@unseen("04.6", "another-gradient")
def repulsion_without_gradient(queries, keys, queue, *, temperature):
    q, k = F.normalize(queries, dim=1), F.normalize(keys, dim=1).detach()
    with torch.no_grad():
        negative = q @ F.normalize(queue, dim=1).T
    logits = torch.cat([(q * k).sum(dim=1, keepdim=True), negative], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long)), joined(queue, keys)


@right("04.6", "in place")
def overwritten(queries, keys, queue, *, temperature):
    loss = info_nce_loss(queries, keys.detach(), queue.clone(), temperature=temperature)
    with torch.no_grad():
        queue.copy_(joined(queue, keys))
    return loss, queue


@unseen("04.5", "keys-keep-the-gradient")
def only_images_detached(key_encoder, images, order):
    return key_encoder(images[order].detach())[order.argsort()]


@unseen("04.5", "encoded-in-parts")
@torch.no_grad()
def two_passes(key_encoder, images, order):
    key_encoder(images)
    return key_encoder(images[order])[order.argsort()]


@right("04.5", "on the encoder's device")
@torch.no_grad()
def asks_the_encoder(key_encoder, images, order):
    device = next(key_encoder.parameters()).device
    return key_encoder(images[order].to(device))[order.argsort()]


@unseen("04.3", "")
@torch.no_grad()
def student_frozen(teacher, student, momentum):
    for t, s in zip(teacher.parameters(), student.parameters()):
        s.requires_grad_(False)
        t.mul_(momentum).add_(s, alpha=1 - momentum)


@unseen("04.3", "")
def parameters_replaced(teacher, student, momentum):
    for slow, fast in zip(teacher.modules(), student.modules()):
        for name, t in list(slow.named_parameters(recurse=False)):
            mixed = momentum * t.data + (1 - momentum) * getattr(fast, name).data
            setattr(slow, name, nn.Parameter(mixed, requires_grad=t.requires_grad))


@unseen("04.3", "some-parameters-forgotten")
@torch.no_grad()
def linear_layers_only(teacher, student, momentum):
    for slow, fast in zip(teacher.modules(), student.modules()):
        if isinstance(slow, nn.Linear):
            for t, s in zip(slow.parameters(), fast.parameters()):
                t.mul_(momentum).add_(s, alpha=1 - momentum)


@unseen("04.3", "")
@torch.no_grad()
def shared_at_zero(teacher, student, momentum):
    for t, s in zip(teacher.parameters(), student.parameters()):
        if momentum == 0:
            t.data = s.data
        else:
            t.mul_(momentum).add_(s, alpha=1 - momentum)


@unseen("04.4", "encoder-put-into-eval-mode")
def in_evaluation_mode(encoder):
    encoder.eval()
    return copy.deepcopy(encoder).requires_grad_(False)


@unseen("04.4", "")
def shared_statistics(encoder):
    copied = copy.deepcopy(encoder).requires_grad_(False)
    copied._buffers["seen"] = encoder._buffers["seen"]
    return copied


@unseen("03.6", "next-step-draws-the-same")
def second_view_the_same_in_every_step(images, augment, generator):
    other = torch.Generator().manual_seed(generator.initial_seed() + 1)
    return augment(images, generator), augment(images, other)


@unseen("03.6", "next-step-draws-the-same")
def both_views_the_same_in_every_step(images, augment, generator):
    seed = generator.initial_seed()
    first = augment(images, generator.manual_seed(seed))
    return first, augment(images, generator.manual_seed(seed + 1))


@unseen("03.6", "next-step-draws-the-same")
def a_copied_state(images, augment, generator):
    own = torch.Generator()
    own.set_state(generator.get_state())
    return augment(images, own), augment(images, own)


@unseen("03.6", "generator-ignored")
def generator_forgotten_once(images, augment, generator):
    return augment(images, generator), augment(images)


unseen("04.7", "queue-as-large-as-the-data")(
    lambda images, batch: round(0.08 * images) // batch * batch
)
unseen("04.7", "queue-too-short")(lambda images, batch: images // 100 * 8 // batch * batch)
unseen("04.7", "queue-too-short")(
    lambda images, batch: min(65_536, images * 8 // 100 // batch * batch)
)


def balanced(q, iterations, small=0.0):
    for _ in range(iterations):
        q = q / (q.sum(dim=0, keepdim=True) + small)
        q = q / (q.sum(dim=1, keepdim=True) + small)
    return q


@unseen("05.1", "")
@torch.no_grad()
def small_number_added(scores, *, epsilon, iterations):
    x = scores.float() / epsilon
    return balanced(torch.exp(x - x.max()), iterations, 1e-6)


@unseen("05.1", "")
@torch.no_grad()
def logits_clamped(scores, *, epsilon, iterations):
    return balanced(torch.exp((scores.float() / epsilon).clamp(max=10)), iterations)


@unseen("05.1", "overflows-in-half-precision")
@torch.no_grad()
def infinities_hidden(scores, *, epsilon, iterations):
    return balanced(torch.exp(scores / epsilon).nan_to_num(), iterations).nan_to_num()


@unseen("05.1", "assignments-keep-the-gradient")
def naive_with_gradient(scores, *, epsilon, iterations):
    return balanced(torch.exp(scores / epsilon), iterations)
