"""Mistakes of another blind round, and slips that any function can make."""

import torch
import torch.nn.functional as F
from collected import unseen, wrong
from einops import rearrange
from torch import nn


@unseen("03.4", "return-in-the-loop")  # noqa: RET503
def first_row_only(z):
    rows = []
    for row in z:
        rows.append(row / row.norm())
        return torch.stack(rows)


@unseen("05.2", "return-in-the-loop")  # noqa: RET503
def first_pair_only(scores, assignments, *, temperature):
    total, pairs = 0.0, 0
    for i, target in enumerate(assignments):
        for j, s in enumerate(scores):
            if i != j:
                total = total - (target * F.log_softmax(s / temperature, dim=1)).sum(1).mean()
                pairs += 1
        return total / pairs


@wrong("01.1", "any-neighbour-suffices")
def top_k_accuracy(train, train_labels, test, test_labels, *, k, temperature):
    similar = F.normalize(test, dim=1) @ F.normalize(train, dim=1).T
    near = train_labels[similar.topk(k, dim=1).indices]
    return (near == test_labels[:, None]).any(dim=1).float().mean()


@unseen("02.1", "")
def small_directions_dropped(z):
    values = torch.linalg.svdvals(z)
    values = values[values > 0.1 * values[0]]
    share = values / values.sum()
    return torch.exp(-(share * share.log()).sum())


@unseen("02.4", "lengths-divided-wrongly")
def divided_by_the_longest(z, *, temperature):
    z = z / z.norm(dim=1).max()
    return z @ z.T / temperature


@wrong("03.5", "hidden-layer-of-the-head")
def without_the_last_layer(encoder, head, images):
    return nn.Sequential(*list(head.children())[:-1])(encoder(images))


@unseen("03.5", "hidden-layer-of-the-head")
def first_layer_of_the_head(encoder, head, images):
    return head[0](encoder(images))


@wrong("04.3", "vectors-handled-apart")
@torch.no_grad()
def vectors_copied(teacher, student, momentum):
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.copy_(fast) if slow.ndim < 2 else slow.lerp_(fast, 1 - momentum)


@unseen("04.3", "vectors-handled-apart")
@torch.no_grad()
def weights_only(teacher, student, momentum):
    fast = dict(student.named_parameters())
    for name, slow in teacher.named_parameters():
        if slow.ndim > 1:
            slow.mul_(momentum).add_((1 - momentum) * fast[name])


@wrong("04.5", "one-number-put-back")
@torch.no_grad()
def scattered(key_encoder, images, order):
    keys = key_encoder(images[order])
    return keys.scatter(0, order[:, None], keys)


@wrong("04.5", "encoded-in-parts")
@torch.no_grad()
def as_on_two_gpus(key_encoder, images, order):
    keys = torch.cat([key_encoder(part) for part in images[order].chunk(2)])
    return keys[order.argsort()]


def logits_of(queries, keys, queue, temperature):
    q, k, n = (F.normalize(x, dim=1) for x in (queries, keys.detach(), queue.detach()))
    return torch.cat([(q * k).sum(1, keepdim=True), q @ n.T], dim=1) / temperature


@wrong("04.6", "both-directions")
def as_in_clip(queries, keys, queue, *, temperature):
    labels = torch.zeros(len(queries), dtype=torch.long, device=queries.device)
    one = F.cross_entropy(logits_of(queries, keys, queue, temperature), labels)
    two = F.cross_entropy(logits_of(keys, queries, queue, temperature), labels)
    return (one + two) / 2, torch.cat([keys, queue])[: len(queue)].detach()


@wrong("04.6", "label-of-the-row")
def labels_of_simclr(queries, keys, queue, *, temperature):
    labels = torch.arange(len(queries), device=queries.device)
    loss = F.cross_entropy(logits_of(queries, keys, queue, temperature), labels)
    return loss, torch.cat([keys, queue])[: len(queue)].detach()


@wrong("04.6", "another-gradient")
def lengths_without_gradient(queries, keys, queue, *, temperature):
    queries = queries / queries.detach().norm(dim=1, keepdim=True)
    labels = torch.zeros(len(queries), dtype=torch.long, device=queries.device)
    q, k, n = queries, F.normalize(keys.detach(), dim=1), F.normalize(queue.clone(), dim=1)
    logits = torch.cat([(q * k).sum(1, keepdim=True), q @ n.T], dim=1) / temperature
    queue.copy_(torch.cat([keys.detach(), queue])[: len(queue)].clone())  # allowed
    return F.cross_entropy(logits, labels), queue


@wrong("05.1", "sums-taken-at-once")
@torch.no_grad()
def both_sums_first(scores, *, epsilon, iterations):
    q = torch.exp(scores.float() / epsilon)
    for _ in range(iterations):
        columns, rows = q.sum(0, keepdim=True), q.sum(1, keepdim=True)
        q = q / columns / rows
    return q / q.sum(1, keepdim=True)


@wrong("05.3", "scores-normalised")
def rows_of_scores(features, prototypes):
    return F.normalize(features @ prototypes.T, dim=1)


@wrong("05.5", "largest-of-the-whole-table")
def largest_of_all(assignments):
    return int((assignments == assignments.max()).any(dim=0).sum())


@unseen("05.5", "")
def rounded_shares(assignments):
    return int(assignments.round().any(dim=0).sum())


@wrong("06.2", "kept-in-0-to-1")
def clamped(patches, patch_size):
    side = int(patches.shape[1] ** 0.5)
    sizes = {"r": side, "p": patch_size, "q": patch_size}
    return rearrange(patches, "n (r k) (p q c) -> n c (r p) (k q)", **sizes).clamp(0, 1)


@wrong("06.6", "first-number-of-each-token")
def gathered(blocks, tokens, positions, mask):
    places = (~mask).nonzero()[:, 1].reshape(len(tokens), -1)
    visible = torch.gather(tokens + positions, 1, places[..., None])
    return blocks(visible.expand(-1, -1, tokens.shape[2]))


@wrong("06.7", "visible-tokens-at-their-number")
def padded_at_the_end(decoder, visible, mask, mask_token, positions):
    missing = mask.shape[1] - visible.shape[1]
    padded = torch.cat([visible, visible.new_zeros(len(mask), missing, visible.shape[2])], dim=1)
    return decoder(torch.where(mask[..., None], mask_token, padded) + positions)
