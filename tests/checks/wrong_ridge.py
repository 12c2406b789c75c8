"""Wrong implementations of the ridge probe of lesson 09."""

import torch
import torch.nn.functional as F
from collected import wrong


def one_hot(labels, classes):
    return F.one_hot(labels, classes).float()


def guarded(std):
    return torch.where(std > 0, std, 1)


def both_scaled(train, test):
    mean, std = train.mean(dim=0), guarded(train.std(dim=0))
    return (train - mean) / std, (test - mean) / std


def fit(x, targets, penalty):
    return torch.linalg.solve(x.T @ x + penalty, x.T @ targets)


def diagonal(x, strength):
    return strength * torch.eye(x.shape[1])


def probing(mistake, **change):
    """Collect a ridge regression with one thing changed."""

    @wrong("09.5", mistake)
    def ridge(train, labels, test, classes, *, strength):
        x, t = change.get("scale", both_scaled)(train, test)
        targets = change.get("targets", one_hot)(labels, classes)
        bias = change.get("bias", torch.mean)(targets, dim=0)
        punished = change.get("strength", lambda s, n: s)(strength, len(x))
        weights = fit(x, targets - bias, change.get("penalty", diagonal)(x, punished))
        return change.get("give", lambda scores: scores)(t @ weights + bias)


probing("classes-instead-of-scores", give=lambda scores: scores.argmax(dim=1))
probing("label-numbers-fitted", targets=lambda labels, classes: labels.float())
probing(
    "test-images-take-part",
    scale=lambda train, test: tuple((x - x.mean(0)) / guarded(x.std(0)) for x in (train, test)),
)
probing("strength-ignored", strength=lambda strength, images: 1e-3)
probing(
    "features-not-centred",
    scale=lambda train, test: tuple(x / guarded(train.std(0)) for x in (train, test)),
)
probing(
    "features-not-scaled",
    scale=lambda train, test: tuple(x - train.mean(0) for x in (train, test)),
)
probing("bias-forgotten", bias=lambda targets, dim: torch.zeros(targets.shape[1]))
probing("strength-in-every-entry", penalty=lambda x, strength: strength)
probing("strength-on-another-scale", strength=lambda strength, images: strength * images)
probing(
    "constant-feature-divided-by-zero",
    scale=lambda train, test: tuple((x - train.mean(0)) / train.std(0) for x in (train, test)),
)


@wrong("09.5", "training-images-scored")
def on_training(train, labels, test, classes, *, strength):
    x, _ = both_scaled(train, test)
    targets = one_hot(labels, classes)
    bias = targets.mean(dim=0)
    return x @ fit(x, targets - bias, diagonal(x, strength)) + bias


@wrong("09.5", "bias-held-back")
def column_of_ones(train, labels, test, classes, *, strength):
    x, t = (F.pad(part, (0, 1), value=1.0) for part in both_scaled(train, test))
    return t @ fit(x, one_hot(labels, classes), diagonal(x, strength))
