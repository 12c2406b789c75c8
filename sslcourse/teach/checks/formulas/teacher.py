"""08.1, 08.2 and 08.3: DINO's loss, the teacher's output and its centre."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way
from sslcourse.teach.checks.formulas.swapped import END, PAIRS, SHARES, TEMPERATURE, compared


def teacher_output(way: Way, scores: Tensor, center: Tensor, temperature: float) -> Tensor:
    kind = way("teacher")
    centred = {
        "center-left-out": lambda: scores,
        "center-added": lambda: scores + center,
        "scores-taken-from-the-center": lambda: center - scores,
        "own-mean-for-the-center": lambda: scores - scores.mean(dim=0, keepdim=True),
        "mean-of-the-center": lambda: scores - center.mean(),
        "rows-centred": lambda: scores - scores.mean(dim=1, keepdim=True),
    }.get(kind, lambda: scores - center)()
    if kind == "standardised":
        centred = centred / scores.std(dim=0, keepdim=True)
    scale = {
        "sharpening-left-out": 1.0,
        "sharpening-multiplied": temperature,
        "sharpened-twice": temperature**-2,
    }.get(kind, 1 / temperature)
    ends = {
        "center-after-the-temperature": lambda: (scores / temperature - center).softmax(dim=1),
        "center-after-the-softmax": lambda: (scores / temperature).softmax(dim=1) - center,
        "softmax-over-the-images": lambda: (centred * scale).softmax(dim=0),
        "softmax-over-everything": lambda: (centred * scale).flatten().softmax(0).view_as(scores),
        "logarithms": lambda: (centred * scale).log_softmax(dim=1),
        "softmax-left-out": lambda: centred * scale,
        "sharpened-after-the-softmax": lambda: centred.softmax(dim=1) / temperature,
        "power-without-a-sum": lambda: centred.softmax(dim=1) ** (1 / temperature),
        "one-hot": lambda: F.one_hot(centred.argmax(dim=1), scores.shape[1]).to(scores),
    }
    return ends.get(kind, lambda: (centred * scale).softmax(dim=1))()


TEACHER = {
    "center-left-out": "the centre is left out",
    "center-added": "the centre is added, not subtracted",
    "scores-taken-from-the-center": "the scores are subtracted from the centre",
    "own-mean-for-the-center": "the batch's own mean stands for the centre",
    "mean-of-the-center": "the mean of the centre stands for it",
    "rows-centred": "each row is centred on its own mean",
    "standardised": "the centred scores are divided by their deviation, too",
    "sharpening-left-out": "the teacher's temperature is left out",
    "sharpening-multiplied": "the teacher's scores are multiplied by its temperature",
    "sharpened-twice": "the teacher's temperature divides twice",
    "center-after-the-temperature": "the centre is subtracted after the temperature divides",
    "center-after-the-softmax": "the centre is subtracted after the softmax",
    "softmax-over-the-images": "the teacher's softmax runs over the images",
    "softmax-over-everything": "the teacher's softmax runs over everything",
    "logarithms": "the logarithm is taken of the teacher's softmax",
    "softmax-left-out": "the teacher's softmax is left out",
    "sharpened-after-the-softmax": "the temperature divides after the teacher's softmax",
    "power-without-a-sum": "the softmax is raised to a power and not brought back to sum 1",
    "one-hot": "only the teacher's best prototype counts",
}


def dino_loss(
    way: Way,
    student: list[Tensor],
    teacher: list[Tensor],
    center: Tensor,
    *,
    student_temperature: float,
    teacher_temperature: float,
) -> Tensor:
    if way("inputs") == "temperatures-exchanged":
        student_temperature, teacher_temperature = teacher_temperature, student_temperature
    if way("inputs") == "student-temperature-for-both":
        teacher_temperature = student_temperature
    if way("inputs") == "teacher-temperature-for-both":
        student_temperature = teacher_temperature
    if way("inputs") == "student-centred-too":
        student = [s - center for s in student]
    targets = [teacher_output(way, t, center, teacher_temperature) for t in teacher]
    return compared(way, student, targets, student_temperature)


def update_center(way: Way, center: Tensor, scores: Tensor, momentum: float) -> Tensor:
    kind = way("mean")
    if kind == "one-image-after-another":
        for row in scores:
            center = momentum * center + (1 - momentum) * row
        return center
    means = {
        "softmax-first": lambda: scores.softmax(dim=1).mean(dim=0, keepdim=True),
        "sum-for-mean": lambda: scores.sum(dim=0, keepdim=True),
        "one-mean-for-all": lambda: scores.mean().expand_as(center),
        "first-image-only": lambda: scores[:1],
        "last-image-only": lambda: scores[-1:],
        "divided-by-one-less": lambda: scores.sum(dim=0, keepdim=True) / (len(scores) - 1),
        "median-for-mean": lambda: scores.median(dim=0, keepdim=True).values,
        "largest-for-mean": lambda: scores.amax(dim=0, keepdim=True),
        "centred-first": lambda: (scores - center).mean(dim=0, keepdim=True),
    }
    mean, kind = means.get(kind, lambda: scores.mean(dim=0, keepdim=True))(), way("momentum")
    ends = {
        "momentum-swapped": (1 - momentum) * center + momentum * mean,
        "old-one-forgotten": mean,
        "never-moved": center,
        "added-in-full": momentum * center + mean,
        "old-one-kept-in-full": center + (1 - momentum) * mean,
        "half-and-half": (center + mean) / 2,
        "squared-momentum": momentum**2 * center + (1 - momentum**2) * mean,
    }
    return ends.get(kind, momentum * center + (1 - momentum) * mean)


def accumulated_center(way: Way, center: Tensor, batches: list[Tensor], move: Callable) -> Tensor:
    smallest = min(len(batch) for batch in batches)
    largest = max(len(batch) for batch in batches)
    means = [batch.mean(dim=0, keepdim=True) for batch in batches]
    sums = torch.cat(batches).sum(dim=0, keepdim=True)
    scores = {
        "means-of-the-batches": lambda: torch.cat(means),
        "means-summed": lambda: sum(means),
        "all-summed": lambda: sums,
        "divided-by-the-number-of-batches": lambda: sums / len(batches),
        "first-batch-only": lambda: batches[0],
        "last-batch-only": lambda: batches[-1],
        "last-batch-left-out": lambda: torch.cat(batches[:-1]),
        "largest-batch-only": lambda: max(batches, key=len),
        "filled-up-with-zeros": lambda: torch.cat(
            [F.pad(batch, (0, 0, 0, largest - len(batch))) for batch in batches]
        ),
        "cut-to-the-smallest": lambda: torch.cat([batch[:smallest] for batch in batches]),
        "softmax-first": lambda: torch.cat(batches).softmax(dim=1),
    }
    kind = way("moves")
    if kind == "one-move-for-each-batch":
        for batch in batches:
            center = move(center, batch)
        return center
    moved = move(center, scores.get(way("scores"), lambda: torch.cat(batches))())
    ends = {
        "old-one-returned": lambda: center,
        "moved-twice": lambda: move(moved, torch.cat(batches)),
        "moved-from-zero": lambda: move(torch.zeros_like(center), torch.cat(batches)),
        "added-to-the-old-one": lambda: center + moved,
        "moved-apart-and-averaged": lambda: sum(move(center, x) for x in batches) / len(batches),
        "moved-from-zero-and-added": lambda: (
            center + move(torch.zeros_like(center), torch.cat(batches))
        ),
    }
    return ends.get(kind, lambda: moved)()


FORMULAS = {
    "08.5": Formula(
        accumulated_center,
        {
            "scores": {
                "means-of-the-batches": "the mean of the batches' means is taken, whatever their "
                "sizes",
                "means-summed": "the batches' means are summed",
                "all-summed": "all scores are summed",
                "divided-by-the-number-of-batches": "the sum of all scores is divided by the "
                "number of batches, not of images",
                "first-batch-only": "only the first batch counts",
                "last-batch-only": "only the last batch counts",
                "last-batch-left-out": "the last batch is left out",
                "largest-batch-only": "only the largest batch counts",
                "filled-up-with-zeros": "smaller batches are filled up with rows of zeros",
                "cut-to-the-smallest": "all batches are cut to the size of the smallest",
                "softmax-first": "a softmax is taken before the mean",
            },
            "moves": {
                "one-move-for-each-batch": "the centre moves once for each batch",
                "old-one-returned": "the old centre is returned",
                "moved-twice": "the centre moves twice",
                "moved-from-zero": "the centre moves from 0, not from where it was",
                "added-to-the-old-one": "the moved centre is added to the old one",
                "moved-apart-and-averaged": "each batch moves the old one, and the mean is taken",
                "moved-from-zero-and-added": "the centre moves from 0 and is added to the old one",
            },
        },
    ),
    "08.1": Formula(
        dino_loss,
        {
            "pairs": PAIRS,
            "shares": SHARES,
            "last-step": END,
            "temperature": TEMPERATURE,
            "teacher": TEACHER,
            "inputs": {
                "temperatures-exchanged": "the two temperatures are exchanged",
                "student-temperature-for-both": "the student's temperature is used for both",
                "teacher-temperature-for-both": "the teacher's temperature is used for both",
                "student-centred-too": "the student's scores are centred, too",
            },
        },
    ),
    "08.2": Formula(
        update_center,
        {
            "mean": {
                "one-image-after-another": "the centre moves once for each image",
                "softmax-first": "a softmax is taken before the mean",
                "sum-for-mean": "the scores are summed, not averaged",
                "one-mean-for-all": "one mean stands for all prototypes",
                "first-image-only": "only the first image counts",
                "last-image-only": "only the last image counts",
                "divided-by-one-less": "the sum is divided by N - 1",
                "median-for-mean": "the median stands for the mean",
                "largest-for-mean": "the largest scores stand for the mean",
                "centred-first": "the centre is subtracted from the scores first",
            },
            "momentum": {
                "momentum-swapped": "m and 1 - m are exchanged",
                "old-one-forgotten": "the old centre is forgotten",
                "never-moved": "the centre never moves",
                "added-in-full": "the mean is added in full, without 1 - m",
                "old-one-kept-in-full": "the old centre is kept in full, without m",
                "half-and-half": "old and new are averaged, whatever m is",
                "squared-momentum": "m is squared",
            },
        },
    ),
    "08.3": Formula(teacher_output, {"teacher": TEACHER}),
}
