"""01.1: the vote of the nearest neighbours."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way
from sslcourse.teach.checks.formulas.similarities import SIMILARITY, similarities


def knn_accuracy(
    way: Way,
    train: Tensor,
    train_labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    *,
    k: int,
    temperature: float,
) -> Tensor:
    similarity = similarities(way, test, train)  # (M, N)
    values, places = neighbours(way, similarity, k)
    weights = {
        "alike": lambda: torch.ones_like(values),
        "similarity-itself": lambda: values,
        "temperature-ignored": lambda: values.exp(),
        "temperature-multiplied": lambda: (values * temperature).exp(),
        "temperature-outside": lambda: values.exp() / temperature,
        "sign-turned": lambda: (-values / temperature).exp(),
        "softmax-twice": lambda: (values / temperature).softmax(dim=1).exp(),
        "similarity-over-temperature": lambda: values / temperature,
    }.get(way("weights"), lambda: (values / temperature).exp())()
    votes = F.one_hot(train_labels[places], int(train_labels.max()) + 1).to(weights)  # (M, k, C)
    total = (votes * weights[:, :, None]).sum(dim=1)
    totals = {
        "mean-of-the-weights": lambda: total / votes.sum(dim=1).clamp(min=1),
        "largest-weight": lambda: (votes * weights[:, :, None]).amax(dim=1),
        "divided-by-the-class": lambda: total / votes.sum(dim=(0, 1)).clamp(min=1),
    }
    chosen = totals.get(way("votes"), lambda: total)().argmax(dim=1)
    right = (chosen == test_labels).float()
    share = total.gather(1, test_labels[:, None]).squeeze(1) / total.sum(dim=1)
    ends = {
        "percent": lambda: 100 * right.mean(),
        "number": lambda: right.sum(),
        "errors": lambda: 1 - right.mean(),
        "share-of-the-weights": lambda: share.mean(),
        "divided-by-the-training-images": lambda: right.sum() / len(train),
    }
    return ends.get(way("last-step"), lambda: right.mean())()


def neighbours(way: Way, similarity: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Similarities and places (M, k) of those that vote."""
    counts = {"one-too-few": k - 1, "one-too-many": k + 1, "all-of-them": similarity.shape[1]}
    counts |= {"one": 1, "nearest-left-out": k + 1}
    count = max(1, min(similarity.shape[1], counts.get(way("k"), k)))
    values, places = similarity.topk(count, dim=1, largest=way("k") != "farthest")
    if way("k") == "nearest-left-out":
        return values[:, 1:], places[:, 1:]
    return values, places


FORMULAS = {
    "01.1": Formula(
        knn_accuracy,
        {
            "similarity": SIMILARITY,
            "k": {
                "one-too-few": "one neighbour too few votes",
                "one-too-many": "one neighbour too many votes",
                "all-of-them": "all training images vote",
                "one": "only the nearest image votes",
                "nearest-left-out": "the nearest image is left out",
                "farthest": "the farthest images vote",
            },
            "weights": {
                "alike": "all neighbours weigh alike",
                "similarity-itself": "the similarity is the weight, without exponential",
                "temperature-ignored": "the temperature is left out",
                "temperature-multiplied": "the temperature multiplies",
                "temperature-outside": "the temperature divides after the exponential",
                "sign-turned": "distant neighbours weigh more",
                "softmax-twice": "the exponential is taken of weights that are a softmax already",
                "similarity-over-temperature": "the exponential is left out",
            },
            "votes": {
                "mean-of-the-weights": "the weights of a class are averaged, not summed",
                "largest-weight": "only the largest weight of a class counts",
                "divided-by-the-class": "the weights are divided by how often a class votes in all",
            },
            "last-step": {
                "percent": "percent are returned",
                "number": "the number of hits is returned, not their share",
                "errors": "the share of errors is returned",
                "share-of-the-weights": "the weight of the right class is averaged",
                "divided-by-the-training-images": "the hits are divided by the training images",
            },
        },
    ),
}
