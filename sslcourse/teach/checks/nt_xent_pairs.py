"""03.1, NT-Xent: which view is taken for the partner of which."""

import math

import torch
import torch.nn.functional as F

from sslcourse.methods.simclr import nt_xent_loss
from sslcourse.teach.checks.nt_xent_scale import Z1, Z2
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Attempt, Mistake


def view_is_its_own_positive(f: Attempt) -> bool:
    """With orthogonal projections only the view itself is better than a negative."""
    z = torch.eye(6)
    return close(f(z[:3], z[3:], temperature=0.5), math.log(1 + 5 * math.exp(-2)))


def one_column_for_all(f: Attempt) -> bool:
    """Whether the loss is that of one fixed label, with the diagonal in place or taken out."""
    z = F.normalize(torch.cat([Z1, Z2]), dim=1)
    diagonal = torch.eye(len(z), dtype=torch.bool)
    masked = (z @ z.T / 0.5).masked_fill(diagonal, -torch.inf)
    shorter = masked[~diagonal].view(len(z), -1)
    costs = [*(masked.logsumexp(1, True) - masked).T, *(shorter.logsumexp(1, True) - shorter).T]
    return any(close(f(Z1, Z2, temperature=0.5), cost.mean()) for cost in costs)


def shuffling_changes_nothing(f: Attempt) -> bool:
    """The order of the second views doesn't matter, though their numbers do."""
    moved = [f(Z1, Z2[order], temperature=0.5) for order in ([1, 0, 2, 3], [3, 0, 1, 2])]
    depends = differ(f(Z1, drawn(4, 6, seed=8), temperature=0.5), f(Z1, Z2, temperature=0.5))
    return depends and all(close(m, f(Z1, Z2, temperature=0.5)) for m in moved)


def pairs_are_neighbours(f: Attempt) -> bool:
    z = torch.cat([Z1, Z2])
    return close(f(Z1, Z2, temperature=0.5), nt_xent_loss(z[0::2], z[1::2], temperature=0.5))


def views_in_turn(f: Attempt) -> bool:
    z = torch.stack([Z1, Z2], dim=1).flatten(0, 1)
    return close(f(Z1, Z2, temperature=0.5), nt_xent_loss(z[:4], z[4:], temperature=0.5))


PAIRS = (
    Mistake(
        "positive-is-masked",
        "Your loss is infinite, or far too large, for ordinary projections: a label points at an "
        "entry that you masked.",
        (
            "Which entries of the matrix did you mask, and at which do your labels point?",
            "The diagonal is masked. arange(2N) points at the diagonal.",
            "Row i belongs to column (i + N) % (2N).",
        ),
        lambda f: bool(f(Z1, Z2, temperature=0.5) > 1_000),  # cosines over 0.5 are at most 2
    ),
    Mistake(
        "view-is-its-own-positive",
        "Your loss asks every view to find itself: with orthogonal projections a view can only win "
        "against its negatives if it is its own positive.",
        (
            "Which entry of a row of the similarity matrix belongs to the positive?",
            "Entry (i, i) is a view with itself. It must be no candidate at all.",
            "Fill the diagonal with -inf, then point row i at column i + N, and row i + N at i.",
        ),
        view_is_its_own_positive,
    ),
    Mistake(
        "labels-all-zero",
        "All your labels point at one column. Shuffling the second views doesn't change your loss, "
        "so it doesn't know the positives: after the diagonal is removed they stand elsewhere.",
        (
            "Shuffle the rows of z2. Which entry of a row is the positive now?",
            "Label 0 is right only if you moved the positive to column 0 yourself.",
            "For z = torch.cat([z1, z2]) the positive of row i is column (i + N) % (2N).",
        ),
        one_column_for_all,
    ),
    Mistake(
        "positives-not-known",
        "Shuffling the second views doesn't change your loss, so it doesn't know which two views "
        "show the same image.",
        (
            "Shuffle the rows of z2. Which entry of a row is the positive now?",
            "Each row has one positive, the other view of its image; all others are negatives.",
            "For z = torch.cat([z1, z2]) the positive of row i is column (i + N) % (2N).",
        ),
        shuffling_changes_nothing,
    ),
    Mistake(
        "pairs-read-as-neighbours",
        "Your loss pairs the rows 0 and 1, 2 and 3, … of the stacked views, but those are "
        "different images: the views were put one below the other, not in turn.",
        (
            "Write down, for N = 2, which image each of the four stacked rows shows.",
            "torch.cat gives image 0, 1, 0, 1; torch.stack(dim=1) and flatten give 0, 0, 1, 1.",
            "After torch.cat([z1, z2]) the partner of row i is row (i + N) % (2N).",
        ),
        pairs_are_neighbours,
    ),
    Mistake(
        "views-stacked-in-turn",
        "You stacked the views in turn, image 0, 0, 1, 1, …, but your labels are those of two "
        "halves.",
        (
            "Write down, for N = 2, which image each of the four stacked rows shows.",
            "torch.stack(dim=1) and flatten give 0, 0, 1, 1; torch.cat gives 0, 1, 0, 1.",
            "Use torch.cat([z1, z2]): then the partner of row i is row (i + N) % (2N).",
        ),
        views_in_turn,
    ),
)
