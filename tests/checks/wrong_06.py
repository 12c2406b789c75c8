"""Wrong implementations of lesson 06: patches, masks, loss and targets."""

import torch
from collected import wrong
from einops import rearrange


def cut(images, p, pattern):
    return rearrange(images, f"n c (r p) (k q) -> {pattern}", p=p, q=p)


def join(patches, p, pattern):
    sizes = {"r": int(patches.shape[1] ** 0.5), "p": p, "q": p}
    return rearrange(patches, f"{pattern} -> n c (r p) (k q)", **sizes)


for mistake, pattern in (
    ("channel-first-inside-a-patch", "n (r k) (c p q)"),
    ("patches-column-by-column", "n (k r) (p q c)"),
    ("patches-turned", "n (r k) (q p c)"),
):
    wrong("06.1", mistake)(lambda images, patch_size, to=pattern: cut(images, patch_size, to))
    wrong("06.2", mistake)(lambda patches, patch_size, to=pattern: join(patches, patch_size, to))


@wrong("06.1", "patches-of-distant-pixels")
def spread(images, patch_size):
    n, c, h, w = images.shape
    p = patch_size
    x = images.reshape(n, c, p, h // p, p, w // p)
    return x.permute(0, 3, 5, 2, 4, 1).reshape(n, -1, p * p * c)


@wrong("06.2", "patches-of-distant-pixels")
def gather(patches, patch_size):
    p, side = patch_size, int(patches.shape[1] ** 0.5)
    x = patches.reshape(len(patches), side, side, p, p, -1)
    return x.permute(0, 5, 3, 1, 4, 2).reshape(len(patches), -1, side * p, side * p)


@wrong("06.1", "only-reshaped")
def reshaped(images, patch_size):
    n, c, h, w = images.shape
    return images.reshape(n, h * w // patch_size**2, patch_size**2 * c)


@wrong("06.2", "only-reshaped")
def reshaped_back(patches, patch_size):
    side = int(patches.shape[1] ** 0.5) * patch_size
    return patches.reshape(len(patches), -1, side, side)


def hide(n, length, count, generator, rows=None):
    noise = torch.rand(rows or n, length, generator=generator)
    mask = torch.zeros(rows or n, length, dtype=torch.bool)
    mask.scatter_(1, noise.argsort(dim=1)[:, :count], True)
    return mask.expand(n, length).clone() if rows else mask


@wrong("06.3", "mask-inverted")
def shows(n, length, ratio, *, generator=None):
    return ~hide(n, length, round(ratio * length), generator)


@wrong("06.3", "number-differs-between-images")
def coins(n, length, ratio, *, generator=None):
    return torch.rand(n, length, generator=generator) < ratio


@wrong("06.3", "same-mask-for-all")
def shared_noise(n, length, ratio, *, generator=None):
    return hide(n, length, round(ratio * length), generator, rows=1)


@wrong("06.3", "places-not-equally-likely")
def a_run_of_places(n, length, ratio, *, generator=None):
    count = round(ratio * length)
    start = torch.randint(0, length - count + 1, (n, 1), generator=generator)
    place = torch.arange(length)
    return (place >= start) & (place < start + count)


@wrong("06.3", "places-hang-together")
def a_run_that_wraps_around(n, length, ratio, *, generator=None):
    start = torch.randint(0, length, (n, 1), generator=generator)
    return (torch.arange(length) - start) % length < round(ratio * length)


@wrong("06.3", "same-mask-every-time")
def seeded_without_a_generator(n, length, ratio, *, generator=None):
    generator = generator or torch.Generator().manual_seed(0)
    return hide(n, length, round(ratio * length), generator)


@wrong("06.3", "generator-ignored")
def own_randomness(n, length, ratio, *, generator=None):
    return hide(n, length, round(ratio * length), torch.Generator().manual_seed(0))


@wrong("06.3", "wrong-number-hidden")
def one_more(n, length, ratio, *, generator=None):
    return hide(n, length, round(ratio * length) + 1, generator)


def squares(predictions, targets):
    return (predictions - targets).square()


@wrong("06.4", "loss-on-the-visible-patches")
def visible(predictions, targets, mask):
    return squares(predictions, targets)[~mask].mean()


@wrong("06.4", "loss-on-all-patches")
def everywhere(predictions, targets, mask):
    return squares(predictions, targets).mean()


@wrong("06.4", "divided-by-all-patches")
def masked_mean(predictions, targets, mask):
    return (squares(predictions, targets).mean(2) * mask).mean()


@wrong("06.4", "values-summed")
def summed_values(predictions, targets, mask):
    return squares(predictions, targets).sum(2)[mask].mean()


@wrong("06.4", "patches-summed")
def summed_patches(predictions, targets, mask):
    return (squares(predictions, targets).mean(2) * mask).sum()


@wrong("06.4", "images-weighed-alike")
def by_image(predictions, targets, mask):
    error = squares(predictions, targets).mean(2)
    return ((error * mask).sum(1) / mask.sum(1)).mean()


@wrong("06.4", "not-squared")
def absolute(predictions, targets, mask):
    return (predictions - targets).abs()[mask].mean()


def normalised(x, dim, correction=1, epsilon=1e-6):
    var, mean = torch.var_mean(x, dim=dim, keepdim=True, correction=correction)
    return (x - mean) / (var + epsilon).sqrt()


wrong("06.5", "variance-divided-by-n")(lambda patches: normalised(patches, 2, 0))
wrong("06.5", "normalised-over-the-wrong-axis")(lambda patches: normalised(patches, (1, 2)))
wrong("06.5", "flat-patch-divided-by-zero")(lambda patches: normalised(patches, 2, epsilon=0))


@wrong("06.5", "divided-by-the-wrong-power")
def by_variance(patches):
    var, mean = torch.var_mean(patches, dim=2, keepdim=True)
    return (patches - mean) / (var + 1e-6)


wrong("06.5", "mean-not-subtracted")(
    lambda patches: patches / (patches.var(2, keepdim=True) + 1e-6).sqrt()
)
wrong("06.8", "patches-not-used")(lambda predictions, patches: predictions * 0.25 + 0.5)
wrong("06.8", "statistics-over-the-wrong-axis")(
    lambda predictions, patches: predictions * patches.std() + patches.mean()
)
wrong("06.8", "variance-divided-by-n")(
    lambda predictions, patches: (
        predictions * patches.std(2, correction=0, keepdim=True) + patches.mean(2, True)
    )
)
wrong("06.8", "shown-as-they-are")(lambda predictions, patches: predictions)
wrong("06.8", "undone-in-the-wrong-order")(
    lambda predictions, patches: (
        (predictions + patches.mean(2, True)) * patches.std(2, keepdim=True)
    )
)
wrong("06.8", "statistics-of-the-prediction")(
    lambda predictions, patches: (
        predictions * predictions.std(2, keepdim=True) + predictions.mean(2, True)
    )
)
