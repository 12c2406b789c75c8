"""Right implementations of the losses, each in at least three ways: loops, einsum, the library."""

import math

import torch
import torch.nn.functional as F
from collected import right

from sslcourse import methods

right("03.1", "package")(methods.nt_xent_loss)
right("04.1", "package")(methods.info_nce_loss)
right("05.1", "package")(methods.sinkhorn)
right("05.2", "package")(methods.swav_loss)
right("06.4", "package")(methods.mae_loss)
right("07.5", "package")(methods.beit_loss)
right("08.1", "package")(methods.dino_loss)


def cosine(a, b):
    return (a * b).sum() / (a.square().sum().sqrt() * b.square().sum().sqrt())


@right("03.1", "loops")
def nt_xent_loops(z1, z2, temperature):
    views = [*z1.float(), *z2.float()]
    terms = []
    for i, anchor in enumerate(views):
        partner = (i + len(z1)) % len(views)
        total = 0
        for k, other in enumerate(views):
            if k != i:
                total = total + torch.exp(cosine(anchor, other) / temperature)
        terms.append(torch.log(total) - cosine(anchor, views[partner]) / temperature)
    return sum(terms) / len(terms)


@right("03.1", "einsum and double")
def nt_xent_einsum(z1, z2, temperature=0.5):
    z = torch.stack([z1, z2]).double()
    z = z / torch.einsum("vnd,vnd->vn", z, z).sqrt()[..., None]
    s = torch.einsum("vid,wjd->viwj", z, z).flatten(2).flatten(0, 1) / temperature
    count = len(z1)
    s = s - 1e9 * torch.eye(2 * count, dtype=s.dtype)
    positive = torch.cat([s.diagonal(count), s.diagonal(-count)])
    return (torch.logsumexp(s, dim=1) - positive).mean()


@right("03.1", "positive in column 0")
def nt_xent_columns(z1, z2, *, temperature):
    z1, z2 = F.normalize(z1.float(), dim=1), F.normalize(z2.float(), dim=1)
    z, other = torch.cat([z1, z2]), torch.cat([z2, z1])
    keep = ~(torch.eye(len(z1)).repeat(2, 2).bool())
    negatives = (z @ z.T)[keep].view(len(z), -1)
    logits = torch.cat([(z * other).sum(1, keepdim=True), negatives], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(z), dtype=torch.long))


@right("03.1", "mean of two halves")
def nt_xent_halves(z1, z2, *, temperature):
    a, b = F.normalize(z1.float(), dim=1), F.normalize(z2.float(), dim=1)
    hidden = torch.eye(len(a)).bool()
    labels = torch.arange(len(a))

    def half(x, y):
        own = (x @ x.T / temperature).masked_fill(hidden, float("-inf"))
        return F.cross_entropy(torch.cat([x @ y.T / temperature, own], dim=1), labels)

    return half(a, b).add(half(b, a)).div(2)


@right("04.1", "loops")
def info_nce_loops(queries, keys, negatives, temperature):
    terms = []
    for q, k in zip(queries, keys.detach()):
        positive = torch.exp(cosine(q, k) / temperature)
        others = sum(torch.exp(cosine(q, n) / temperature) for n in negatives.detach())
        terms.append(-torch.log(positive / (positive + others)))
    return torch.stack(terms).mean()


@right("04.1", "einsum, positive last")
def info_nce_einsum(queries, keys, negatives, temperature):
    q, k, n = (F.normalize(x, dim=1) for x in (queries, keys.detach(), negatives.detach()))
    positive = torch.einsum("nd,nd->n", q, k)[:, None]
    logits = torch.cat([torch.einsum("nd,kd->nk", q, n), positive], dim=1) / temperature
    return F.cross_entropy(logits, torch.full((len(q),), len(n)))


@right("04.1", "softplus-like")
def info_nce_margin(queries, keys, negatives, *, temperature):
    with torch.no_grad():
        keys = keys / keys.norm(dim=1, keepdim=True)
        negatives = negatives / negatives.norm(dim=1, keepdim=True)
    q = queries / queries.norm(dim=1, keepdim=True)
    gap = (q @ negatives.T - (q * keys).sum(1, keepdim=True)) / temperature
    return torch.log1p(gap.exp().sum(dim=1)).mean()


@right("05.1", "the paper's order")
@torch.no_grad()
def sinkhorn_transposed(scores, epsilon, iterations):
    q = torch.exp(scores.float() / epsilon).T
    prototypes, images = q.shape
    q /= q.sum()
    for _ in range(iterations):
        q /= q.sum(dim=1, keepdim=True) * prototypes
        q /= q.sum(dim=0, keepdim=True) * images
    return (q * images).T


@right("05.1", "loops")
def sinkhorn_loops(scores, epsilon, iterations):
    q = [[math.exp(s / epsilon) for s in row] for row in scores.tolist()]
    for _ in range(iterations):
        totals = [sum(column) for column in zip(*q)]
        q = [[value / total for value, total in zip(row, totals)] for row in q]
        q = [[value / sum(row) for value in row] for row in q]
    return q


@right("05.1", "softmax in turn")
@torch.no_grad()
def sinkhorn_softmax(scores, *, epsilon, iterations):
    logs = scores.double() / epsilon
    for _ in range(iterations):
        logs = torch.log_softmax(torch.log_softmax(logs, dim=0), dim=1)
    return logs.exp()


@right("05.2", "loops")
def swav_loops(scores, assignments, temperature):
    total, pairs = 0, 0
    for i in range(len(assignments)):
        for j in range(len(scores)):
            if i == j:
                continue
            pairs += 1
            for q, s in zip(assignments[i].detach(), scores[j]):
                p = torch.exp(s / temperature) / torch.exp(s / temperature).sum()
                total = total - (q * torch.log(p)).sum() / len(scores[0])
    return total / pairs


@right("05.2", "einsum")
def swav_einsum(scores, assignments, *, temperature):
    logs = torch.log_softmax(torch.stack(list(scores)) / temperature, dim=2)
    q = torch.stack(list(assignments)).detach()
    terms = -torch.einsum("ink,jnk->ij", q, logs) / len(scores[0])
    others = ~torch.eye(len(q), len(logs), dtype=torch.bool)
    return terms[others].mean()


@right("05.2", "library")
def swav_library(scores, assignments, *, temperature):
    return torch.stack(
        [
            F.cross_entropy(s / temperature, q.detach())
            for i, q in enumerate(assignments)
            for j, s in enumerate(scores)
            if i != j
        ]
    ).mean()


@right("06.4", "loops")
def mae_loops(predictions, targets, mask):
    errors = []
    for p, t, hidden in zip(predictions, targets, mask):
        errors += [F.mse_loss(p[i], t[i]) for i in range(len(hidden)) if hidden[i]]
    return torch.stack(errors).mean()


@right("06.4", "einsum")
def mae_einsum(predictions, targets, mask):
    gap = (predictions - targets).double()
    return torch.einsum("nlp,nlp,nl->", gap, gap, mask.double()) / mask.sum() / gap.shape[2]


@right("06.4", "indexing")
def mae_indexing(predictions, targets, mask):
    return F.mse_loss(predictions[mask], targets[mask])


@right("07.5", "loops")
def beit_loops(logits, tokens, mask):
    terms = [
        torch.logsumexp(logits[i, j], 0) - logits[i, j, tokens[i, j]]
        for i in range(len(mask))
        for j in range(mask.shape[1])
        if mask[i, j]
    ]
    return sum(terms) / len(terms)


@right("07.5", "indexing")
def beit_indexing(logits, tokens, mask):
    return F.cross_entropy(logits[mask], tokens[mask])


@right("07.5", "one-hot einsum")
def beit_einsum(logits, tokens, mask):
    target = F.one_hot(tokens, logits.shape[2]).double()
    logs = torch.log_softmax(logits.double(), dim=2)
    return -torch.einsum("nlk,nlk,nl->", logs, target, mask.double()) / mask.sum()


@right("07.5", "ignore_index")
def beit_ignore(logits, tokens, mask):
    return F.cross_entropy(logits.transpose(1, 2), tokens.masked_fill(~mask, -100))


@right("08.1", "loops")
def dino_loops(student, teacher, center, student_temperature, teacher_temperature):
    total, pairs = 0.0, 0
    for i, t in enumerate(teacher):
        p = F.softmax((t.detach() - center.detach()) / teacher_temperature, dim=-1)
        for j, s in enumerate(student):
            if j == i:
                continue
            log_q = F.log_softmax(s / student_temperature, dim=-1)
            total += torch.sum(-p * log_q, dim=-1).mean()
            pairs += 1
    return total / pairs


@right("08.1", "einsum")
def dino_einsum(student, teacher, center, *, student_temperature, teacher_temperature):
    with torch.no_grad():
        p = torch.softmax((torch.stack(list(teacher)) - center) / teacher_temperature, dim=2)
    logs = torch.log_softmax(torch.stack(list(student)) / student_temperature, dim=2)
    terms = -torch.einsum("ink,jnk->ij", p, logs) / len(center.expand_as(student[0]))
    count = terms.numel() - len(p)
    return (terms.sum() - terms.diagonal().sum()) / count


@right("08.1", "library")
def dino_library(student, teacher, center, *, student_temperature, teacher_temperature):
    targets = [((t - center) / teacher_temperature).softmax(1).detach() for t in teacher]
    pairs = [(p, s) for i, p in enumerate(targets) for j, s in enumerate(student) if i != j]
    return F.cross_entropy(
        torch.cat([s for _, s in pairs]) / student_temperature, torch.cat([p for p, _ in pairs])
    )
