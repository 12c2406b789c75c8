"""Mistakes of lessons 01 to 05 that once got a sentence which wasn't true of them."""

import copy
import math
from itertools import combinations

import torch
import torch.nn.functional as F
from collected import unseen
from torch import nn
from wrong_01_02 import vote
from wrong_03 import from_logits, partners, similarities
from wrong_04 import both, info_nce, unit
from wrong_05_08 import cross_entropy, others

from sslcourse.evaluate import effective_rank, extract_features
from sslcourse.methods import info_nce_loss, nt_xent_loss, sinkhorn


@unseen("01.1", "votes-ignore-similarity")
def three_equal_votes(*features, k, temperature):
    return vote(*features, k=3, temperature=temperature, weight=lambda s, t: torch.ones_like(s))


@unseen("01.1", "features-not-normalised")
def only_the_questions_have_unit_length(train, train_labels, test, test_labels, **how):
    return vote(train, train_labels, unit(test), test_labels, unit=False, **how)


@unseen("01.1", "votes-written-over")
def set_in_a_loop(train, train_labels, test, test_labels, *, k, temperature):
    nearest, places = (unit(test) @ unit(train).T).topk(k, dim=1)
    totals = torch.zeros(len(test), 3)
    for row, (cosines, found) in enumerate(zip(nearest, places)):
        for cosine, place in zip(cosines, found):
            totals[row, train_labels[place]] = torch.exp(cosine / temperature)
    return (totals.argmax(dim=1) == test_labels).float().mean()


@unseen("01.1", "k-ignored")
def one_neighbour(train, train_labels, test, test_labels, *, k, temperature):
    return vote(train, train_labels, test, test_labels, k=1, temperature=temperature)


unseen("01.1", "")(
    lambda train, train_labels, test, test_labels, *, k, temperature: (
        (test_labels == test_labels).float().mean()
    )
)
unseen("01.2", "one-scale-for-all-features")(
    lambda train, test: tuple((x - x.mean()) / x.std() for x in (train, test))
)


unseen("01.3", "images-normalised-again")(extract_features)


@unseen("01.3", "")
@torch.no_grad()
def centred_over_the_batch(encoder, images):
    features = encoder.eval()(images)
    return features - features.mean(dim=0)


@unseen("02.1", "")
def nuclear_over_frobenius(z):
    values = torch.linalg.svdvals(z)
    return values.sum() / values.norm()


@unseen("02.1", "entropy-not-exponentiated")
def entropy_of_squares(z):
    share = torch.linalg.svdvals(z).square()
    return torch.special.entr(share / share.sum()).sum()


unseen("02.1", "squared-singular-values")(lambda z: effective_rank(torch.cov(z.T)))
unseen("02.2", "")(lambda z: unit(z).square().mean(dim=0).sqrt().mean())
unseen("02.2", "deviation-over-the-wrong-axis")(lambda z: unit(z).std())
unseen("02.2", "normalised-over-the-wrong-axis")(lambda z: (z / z.norm()).std(0).mean())
unseen("02.1", "entropy-without-minus")(lambda z: -math.log(effective_rank(z)))
unseen("02.3", "accumulation-counted-as-negatives")(
    lambda images, micro_batches: torch.log(torch.tensor(2 * images / micro_batches - 1))
)


@unseen("03.1", "result-not-finite")
def infinity_times_zero(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature)
    return F.cross_entropy(logits + torch.eye(len(logits)) * -torch.inf, partners(len(z1)))


@unseen("03.1", "positives-not-known")
def only_repulsion(z1, z2, *, temperature):
    return similarities(z1, z2, temperature).fill_diagonal_(-torch.inf).logsumexp(dim=1).mean()


@unseen("03.1", "labels-all-zero")
def another_fixed_column(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature)
    candidates = logits[~torch.eye(len(logits), dtype=torch.bool)].view(len(logits), -1)
    return F.cross_entropy(candidates, torch.full((len(logits),), len(z1)))


@unseen("03.1", "wrong-partner")
def the_row_above(z1, z2, *, temperature):
    return from_logits(similarities(z1, z2, temperature), torch.arange(2 * len(z1)).roll(1))


@unseen("03.1", "loss-rescaled-by-temperature")
def divided_by_the_temperature(z1, z2, *, temperature):
    return nt_xent_loss(z1, z2, temperature=temperature) / temperature


@unseen("03.1", "inputs-not-normalised")
def distances(z1, z2, *, temperature):
    z = torch.cat([z1, z2])
    return from_logits(-torch.cdist(z, z).square() / temperature, partners(len(z1)))


unseen("03.4", "another-norm")(lambda z: z / z.square().mean(dim=1, keepdim=True).sqrt())


@unseen("03.7", "")
def temperature_upside_down(views, *, temperature):
    pairs = combinations(views, 2)
    return torch.stack([nt_xent_loss(a, b, temperature=1 / temperature) for a, b in pairs]).mean()


@unseen("04.1", "part-of-the-queue-ignored")
def queue_without_its_first_key(queries, keys, negatives, *, temperature):
    return info_nce_loss(queries, keys, negatives[1:], temperature=temperature)


@unseen("04.1", "a-negative-is-the-target")
def labels_of_another_loss(queries, keys, negatives, *, temperature):
    q, k, n = unit(queries), unit(keys.detach()), unit(negatives.detach())
    logits = torch.cat([(q * k).sum(dim=1, keepdim=True), q @ n.T], dim=1) / temperature
    return F.cross_entropy(logits, torch.arange(len(q)))


@unseen("04.1", "inputs-not-normalised")
def columns_of_unit_length(queries, keys, negatives, *, temperature):
    inputs = (F.normalize(x, dim=0) for x in (queries, keys.detach(), negatives.detach()))
    return info_nce(*inputs, temperature)


@unseen("04.2", "queue-never-changes")
def result_thrown_away(queue, keys):
    torch.cat([keys, queue[: -len(keys)]])
    return queue


@unseen("04.2", "keys-in-turned-order")
def one_after_the_other(queue, keys):
    for key in keys.detach():
        queue = torch.cat([key[None], queue[:-1]])
    return queue


@unseen("04.3", "student-moves")
@torch.no_grad()
def roles_exchanged(teacher, student, momentum):
    for slow, fast in both(teacher, student):
        fast.mul_(momentum).add_(slow, alpha=1 - momentum)


@unseen("04.3", "shares-do-not-sum-to-one")
@torch.no_grad()
def share_added(teacher, student, momentum):
    for slow, fast in both(teacher, student):
        slow.add_(fast, alpha=1 - momentum)


@unseen("04.3", "teacher-remembers-the-student")
def new_parameters(teacher, student, momentum):
    for slow, fast in zip(teacher.modules(), student.modules()):
        for name, _ in list(slow.named_parameters(recurse=False)):
            mixed = momentum * getattr(slow, name) + (1 - momentum) * getattr(fast, name).detach()
            setattr(slow, name, nn.Parameter(mixed))


@unseen("04.4", "shares-the-weights")
def memory_shared(encoder):
    copied = copy.deepcopy(encoder).requires_grad_(False)
    for mine, theirs in both(copied, encoder):
        mine.data = theirs.data
    return copied


@unseen("04.6", "loses-the-gradient")
def a_number_as_loss(queries, keys, queue, *, temperature):
    loss = info_nce_loss(queries, keys, queue, temperature=temperature)
    return loss.item(), torch.cat([keys, queue])[: len(queue)].detach()


@unseen("05.1", "assignments-made-hard")
@torch.no_grad()
def rounded(scores, *, epsilon, iterations):
    return sinkhorn(scores, epsilon=epsilon, iterations=iterations).round()


@unseen("05.2", "wrong-number-of-pairs")
def divided_by_the_views(scores, assignments, *, temperature):
    logs = [F.log_softmax(s / temperature, dim=1) for s in scores]
    return cross_entropy(assignments, logs, others, mean=False) / len(scores)


@unseen("05.2", "divergence-instead-of-cross-entropy")
def library_divergence(scores, assignments, *, temperature):
    terms = [
        F.kl_div(F.log_softmax(s / temperature, dim=1), q.detach(), reduction="batchmean")
        for i, q in enumerate(assignments)
        for j, s in enumerate(scores)
        if i != j
    ]
    return sum(terms) / len(terms)


@unseen("05.2", "")
def assignments_not_used(scores, assignments, *, temperature):
    targets = [s.detach().softmax(dim=1) for s in scores[: len(assignments)]]
    return cross_entropy(targets, [F.log_softmax(s / temperature, 1) for s in scores], others)


unseen("05.3", "")(lambda features, prototypes: -torch.cdist(features, unit(prototypes)))
unseen("05.3", "loses-the-gradient")(
    torch.no_grad()(lambda features, prototypes: features @ unit(prototypes).T)
)
unseen("05.5", "unused-ones-counted")(lambda assignments: assignments.shape[1])
