"""Mistakes of lessons 06 to 11 that once got a sentence which wasn't true of them, or passed."""

import numpy as np
import torch
import torch.nn.functional as F
from collected import unseen
from wrong_05_08 import sharp_target
from wrong_06 import squares
from wrong_11 import counts
from wrong_tokens import pick, placed

from sslcourse import networks
from sslcourse.methods import dino_loss, mae_loss


@unseen("06.1", "only-reshaped")
def distant_pixels_channel_first(images, patch_size):
    n, c, h, w = images.shape
    p = patch_size
    x = images.reshape(n, c, p, h // p, p, w // p)
    return x.permute(0, 3, 5, 1, 2, 4).reshape(n, -1, c * p * p)


@unseen("06.3", "number-differs-between-images")
def drawn_with_repetition(n, length, ratio, *, generator=None):
    places = torch.randint(length, (n, round(ratio * length)), generator=generator)
    return torch.zeros(n, length, dtype=torch.bool).scatter(1, places, True)


@unseen("06.3", "generator-ignored")
def randomness_of_numpy(n, length, ratio, *, generator=None):
    order = np.random.default_rng().permuted(np.tile(np.arange(length), (n, 1)), axis=1)
    return order < round(ratio * length)


@unseen("06.4", "")
def counted_in_the_first_image(predictions, targets, mask):
    return squares(predictions, targets).mean(2)[mask].sum() / (len(mask) * mask[0].sum())


unseen("06.4", "loses-the-gradient")(
    lambda predictions, targets, mask: mae_loss(predictions.detach(), targets, mask).item()
)


@unseen("06.5", "")
def between_zero_and_one(patches):
    low, high = patches.amin(2, True), patches.amax(2, True)
    return (patches - low) / (high - low + 1e-6)


unseen("06.5", "variance-divided-by-n")(lambda patches: F.layer_norm(patches, patches.shape[2:]))


@unseen("06.7", "decoder-never-called")
def positions_but_no_decoder(decoder, visible, mask, mask_token, positions):
    return placed(visible, mask, mask_token) + positions


@unseen("06.7", "mask-tokens-without-positions")
def positions_after_the_decoder(decoder, visible, mask, mask_token, positions):
    return decoder(placed(visible, mask, mask_token)) + positions


@unseen("06.7", "visible-tokens-without-positions")
def positions_where_hidden(decoder, visible, mask, mask_token, positions):
    tokens = placed(visible, mask, mask_token)
    return decoder(torch.where(mask[:, :, None], tokens + positions, tokens))


@unseen("06.7", "positions-added-twice")
def mask_tokens_placed_before(decoder, visible, mask, mask_token, positions):
    tokens = (mask_token + positions).repeat(len(mask), 1, 1)
    tokens[~mask] = visible.flatten(0, 1)
    return decoder(tokens + positions)


@unseen("06.6", "mask-inverted")
def visible_in_the_mask(blocks, tokens, positions, mask):
    return blocks(pick(tokens + positions, ~mask))


unseen("07.2", "noise-forgotten")(
    lambda logits, noise, *, temperature: F.gumbel_softmax(logits, tau=temperature)
)
unseen("07.2", "no-softmax")(
    lambda logits, noise, *, temperature: F.log_softmax((logits + noise) / temperature, dim=-1)
)


@unseen("07.3", "none-or-several-chosen")
def above_a_half(shares):
    return (shares > 0.5).float() + shares - shares.detach()


unseen("07.3", "choice-along-the-wrong-axis")(
    lambda shares: torch.zeros_like(shares).scatter(1, shares.argmax(1, keepdim=True), 1.0)
)
unseen("07.3", "")(lambda shares: shares.argmax(dim=-1))
unseen("07.6", "changes-its-inputs")(
    lambda patches, mask, mask_token: patches.masked_scatter_(
        mask[:, :, None], mask_token.expand(patches.shape)[mask]
    )
)


def dino_terms(student, teacher, log):
    return [
        -(p.detach() * log(s)).sum(dim=1).mean()
        for i, p in enumerate(teacher)
        for j, s in enumerate(student)
        if i != j
    ]


@unseen("08.1", "only-the-winner-counts")
def most_likely_prototype(student, teacher, center, *, student_temperature, teacher_temperature):
    targets = [F.one_hot((t - center).argmax(1), t.shape[1]).float() for t in teacher]
    terms = dino_terms(student, targets, lambda s: F.log_softmax(s / student_temperature, 1))
    return sum(terms) / len(terms)


@unseen("08.1", "wrong-number-of-pairs")
def same_views_counted(student, teacher, center, *, student_temperature, teacher_temperature):
    targets = [sharp_target(t, center, student_temperature, teacher_temperature) for t in teacher]
    terms = dino_terms(student, targets, lambda s: F.log_softmax(s / student_temperature, 1))
    return sum(terms) / (len(student) * len(teacher))


@unseen("08.1", "loss-rescaled-by-temperature")
def as_in_distillation(student, teacher, center, *, student_temperature, teacher_temperature):
    temperatures = {
        "student_temperature": student_temperature,
        "teacher_temperature": teacher_temperature,
    }
    return dino_loss(student, teacher, center, **temperatures) * student_temperature**2


@unseen("08.2", "one-number-for-all-prototypes")
def mean_over_both_axes(center, scores, momentum):
    return (momentum * center + (1 - momentum) * scores.mean(dim=(0, 1), keepdim=True)).detach()


@unseen("08.2", "a-row-for-each-image")
def mean_over_the_prototypes(center, scores, momentum):
    return (momentum * center + (1 - momentum) * scores.mean(dim=1, keepdim=True)).detach()


unseen("08.3", "not-sharpened")(
    lambda scores, center, temperature: F.one_hot((scores - center).argmax(1), scores.shape[1])
)
unseen("08.4", "statistics-left-behind")(networks.ema_update)


@unseen("08.4", "statistics-left-behind")
@torch.no_grad()
def only_the_variance(teacher, student, momentum):
    networks.ema_update(teacher, student, momentum)
    teacher[1].running_var.copy_(student[1].running_var)


@unseen("08.4", "student-moves")
@torch.no_grad()
def both_move(teacher, student, momentum):
    networks.ema_update(teacher, student, momentum)
    for slow, fast in zip(teacher.buffers(), student.buffers()):
        slow.copy_(fast)
    student.load_state_dict(teacher.state_dict())


unseen("08.5", "scores-summed")(
    lambda center, batches, move: move(center, sum(x.sum(dim=0, keepdim=True) for x in batches))
)
unseen("09.1", "chosen-on-the-test-images")(
    lambda validation, test: (test.argmax(), validation[test.argmax()])
)
unseen("09.1", "")(lambda validation, test: (0, test[0]))


@unseen("09.1", "both-sets-decide")
def better_of_two_scores(validation, test):
    best = torch.maximum(validation, test).argmax()
    return best, test[best]


@unseen("11.6", "")
def most_frequent_winner(validation, test):
    head = validation.argmax(dim=1).mode().values
    return head, test[:, head].mean()


unseen("11.1", "softmax-forgotten")(lambda q, k: F.log_softmax(q @ k.mT / 2, dim=3))
unseen("11.2", "")(lambda weights, columns: weights[:, :, 1:, 0].unflatten(2, (columns, -1)))


@unseen("11.3", "places-not-put-back")
def order_instead_of_its_inverse(maps, share):
    values, order = (maps.flatten(1) / maps.flatten(1).sum(1, True)).sort(1, descending=True)
    return (values.cumsum(1) - values < share).gather(1, order).view(maps.shape)


@unseen("11.3", "")
def above_mean_and_deviation(maps, share):
    mean, deviation = maps.mean((1, 2), keepdim=True), maps.std((1, 2), keepdim=True)
    return maps > mean + share * deviation


@unseen("11.3", "")
def the_first_patches(maps, share):
    mass = maps.flatten(1) / maps.flatten(1).sum(dim=1, keepdim=True)
    return (mass.cumsum(dim=1) < share).view(maps.shape)


@unseen("11.4", "")
def smoothed_by_one(maps, masks):
    both, a, b = counts(maps, masks)
    return (both + 1) / (a + b - both + 1)


unseen("11.4", "background-counted")(lambda maps, masks: 1 - (maps ^ masks).float().mean((1, 2)))


@unseen("11.5", "")
def positive_mass(maps, masks):
    mass = maps.clamp_min(0)
    return ((mass * masks).sum((1, 2)) / mass.sum((1, 2))).mean()


unseen("11.5", "")(lambda maps, masks: ((maps > 0.35) & masks).flatten(1).any(dim=1).float().mean())
