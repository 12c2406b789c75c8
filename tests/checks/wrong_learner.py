"""Mistakes of a learner who worked through exercises 4, 6 and 8."""

import copy

import torch
import torch.nn.functional as F
from collected import unseen, wrong

from sslcourse.networks.patches import patchify


@wrong("08.4", "mode-changed")
@torch.no_grad()
def sets_the_mode(teacher, student, momentum):
    teacher.train()
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.mul_(momentum).add_(fast, alpha=1 - momentum)
    for slow, fast in zip(teacher.buffers(), student.buffers()):
        slow.copy_(fast)


@unseen("08.4", "mode-changed")
@torch.no_grad()
def student_in_eval_mode(teacher, student, momentum):
    student.eval()
    for name, new in student.state_dict().items():
        slow = teacher.state_dict()[name]
        slow.copy_(momentum * slow + (1 - momentum) * new)


@wrong("04.4", "encoder-put-into-eval-mode")
def encoder_in_eval_mode(encoder):
    encoder.eval()
    return copy.deepcopy(encoder).requires_grad_(False)


@wrong("04.4", "copy-in-another-mode")
def copy_in_eval_mode(encoder):
    return copy.deepcopy(encoder).eval().requires_grad_(False)


@unseen("04.4", "copy-is-trained")
def attribute_of_the_module(encoder):
    copied = copy.deepcopy(encoder)
    copied.requires_grad = False
    return copied


def drawn_places(n, length, ratio, generator):
    return torch.rand(n, length, generator=generator).argsort(dim=1)[:, : round(ratio * length)]


@wrong("06.3", "places-used-as-rows")
def rows_hidden(n, length, ratio, *, generator=None):
    mask = torch.zeros(n, length, dtype=torch.bool)
    mask[drawn_places(n, length, ratio, generator) % n] = True
    return mask


@unseen("06.3", "places-used-as-rows")
def index_out_of_range(n, length, ratio, *, generator=None):
    mask = torch.zeros(n, length, dtype=torch.bool)
    mask[drawn_places(n, length, ratio, generator)] = True
    return mask


@wrong("06.3", "places-of-all-images-together")
def columns_hidden(n, length, ratio, *, generator=None):
    mask = torch.zeros(n, length, dtype=torch.bool)
    mask[:, drawn_places(n, length, ratio, generator)] = True
    return mask


@unseen("06.3", "wrong-number-hidden")
def one_too_many(n, length, ratio, *, generator=None):
    order = torch.rand(n, length, generator=generator).argsort(dim=1)
    return order <= round(ratio * length)


@unseen("06.4", "not-reduced")
def left_for_each_image(predictions, targets, mask):
    errors = (predictions - targets).square().mean(dim=2)
    return (errors * mask).sum(dim=1) / mask.sum(dim=1)


@wrong("06.6", "one-image-without-its-axis")
def encoded_in_a_loop(blocks, tokens, positions, mask):
    together = tokens + positions
    return torch.stack([blocks(x[~hidden]) for x, hidden in zip(together, mask)])


def put_in_places(visible, mask, mask_token):
    tokens = mask_token.expand(*mask.shape, -1).clone()
    tokens[~mask] = visible.flatten(0, 1)
    return tokens


@wrong("06.7", "one-image-without-its-axis")
def decoded_in_a_loop(decoder, visible, mask, mask_token, positions):
    tokens = put_in_places(visible, mask, mask_token)
    return torch.stack([decoder(x + positions) for x in tokens])


@wrong("06.7", "written-into-an-expanded-tensor")
def shared_memory(decoder, visible, mask, mask_token, positions):
    tokens = mask_token.expand(*mask.shape, -1)
    tokens = torch.zeros_like(tokens) + visible.flatten(0, 1)[-1]  # what such a write leaves
    return decoder(tokens + positions)


@unseen("06.7", "written-into-an-expanded-tensor")
def not_cloned(decoder, visible, mask, mask_token, positions):
    tokens = mask_token.detach().expand(*mask.shape, -1)
    for n, place in enumerate((~mask).nonzero()):
        tokens[place[0], place[1]] = visible.flatten(0, 1)[n].detach()
    return decoder(tokens + positions)


@unseen("06.1", "axes-not-joined")
def last_axes_apart(images, patch_size):
    patches = patchify(images, patch_size)
    return patches.unflatten(2, (patch_size, patch_size, -1))


@unseen("06.1", "axes-not-joined")
def in_another_order_and_apart(images, patch_size):
    patches = patchify(images, patch_size)
    return patches.unflatten(2, (patch_size, patch_size, -1)).permute(0, 1, 4, 2, 3)


@wrong("04.5", "keys-brought-to-length-one")
@torch.no_grad()
def unit_keys(key_encoder, images, order):
    return F.normalize(key_encoder(images[order]), dim=1)[order.argsort()]


@wrong("11.1", "channels-compared-with-channels")
def between_channels(q, k):
    return torch.softmax(q.mT @ k / q.shape[3] ** 0.5, dim=3)


@wrong("08.1", "only-the-winner-counts")
def hard_targets(student, teacher, center, *, student_temperature, teacher_temperature):
    terms = []
    for i, answer in enumerate(teacher):
        best = ((answer - center) / teacher_temperature).argmax(dim=1).detach()
        terms += [
            F.cross_entropy(guess / student_temperature, best)
            for j, guess in enumerate(student)
            if i != j
        ]
    return torch.stack(terms).mean()


@wrong("04.1", "negatives-summed-before-exp")
def summed_before_exp(queries, keys, negatives, *, temperature):
    q, k, n = (F.normalize(x, dim=1) for x in (queries, keys.detach(), negatives.detach()))
    positive = torch.exp((q * k).sum(dim=1) / temperature)
    negative = torch.exp((q @ n.T).sum(dim=1) / temperature)
    return -torch.log(positive / (positive + negative)).mean()


@unseen("04.1", "")
def query_with_negative(queries, keys, negatives, *, temperature):
    positive = F.cosine_similarity(queries, keys.detach())
    negative = F.cosine_similarity(queries, negatives.detach())
    return F.cross_entropy(
        torch.stack([positive, negative], dim=1) / temperature, torch.zeros(len(queries)).long()
    )
