"""How good are frozen features? A vote of the nearest neighbours, for which nothing is trained."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.console import Progress
from sslcourse.evaluate.probe import prepare


def knn_accuracy(
    train: Tensor,
    train_labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    *,
    k: int = 20,
    temperature: float = 0.07,
) -> float:
    """Share of test images whose k most similar training images vote for the right class.

    Similarity is the cosine s, and a neighbour's vote weighs exp(s / temperature) (Wu et al. 2018,
    arXiv:1805.01978, section 3.4; k and temperature as in DINO's evaluation). Nothing is trained.

    Args:
        train: features (N, D) with labels (N,).
        test: features (M, D) with labels (M,); must not be images of `train`.
        k: neighbours, 1 to N.
        temperature: greater than 0.

    Raises:
        ValueError: features and labels that do not fit, an impossible k or temperature.
    """
    train, train_labels, test, test_labels = prepare(train, train_labels, test, test_labels)
    if not 1 <= k <= len(train) or not temperature > 0:
        raise ValueError(
            f"k must be 1 to {len(train)} (the training images) and temperature greater than 0, "
            f"got {k} and {temperature}."
        )
    train, test = F.normalize(train, dim=1), F.normalize(test, dim=1)
    classes = int(train_labels.max()) + 1
    correct = 0
    parts = list(zip(test.split(1_000), test_labels.split(1_000), strict=True))
    for part, labels in Progress(parts, "nearest neighbours"):
        similarity, neighbours = (part @ train.T).topk(k, dim=1)  # (n, k)
        # subtracting the best similarity changes no vote's share and keeps exp() finite
        votes = torch.exp((similarity - similarity[:, :1]) / temperature)
        totals = votes.new_zeros(len(part), classes)
        totals.scatter_add_(1, train_labels[neighbours], votes)  # (n, C)
        correct += (totals.argmax(dim=1) == labels).sum().item()
    return correct / len(test)
