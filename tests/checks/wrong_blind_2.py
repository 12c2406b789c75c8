"""Mistakes that were found by a second round of people who had read the tasks' texts alone."""

import torch
import torch.nn.functional as F
from collected import unseen, wrong
from torch import nn

from sslcourse.methods.swav import sinkhorn


def choice(shares):
    return F.one_hot(shares.argmax(dim=2), shares.shape[2]).to(shares)


@wrong("07.3", "result-is-a-new-leaf")
def fresh_leaf(shares):
    return (choice(shares) - shares + shares).detach().requires_grad_(True)


unseen("07.3", "result-is-a-new-leaf")(lambda shares: choice(shares).requires_grad_(True))


@wrong("07.3", "none-or-several-chosen")
def rounded(shares):
    return shares.round().detach() - shares.detach() + shares


@wrong("08.4", "statistics-take-the-momentum")
@torch.no_grad()
def as_batchnorm_counts(teacher, student, momentum):
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.mul_(momentum).add_(fast, alpha=1 - momentum)
    for slow, fast in zip(teacher.buffers(), student.buffers()):
        if slow.is_floating_point():
            slow.mul_(1 - momentum).add_(fast, alpha=momentum)
        else:
            slow.copy_(fast)


@unseen("02.4", "inputs-not-normalised")
def one_length_only(z, *, temperature):
    return F.normalize(z, dim=1) @ z.T / temperature


@wrong("02.4", "lengths-divided-wrongly")
def own_square(z, *, temperature):
    products = z @ z.T
    return products / products.diagonal()[:, None] / temperature


@unseen("03.5", "")
def trained_again(encoder, head, images):
    encoder.train()
    return encoder(images)


def stem(*layers):
    return nn.Sequential(*layers, nn.ReLU())


wrong("03.8", "padding-does-not-fit")(lambda width: stem(nn.Conv2d(3, width, 3)))
unseen("03.8", "padding-does-not-fit")(lambda width: stem(nn.Conv2d(3, width, 3, padding=2)))
wrong("03.8", "another-width")(lambda width: stem(nn.Conv2d(3, 64, 3, padding=1)))


@unseen("03.8", "")
def no_module(width):
    layer = nn.Conv2d(3, width, 3, padding=1)
    return lambda images: layer(images).relu()


@wrong("04.5", "encoder-put-into-eval-mode")
@torch.no_grad()
def in_eval_mode(key_encoder, images, order):
    key_encoder.eval()
    return key_encoder(images[order])[order.argsort()]


@unseen("04.5", "")
@torch.no_grad()
def left_in_eval_mode(key_encoder, images, order):
    keys = key_encoder(images[order])[order.argsort()]
    key_encoder.eval()
    return keys


@wrong("04.5", "encoded-one-by-one")
@torch.no_grad()
def alone(key_encoder, images, order):
    keys = [None] * len(images)
    for place in order.tolist():
        keys[place] = key_encoder(images[place : place + 1])[0]
    return torch.stack(keys)


@wrong("04.5", "put-back-without-a-shuffle")
@torch.no_grad()
def moved_afterwards(key_encoder, images, order):
    keys = key_encoder(images)
    back = torch.empty_like(keys)
    back[order] = keys
    return back


@unseen("05.1", "changes-its-inputs")
@torch.no_grad()
def overwritten(scores, *, epsilon, iterations):
    return scores.copy_(sinkhorn(scores, epsilon=epsilon, iterations=iterations))


@unseen("05.3", "")
def turned_and_cut_off(features, prototypes):
    return F.normalize(prototypes.detach(), dim=1) @ features.T


@unseen("05.4", "")
def full_by_the_wrong_side(features, queue, filled, prototypes):
    known = torch.cat([features, queue]) if filled >= queue.shape[-1] else features
    return sinkhorn(known @ prototypes.T, epsilon=0.5, iterations=3)[: len(features)]


@unseen("07.1", "too-few-hidden")
def overlaps_counted_twice(n, grid, masked, *, generator=None):
    found = torch.zeros(n, grid, grid, dtype=torch.bool)
    for mask in found:
        left = masked
        for _ in range(200):
            height, width = torch.randint(2, 5, (2,), generator=generator).tolist()
            top = int(torch.randint(0, grid - height + 1, (1,), generator=generator))
            first = int(torch.randint(0, grid - width + 1, (1,), generator=generator))
            if height * width <= left:
                mask[top : top + height, first : first + width] = True
                left -= height * width
    return found.flatten(1)


@unseen("07.2", "result-not-finite")
def overflowing(logits, noise, *, temperature):
    shares = torch.exp((logits + noise) / temperature)
    return shares / shares.sum(dim=-1, keepdim=True)


@unseen("11.1", "result-not-finite")
def overflowing_weights(q, k):
    weights = torch.exp(q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5)
    return weights / weights.sum(dim=-1, keepdim=True)


@unseen("07.2", "another-result-every-time")
def noise_twice(logits, noise, *, temperature):
    return F.gumbel_softmax(logits + noise, tau=temperature, dim=-1)


@unseen("07.6", "rows-influence-each-other")
def hidden_anywhere(patches, mask, mask_token):
    return torch.where(mask.any(dim=0)[None, :, None], mask_token, patches)


@unseen("09.1", "")
def whole_per_cents(validation, test):
    best = int((100 * validation).round().argmax())
    return best, float(test[best])


@unseen("11.4", "rows-scored-one-by-one")
def row_by_row(maps, masks):
    both, either = (maps & masks).sum(dim=2), (maps | masks).sum(dim=2).clamp(min=1)
    return (both / either).mean(dim=1)


@unseen("11.5", "point:higher-mean-inside")
def higher_mean(maps, masks):
    inside = (maps * masks).sum(dim=(1, 2)) / masks.sum(dim=(1, 2)).clamp(min=1)
    outside = (maps * ~masks).sum(dim=(1, 2)) / (~masks).sum(dim=(1, 2)).clamp(min=1)
    return (inside > outside).float().mean().item()


@unseen("11.5", "one-point-for-the-whole-batch")
def looked_up_everywhere(maps, masks):
    return masks.flatten(1)[:, maps.flatten(1).argmax(dim=1)].float().mean().item()


@unseen("11.6", "head:median + number:counted-from-1")
def median_from_one(validation, test):
    head = int(validation.median(dim=0).values.argmax())
    return head + 1, test[:, head].mean().item()
