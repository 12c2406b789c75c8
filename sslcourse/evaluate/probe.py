"""How good are frozen features? A linear probe."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.console import ProgressLine

WEIGHT_DECAYS = (1.0, 0.1, 0.01, 0.001, 0.0001)  # tried from strong to weak


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """What a probe found.

    Attributes:
        accuracy: share of the test images that are classified correctly, in [0, 1].
        train_accuracy: the same on the training images; after fine-tuning on 2,000, at most.
        predictions: predicted class of each test image, int64 (N,).
        weight_decay: the regularisation that did best on held-out *training* images.
        encoder: the tuned copy of the encoder, after fine-tuning only.
        steps: that fine-tuning took.
    """

    accuracy: float
    train_accuracy: float
    predictions: Tensor
    weight_decay: float | None = None
    encoder: nn.Module | None = None
    steps: int | None = None

    def __repr__(self) -> str:
        return f"ProbeResult(accuracy {self.accuracy:.1%}, on training {self.train_accuracy:.1%})"


def prepare(
    train: Tensor, train_labels: Tensor, test: Tensor, test_labels: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features without gradient in float32 (or float64) and int64 labels, or one clear sentence."""
    prepared = []
    for name, features, labels in (("train", train, train_labels), ("test", test, test_labels)):
        features, labels = torch.as_tensor(features).detach(), torch.as_tensor(labels)
        if features.ndim != 2 or labels.shape != features.shape[:1] or len(labels) == 0:
            raise ValueError(
                f"{name} needs features (N, D) and labels (N,), got {tuple(features.shape)} "
                f"and {tuple(labels.shape)}."
            )
        if labels.is_floating_point() or labels.is_complex():
            raise ValueError(f"the {name} labels must be whole numbers, got {labels.dtype}.")
        if not features.isfinite().all():
            raise ValueError(f"the {name} features hold values that are not finite.")
        if labels.min() < 0:
            raise ValueError(f"the {name} images have no labels (-1); a probe needs them.")
        prepared += [features if features.dtype == torch.float64 else features.float()]
        prepared += [labels.long().to(features.device, copy=True)]
    train, train_labels, test, test_labels = prepared
    if train.shape[1] != test.shape[1] or train.dtype != test.dtype:
        raise ValueError(
            f"train features have width {train.shape[1]} and {train.dtype}, test features "
            f"{test.shape[1]} and {test.dtype}; they must agree."
        )
    if len(train_labels.unique()) < 2:
        raise ValueError("the training labels hold one class only; a probe needs at least two.")
    return train, train_labels, test, test_labels


def standardize(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Mean 0 and deviation 1 over the *training* images; constant features are only centred."""
    mean, std = train.mean(dim=0), train.std(dim=0)
    std = torch.where(std > 1e-5 * mean.abs() + 1e-7, std, 1)
    return (train - mean) / std, (test - mean) / std


def zero_classifier(features: Tensor, classes: int) -> nn.Linear:
    """A linear layer of zeros for features (N, D), on their device."""
    # skip_init: nn.Linear would draw weights, and so move the global random state
    classifier = nn.utils.skip_init(
        nn.Linear, features.shape[1], classes, device=features.device, dtype=features.dtype
    )
    nn.init.zeros_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    return classifier


def fit_logistic(
    classifier: nn.Linear,
    features: Tensor,
    labels: Tensor,
    weight_decay: float,
    iterations: int,
    show: Callable[[float], None],
) -> None:
    """Minimise cross-entropy + weight_decay / 2 · |weights|², from where the classifier stands."""
    optimizer = torch.optim.LBFGS(
        classifier.parameters(),
        max_iter=iterations,
        tolerance_grad=1e-4,
        tolerance_change=1e-6,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    evaluations = 0

    def closure() -> Tensor:
        nonlocal evaluations
        evaluations += 1
        show(min(1.0, evaluations / (1.25 * iterations)))  # L-BFGS may look more than once a step
        optimizer.zero_grad()
        loss = F.cross_entropy(classifier(features), labels)
        loss = loss + 0.5 * weight_decay * classifier.weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)


@torch.no_grad()
def predict(classifier: nn.Linear, features: Tensor) -> Tensor:
    return classifier(features).argmax(dim=1)  # (N,)


def accuracy(predictions: Tensor, labels: Tensor) -> float:
    return (predictions == labels).float().mean().item()


def choose_weight_decay(
    classifier: nn.Linear,
    train: Tensor,
    labels: Tensor,
    weight_decays: tuple[float, ...],
    held_out: float,
    seed: int,
    iterations: int,
    show: Callable[[int, float], None],
) -> tuple[float, nn.Linear]:
    """The strength that does best on held-out training images, and the classifier it made."""
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    held, kept = order.to(train.device).tensor_split([max(1, int(held_out * len(train)))])
    best, best_score, chosen = weight_decays[0], -1.0, classifier
    for number, weight_decay in enumerate(weight_decays):
        # each fit starts where the stronger one ended
        one = partial(show, number)
        fit_logistic(classifier, train[kept], labels[kept], weight_decay, iterations, one)
        score = accuracy(predict(classifier, train[held]), labels[held])
        if score > best_score:
            best, best_score, chosen = weight_decay, score, copy.deepcopy(classifier)
    return best, chosen


def linear_probe(
    train: Tensor,
    train_labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    *,
    weight_decays: tuple[float, ...] = WEIGHT_DECAYS,
    held_out: float = 0.2,
    iterations: int = 100,
    seed: int = 0,
) -> ProbeResult:
    """Train logistic regression on frozen features and test it on other images.

    Features are standardised with the training images' mean and deviation. The strength of the
    regularisation is chosen on a held-out part of the *training* images; then all of them train
    the final probe. The test images are used once, for the accuracy. Training is full-batch
    L-BFGS, so there is no learning rate to choose.

    Args:
        train: features (N, D) with labels (N,) to train on.
        test: features (M, D) with labels (M,), touched only for the final accuracy.
        weight_decays: strengths to choose from, strong to weak; one alone skips the choice.
        held_out: share of the training images that chooses, in (0, 1).
        iterations: most L-BFGS iterations of each fit.
        seed: draws the held-out images.

    Raises:
        ValueError: features and labels that do not fit, missing labels, one class only.
    """
    if not weight_decays or not 0 < held_out < 1:
        raise ValueError(
            f"give at least one weight decay and held_out in (0, 1), got {weight_decays} and "
            f"{held_out}."
        )
    line = ProgressLine("linear probe")
    fits = len(weight_decays) + (len(weight_decays) > 1)

    def show(number: int, share: float) -> None:
        line.show((number + share) / fits)

    # whoever calls may stand inside inference mode, which forbids training, or inside autocast,
    # which costs the probe half its accuracy
    with torch.inference_mode(False), torch.autocast(train.device.type, enabled=False):
        train, train_labels, test, test_labels = prepare(train, train_labels, test, test_labels)
        train, test = standardize(train, test)
        classes = int(max(train_labels.max(), test_labels.max())) + 1
        classifier, best = zero_classifier(train, classes), weight_decays[0]
        try:
            if len(weight_decays) > 1:
                best, classifier = choose_weight_decay(
                    classifier, train, train_labels, weight_decays, held_out, seed, iterations, show
                )
            last = partial(show, fits - 1)
            fit_logistic(classifier, train, train_labels, best, iterations, last)
        finally:
            line.close()
        predictions = predict(classifier, test)
        return ProbeResult(
            accuracy(predictions, test_labels),
            accuracy(predict(classifier, train), train_labels),
            predictions,
            best,
        )
