"""05.2: swapped prediction, and what self-distillation shares with it."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way
from sslcourse.teach.checks.formulas.similarities import temperature_factor

PAIRS = {
    "same-view-too": "each view is predicted from itself, too",
    "same-view-only": "each view is predicted from itself only",
    "earlier-from-later": "only earlier views are predicted from later ones",
    "later-from-earlier": "only later views are predicted from earlier ones",
    "next-view-only": "each view is predicted from the next one only",
    "first-target-only": "only the first view is predicted",
    "large-views-only": "only the views that have targets predict",
    "first-with-second-only": "only the first two views are compared",
}


END = {
    "pairs-summed": "the pairs are summed, not averaged",
    "images-summed": "the images are summed, not averaged",
    "prototypes-averaged": "the prototypes are averaged, not summed",
    "divided-by-all-pairs": "the sum is divided by all pairs, those of a view with itself, too",
    "divided-by-views": "the sum over pairs is divided by the number of views",
    "divided-by-targets": "the sum over pairs is divided by the number of targets",
    "targets-averaged-first": "each target is averaged over its views first, and those are summed",
    "sign-turned": "the sign is turned",
    "halved": "the loss is halved",
    "doubled": "the loss is doubled",
    "divided-by-the-temperature": "the loss is divided by the temperature at the end",
    "multiplied-by-the-temperature": "the loss is multiplied by the temperature at the end",
}


SHARES = {
    "softmax-over-the-images": "the softmax of the predictions runs over the images",
    "softmax-twice": "a softmax is taken before the log-softmax",
    "softmax-left-out": "the softmax of the predictions is left out",
    "logarithm-left-out": "the logarithm is left out",
    "divergence": "the targets' entropy is subtracted",
    "hard-targets": "only each target's best prototype counts",
    "squared-difference": "squared differences stand for the cross-entropy",
    "roles-exchanged": "the logarithm is taken of the targets, not of the predictions",
    "every-prototype-yes-or-no": "each prototype is judged alone, as in binary cross-entropy",
    "predictions-averaged-first": "the predictions are averaged over the views first",
}


def compared(way: Way, scores: list[Tensor], targets: list[Tensor], temperature: float) -> Tensor:
    """Mean cross-entropy between targets (N, K) and the other views' softmax(scores)."""
    scale = temperature_factor(way, temperature)
    logits = [s * scale for s in scores]
    terms, views = [], range(len(scores))
    for i, target in enumerate(targets):
        others = [j for j in views if wanted(way("pairs"), i, j, len(targets), len(scores))]
        if way("shares") == "predictions-averaged-first" and others:
            mean = torch.stack([logits[j].softmax(dim=1) for j in others]).mean(dim=0)
            terms += [-(target * mean.log()).sum(dim=1)] * len(others)
            continue
        terms += [crossed(way("shares"), logits[j], target) for j in others]
    if way("temperature") == "temperature-after-the-logarithm":
        logs = [s.log_softmax(dim=1) / temperature for s in scores]
        terms = [
            -(q * logs[j]).sum(dim=1)
            for i, q in enumerate(targets)
            for j in views
            if wanted(way("pairs"), i, j, len(targets), len(scores))
        ]
    return ended(way("last-step"), torch.stack(terms), scores, targets, temperature)


def wanted(kind: str, i: int, j: int, targets: int, views: int) -> bool:
    """Whether target i is predicted from view j."""
    return {
        "same-view-too": True,
        "same-view-only": i == j,
        "earlier-from-later": i < j,
        "later-from-earlier": i > j,
        "next-view-only": j == (i + 1) % views,
        "first-target-only": i == 0 != j,
        "large-views-only": i != j and j < targets,
        "first-with-second-only": i + j == 1,
    }.get(kind, i != j)


def crossed(kind: str, logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of each image (N,), or what stands for it."""
    logs = {
        "softmax-over-the-images": lambda: logits.log_softmax(dim=0),
        "softmax-twice": lambda: logits.softmax(dim=1).log_softmax(dim=1),
        "softmax-left-out": lambda: logits,
        "logarithm-left-out": lambda: logits.softmax(dim=1),
    }.get(kind, lambda: logits.log_softmax(dim=1))()
    if kind == "squared-difference":
        return (logits.softmax(dim=1) - target).square().sum(dim=1)
    if kind == "roles-exchanged":
        return -(logits.softmax(dim=1) * target.log()).sum(dim=1)
    if kind == "every-prototype-yes-or-no":
        return F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(dim=1)
    if kind == "hard-targets":
        target = F.one_hot(target.argmax(dim=1), target.shape[1]).to(logits)
    term = -(target * logs).sum(dim=1)
    return term - torch.special.entr(target).sum(dim=1) if kind == "divergence" else term


def ended(
    kind: str, terms: Tensor, scores: list[Tensor], targets: list[Tensor], temperature: float
) -> Tensor:
    """One number of terms (pairs, N)."""
    (images, prototypes), pairs = scores[0].shape, len(terms)
    factors = {
        "pairs-summed": lambda: pairs,
        "images-summed": lambda: images,
        "prototypes-averaged": lambda: 1 / prototypes,
        "divided-by-all-pairs": lambda: pairs / (len(scores) * len(targets)),
        "divided-by-views": lambda: pairs / len(scores),
        "divided-by-targets": lambda: pairs / len(targets),
        "targets-averaged-first": lambda: len(targets),
        "sign-turned": lambda: -1,
        "halved": lambda: 0.5,
        "doubled": lambda: 2,
        "divided-by-the-temperature": lambda: 1 / temperature,
        "multiplied-by-the-temperature": lambda: temperature,
    }
    return terms.mean() * factors.get(kind, lambda: 1)()


TEMPERATURE = {
    "temperature-ignored": "the predictions' temperature is left out",
    "temperature-multiplied": "the scores are multiplied by the predictions' temperature",
    "temperature-twice": "the predictions' temperature divides twice",
    "root-of-the-temperature": "the root of the predictions' temperature divides",
    "temperature-after-the-logarithm": "the temperature divides after the log-softmax",
}


def swav_loss(
    way: Way, scores: list[Tensor], assignments: list[Tensor], *, temperature: float
) -> Tensor:
    kind = way("targets")
    changes = {
        "targets-sharpened": lambda q: (q / temperature).softmax(dim=1),
        "softmax-of-the-targets": lambda q: q.softmax(dim=1),
        "targets-of-the-next-image": lambda q: q.roll(-1, 0),
    }
    targets = [changes.get(kind, lambda q: q)(q) for q in assignments]
    if kind == "targets-in-the-opposite-order":
        targets = targets[::-1]
    return compared(way, scores, targets, temperature)


FORMULAS = {
    "05.2": Formula(
        swav_loss,
        {
            "pairs": PAIRS,
            "shares": SHARES,
            "last-step": END,
            "temperature": TEMPERATURE,
            "targets": {
                "targets-sharpened": "a softmax at the temperature is taken of the assignments",
                "softmax-of-the-targets": "a softmax is taken of the assignments",
                "targets-of-the-next-image": "each image gets the assignment of the next one",
                "targets-in-the-opposite-order": "the list of assignments is turned around",
            },
        },
    ),
}
