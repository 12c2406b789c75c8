"""05.3: scores of prototypes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.behaviours import (
    passes_gradient,
)
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

FEATURES = F.normalize(drawn(3, 4, seed=2), dim=1)

DIRECTIONS = drawn(5, 4, seed=3) * torch.arange(1.0, 6.0)[:, None]

SCORED = given(FEATURES, DIRECTIONS)


def prototype_scores(features: Tensor, prototypes: Tensor) -> Tensor:
    return features @ F.normalize(prototypes, dim=1).T


def something_added(f: Attempt) -> bool:
    """A feature of zeros has scores, and without them all others are right."""
    added = f(torch.zeros(3, 4), DIRECTIONS)
    rest = f(FEATURES, DIRECTIONS) - added
    return differ(added, torch.zeros(3, 5)) and close(rest, prototype_scores(FEATURES, DIRECTIONS))


PROTOTYPES = (
    Mistake(
        "scores-normalised",
        "You bring the scores of each image to length 1; what should have length 1 is each "
        "prototype, before the product.",
        (
            "Whose length may not matter: the prototype's, or that of a row of scores?",
            "A score is the cosine of one feature and one prototype, whatever the others score.",
            "features @ F.normalize(prototypes, dim=1).T, and nothing after it",
        ),
        lambda f: close(f(FEATURES, DIRECTIONS).norm(dim=1), torch.ones(3)),
    ),
    Mistake(
        "prototypes-not-normalised",
        "Longer prototypes get other scores: a score is no cosine.",
        (
            "What does an optimiser's step do to the length of a prototype?",
            "Prototypes leave the unit sphere; a score is a cosine, between -1 and 1.",
            "F.normalize(prototypes, dim=1)",
        ),
        lambda f: differ(f(FEATURES, DIRECTIONS), f(FEATURES, 3 * DIRECTIONS)),
    ),
    Mistake(
        "normalised-over-the-wrong-axis",
        "The length of one prototype still changes scores: you normalised columns, or the matrix.",
        (
            "Print the length of each of your prototypes.",
            "A prototype is a row of (K, D).",
            "F.normalize(prototypes, dim=1)",
        ),
        lambda f: differ(
            f(FEATURES, DIRECTIONS),
            f(FEATURES, DIRECTIONS * torch.tensor([5.0, 1, 1, 1, 1])[:, None]),
        ),
    ),
    Mistake(
        "scores-with-a-bias",
        "A feature of zeros gets scores that are not zero: something is added.",
        (
            "What should a feature of zeros score?",
            "A bias would prefer some prototypes for every image.",
            "Only the matrix product, no bias.",
        ),
        something_added,
    ),
    Mistake(
        "shares-instead-of-cosines",
        "Your scores of an image are above zero and sum to 1: a softmax of the cosines.",
        (
            "What can a score be, if it is a cosine?",
            "Anything from -1 to 1. Sinkhorn and the loss make shares of the scores later.",
            "Return the matrix product as it is, without a softmax.",
        ),
        lambda f: (
            bool((f(FEATURES, DIRECTIONS) > 0).all())
            and close(f(FEATURES, DIRECTIONS).sum(dim=1), torch.ones(3))
        ),
    ),
    Mistake(
        "prototypes-cut-off",
        "The scores are right, but no gradient reaches the prototypes: they would stay where they "
        "were drawn.",
        (
            "SwAV learns its prototypes. What tells them where to go?",
            "`.detach()`, `.data` and `torch.no_grad()` cut the gradient.",
            "Normalise with gradient: features @ F.normalize(prototypes, dim=1).T",
        ),
        lambda f: (
            close(f.result(SCORED), prototype_scores(*SCORED.args))
            and passes_gradient(f, SCORED, 0)
            and not passes_gradient(f, SCORED, 1)
        ),
    ),
)


TASKS = (
    Task(
        "05.3",
        "scores of prototypes",
        "prototype_scores(features, prototypes)",
        "Features (N, D) of length 1 and prototypes (K, D) of any length. Return the cosines (N, "
        "K). Both learn from them.",
        SCORED,
        (
            *from_reference(
                prototype_scores,
                SCORED,
                given(F.normalize(drawn(2, 4, seed=8), dim=1), DIRECTIONS),
                names="features prototypes",
            ),
            holds(
                "gradient",
                "no gradient reaches the features; training could change nothing.",
                lambda f: passes_gradient(f, SCORED, 0),
            ),
            holds(
                "gradient",
                "no gradient reaches the prototypes; they could not learn.",
                lambda f: passes_gradient(f, SCORED, 1),
            ),
        ),
        PROTOTYPES,
    ),
)
