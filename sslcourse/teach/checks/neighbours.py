"""01.1, the vote of the nearest neighbours."""

from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.task import Mistake, Task, given
from sslcourse.teach.checks.votes import (
    FAN,
    HIGH,
    TWO,
    any_suffices,
    counts_other,
    lengths_matter,
    same_for_every_k,
    says,
    second_wins,
    temperature_ignored,
    tests_itself,
    vote,
    voting,
    weights_averaged,
    written_over,
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
        "any-neighbour-suffices",
        "An image counts as a hit as soon as any of its neighbours has its label: nobody votes.",
        (
            "Which single class do the k neighbours name?",
            "Each class gets the sum of its neighbours' weights, and only the largest sum counts.",
            "totals.scatter_add_(1, train_labels[places], weights), then totals.argmax(dim=1)",
        ),
        any_suffices,
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
        "votes-written-over",
        "Of several neighbours of one class only one vote counts: a new vote is written over the "
        "old one instead of being added to it.",
        (
            "Three neighbours of one class: how much does that class get?",
            "totals[...] = votes and scatter_ write over what is there.",
            "Add: totals[label] += weight in a loop, or totals.scatter_add_(1, labels, weights).",
        ),
        written_over,
    ),
    Mistake(
        "weights-averaged",
        "Each class gets the mean of its neighbours' weights, not their sum: one near neighbour "
        "beats three that are hardly farther.",
        (
            "Three neighbours of one class: how much does that class get?",
            "A vote adds up; dividing by the number of voters takes that away.",
            "totals.scatter_add_(1, labels, weights), without a division.",
        ),
        weights_averaged,
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
        "my_knn_accuracy(train, train_labels, test, test_labels, *, k, temperature)",
        "Features (N, D) with labels (N,), whole numbers from 0 of however many classes, and test "
        "features (M, D) with labels (M,). The k training images with the largest cosine s vote, "
        "each with weight exp(s / temperature). Return the share of test images whose class wins, "
        "in [0, 1].",
        given(*TWO, *TWO, k=1, temperature=0.1),
        from_reference(
            vote,
            given(*TWO, *TWO, k=1, temperature=0.1),
            *(voting(k, t) for k, t in ((1, 0.1), (3, 0.1), (9, 0.07), (20, 0.5), (45, 0.2))),
            HIGH,
            names="train train_labels test test_labels",
        ),
        MISTAKES,
    ),
)
