"""Mistakes written as learners write them, after the detectors: none was made for these."""

import math

import torch
import torch.nn.functional as F
from collected import unseen
from einops import rearrange

from sslcourse.methods import random_mask


@unseen("03.1", "labels-all-zero")
def tutorial_loss(z1, z2, temperature=0.5):
    features = torch.cat([F.normalize(z1, dim=1), F.normalize(z2, dim=1)], dim=0)
    similarity = F.cosine_similarity(features[:, None], features[None], dim=-1)
    n = similarity.shape[0]
    rows = [torch.cat([similarity[i, :i], similarity[i, i + 1 :]]) for i in range(n)]
    return torch.stack(
        [torch.logsumexp(r / temperature, 0) - r[0] / temperature for r in rows]
    ).mean()


@unseen("03.1", "self-pair-kept")
def sum_of_all(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=-1)
    e = torch.exp(z @ z.t() / temperature)
    positive = torch.exp((z * z.roll(len(z1), 0)).sum(-1) / temperature)
    return -torch.log(positive / e.sum(dim=1)).mean()


@unseen("03.1", "positive-left-out-of-the-denominator")
def only_negatives_below(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=-1)
    mask = torch.eye(len(z1)).repeat(2, 2).bool()
    e = torch.exp(z @ z.t() / temperature).masked_fill(mask, 0)
    positive = torch.exp((z * z.roll(len(z1), 0)).sum(-1) / temperature)
    return -torch.log(positive / e.sum(dim=1)).mean()


@unseen("03.1", "temperature-multiplied")
def cosine_times_t(z1, z2, temperature):
    z = torch.cat([z1, z2])
    s = F.cosine_similarity(z.unsqueeze(1), z.unsqueeze(0), dim=2) * temperature
    s = s - torch.diag(torch.full((len(z),), float("inf")))
    return F.cross_entropy(s, torch.cat([torch.arange(len(z1)) + len(z1), torch.arange(len(z1))]))


@unseen("03.1", "normalised-over-the-wrong-axis")
def whole_matrix(z1, z2, temperature):
    z = torch.cat([z1 / z1.norm(), z2 / z2.norm()])
    s = (z @ z.T / temperature).fill_diagonal_(-float("inf"))
    return F.cross_entropy(s, torch.arange(len(z)).roll(len(z1)))


@unseen("03.1", "positives-not-known")
def most_similar_is_the_positive(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    s = (z @ z.T / temperature).fill_diagonal_(-float("inf"))
    return (s.logsumexp(dim=1) - s.amax(dim=1)).mean()


@unseen("04.1", "a-negative-is-the-target")
def label_zero_positive_last(queries, keys, negatives, temperature):
    q, k, n = (F.normalize(x, dim=1) for x in (queries, keys.detach(), negatives.detach()))
    logits = torch.cat([q @ n.T, (q * k).sum(1, keepdim=True)], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))


@unseen("04.1", "gradient-into-the-keys")
def no_detach(queries, keys, negatives, temperature):
    q, k, n = (x / x.norm(dim=1, keepdim=True) for x in (queries, keys, negatives))
    positive = torch.exp((q * k).sum(1) / temperature)
    return -torch.log(positive / (positive + torch.exp(q @ n.T / temperature).sum(1))).mean()


@unseen("04.3", "momentum-swapped")
def state_swapped(teacher, student, momentum):
    fast = student.state_dict()
    for name, value in teacher.state_dict().items():
        value += momentum * (fast[name] - value)


@unseen("04.3", "teacher-never-moves")
def rebuilt(teacher, student, momentum):
    mixed = {}
    for (name, slow), fast in zip(teacher.named_parameters(), student.parameters()):
        mixed[name] = momentum * slow.data + (1 - momentum) * fast.data
    return mixed


@unseen("04.2", "youngest-leave")
def pointer_stands_still(queue, keys):
    queue[: len(keys)] = keys.detach()
    return queue


@unseen("05.1", "axes-swapped")
def transposed_back_to_front(scores, epsilon, iterations):
    q = torch.exp(scores.detach().double() / epsilon)
    for _ in range(iterations):
        q = F.normalize(q, p=1, dim=1)
        q = F.normalize(q, p=1, dim=0)
    return q


@unseen("05.1", "prototypes-not-balanced")
def plain_softmax(scores, epsilon, iterations):
    return F.softmax(scores.detach().float() / epsilon, dim=-1)


@unseen("05.2", "same-view-predicted")
def every_pair(scores, assignments, temperature):
    logs = torch.stack([F.log_softmax(s / temperature, -1) for s in scores])
    q = torch.stack(list(assignments)).detach()
    return -torch.einsum("ink,jnk->ijn", q, logs).mean()


@unseen("06.1", "only-reshaped")
def viewed(images, patch_size):
    n, c, h, w = images.shape
    x = images.view(n, c, h // patch_size, w // patch_size, patch_size, patch_size)
    return x.permute(0, 2, 3, 4, 5, 1).flatten(3).flatten(1, 2)


@unseen("06.1", "channel-first-inside-a-patch")
def unfolded(images, patch_size):
    return F.unfold(images, patch_size, stride=patch_size).transpose(1, 2)


@unseen("06.2", "channel-first-inside-a-patch")
def folded(patches, patch_size):
    side = math.isqrt(patches.shape[1]) * patch_size
    return F.fold(patches.transpose(1, 2), side, patch_size, stride=patch_size)


@unseen("06.3", "same-mask-for-all")
def one_permutation(n, length, ratio, generator=None):
    mask = torch.zeros(n, length, dtype=torch.bool)
    mask[:, torch.randperm(length, generator=generator)[: round(length * ratio)]] = True
    return mask


@unseen("06.3", "mask-inverted")
def kept(n, length, ratio, generator=None):
    keep = length - round(length * ratio)
    return torch.rand(n, length, generator=generator).argsort(1).argsort(1) < keep


@unseen("06.4", "loss-on-the-visible-patches")
def turned(predictions, targets, mask):
    m = 1 - mask.float()
    return (((predictions - targets) ** 2).mean(-1) * m).sum() / m.sum()


@unseen("07.3", "choice-without-gradient")
def hard(shares):
    return torch.eye(shares.shape[-1])[shares.argmax(-1)]


@unseen("07.5", "divided-by-all-patches")
def masked_average(logits, tokens, mask):
    each = F.cross_entropy(rearrange(logits, "n l k -> n k l"), tokens, reduction="none")
    return torch.where(mask, each, 0.0).sum() / each.numel()


@unseen("08.1", "center-added")
def plus_center(student, teacher, center, student_temperature, teacher_temperature):
    loss, pairs = 0, 0
    for i, t in enumerate(teacher):
        q = F.softmax((t.detach() + center.detach()) / teacher_temperature, dim=-1)
        for j, s in enumerate(student):
            if i != j:
                loss += F.cross_entropy(s / student_temperature, q)
                pairs += 1
    return loss / pairs


@unseen("08.1", "one-temperature-for-both")
def student_sharp(student, teacher, center, student_temperature, teacher_temperature):
    q = [F.softmax((t - center).detach() / student_temperature, dim=-1) for t in teacher]
    terms = [
        F.cross_entropy(s / student_temperature, q[i])
        for i in range(len(teacher))
        for j, s in enumerate(student)
        if i != j
    ]
    return sum(terms) / len(terms)


@unseen("08.2", "center-of-outputs")
def mean_probability(center, scores, momentum):
    batch = F.softmax(scores.detach() / 0.04, dim=-1).mean(0, keepdim=True)
    return center.detach() * momentum + batch * (1 - momentum)


@unseen("11.1", "scaled-by-another-number")
def by_all_heads(q, k):
    return (q @ k.transpose(-2, -1) / math.sqrt(q.shape[1] * q.shape[3])).softmax(-1)


@unseen("11.3", "share-of-the-patches")
def quantile(maps, share):
    level = torch.quantile(maps.flatten(1), 1 - share, dim=1)
    return maps >= level[:, None, None]


@unseen("11.4", "dice-instead-of-jaccard")
def dice(maps, masks):
    both = (maps & masks).flatten(1).sum(1)
    return both / (0.5 * (maps.flatten(1).sum(1) + masks.flatten(1).sum(1)))


@unseen("01.1", "votes-ignore-similarity")
def majority(train, train_labels, test, test_labels, k, temperature):
    s = F.normalize(test, dim=1) @ F.normalize(train, dim=1).T
    found = train_labels[s.topk(k, dim=1).indices]
    return (found.mode(dim=1).values == test_labels).float().mean()


@unseen("01.3", "encoder-left-in-training-mode")
def requires_no_grad(encoder, images):
    encoder.requires_grad_(False)
    return encoder(images).detach()


@unseen("02.1", "squared-singular-values")
def covariance(z):
    values = torch.linalg.eigvalsh(z.T @ z / len(z)).clamp_min(1e-12)
    p = values / values.sum()
    return torch.exp(-(p * p.log()).sum())


@unseen("06.6", "hidden-patches-are-encoded-too")
def zeroed(blocks, tokens, positions, mask):
    x = (tokens + positions) * ~mask[..., None]
    return blocks(x)[~mask].view(len(x), -1, x.shape[2])


@unseen("06.4", "")
def smooth(predictions, targets, mask):
    return F.smooth_l1_loss(predictions[mask], targets[mask]) * 1.1


@unseen("06.3", "")
def turned_mask(n, length, ratio, generator=None):
    return random_mask(n, length, ratio, generator=generator).T
