"""05.1, Sinkhorn's algorithm: the sums of rows and columns say most."""

import torch

from sslcourse.methods.swav import sinkhorn
from sslcourse.teach.checks.balance import (
    LITTLE,
    SCORES,
    SHARP,
    SUMS_AT_ONCE,
    assign,
    choices_are_hard,
    else_right,
    even,
    mass,
    more_rounds,
    overflows,
    softmax_rounds,
)
from sslcourse.teach.checks.behaviours import acts_like, ignores, result
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import drawn
from sslcourse.teach.checks.task import Mistake, Task

SINKHORN = (
    Mistake(
        "overflows-in-half-precision",
        "With float16 scores your result is lost: exp(1 / 0.05) doesn't fit.",
        (
            "What is exp(20), and what is the largest float16?",
            "485,165,195 against 65,504.",
            "Compute in float32. Taking off the largest score before exp is not enough: a column "
            "far below it becomes all zeros.",
        ),
        lambda f: overflows(f) and else_right(f),
    ),
    Mistake(
        "axes-swapped",
        "Your columns sum to 1, not your rows: images and prototypes are exchanged, or the columns "
        "are divided last.",
        (
            "Which axis of the scores are the images?",
            "Rows are images; each is assigned once. In the paper's code the matrix is transposed.",
            "The last division is by the sum over dimension 1.",
        ),
        lambda f: even(mass(f, 0), 1.0),
    ),
    Mistake(
        "assignments-sum-to-one-together",
        "All assignments together have mass 1, so a row has 1 / N only: the last step, times N, is "
        "missing.",
        (
            "What should a row of assignments sum to?",
            "A row is the target of a cross-entropy: a distribution.",
            "Multiply by the number of images at the end, or divide rows by their sums.",
        ),
        lambda f: even(mass(f, 1), 1 / 6) or even(mass(f, 1, 50), 1 / 6),
    ),
    Mistake(
        "ends-with-the-prototypes",
        "Your prototypes have exactly equal mass, but a row doesn't sum to 1: the last division "
        "must be the one of the rows.",
        (
            "Which of the two sums must be exact at the end?",
            "Rows are targets; columns only come close to N / K.",
            "In each round divide by column sums first and by row sums last.",
        ),
        lambda f: (
            (even(mass(f, 0), 6 / 4) or even(mass(f, 0), 1 / 4))
            and not even(mass(f, 1), mass(f, 1)[0].item())
        ),
    ),
    Mistake(
        "assignments-made-hard",
        "Your assignments are 0 or 1, even where the scores are nearly equal: they were rounded.",
        (
            "What should an image be assigned to that is between two prototypes?",
            "Soft assignments are kept as they are; their rows sum to 1 already.",
            "Return q itself, without argmax, one_hot or round.",
        ),
        choices_are_hard,
    ),
    Mistake(
        "prototypes-not-balanced",
        "Your assignments are a softmax: nothing gives all prototypes the same mass, so all images "
        "may choose one.",
        (
            "Sum your result over the images. Are the prototypes used alike?",
            "Rows and columns must be divided in turn.",
            "Add: q = q / q.sum(dim=0, keepdim=True), before the rows.",
        ),
        lambda f: acts_like(
            f, lambda s, *, epsilon, iterations: torch.softmax(s / epsilon, dim=1), assign()
        ),
    ),
    Mistake(
        "epsilon-multiplied",
        "A smaller epsilon makes your assignments softer: the scores are multiplied by it.",
        (
            "Should a small epsilon give sharp or soft assignments?",
            "exp(score / epsilon)",
            "Divide the scores by epsilon before exp.",
        ),
        lambda f: acts_like(
            f,
            lambda s, *, epsilon, iterations: sinkhorn(
                s, epsilon=1 / epsilon, iterations=iterations
            ),
            assign(),
            assign(epsilon=0.8),
        ),
    ),
    Mistake(
        "exponential-missing",
        "Some of your assignments are negative: the scores themselves are divided, not their "
        "exponentials.",
        (
            "Can a share be negative?",
            "Cosines can. Their exponentials are all above zero.",
            "q = torch.exp(scores / epsilon), before the first round",
        ),
        lambda f: bool((result(f, assign()) < 0).any()),
    ),
    Mistake(
        "exp-in-every-round",
        "Each of your rounds is a softmax, which takes exp again: it stands once before the first "
        "round.",
        (
            "What does torch.softmax do beside dividing?",
            "q = exp(scores / epsilon) once; then a round only divides.",
            "q = q / q.sum(dim=0, keepdim=True); q = q / q.sum(dim=1, keepdim=True)",
        ),
        lambda f: acts_like(f, softmax_rounds, assign(), assign(epsilon=0.8, iterations=2)),
    ),
    Mistake(
        "epsilon-ignored",
        "Your assignments are the same for every epsilon.",
        (
            "Where does epsilon stand?",
            "It decides how sharp an assignment is.",
            "torch.exp(scores / epsilon)",
        ),
        lambda f: ignores(f, assign(epsilon=0.3), assign(epsilon=0.9)),
    ),
    Mistake(
        "iterations-ignored",
        "More iterations don't change your result.",
        (
            "What does your loop repeat?",
            "Each round must start from the result of the one before.",
            "for _ in range(iterations): divide columns, divide rows.",
        ),
        lambda f: ignores(f, assign(iterations=1), assign(iterations=20)),
    ),
    Mistake(
        "rounds-miscounted",
        "Your result is the right one after one round more, or one round less, than asked.",
        (
            "How often does the body of your loop run for iterations=3? Count what stands before "
            "and after the loop, too.",
            "A round is one division of the columns and one of the rows.",
            "for _ in range(iterations): divide columns, divide rows. Nothing more.",
        ),
        lambda f: any(
            acts_like(f, more_rounds(extra), assign(), assign(iterations=4)) for extra in (-1, 1)
        ),
    ),
    SUMS_AT_ONCE,
    Mistake(
        "rows-divided-first",
        "Adding a number to all scores of one image changes nothing: each row was divided by its "
        "sum, or its largest score taken off, before the first column was divided.",
        (
            "Add 1 to the scores of the first image. Should the first column sums change?",
            "A round begins with the columns. What is taken off before must be one number for all.",
            "scores - scores.max(), not a maximum of each row",
        ),
        lambda f: (
            ignores(
                f,
                assign(iterations=1),
                assign(SCORES + torch.arange(6.0)[:, None] / 6, iterations=1),
            )
            and even(mass(f, 1), 1.0)
        ),
    ),
    Mistake(
        "least-similar-prototypes",
        "High scores get small assignments: the sign of the scores is turned.",
        (
            "Which prototype should get most of an image?",
            "Scores are similarities, not costs.",
            "exp(+score / epsilon)",
        ),
        lambda f: acts_like(f, lambda s, **rest: sinkhorn(-s, **rest), assign()),
    ),
    Mistake(
        "assignments-keep-the-gradient",
        "The assignments ask for a gradient: targets must be fixed, or the loss is lowered by "
        "moving them.",
        (
            "Which side of the swapped prediction learns?",
            "Assignments are targets. Each use of the scores counts, that of scores.max() too.",
            "Decorate the function with @torch.no_grad().",
        ),
        lambda f: (
            any(f.remembers(assign(), 0))
            and not f.changes_inputs(*assign().args, **assign().kwargs)
        ),
    ),
)

TASKS = (
    Task(
        "05.1",
        "Sinkhorn's algorithm",
        "my_sinkhorn(scores, *, epsilon, iterations)",
        "Scores (N, K), perhaps in half precision. Return exp(scores / epsilon), divided by its "
        "column sums and then by its row sums, `iterations` times both: (N, K), rows sum to 1, "
        "without gradient.",
        assign(LITTLE),
        (
            *from_reference(
                sinkhorn,
                assign(LITTLE),
                assign(),
                assign(drawn(5, 7, seed=4).tanh(), 0.2, 2),
                assign(SHARP, 0.05),
                names="scores",
            ),
            holds(
                "gradient",
                "the assignments are targets and must not ask for a gradient.",
                lambda f: not any(f.remembers(assign(), 0)),
            ),
            holds(
                "invariance",
                "scores in float16 must give the assignments that float32 gives.",
                lambda f: not overflows(f),
            ),
        ),
        SINKHORN,
    ),
)
