"""01.1, the vote of the nearest neighbours. Few points in a plane tell the mistakes apart."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given


def vote(
    train: Tensor,
    train_labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    *,
    k: int,
    temperature: float,
) -> Tensor:
    """`sslcourse.evaluate.knn_accuracy` without its progress bar, which a check shouldn't show."""
    cosines = F.normalize(test, dim=1) @ F.normalize(train, dim=1).T  # (M, N)
    nearest, places = cosines.topk(k, dim=1)  # (M, k) each
    totals = torch.zeros(len(test), int(train_labels.max()) + 1)
    totals.scatter_add_(1, train_labels[places], (nearest / temperature).exp())
    return (totals.argmax(dim=1) == test_labels).float().mean()


TWO = (torch.eye(2), torch.tensor([0, 1]))
QUESTION = torch.tensor([[1.0, 0.1]])


def labelled(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Features (count, 4) of any length around three centres that overlap, and their labels."""
    labels = torch.arange(count) % 3
    lengths = drawn(count, 1, seed=seed + 50).exp()
    return (torch.eye(3, 4)[labels] * 1.2 + drawn(count, 4, seed=seed)) * lengths, labels


BANK, QUESTIONS = labelled(45, seed=1), labelled(30, seed=2)


def voting(k: int, temperature: float) -> Call:
    return given(*BANK, *QUESTIONS, k=k, temperature=temperature)


def says(f: Attempt, train: list, labels: list, answer: int, k: int = 1, t: float = 0.1) -> bool:
    """Whether the vote for the one question is this answer."""
    bank = (torch.tensor(train, dtype=torch.float32), torch.tensor(labels))
    return close(f(*bank, QUESTION, torch.tensor([answer]), k=k, temperature=t), 1.0)


def lengths_matter(f: Attempt) -> bool:
    """A long or a distant neighbour of another direction wins over one of the same direction."""
    long_one = says(f, [[1, 0], [4, 4]], [0, 1], 1)
    near_one = says(f, [[10, 0], [1, 1]], [0, 1], 1)
    return long_one or near_one


FAN = [[1, 0.1], [0.6, 0.8], [0.6, -0.8], [-1, 0]]  # from the nearest to the farthest


def counts_other(f: Attempt, change) -> bool:
    """Whether the result is a function of the right share, here and there."""
    calls = [voting(3, 0.1), voting(9, 0.5), voting(20, 0.2)]
    return all(close(f(*c.args, **c.kwargs), change(vote(*c.args, **c.kwargs))) for c in calls)


def tests_itself(f: Attempt) -> bool:
    """Labels that have nothing to do with the features are all found."""
    labels = torch.randint(0, 3, (30,), generator=torch.Generator().manual_seed(0))
    return close(f(*BANK, QUESTIONS[0], labels, k=1, temperature=0.1), 1.0)


MISTAKES = (
    Mistake(
        "test-images-vote-for-themselves",
        "Even random labels of the test images are all found: each test image is among its own "
        "neighbours.",
        (
            "Whose features does your similarity matrix compare?",
            "Rows are test images, columns must be training images: (M, N).",
            "Use test @ train.T, and look up train_labels with the indices.",
        ),
        tests_itself,
    ),
    Mistake(
        "errors-instead-of-hits",
        "You return the share of wrong answers.",
        (
            "Is a larger result better?",
            "Accuracy counts where prediction and label are equal.",
            "(predictions == test_labels).float().mean()",
        ),
        lambda f: counts_other(f, lambda share: 1 - share),
    ),
    Mistake(
        "no-share",
        "You return a count or per cent; a share between 0 and 1 is expected.",
        (
            "What is the largest number your function can return?",
            "Divide the number of hits by the number of test images.",
            "hits / len(test), without 100.",
        ),
        lambda f: (
            counts_other(f, lambda share: 30 * share) or counts_other(f, lambda share: 100 * share)
        ),
    ),
    Mistake(
        "farthest-neighbours",
        "Your vote asks the least similar training images.",
        (
            "Do you look for large or for small cosines?",
            "Distances are small for neighbours, cosines are large.",
            "similarity.topk(k, dim=1) gives the largest.",
        ),
        lambda f: says(f, FAN, [0, 1, 1, 2], 2),
    ),
    Mistake(
        "nearest-neighbour-skipped",
        "With k = 1 your vote follows the second neighbour. Skipping the first is right only when "
        "the test images are in the bank themselves.",
        (
            "Who is the most similar image of the bank here, the test image itself?",
            "Test images are not in the bank, so nothing must be skipped.",
            "Take the first k of topk, not the ones from 1 on.",
        ),
        lambda f: says(f, FAN, [0, 1, 1, 2], 1),
    ),
    Mistake(
        "temperature-multiplied",
        "A small temperature makes your votes more equal: the similarity is multiplied by it.",
        (
            "Should the nearest neighbour count more or less when the temperature falls?",
            "The weight of a vote is exp(s / temperature).",
            "Divide the cosine by the temperature before exp.",
        ),
        lambda f: (
            says(f, FAN, [0, 1, 1, 2], 1, k=3, t=0.1) and says(f, FAN, [0, 1, 1, 2], 0, k=3, t=20.0)
        ),
    ),
    Mistake(
        "votes-ignore-similarity",
        "Two distant neighbours outvote one that is nearly equal, even at a small temperature: "
        "your votes don't weigh exp(s / temperature).",
        (
            "Should a neighbour with cosine 0.6 count as much as one with 0.99?",
            "Each vote weighs exp(s / temperature); at 0.1 that is fifty times as much.",
            "Add the weights of each class: totals.scatter_add_(1, labels, weights).",
        ),
        lambda f: says(f, FAN, [0, 1, 1, 2], 1, k=3, t=0.1),
    ),
    Mistake(
        "k-ignored",
        "Your vote is the same for every k.",
        (
            "Where does k occur in your function?",
            "Only the k most similar training images may vote.",
            "similarity.topk(k, dim=1)",
        ),
        lambda f: all(
            says(f, FAN, [0, 1, 1, 1], answer, k=1, t=5.0)
            and says(f, FAN, [0, 1, 1, 1], answer, k=4, t=5.0)
            for answer in [int(says(f, FAN, [0, 1, 1, 1], 1, k=1, t=5.0))]
        ),
    ),
    Mistake(
        "features-not-normalised",
        "The length of a feature changes its vote: you compare inner products or distances, not "
        "cosines.",
        (
            "Which of two neighbours wins: the longer one, or the one of the same direction?",
            "The cosine is the inner product of vectors of length 1.",
            "Normalise both: F.normalize(train, dim=1) and F.normalize(test, dim=1).",
        ),
        lengths_matter,
    ),
)

TASKS = (
    Task(
        "01.1",
        "the vote of the nearest neighbours",
        "knn_accuracy(train, train_labels, test, test_labels, *, k, temperature)",
        "Features (N, D) with labels (N,) and test features (M, D) with labels (M,). The k "
        "training images with the largest cosine s vote, each with weight exp(s / temperature). "
        "Return the share of test images whose class wins, in [0, 1].",
        given(*TWO, *TWO, k=1, temperature=0.1),
        from_reference(
            vote,
            given(*TWO, *TWO, k=1, temperature=0.1),
            *(voting(k, t) for k, t in ((1, 0.1), (3, 0.1), (9, 0.07), (20, 0.5), (45, 0.2))),
            names="train train_labels test test_labels",
        ),
        MISTAKES,
    ),
)
