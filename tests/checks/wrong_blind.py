"""Mistakes that were found by people who had read the texts of the tasks alone."""

import copy

import torch
import torch.nn.functional as F
from collected import unseen, wrong

from sslcourse.methods.beit import beit_loss
from sslcourse.methods.mae import mae_loss
from sslcourse.methods.moco import info_nce_loss


@wrong("03.6", "next-step-draws-the-same")
def put_back(images, augment, generator):
    state = generator.get_state()
    views = augment(images, generator), augment(images, generator)
    generator.set_state(state)
    return views


@wrong("06.4", "mask-of-the-first-image")
def first_mask(predictions, targets, mask):
    return mae_loss(predictions, targets, mask[:1].repeat(len(mask), 1))


@wrong("07.5", "mask-of-the-first-image")
def one_mask(logits, tokens, mask):
    return beit_loss(logits, tokens, mask[:1].repeat(len(mask), 1))


@wrong("07.5", "scores-reshaped")
def reshaped(logits, tokens, mask):
    n, length, codes = logits.shape
    each = F.cross_entropy(logits.reshape(n, codes, length), tokens, reduction="none")
    return each[mask].mean()


@wrong("07.1", "squares-of-one-size")
def small_squares(n, grid, masked, *, generator=None):
    found = torch.zeros(n, grid, grid, dtype=torch.bool)
    for mask in found:
        for top, left in torch.randint(0, grid - 1, (100, 2), generator=generator).tolist():
            block = mask[top : top + 2, left : left + 2]
            if int(mask.sum()) + int((~block).sum()) <= masked:
                block.fill_(True)
    return found.flatten(1)


@wrong("07.3", "shares-cancel-out")
def both_open(shares):
    choice = F.one_hot(shares.argmax(dim=2), shares.shape[2]).to(shares)
    return shares + (choice - shares)


@wrong("08.4", "statistics-copied-backwards")
def backwards(teacher, student, momentum):
    with torch.no_grad():
        for slow, fast in zip(teacher.parameters(), student.parameters()):
            slow.mul_(momentum).add_(fast, alpha=1 - momentum)
        for slow, fast in zip(teacher.buffers(), student.buffers()):
            fast.copy_(slow)


@wrong("09.2", "class-left-out")
def last_class_left_out(labels, count, seed):
    generator = torch.Generator().manual_seed(seed)
    found = []
    for label in range(int(labels.max())):
        places = (labels == label).nonzero()[:, 0]
        found.append(places[torch.randperm(len(places), generator=generator)[:count]])
    return torch.cat(found)


@wrong("09.5", "rows-normalised-instead")
def unit_rows(train, labels, test, classes, *, strength):
    x, t = F.normalize(train, dim=1), F.normalize(test, dim=1)
    mean, targets = x.mean(dim=0), F.one_hot(labels, classes).to(train)
    bias = targets.mean(dim=0)
    x, t = x - mean, t - mean
    weights = torch.linalg.solve(x.T @ x + strength * torch.eye(x.shape[1]), x.T @ (targets - bias))
    return t @ weights + bias


@wrong("11.1", "weights-transposed")
def columns_for_rows(q, k):
    scores = torch.einsum("nhid,nhjd->nhij", k, q) / q.shape[3] ** 0.5
    return scores.softmax(dim=2)


# misses and false names of the same people


@unseen("02.4", "inputs-not-normalised")
def short_rows(z, *, temperature):
    z = z / z.norm(dim=1, keepdim=True).clamp(min=1)
    return z @ z.T / temperature


@unseen("03.1", "overflows-in-half-precision")
def squared_in_half(z1, z2, *, temperature):
    z = torch.cat([z1, z2])
    z = (z / z.square().sum(dim=1, keepdim=True).sqrt()).float()
    logits = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits, torch.arange(len(z)).roll(len(z1)))


@unseen("04.4", "")
def statistics_reset(encoder):
    copied = copy.deepcopy(encoder).requires_grad_(False)
    for module in copied.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.reset_running_stats()
    return copied


@unseen("04.7", "queue-as-large-as-the-data")
def at_least_one_batch(images, batch):
    return max(batch, images * 8 // 100 // batch * batch)


@unseen("08.5", "")
def written_into(center, batches, move):
    center.copy_(move(center, torch.cat(batches)))
    return center


@wrong("01.1", "weights-averaged")
def averaged_votes(train, train_labels, test, test_labels, *, k, temperature):
    similarity = F.normalize(test, dim=1) @ F.normalize(train, dim=1).T
    values, places = similarity.topk(k, dim=1)
    votes = F.one_hot(train_labels[places], int(train_labels.max()) + 1).float()
    weights = (values / temperature).exp()[:, :, None]
    total = (votes * weights).sum(dim=1) / votes.sum(dim=1).clamp(min=1)
    return (total.argmax(dim=1) == test_labels).float().mean()


@unseen("01.4", "last-step:bytes-wrap-around")
def bytes_below_zero(images, mean, std):
    moved = images - (mean * 255).to(torch.uint8)[:, None, None]
    return moved.float() / 255 / std[:, None, None]


@unseen("04.1", "negatives:keys-against-the-queue")
def keys_look_at_the_queue(queries, keys, negatives, *, temperature):
    q, k, n = (F.normalize(x, dim=1) for x in (queries, keys.detach(), negatives.detach()))
    logits = torch.cat([(q * k).sum(dim=1, keepdim=True), k @ n.T], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))


@unseen("04.6", "queue:queries-stored")
def queries_join(queries, keys, queue, *, temperature):
    loss = info_nce_loss(queries, keys, queue, temperature=temperature)
    return loss, torch.cat([queries, queue[: -len(queries)]]).detach()


@unseen("07.7", "")
def nan_becomes_zero(tokens, codes):
    shares = torch.bincount(tokens.flatten(), minlength=codes) / tokens.numel()
    return torch.nan_to_num(-(shares * shares.log()).sum())


@unseen("08.5", "scores:divided-by-the-number-of-batches")
def wrong_count(center, batches, move):
    return move(center, sum(x.sum(dim=0, keepdim=True) for x in batches) / len(batches))


@unseen("08.5", "scores:filled-up-with-zeros")
def filled_up(center, batches, move):
    filled = torch.nn.utils.rnn.pad_sequence(list(batches), batch_first=True)
    return move(center, filled.flatten(0, 1))


@unseen("11.4", "rows-scored-one-by-one")
def each_row(maps, masks):
    both, either = (maps & masks).sum(dim=2), (maps | masks).sum(dim=2)
    return (both / either.clamp(min=1)).mean(dim=1)


@unseen("11.5", "point:one-pixel-beside-counts")
def beside_counts(maps, masks):
    grown = F.max_pool2d(masks[:, None].float(), 3, 1, 1)[:, 0].flatten(1)
    return grown.gather(1, maps.flatten(1).argmax(dim=1, keepdim=True)).mean()


@unseen("11.6", "report:image-for-head-reported")
def row_for_column(validation, test):
    head = validation.mean(dim=0).argmax()
    return head, test[head % len(test)].mean()


@unseen("11.3", "groups:each-row-alone")
def rows_alone(maps, share):
    ordered, places = maps.sort(dim=2, descending=True)
    before = ordered.cumsum(dim=2) - ordered
    kept = before < share * maps.sum(dim=2, keepdim=True) - 1e-6
    return torch.zeros_like(kept).scatter(2, places, kept)


@unseen("05.5", "count:more-than-an-even-share")
def above_an_even_share(assignments):
    return int((assignments > 1 / assignments.shape[1]).any(dim=0).sum())


@unseen("06.5", "scale:variance-over-the-patches")
def variance_over_patches(patches):
    mean, variance = patches.mean(dim=2, keepdim=True), patches.var(dim=1, keepdim=True)
    return (patches - mean) / (variance + 1e-6).sqrt()


@unseen("01.5", "turn:half-turn-upside-down")
def half_turn_flipped(images, quarters):
    turns = (
        lambda x: x,
        lambda x: x.rot90(1, (1, 2)),
        lambda x: x.flip(1),
        lambda x: x.rot90(3, (1, 2)),
    )
    return torch.stack([turns[int(k)](x) for x, k in zip(images, quarters)])
