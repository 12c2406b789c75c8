"""01.1: a vote of the nearest neighbours, and how wrong ones behave.

Few points in a plane tell the mistakes apart.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Call, given


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


# classes 9, 10 and 11, and none of the test images shows the last one
ASKED = QUESTIONS[1] < 2
HIGH = given(
    BANK[0], BANK[1] + 9, QUESTIONS[0][ASKED], QUESTIONS[1][ASKED] + 9, k=9, temperature=0.1
)


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
    return all(close(f(*c.args, **c.kwargs), change(vote(*c.args, **c.kwargs))) for c in calls)


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


def any_suffices(f: Attempt) -> bool:
    """Both labels that occur among three neighbours are hits, and the third is none."""
    bank = torch.tensor(FAN), torch.tensor([0, 1, 1, 2])
    hits = [
        f(*bank, QUESTION, torch.tensor([label, 0]), k=3, temperature=0.1) for label in range(3)
    ]
    return close(hits[0], hits[1]) and close(hits[0] - hits[2], 0.5)


def weights_averaged(f: Attempt) -> bool:
    """The share is that of a vote in which a class has the mean of its neighbours' weights."""
    calls = [voting(3, 0.1), voting(9, 0.5), voting(20, 0.2)]
    for call in calls:
        train, labels, test, answers = call.args
        cosines = F.normalize(test, dim=1) @ F.normalize(train, dim=1).T
        nearest, places = cosines.topk(call.kwargs["k"], dim=1)
        votes = F.one_hot(labels[places], 3).float()  # (M, k, 3)
        weights = (nearest / call.kwargs["temperature"]).exp()[:, :, None]
        chosen = ((votes * weights).sum(dim=1) / votes.sum(dim=1).clamp(min=1)).argmax(dim=1)
        if not close(f(*call.args, **call.kwargs), (chosen == answers).float().mean()):
            return False
    return True


def same_for_every_k(f: Attempt) -> bool:
    """Three neighbours of one class don't outvote one that is hardly nearer, whatever k is."""
    labels = [0, 1, 1, 1, 2]
    one, four = ([says(f, NARROW, labels, answer, k=k, t=5.0) for answer in (0, 1)] for k in (1, 4))
    calls = [voting(k, 0.3) for k in (1, 9, 20)]
    shares = [f(*c.args, **c.kwargs) for c in calls]
    return one == four and any(one) and all(close(share, shares[0]) for share in shares)


def written_over(f: Attempt) -> bool:
    """Of several votes for a class, the weakest counts alone: the last one that was written."""
    return says(f, FAN, [0, 1, 0, 2], 1, k=3, t=20.0) and says(f, FAN, [0, 1, 1, 2], 0, k=3, t=20.0)


def temperature_ignored(f: Attempt) -> bool:
    """The nearest, or two others that are farther, win at every temperature."""
    for k in (3, 9, 20):
        cold, warm = (voting(k, t) for t in (0.05, 20.0))
        if not close(f(*cold.args, **cold.kwargs), f(*warm.args, **warm.kwargs)):
            return False
    return any(
        all(says(f, FAN, [0, 1, 1, 2], answer, k=3, t=t) for t in (0.05, 20.0)) for answer in (0, 1)
    )
