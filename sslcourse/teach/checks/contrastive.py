"""03.1, NT-Xent: what a wrong loss still does, and by which behaviour it is recognised.

Two closed forms carry much of it. When all projections are one point, all similarities are equal
and the loss is the logarithm of the number of candidates: 2N - 1. When all 2N are orthogonal, the
positive looks like every negative, and the loss is ln(2N - 1) again.
"""

import math

import torch

from sslcourse.methods.simclr import nt_xent_loss
from sslcourse.teach.checks.behaviours import passes_gradient
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.nt_xent_candidates import CANDIDATES, candidates
from sslcourse.teach.checks.nt_xent_pairs import PAIRS
from sslcourse.teach.checks.nt_xent_scale import SCALE, Z1, Z2
from sslcourse.teach.checks.numbers import close, differ, drawn, one_hot
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

SMALL1, SMALL2 = one_hot(0, 1, width=3), one_hot(0, 2, width=3)  # two images, one pair agrees


def softmax_twice(f: Attempt) -> bool:
    """Perfect pairs at a small temperature: each row is one-hot already, and is softened again."""
    return all(
        close(f(torch.eye(n), torch.eye(n), temperature=0.05), math.log(math.e + 2 * n - 1) - 1)
        for n in (3, 5)
    )


def wrong_partner(f: Attempt) -> bool:
    """The candidates are counted rightly, and yet perfect pairs cost much."""
    return candidates(f, -1) and float(f(torch.eye(5), torch.eye(5), temperature=0.1)) > 1


def share_itself(f: Attempt) -> bool:
    """One point: every candidate has the share 1 / (2N - 1)."""
    points = (torch.ones(n, 4) for n in (3, 5))
    return all(close(abs(float(f(z, z, temperature=0.5))), 1 / (2 * len(z) - 1)) for z in points)


def candidates_averaged(f: Attempt) -> bool:
    """The loss is the right one less ln(2N - 1), or less ln(2N), for different N."""
    pairs = (Z1, Z2), (Z1[:3], Z2[:3])
    return any(
        all(
            close(
                f(*pair, temperature=0.5),
                nt_xent_loss(*pair, temperature=0.5) - math.log(2 * len(pair[0]) - self_pair),
            )
            for pair in pairs
        )
        for self_pair in (0, 1)
    )


def one_view_learns(f: Attempt) -> bool:
    """The value is right, and one of the two views gets no gradient."""
    call = given(Z1, Z2, temperature=0.5)
    return close(f(Z1, Z2, temperature=0.5), LOSS) and (
        passes_gradient(f, call, 0) != passes_gradient(f, call, 1)
    )


def length_matters(f: Attempt) -> bool:
    """Longer projections change the loss."""
    return differ(f(3 * Z1, 3 * Z2, temperature=0.5), f(Z1, Z2, temperature=0.5))


def one_length_matters(f: Attempt) -> bool:
    """All lengths together don't matter, but the length of one row does."""
    longer = Z1 * torch.tensor([[5.0], [1.0], [1.0], [1.0]])
    same = close(f(3 * Z1, 3 * Z2, temperature=0.5), f(Z1, Z2, temperature=0.5))
    return same and differ(f(longer, Z2, temperature=0.5), f(Z1, Z2, temperature=0.5))


def one_anchor_set(f: Attempt) -> bool:
    """Changing the roles of the views changes the loss, though both are anchors in NT-Xent."""
    there, back = f(Z1, Z2, temperature=0.5), f(Z2, Z1, temperature=0.5)
    return differ(there, back) and close((there + back) / 2, nt_xent_loss(Z1, Z2, temperature=0.5))


# the order matters: who doesn't know the positives fails everywhere below, too
MISTAKES = (
    *PAIRS,
    Mistake(
        "inputs-not-normalised",
        "Your loss changes when all projections become three times as long: it compares something "
        "else than cosines, inner products perhaps.",
        (
            "Cosine similarity knows directions only. What happens to lengths in your code?",
            "After normalisation no logit can be larger than 1 / temperature.",
            "Begin with z = F.normalize(z, dim=1).",
        ),
        length_matters,
    ),
    Mistake(
        "normalised-over-the-wrong-axis",
        "The length of a single projection still changes your loss: before they are compared, rows "
        "are divided by a number of the whole batch, not each by its own norm alone.",
        (
            "Print z.norm(dim=1) after your normalisation. What should it say?",
            "Each row is one projection; its D numbers are in dimension 1.",
            "Use F.normalize(z, dim=1), or z / z.norm(dim=1, keepdim=True).",
        ),
        one_length_matters,
    ),
    Mistake(
        "softmax-before-the-loss",
        "Perfect pairs still cost much: F.cross_entropy gets probabilities instead of logits, and "
        "takes a softmax of a softmax.",
        (
            "What does F.cross_entropy do first?",
            "It takes the softmax itself.",
            "Hand it the similarities divided by the temperature, as they are.",
        ),
        softmax_twice,
    ),
    *CANDIDATES,
    *SCALE,
    Mistake(
        "only-first-views-are-anchors",
        "Changing the roles of z1 and z2 changes your loss: only one set of views looks for its "
        "partners.",
        (
            "In NT-Xent every view is an anchor once. How many terms do you average?",
            "loss(i) exists for the first views and for the second views.",
            "Average over all 2N rows, or take (half(z1, z2) + half(z2, z1)) / 2.",
        ),
        one_anchor_set,
    ),
    Mistake(
        "overflows-in-half-precision",
        "With half precision your loss is wrong or not finite: a mask such as -1e9 or a sum of "
        "large exponentials doesn't fit into float16.",
        (
            "What is the largest number of float16?",
            "It is 65,504. A constant of -1e9 is none of its numbers; -inf is one.",
            "Compute in float32: z = z.float(); and fill the diagonal with -torch.inf.",
        ),
        lambda f: half_is_lost(f) and close(f(Z1, Z2, temperature=0.5), LOSS),
    ),
    Mistake(
        "wrong-partner",
        "Two equal views of each image should cost nearly nothing, but your loss stays high: the "
        "label of a row is not its partner.",
        (
            "Put z1 = z2 = torch.eye(4) in. In which column is the other 1 of each row?",
            "Removing the diagonal moves the columns behind it by one.",
            "With the diagonal kept in place, row i belongs to column (i + N) % (2N).",
        ),
        wrong_partner,
    ),
    Mistake(
        "logarithm-missing",
        "When all projections are one point, your loss is a share such as 1 / (2N - 1), not its "
        "negative logarithm.",
        (
            "What is the loss of a view that knows nothing, with 2N - 1 candidates?",
            "Equation 1 has a logarithm around the fraction.",
            "-torch.log(share), or F.cross_entropy, which takes it itself",
        ),
        share_itself,
    ),
    Mistake(
        "mean-in-the-denominator",
        "Your loss is too small by the logarithm of the number of candidates: the sum below the "
        "fraction is a mean.",
        (
            "What does your loss say when all projections are one point?",
            "Equation 1 adds the exponentials of all candidates; it doesn't average them.",
            "exponentials.sum(dim=1), not .mean(dim=1)",
        ),
        candidates_averaged,
    ),
    Mistake(
        "gradient-stops-at-one-view",
        "The value is right, but only one of the two views gets a gradient.",
        (
            "In SimCLR, which of the two views trains the encoder?",
            "Both; nothing is a fixed target here, as a key is in MoCo.",
            "Leave out detach() and no_grad().",
        ),
        one_view_learns,
    ),
)
LOSS = nt_xent_loss(Z1, Z2, temperature=0.5)


def half_is_lost(f: Attempt) -> bool:
    """Whether float16 projections give something not finite or wrong, or an overflow."""
    try:
        if not bool(f(Z1.half(), Z2.half(), temperature=0.07).isfinite()):
            return True
        long = (150 * Z1).half(), (150 * Z2).half()  # their squares don't fit into float16
        return abs(float(f(*long, temperature=0.5)) - float(LOSS)) > 0.05
    except RuntimeError as error:
        return "overflow" in str(error)


TASKS = (
    Task(
        "03.1",
        "the NT-Xent loss",
        "my_nt_xent_loss(z1, z2, *, temperature)",
        "z1 and z2 are projections (N, D) of any length, perhaps in half precision; row i of both "
        "shows image i. Return the scalar mean of equation 1 over all 2N views.",
        given(SMALL1, SMALL2, temperature=0.5),
        from_reference(
            nt_xent_loss,
            given(SMALL1, SMALL2, temperature=0.5),
            given(Z1, Z2, temperature=0.5),
            given(2 * drawn(5, 8, seed=6), 3 * drawn(5, 8, seed=7), temperature=0.1),
            names="z1 z2",
            gradient=True,
            invariances=(
                (
                    "with float16 projections, long ones too, the loss must stay finite and right.",
                    lambda f: not half_is_lost(f),
                ),
            ),
        ),
        MISTAKES,
    ),
)
