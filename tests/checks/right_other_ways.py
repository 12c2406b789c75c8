"""Right implementations in other ways: some of these were refused once."""

import torch
import torch.nn.functional as F
from collected import right
from einops import rearrange
from torch import nn

from sslcourse import networks
from sslcourse.methods import info_nce_loss, nt_xent_loss


class Loss(nn.Module):
    def forward(self, z1, z2, temperature):
        return nt_xent_loss(z1, z2, temperature=temperature)


right("03.1", "a module")(Loss())


@right("03.2", "training mode is set once more")
def mode_set(encoder, first, second):
    return encoder.train()(torch.cat([first, second])).chunk(2)


right("03.3", "one tensor for both")(lambda z: rearrange(z, "(n v) d -> v n d", v=2))
right("04.2", "only the keys detached")(
    lambda queue, keys: torch.cat([keys.detach(), queue[: -len(keys)]])
)


@right("01.3", "inference mode")
@torch.inference_mode()
def features(encoder, images):
    return encoder.eval()(images)


@right("03.1", "the exponential of the view itself subtracted")
def subtracted(z1, z2, *, temperature):
    z = F.normalize(torch.cat([z1, z2]).float(), dim=1)
    e = torch.exp(z @ z.T / temperature)
    positive = torch.cat([e.diagonal(len(z1)), e.diagonal(-len(z1))])
    return -torch.log(positive / (e.sum(dim=1) - e.diagonal())).mean()


@right("04.2", "in place")
def enqueue_in_place(queue, keys):
    queue[len(keys) :] = queue[: -len(keys)].clone()
    queue[: len(keys)] = keys.detach()
    return queue


@right("04.3", "one call for all")
@torch.no_grad()
def foreach(teacher, student, momentum):
    slow, fast = list(teacher.parameters()), list(student.parameters())
    torch._foreach_mul_(slow, momentum)
    torch._foreach_add_(slow, fast, alpha=1 - momentum)


@right("04.6", "queue in place, only the keys detached")
def step_in_place(queries, keys, queue, *, temperature):
    loss = info_nce_loss(queries, keys, queue, temperature=temperature)
    queue = queue.roll(len(keys), 0)
    queue[: len(keys)] = keys.detach()
    return [loss, queue]


@right("05.1", "factors of rows and columns")
def sinkhorn_factors(scores, *, epsilon, iterations):
    e, rows = torch.exp(scores.detach().float() / epsilon), 1.0
    for _ in range(iterations):
        columns = 1 / (e * rows).sum(dim=0, keepdim=True)
        rows = 1 / (e * columns).sum(dim=1, keepdim=True)
    return rows * e * columns


@right("05.2", "log_softmax twice is log_softmax")
def swav_twice(scores, assignments, *, temperature):
    terms = [
        F.cross_entropy(F.log_softmax(s / temperature, dim=1), q.detach())
        for i, q in enumerate(assignments)
        for j, s in enumerate(scores)
        if i != j
    ]
    return torch.stack(terms).mean()


@right("05.3", "lengths without gradient, as where prototypes are normalised after each step")
def prototype_scores(features, prototypes):
    with torch.no_grad():
        lengths = prototypes.norm(dim=1, keepdim=True)
    return F.linear(features, prototypes / lengths)


right("05.3", "cosine similarity")(
    lambda features, prototypes: F.cosine_similarity(features[:, None], prototypes[None], dim=2)
)


@right("06.3", "a random order, compared")
def values_of_a_permutation(n, length, ratio, *, generator=None):
    return torch.rand(n, length, generator=generator).argsort(1) < round(ratio * length)


@right("06.6", "image by image")
def encode_one_by_one(blocks, tokens, positions, mask):
    images = zip(tokens + positions, mask)
    return torch.cat([blocks(image[~hidden][None]) for image, hidden in images])


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, shares):
        return F.one_hot(shares.argmax(dim=-1), shares.shape[-1]).to(shares)

    @staticmethod
    def backward(ctx, slope):
        return slope


right("07.3", "a function of autograd")(Straight.apply)


@right("08.1", "only the teacher detached")
def dino_detached(student, teacher, center, *, student_temperature, teacher_temperature):
    terms = []
    for i, t in enumerate(teacher):
        p = F.softmax((t.detach() - center) / teacher_temperature, dim=-1)
        for j, s in enumerate(student):
            terms += [F.cross_entropy(s / student_temperature, p)] if i != j else []
    return sum(terms) / len(terms)


right("08.2", "only the scores detached")(
    lambda center, scores, momentum: (
        momentum * center + (1 - momentum) * scores.detach().mean(dim=0, keepdim=True)
    )
)
right("08.3", "only the scores detached")(
    lambda scores, center, temperature: F.softmax((scores.detach() - center) / temperature, dim=1)
)


@right("08.4", "the package's update, and copied buffers")
@torch.no_grad()
def update_and_copy(teacher, student, momentum):
    networks.ema_update(teacher, student, momentum)
    for slow, fast in zip(teacher.buffers(), student.buffers()):
        slow.copy_(fast)


@right("08.5", "the mean by hand")
def weighted(center, batches, move):
    total = sum(scores.sum(dim=0, keepdim=True) for scores in batches)
    return move(center, total / sum(len(scores) for scores in batches))


@right("11.3", "from weak to strong")
def from_the_weak_end(maps, share):
    flat = maps.flatten(1).double()
    values, order = (flat / flat.sum(dim=1, keepdim=True)).sort(dim=1)
    return (values.cumsum(dim=1) > 1 - share).gather(1, order.argsort(dim=1)).view(maps.shape)
