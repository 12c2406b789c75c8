"""05.3 and 05.5: scores of prototypes, and prototypes in use."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way

COSINES = {
    "prototypes-left-long": "the prototypes are not brought to length 1",
    "columns-normalised": "the prototypes' columns are brought to length 1, not their rows",
    "sum-of-absolute-values": "the prototypes are divided by the sum of their absolute values",
    "one-length-for-all": "all prototypes are divided by the length of all together",
    "mean-length-for-all": "all prototypes are divided by their mean length",
    "squared-length": "the prototypes are divided by their squared lengths",
    "distance-for-cosine": "minus the distance stands for the cosine",
    "squared-distance-for-cosine": "minus the squared distance stands for the cosine",
    "one-minus-the-cosine": "1 minus the cosine is returned",
    "between-0-and-1": "the cosines are brought between 0 and 1",
    "softmax-over-the-prototypes": "a softmax over the prototypes follows",
    "softmax-over-the-images": "a softmax over the images follows",
    "scores-normalised": "each image's scores are brought to length 1",
    "columns-of-scores-normalised": "each prototype's scores are brought to length 1",
    "scaled-by-the-width": "the scores are divided by the root of the width",
    "without-sign": "the cosines lose their sign",
}


def prototype_scores(way: Way, features: Tensor, prototypes: Tensor) -> Tensor:
    kind, lengths = way("scores"), prototypes.norm(dim=1, keepdim=True)
    unit = {
        "prototypes-left-long": lambda: prototypes,
        "columns-normalised": lambda: F.normalize(prototypes, dim=0),
        "sum-of-absolute-values": lambda: F.normalize(prototypes, p=1, dim=1),
        "one-length-for-all": lambda: prototypes / prototypes.norm(),
        "mean-length-for-all": lambda: prototypes / lengths.mean(),
        "squared-length": lambda: prototypes / lengths.square(),
    }.get(kind, lambda: prototypes / lengths)()
    scores = features @ unit.T  # (N, K)
    ends = {
        "distance-for-cosine": lambda: -torch.cdist(features, unit),
        "squared-distance-for-cosine": lambda: -torch.cdist(features, unit).square(),
        "one-minus-the-cosine": lambda: 1 - scores,
        "between-0-and-1": lambda: (1 + scores) / 2,
        "softmax-over-the-prototypes": lambda: scores.softmax(dim=1),
        "softmax-over-the-images": lambda: scores.softmax(dim=0),
        "scores-normalised": lambda: F.normalize(scores, dim=1),
        "columns-of-scores-normalised": lambda: F.normalize(scores, dim=0),
        "scaled-by-the-width": lambda: scores / features.shape[1] ** 0.5,
        "without-sign": lambda: scores.abs(),
    }
    return ends.get(kind, lambda: scores)()


def used_prototypes(way: Way, assignments: Tensor) -> Tensor:
    kind, (n, k) = way("count"), assignments.shape
    best = assignments.argmax(dim=1)
    counts = best.bincount(minlength=k)
    ends = {
        "smallest-for-largest": lambda: assignments.argmin(dim=1).unique().numel(),
        "best-image-of-each": lambda: assignments.argmax(dim=0).unique().numel(),
        "two-for-each-image": lambda: assignments.topk(2, dim=1).indices.unique().numel(),
        "used-more-than-once": lambda: int((counts > 1).sum()),
        "the-first-left-out": lambda: int((counts[1:] > 0).sum()),
        "the-last-left-out": lambda: int((counts[:-1] > 0).sum()),
        "numbers-added": lambda: int(best.sum()),
        "distinct-numbers-added": lambda: int(best.unique().sum()),
        "highest-number": lambda: int(best.max()),
        "highest-number-and-one": lambda: int(best.max()) + 1,
        "changes-between-neighbours": lambda: best.unique_consecutive().numel(),
        "more-than-half-the-mass": lambda: int((assignments > 0.5).any(dim=0).sum()),
        "more-than-an-even-share": lambda: int((assignments > 1 / k).any(dim=0).sum()),
        "column-above-an-even-share": lambda: int((assignments.sum(dim=0) > n / k).sum()),
        "column-of-at-least-1": lambda: int((assignments.sum(dim=0) >= 1).sum()),
        "column-above-a-half": lambda: int((assignments.sum(dim=0) > 0.5).sum()),
        "column-mean-above-an-even-share": lambda: int((assignments.mean(dim=0) > 1 / k).sum()),
        "largest-of-all": lambda: int((assignments == assignments.max()).any(dim=1).sum()),
        "unused-ones": lambda: int((counts == 0).sum()),
        "how-often-the-most-used": lambda: int(counts.max()),
        "share-of-all": lambda: float((counts > 0).sum() / k),
    }
    return torch.tensor(ends.get(kind, lambda: int((counts > 0).sum()))())


FORMULAS = {
    "05.3": Formula(prototype_scores, {"scores": COSINES}),
    "05.5": Formula(
        used_prototypes,
        {
            "count": {
                "smallest-for-largest": "the worst prototype of each image is counted",
                "best-image-of-each": "the best image of each prototype is taken",
                "two-for-each-image": "the best two of each image are counted",
                "used-more-than-once": "only those are counted that are the best one twice",
                "the-first-left-out": "the first prototype is left out",
                "the-last-left-out": "the last prototype is left out",
                "numbers-added": "the numbers of the best prototypes are added",
                "distinct-numbers-added": "the different numbers are added, not counted",
                "highest-number": "the highest number is returned",
                "highest-number-and-one": "the highest number plus 1 is returned",
                "changes-between-neighbours": "changes from one image to the next are counted",
                "more-than-half-the-mass": "those are counted that get more than half an image",
                "more-than-an-even-share": "those are counted that get more than 1 / K of an image",
                "column-above-an-even-share": "those are counted that get more than N / K in all",
                "column-of-at-least-1": "those are counted that get at least one image in all",
                "column-above-a-half": "those are counted that get more than half an image in all",
                "column-mean-above-an-even-share": "those are counted that get more than 1 / K on "
                "average",
                "largest-of-all": "images with the largest number of all are counted",
                "unused-ones": "the unused ones are counted",
                "how-often-the-most-used": "the images of the most used one are counted",
                "share-of-all": "the share of all prototypes is returned",
            },
        },
    ),
}
