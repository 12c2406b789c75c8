"""Wrong implementations of lessons 01 and 02."""

import math

import torch
import torch.nn.functional as F
from collected import wrong


def vote(train, train_labels, test, test_labels, *, k, temperature, **change):
    """A vote with one thing changed."""
    if change.get("unit", True):
        train, test = F.normalize(train, dim=1), F.normalize(test, dim=1)
    bank, labels = (test, test_labels) if "itself" in change else (train, train_labels)
    similarity = test @ bank.T
    skip = change.get("skip", 0)
    k = min(change.get("neighbours", k) + skip, len(bank))
    s, found = similarity.topk(k, dim=1, largest=change.get("largest", True))
    s, found = s[:, skip:], found[:, skip:]
    weight = change.get("weight", lambda s, t: torch.exp(s / t))(s, temperature)
    totals = torch.zeros(len(test), 10)
    totals.scatter_add_(1, labels[found], weight)
    return (totals.argmax(dim=1) == test_labels).float().mean().item()


def voting(mistake, **change):
    wrong("01.1", mistake)(
        lambda train, train_labels, test, test_labels, *, k, temperature: vote(
            train, train_labels, test, test_labels, k=k, temperature=temperature, **change
        )
    )


voting("test-images-vote-for-themselves", itself=True)
voting("features-not-normalised", unit=False)
voting("farthest-neighbours", largest=False)
voting("nearest-neighbour-skipped", skip=1)
voting("k-ignored", neighbours=20)
voting("temperature-multiplied", weight=lambda s, t: torch.exp(s * t))
voting("votes-ignore-similarity", weight=lambda s, t: torch.ones_like(s))
voting("temperature-ignored", weight=lambda s, t: torch.exp(s / 0.07))


@wrong("01.1", "errors-instead-of-hits")
def errors(*features, k, temperature):
    return 1 - vote(*features, k=k, temperature=temperature)


@wrong("01.1", "no-share")
def hits(*features, k, temperature):
    return vote(*features, k=k, temperature=temperature) * len(features[2])


@wrong("01.2", "statistics-of-the-test-images")
def each_by_itself(train, test):
    return tuple((x - x.mean(0)) / x.std(0).clamp_min(1e-6) for x in (train, test))


@wrong("01.2", "statistics-of-both-sets")
def by_both(train, test):
    both = torch.cat([train, test])
    return tuple((x - both.mean(0)) / both.std(0).clamp_min(1e-6) for x in (train, test))


@wrong("01.2", "test-images-left-alone")
def only_training_images(train, test):
    return (train - train.mean(0)) / train.std(0).clamp_min(1e-6), test


@wrong("01.2", "standardised-over-the-wrong-axis")
def by_row(train, test):
    return tuple((x - x.mean(1, True)) / x.std(1, keepdim=True) for x in (train, test))


@wrong("01.2", "not-centred")
def only_scaled(train, test):
    return train / train.std(0), test / train.std(0)


@wrong("01.2", "divided-by-the-wrong-power")
def by_variance(train, test):
    return tuple((x - train.mean(0)) / train.var(0) for x in (train, test))


@wrong("01.2", "constant-feature-divided-by-zero")
def unguarded(train, test):
    return tuple((x - train.mean(0)) / train.std(0) for x in (train, test))


@wrong("01.3", "frozen-encoder-is-trained")
def trained(encoder, images):
    encoder.eval()(images).square().mean().backward()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter -= 0.1 * parameter.grad
        return encoder(images)


@wrong("01.3", "encoder-left-in-training-mode")
def training_mode(encoder, images):
    for parameter in encoder.parameters():
        parameter.requires_grad_(False)
    with torch.no_grad():
        return encoder(images)


@wrong("01.3", "features-keep-the-gradient")
def with_gradient(encoder, images):
    return encoder.eval()(images)


def shaped(values):
    return values[:, None, None]


wrong("01.4", "bytes-not-scaled")(
    lambda images, mean, std: (images.float() - shaped(mean)) / shaped(std)
)
wrong("01.4", "constants-over-the-wrong-axis")(
    lambda images, mean, std: (images / 255 - mean) / std
)
wrong("01.4", "mean-or-deviation-misused")(
    lambda images, mean, std: (images / 255 - shaped(mean)) * shaped(std)
)


def entropy_of(values, log=torch.log):
    share = values / values.sum()
    share = share[share > 0]
    return -(share * log(share)).sum()


values_of = torch.linalg.svdvals
wrong("02.1", "entropy-not-exponentiated")(lambda z: entropy_of(values_of(z)))
wrong("02.1", "logarithms-of-different-bases")(
    lambda z: torch.exp(entropy_of(values_of(z), torch.log2))
)
wrong("02.1", "squared-singular-values")(
    lambda z: torch.exp(entropy_of(torch.linalg.eigvalsh(z.T @ z).clamp_min(0)))
)
wrong("02.1", "shares-by-softmax")(
    lambda z: torch.exp(entropy_of(torch.softmax(values_of(z), dim=0)))
)
wrong("02.1", "features-centred-first")(lambda z: torch.exp(entropy_of(values_of(z - z.mean(0)))))
wrong("02.1", "rows-normalised-first")(
    lambda z: torch.exp(entropy_of(values_of(F.normalize(z, dim=1))))
)


@wrong("02.1", "zero-times-log-zero")
def unguarded_rank(z):
    share = values_of(z) / values_of(z).sum()
    return torch.exp(-(share * share.log()).sum())


wrong("02.2", "features-not-normalised")(lambda z: z.std(dim=0).mean())
wrong("02.2", "deviation-over-the-wrong-axis")(lambda z: F.normalize(z, dim=1).std(dim=1).mean())
wrong("02.2", "variance-instead-of-deviation")(lambda z: F.normalize(z, dim=1).var(dim=0).mean())

wrong("02.3", "accumulation-counted-as-negatives")(
    lambda images, micro_batches: math.log(2 * images * micro_batches - 1)
)
wrong("02.3", "wrong-number-of-candidates")(lambda images, micro_batches: math.log(2 * images))
wrong("02.3", "logarithm-of-another-base")(lambda images, micro_batches: math.log2(2 * images - 1))
