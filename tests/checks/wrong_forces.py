"""Mistakes met while working through exercises 01 and 02: pictures, scales, cosines, two forces."""

import torch
import torch.nn.functional as F
from collected import unseen, wrong


def each(images, quarters, change):
    return torch.stack([change(image, int(k)) for image, k in zip(images, quarters)])


wrong("01.5", "one-turn-for-all")(lambda x, q: x.rot90(int(q[0]), dims=(2, 3)))
wrong("01.5", "turned-the-other-way")(lambda x, q: each(x, q, lambda i, k: i.rot90(k, (2, 1))))
wrong("01.5", "colours-turned-too")(lambda x, q: each(x, q, lambda i, k: i.rot90(k)))


@wrong("01.5", "mirrored-instead-of-turned")
def transposed(images, quarters):
    turned = []
    for image, k in zip(images, quarters):
        for _ in range(int(k)):
            image = image.transpose(1, 2)
        turned.append(image)
    return torch.stack(turned)


@unseen("01.5", "one-turn-for-all")
def the_last_number_wins(images, quarters):
    for k in quarters:
        turned = images.rot90(int(k), dims=(2, 3))
    return turned


@unseen("01.5", "one-turn-for-all")
def one_after_the_other(images, quarters):
    for k in quarters:
        images = images.rot90(int(k), dims=(2, 3))
    return images


@unseen("01.4", "constants-over-the-wrong-axis")
def only_the_mean_is_shaped(images, mean, std):
    return (images / 255 - mean.view(1, 3, 1, 1)) / std


@unseen("01.4", "mean-or-deviation-misused")
def divided_first(images, mean, std):
    return images / 255 / std.view(1, 3, 1, 1) - mean.view(1, 3, 1, 1)


@unseen("01.4", "mean-or-deviation-misused")
def not_begun(images, mean, std):
    return images / 255


wrong("01.2", "one-scale-for-all-features")(
    lambda train, test: ((train - train.mean()) / train.std(), (test - train.mean()) / train.std())
)


@unseen("01.2", "")
def training_features_only(train, test):
    return (train - train.mean(0)) / train.std(0)


@unseen("01.2", "constant-feature-divided-by-zero")
def unguarded_with_n(train, test):
    std, mean = torch.std_mean(train, dim=0, correction=0)
    return (train - mean) / std, (test - mean) / std


@unseen("02.2", "")
def mean_forgotten(z):
    return F.normalize(z, dim=1).std(dim=0)


def cosines(z):
    return F.normalize(z, dim=1) @ F.normalize(z, dim=1).T


def logits(mistake):
    """Collect it with `temperature` as keyword."""

    def collect(function):
        wrong("02.4", mistake)(lambda z, *, temperature: function(z, temperature))
        return function

    return collect


logits("temperature-multiplied")(lambda z, t: cosines(z) * t)
logits("temperature-ignored")(lambda z, t: cosines(z / t))
logits("diagonal-taken-out")(lambda z, t: (cosines(z) / t).fill_diagonal_(-torch.inf))
logits("temperature-applied-twice")(lambda z, t: cosines(z) / t**2)
logits("probabilities-instead-of-logits")(lambda z, t: torch.exp(cosines(z) / t))
logits("inputs-not-normalised")(lambda z, t: z @ z.T / t)


@logits("normalised-over-the-wrong-axis")
def over_the_batch(z, t):
    z = F.normalize(z, dim=0)
    return z @ z.T / t


@unseen("02.4", "diagonal-taken-out")
def a_large_number_taken_off(z, temperature):
    return cosines(z) / temperature - 1e9 * torch.eye(len(z))


@unseen("02.4", "normalised-over-the-wrong-axis")
def by_the_whole_norm(z, temperature):
    return z @ z.T / z.norm() ** 2 / temperature


@unseen("02.4", "probabilities-instead-of-logits")
def probabilities(z, temperature):
    return F.softmax(cosines(z) / temperature, dim=-1)


@unseen("02.4", "temperature-multiplied")
def as_a_scale(z, temperature):
    z = F.normalize(z, dim=1)
    return temperature * z @ z.T


def squares(z, power=2):
    return torch.pdist(z) ** power


def crowd(z, **change):
    return (-2 * squares(z, **change)).exp().mean().log()


def apart(z1, z2):
    return (z1 - z2).square().sum(dim=1).mean()


def forces(mistake):
    """Collect it with normalised projections."""

    def collect(function):
        wrong("02.5", mistake)(
            lambda z1, z2: function(F.normalize(z1, dim=1), F.normalize(z2, dim=1))
        )
        return function

    return collect


def both(function, z1, z2):
    return apart(z1, z2) + (function(z1) + function(z2)) / 2


wrong("02.5", "inputs-not-normalised")(lambda z1, z2: both(crowd, z1, z2))
forces("partners-count-as-strangers")(lambda a, b: apart(a, b) + crowd(torch.cat([a, b])))
forces("views-not-averaged")(lambda a, b: apart(a, b) + crowd(a) + crowd(b))
forces("mean-over-the-numbers-too")(lambda a, b: both(crowd, a, b) - apart(a, b) + F.mse_loss(a, b))
forces("distance-not-squared")(lambda a, b: both(lambda z: crowd(z, power=1), a, b))
forces("wrong-sharpness")(lambda a, b: both(lambda z: (-squares(z)).exp().mean().log(), a, b))
forces("logarithm-misplaced")(lambda a, b: both(lambda z: (-2 * squares(z)).exp().mean(), a, b))
forces("pairs-added-instead-of-averaged")(
    lambda a, b: both(lambda z: (-2 * squares(z)).logsumexp(0), a, b)
)
forces("strangers-across-the-views")(
    lambda a, b: apart(a, b) + (4 * a @ b.T - 4).exp().mean().log()
)
forces("uniformity-subtracted")(lambda a, b: both(lambda z: -crowd(z), a, b))


@forces("image-is-its-own-stranger")
def all_rows_with_all(a, b):
    return both(lambda z: (-2 * torch.cdist(z, z) ** 2).exp().mean().log(), a, b)


@unseen("02.5", "views-not-averaged")
def first_views_only(z1, z2):
    z1, z2 = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    return apart(z1, z2) + crowd(z1)


@unseen("02.5", "logarithm-misplaced")
def log_first(z1, z2):
    z1, z2 = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    return both(lambda z: (-2 * squares(z)).exp().log().mean(), z1, z2)


@unseen("02.5", "")
def summed_over_the_batch(z1, z2):
    z1, z2 = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    return both(crowd, z1, z2) + (len(z1) - 1) * apart(z1, z2)
