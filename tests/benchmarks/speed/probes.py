"""(f) k-NN and linear probe against scikit-learn, at equal accuracy.

The features are drawn: ten overlapping classes that differ in a few directions, and noise whose
strength falls from direction to direction, as it does in a network's features. scikit-learn solves
the same tasks: a vote of 20 neighbours by cosine with the same weights; logistic regression with
the same penalty on standardised features, and the choice between the same five penalties on one
held-out fifth.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from speed.timing import Effort, Row, alternate
from torch import Tensor

from sslcourse.evaluate import knn_accuracy, linear_probe
from sslcourse.evaluate.probe import WEIGHT_DECAYS

WIDTH, CLASSES = 512, 10
STRONG = 16  # directions in which the classes differ, those with most noise
NEIGHBOURS, TEMPERATURE = 20, 0.07
WEIGHT_DECAY, ITERATIONS, HELD_OUT = 0.001, 100, 0.2
CLOSE = 0.2  # points of accuracy that count as equal

Sets = tuple[Tensor, Tensor, Tensor, Tensor]  # train, its labels, test, its labels


def draw_features(train: int, test: int) -> Sets:
    """Features (N, 512) with labels (N,) to learn from, and others to test on."""
    generator = torch.Generator().manual_seed(0)
    strength = torch.arange(1, WIDTH + 1).pow(-0.5)
    turned, _ = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=generator))
    centres = 0.7 * torch.randn(CLASSES, WIDTH, generator=generator) * strength
    centres[:, STRONG:] = 0
    labels = torch.randint(CLASSES, (train + test,), generator=generator)
    noise = torch.randn(train + test, WIDTH, generator=generator) * strength
    features = (centres[labels] + noise) @ turned
    return features[:train], labels[:train], features[train:], labels[train:]


def votes(distances: np.ndarray) -> np.ndarray:
    """Weights of neighbours from their cosine distances, as `knn_accuracy` has them."""
    return np.exp((1 - distances) / TEMPERATURE)


def knn_of_sklearn(train: Tensor, labels: Tensor, test: Tensor, answers: Tensor) -> float:
    model = KNeighborsClassifier(
        NEIGHBOURS, weights=votes, metric="cosine", algorithm="brute", n_jobs=-1
    )
    model.fit(train.numpy(), labels.numpy())
    return model.score(test.numpy(), answers.numpy())


def regression(weight_decay: float, count: int) -> LogisticRegression:
    """scikit-learn adds up the losses of N images where we take their mean."""
    return LogisticRegression(C=1 / (weight_decay * count), max_iter=ITERATIONS)


def probe_of_sklearn(train: Tensor, labels: Tensor, test: Tensor, answers: Tensor) -> float:
    model = make_pipeline(StandardScaler(), regression(WEIGHT_DECAY, len(train)))
    model.fit(train.numpy(), labels.numpy())
    return model.score(test.numpy(), answers.numpy())


def choice_of_sklearn(train: Tensor, labels: Tensor, test: Tensor, answers: Tensor) -> float:
    strengths = [1 / (decay * (1 - HELD_OUT) * len(train)) for decay in WEIGHT_DECAYS]
    search = GridSearchCV(
        LogisticRegression(max_iter=ITERATIONS),
        {"C": strengths},
        cv=ShuffleSplit(1, test_size=HELD_OUT, random_state=0),
    )
    model = make_pipeline(StandardScaler(), search).fit(train.numpy(), labels.numpy())
    return model.score(test.numpy(), answers.numpy())


def compare(
    what: str,
    sets: Sets,
    ours: Callable[..., float],
    theirs: Callable[..., float],
    seconds: float,
    fewest: int,
) -> Row:
    """Time both, and say how well each did."""
    found: dict[str, float] = {}

    def remember(name: str, score: Callable[..., float]) -> Callable[[], None]:
        return lambda: found.update({name: 100 * score(*sets)})

    parts = {"ours": remember("ours", ours), "theirs": remember("theirs", theirs)}
    times = alternate(parts, seconds, fewest=fewest, warmup=0)
    gap = abs(found["ours"] - found["theirs"])
    equal = "equal" if gap <= CLOSE else f"NOT EQUAL: more than {CLOSE} points apart"
    note = f"accuracy {found['ours']:.2f} % and {found['theirs']:.2f} %: {equal}"
    return Row(what, **times, asked=1, unit="s", note=note)


def rows(effort: Effort) -> Iterator[Row]:
    """Neighbours, one probe, and a probe that chooses its penalty."""
    train, test = (5_000, 1_000) if effort.quick else (50_000, 5_000)
    sets = draw_features(train, test)
    shapes = f"{train:,} x {WIDTH}, {test:,} to test"
    cap, few = 2 * effort.seconds, effort.fewest
    yield compare(f"k-NN, {shapes}", sets, knn_accuracy, knn_of_sklearn, cap, few)

    def probe(*sets: Tensor) -> float:
        return linear_probe(*sets, weight_decays=(WEIGHT_DECAY,), iterations=ITERATIONS).accuracy

    yield compare(f"linear probe, one penalty, {shapes}", sets, probe, probe_of_sklearn, cap, few)

    def choose(*sets: Tensor) -> float:
        return linear_probe(*sets, held_out=HELD_OUT, iterations=ITERATIONS).accuracy

    what = f"linear probe, five to choose from, {shapes}"
    yield compare(what, sets, choose, choice_of_sklearn, cap, 1)
