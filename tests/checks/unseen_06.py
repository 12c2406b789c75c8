"""Mistakes that slipped through the checks of lessons 05 and 06 once, and what was refused."""

import torch
import torch.nn.functional as F
from collected import right, unseen
from einops import rearrange

from sslcourse.methods.mae import mae_loss
from sslcourse.methods.swav import sinkhorn


def queue_when(is_used):
    def assign(features, queue, filled, prototypes):
        used = is_used(features, queue, filled)
        both = torch.cat([features, queue]) if used else features
        return sinkhorn(both @ prototypes.T, epsilon=0.5, iterations=3)[: len(features)]

    return assign


unseen("05.4", "")(queue_when(lambda features, queue, filled: filled >= len(queue) - 1))
unseen("05.4", "")(queue_when(lambda features, queue, filled: filled >= len(features)))

right("05.3", "divided by both lengths")(
    lambda features, prototypes: (
        (features @ prototypes.T) / (features.norm(dim=1)[:, None] * prototypes.norm(dim=1)[None])
    )
)


@unseen("06.2", "")
def as_many_columns_as_a_patch_is_wide(patches, patch_size):
    sizes = {"p": patch_size, "q": patch_size, "k": patch_size}
    return rearrange(patches, "n (r k) (p q c) -> n c (r p) (k q)", **sizes)


def hiding(number):
    def mask(n, length, ratio, *, generator=None):
        order = torch.rand(n, length, generator=generator).argsort(dim=1)
        return order < number(ratio * length)

    return mask


unseen("06.3", "wrong-number-hidden")(hiding(int))
unseen("06.3", "wrong-number-hidden")(hiding(lambda x: -int(-x // 1)))


@unseen("06.3", "same-mask-for-all")
def alike_with_a_generator(n, length, ratio, *, generator=None):
    if generator is None:
        return torch.rand(n, length).argsort(dim=1) < round(ratio * length)
    order = torch.randperm(length, generator=generator)
    return (order < round(ratio * length)).expand(n, length).clone()


@unseen("06.3", "generator-ignored")
def generator_for_the_first_image_only(n, length, ratio, *, generator=None):
    mask = torch.zeros(n, length, dtype=torch.bool)
    for i, row in enumerate(mask):
        order = torch.randperm(length, generator=generator if i == 0 else None)
        row[order[: round(ratio * length)]] = True
    return mask


@unseen("06.3", "same-mask-every-time")
def a_copied_state(n, length, ratio, *, generator=None):
    own = torch.Generator()
    own.set_state(torch.get_rng_state() if generator is None else generator.get_state())
    return torch.rand(n, length, generator=own).argsort(dim=1) < round(ratio * length)


@right("06.4", "targets are data")
def detached_targets(predictions, targets, mask):
    return F.mse_loss(predictions[mask], targets.detach()[mask])


@right("06.4", "the package's, without a gradient for targets")
def no_gradient_for_targets(predictions, targets, mask):
    return mae_loss(predictions, targets.clone().detach(), mask)


@unseen("06.5", "")
def added_to_the_deviation(patches):
    mean, std = patches.mean(dim=2, keepdim=True), patches.std(dim=2, keepdim=True)
    return (patches - mean) / (std + 1e-6)


@unseen("06.8", "")
def nothing_under_the_root(predictions, patches):
    return predictions * patches.std(dim=2, keepdim=True) + patches.mean(dim=2, keepdim=True)


@unseen("06.6", "")
def images_mixed_by_a_view(blocks, tokens, positions, mask):
    n, _, d = tokens.shape
    return blocks((tokens + positions)[~mask].view(-1, n, d))


@unseen("06.6", "")
def half_of_the_places(blocks, tokens, positions, mask):
    n, places, d = tokens.shape
    return blocks((tokens + positions)[~mask].view(n, places // 2, d))


@unseen("06.7", "")
def as_many_hidden_as_visible(decoder, visible, mask, mask_token, positions):
    both = torch.cat([visible, mask_token.expand_as(visible)], dim=1)
    back = mask.int().argsort(dim=1, stable=True).argsort(dim=1)
    return decoder(torch.stack([rows[order] for rows, order in zip(both, back)]) + positions)
