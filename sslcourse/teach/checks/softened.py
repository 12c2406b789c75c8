"""07.2: the softened choice of a code."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Mistake, Task, given

LOGITS = drawn(2, 3, 4, seed=1)
NOISE = drawn(2, 3, 4, seed=2)  # any numbers will do


def soften(logits: Tensor, noise: Tensor, *, temperature: float) -> Tensor:
    return torch.softmax((logits + noise) / temperature, dim=-1)


SOFT = given(LOGITS, NOISE, temperature=0.5), given(LOGITS, NOISE, temperature=1.5)


def softens(other: Callable):
    return lambda f: acts_like(f, other, *SOFT)


def hard(shares: Tensor) -> bool:
    """Whether every number is 0 or 1."""
    return bool(((shares - 0.5).abs() - 0.5).abs().max() < 1e-3)


GUMBEL = (
    Mistake(
        "choice-is-hard",
        "Your shares are 0 or 1: a choice without a gradient.",
        (
            "What can gradient descent do with an argmax?",
            "Training needs soft shares; the temperature makes them sharper over time.",
            "Return the softmax itself.",
        ),
        lambda f: hard(f(LOGITS, NOISE, temperature=1.5)),
    ),
    Mistake(
        "noise-forgotten",
        "Other noise gives the same shares: the noise that is handed in isn't used.",
        (
            "What makes the choice random, so that codes that are second best are tried, too?",
            "The noise of the second input is added to the scores; no other noise is drawn.",
            "torch.softmax((logits + noise) / temperature, dim=-1)",
        ),
        lambda f: close(
            f(LOGITS, NOISE, temperature=0.5), f(LOGITS, NOISE + LOGITS, temperature=0.5)
        ),
    ),
    Mistake(
        "noise-not-divided",
        "The noise is added after the scores were divided by the temperature.",
        (
            "Which sum does the temperature divide?",
            "Score and noise together are divided.",
            "(logits + noise) / temperature: mind the brackets.",
        ),
        softens(lambda x, g, *, temperature: torch.softmax(x / temperature + g, -1)),
    ),
    Mistake(
        "noise-subtracted",
        "The noise is subtracted; it should be added, and Gumbel's distribution is not symmetric.",
        (
            "Is the noise added or subtracted?",
            "The largest score plus noise is a draw from the softmax.",
            "logits + noise",
        ),
        softens(lambda x, g, *, temperature: soften(x, -g, temperature=temperature)),
    ),
    Mistake(
        "temperature-multiplied",
        "A small temperature makes your shares softer.",
        (
            "Should a falling temperature bring shares nearer to a choice?",
            "softmax(… / T) is sharp for small T.",
            "Divide by the temperature.",
        ),
        softens(lambda x, g, *, temperature: soften(x, g, temperature=1 / temperature)),
    ),
    Mistake(
        "temperature-ignored",
        "The temperature doesn't change your shares.",
        (
            "Where does the temperature stand?",
            "It divides score and noise.",
            "(logits + noise) / temperature",
        ),
        lambda f: close(f(LOGITS, NOISE, temperature=0.5), f(LOGITS, NOISE, temperature=1.5)),
    ),
    Mistake(
        "softmax-over-the-wrong-axis",
        "The shares of a patch don't sum to 1 over the codes: the softmax runs over patches or "
        "images.",
        (
            "Print your shares' sum over the last dimension.",
            "A patch is shared out among the K codes.",
            "torch.softmax(…, dim=-1)",
        ),
        lambda f: any(
            softens(lambda x, g, *, temperature, d=d: torch.softmax((x + g) / temperature, d))(f)
            for d in (0, 1)
        ),
    ),
    Mistake(
        "no-softmax",
        "The shares of a patch don't sum to 1.",
        (
            "Print your shares' sum over the last dimension.",
            "Shares are positive and sum to 1 over the last dimension. Scores, logarithms and "
            "sigmoids don't, nor does a softmax over another dimension.",
            "torch.softmax(…, dim=-1)",
        ),
        lambda f: differ(f(LOGITS, NOISE, temperature=0.5).sum(-1), torch.ones(2, 3)),
    ),
)

TASKS = (
    Task(
        "07.2",
        "a softened choice",
        "gumbel_softmax(logits, noise, *, temperature)",
        "Scores (N, L, K) and Gumbel noise of the same shape. Return the shares (N, L, K): the "
        "softmax over the codes of (score + noise) / temperature.",
        given(LOGITS[:1, :2], NOISE[:1, :2], temperature=0.5),
        from_reference(
            soften,
            given(LOGITS[:1, :2], NOISE[:1, :2], temperature=0.5),
            *SOFT,
            given(6 * LOGITS, NOISE, temperature=0.1),  # exp alone would overflow
            names="logits noise",
            gradient=True,
        ),
        GUMBEL,
    ),
)
