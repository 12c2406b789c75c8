"""01.1, the vote of the nearest neighbours. Few points in a plane tell the mistakes apart."""

import math

import torch
from torch import Tensor

from sslcourse.evaluate.neighbours import knn_accuracy
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given

TWO = (torch.eye(2), torch.tensor([0, 1]))
# the first one is asked; with the second, columns and rows have the same lengths
QUESTION = torch.tensor([[1.0, 0.1], [0.1, 1.0]])


def labelled(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Features (count, 4) of any length around three centres that overlap, and their labels."""
    labels = torch.arange(count) % 3
    lengths = drawn(count, 1, seed=seed + 50).exp()
    return (torch.eye(3, 4)[labels] * 1.2 + drawn(count, 4, seed=seed)) * lengths, labels


BANK, QUESTIONS = labelled(45, seed=1), labelled(30, seed=2)


def voting(k: int, temperature: float) -> Call:
    return given(*BANK, *QUESTIONS, k=k, temperature=temperature)


def says(f: Attempt, train: list, labels: list, answer: int, k: int = 1, t: float = 0.1) -> bool:
    """Whether the vote for the question is this answer: another label loses one hit of two."""
    bank = (torch.tensor(train, dtype=torch.float32), torch.tensor(labels))
    this, other = (
        f(*bank, QUESTION, torch.tensor([label, 0]), k=k, temperature=t)
        for label in (answer, (answer + 1) % 3)
    )
    return close(this - other, 0.5)


def lengths_matter(f: Attempt) -> bool:
    """A neighbour of another direction wins because it is longer, or nearer."""
    same, longer, nearer = [[1, 0], [0.7, 0.7]], [[1, 0], [4, 4]], [[10, 0], [1, 1]]
    return says(f, same, [0, 1], 0) and any(says(f, x, [0, 1], 1) for x in (longer, nearer))


FAN = [[1, 0.1], [0.6, 0.8], [0.6, -0.8], [-1, 0]]  # from the nearest to the farthest

TURNED = [[1, 0.1], [0.8, -0.5], [0.2, 0.98], [-1, 0]]  # the second one on the other side

# four of length 1, so near that their votes weigh alike, and one that makes columns as long
NARROW = [[math.cos(angle), math.sin(angle)] for angle in (0.1, 0.11, 0.12, 0.13)] + [[0.0, 1.97]]


def counts_other(f: Attempt, change) -> bool:
    """Whether the result is a function of the right share, here and there."""
    calls = [voting(3, 0.1), voting(9, 0.5), voting(20, 0.2)]
    return all(
        close(f(*c.args, **c.kwargs), change(knn_accuracy(*c.args, **c.kwargs))) for c in calls
    )


def tests_itself(f: Attempt) -> bool:
    """Labels that have nothing to do with the features are all found, unless all images vote."""
    labels = torch.randint(0, 3, (30,), generator=torch.Generator().manual_seed(0))
    one, all_vote = (
        f(*BANK, QUESTIONS[0], labels, k=k, temperature=t) for k, t in ((1, 0.1), (30, 100.0))
    )
    return close(one, 1.0) and not close(all_vote, 1.0)


def second_wins(f: Attempt) -> bool:
    """With k = 1, every neighbour of another class, the answer is the second one's."""
    return all(
        says(f, fan, labels, labels[1])
        for fan in (FAN, TURNED)
        for labels in ([0, 1, 2, 3], [0, 3, 1, 2])
    )


def same_for_every_k(f: Attempt) -> bool:
    """Three neighbours of one class don't outvote one that is hardly nearer, whatever k is."""
    labels = [0, 1, 1, 1, 2]
    one, four = ([says(f, NARROW, labels, answer, k=k, t=5.0) for answer in (0, 1)] for k in (1, 4))
    return one == four and any(one)


def temperature_ignored(f: Attempt) -> bool:
    """The nearest, or two others that are farther, win at every temperature."""
    return any(
        all(says(f, FAN, [0, 1, 1, 2], answer, k=3, t=t) for t in (0.05, 20.0)) for answer in (0, 1)
    )


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
            "Which image of the bank is the most similar one? Is it the test image itself?",
            "Test images are not in the bank, so nothing must be skipped.",
            "Take the first k of topk, not the ones from 1 on.",
        ),
        second_wins,
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
        same_for_every_k,
    ),
    Mistake(
        "temperature-ignored",
        "The temperature doesn't change your vote.",
        (
            "What should happen to distant neighbours when the temperature falls?",
            "The weight of a vote is exp(s / temperature), with the temperature that is handed in.",
            "votes = torch.exp(similarity / temperature)",
        ),
        temperature_ignored,
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
            knn_accuracy,
            given(*TWO, *TWO, k=1, temperature=0.1),
            *(voting(k, t) for k, t in ((1, 0.1), (3, 0.1), (9, 0.07), (20, 0.5), (45, 0.2))),
            names="train train_labels test test_labels",
        ),
        MISTAKES,
    ),
)
