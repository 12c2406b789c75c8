"""02.4, what goes into the softmax of a contrastive loss: cosines over temperature."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given


def scaled_cosines(z: Tensor, *, temperature: float) -> Tensor:
    z = F.normalize(z, dim=1)
    return z @ z.T / temperature


FIRST = given(torch.tensor([[3.0, 4.0], [0.0, 2.0]]), temperature=0.5)
Z = drawn(6, 4, seed=1) * torch.tensor([1.0, 2.0, 0.1, 3.0, 1.0, 4.0])[:, None]
CALL, WARM = given(Z, temperature=0.2), given(Z, temperature=2.0)


def like(change):
    """Acts as the right function with changed inputs or a changed result would."""
    return lambda f: acts_like(f, change, CALL, WARM)


def all_lengths(f: Attempt) -> bool:
    return not close(f(3 * Z, temperature=0.5), f(Z, temperature=0.5))


def one_length(f: Attempt) -> bool:
    longer = Z * torch.tensor([5.0, 1.0, 1.0, 1.0, 1.0, 1.0])[:, None]
    return not close(f(longer, temperature=0.5), f(Z, temperature=0.5))


def own_lengths(f: Attempt) -> bool:
    """Where the first projection grows, only pairs with it change."""
    longer = Z * torch.tensor([5.0, 1.0, 1.0, 1.0, 1.0, 1.0])[:, None]
    return close(f(longer, temperature=0.5)[1:, 1:], f(Z, temperature=0.5)[1:, 1:])


def without_diagonal(f: Attempt) -> bool:
    """All pairs are right, and a view with itself is minus infinity or a very low number."""
    came, right = f(Z, temperature=0.2), scaled_cosines(Z, temperature=0.2)
    other = ~torch.eye(len(Z), dtype=torch.bool)
    return close(came[other], right[other]) and bool((came.diagonal() < right.diagonal() - 1).all())


MISTAKES = (
    Mistake(
        "diagonal-taken-out",
        "All pairs are right, but you also changed the diagonal. That is the task of another line.",
        (
            "Compare your diagonal with what the text of the task says about it.",
            "Who calls this function takes a view itself out of the candidates.",
            "Leave out the line that fills the diagonal.",
        ),
        without_diagonal,
    ),
    Mistake(
        "temperature-multiplied",
        "Your values shrink when the temperature falls: the cosines are multiplied by it.",
        (
            "Should a small temperature make the softmax sharper or flatter?",
            "T = 0.2 should stretch the cosines to the range -5 to 5.",
            "Divide the cosines by the temperature.",
        ),
        like(lambda z, *, temperature: scaled_cosines(z, temperature=1 / temperature)),
    ),
    Mistake(
        "temperature-ignored",
        "Your values are the same at every temperature.",
        (
            "Halve the temperature. What happens to your result?",
            "Dividing z before it is normalised changes nothing: its length is lost afterwards.",
            "Divide last: z @ z.T / temperature",
        ),
        lambda f: close(f(Z, temperature=0.2), f(Z, temperature=2.0)),
    ),
    Mistake(
        "temperature-applied-twice",
        "Your values are divided by the square of the temperature.",
        (
            "Count the places where the temperature occurs in your code.",
            "Where both factors of z @ z.T are divided by it, the product is divided twice.",
            "Keep one division: z @ z.T / temperature",
        ),
        like(lambda z, *, temperature: scaled_cosines(z, temperature=temperature**2)),
    ),
    Mistake(
        "probabilities-instead-of-logits",
        "You return exponentials or probabilities; F.cross_entropy takes them itself.",
        (
            "What does F.cross_entropy do first?",
            "It takes a softmax. A softmax of a softmax is nearly flat.",
            "Return the cosines divided by the temperature, as they are.",
        ),
        lambda f: any(
            like(lambda z, *, temperature, g=g: g(scaled_cosines(z, temperature=temperature)))(f)
            for g in (torch.exp, lambda s: s.softmax(1), lambda s: s.log_softmax(1))
        ),
    ),
    Mistake(
        "inputs-not-normalised",
        "Your result changes when all projections become three times as long: these are inner "
        "products, not cosines.",
        (
            "A cosine knows directions only. What happens to lengths in your code?",
            "With cosines, no value can be larger than 1 / temperature.",
            "Begin with z = F.normalize(z, dim=1).",
        ),
        all_lengths,
    ),
    Mistake(
        "normalised-over-the-wrong-axis",
        "The length of a single projection still changes your result: you divide by a norm over "
        "the batch, or over everything, instead of each row's own norm.",
        (
            "Print z.norm(dim=1) after your normalisation. What should it say?",
            "Each row is one projection; its D numbers are in dimension 1.",
            "Use F.normalize(z, dim=1), or z / z.norm(dim=1, keepdim=True).",
        ),
        lambda f: one_length(f) and not own_lengths(f),
    ),
    Mistake(
        "lengths-divided-wrongly",
        "The length of a single projection still changes your result: lengths are divided out of "
        "one side only, to another power, or all by the same one.",
        (
            "A pair has two lengths. Which of them does your code divide by, and how often?",
            "The cosine of a pair is its inner product by both lengths, each once.",
            "Begin with z = F.normalize(z, dim=1), so that each z_i is divided by its length.",
        ),
        one_length,
    ),
)

TASKS = (
    Task(
        "02.4",
        "cosines over temperature",
        "scaled_cosines(z, *, temperature)",
        "Projections (M, D) of any length. Return (M, M): the cosine of every pair, with the "
        "temperature where NT-Xent has it. The diagonal stays as it is.",
        FIRST,
        from_reference(scaled_cosines, FIRST, CALL, WARM, names="z", gradient=True),
        MISTAKES,
    ),
)
