"""07.2 and 07.3: choosing a code, softly and in a straight-through step."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

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
            "Shares are positive and sum to 1: neither scores, nor logarithms, nor sigmoids do.",
            "torch.softmax(…, dim=-1)",
        ),
        lambda f: differ(f(LOGITS, NOISE, temperature=0.5).sum(-1), torch.ones(2, 3)),
    ),
)

SHARES = torch.softmax(drawn(2, 3, 4, seed=3), dim=-1)

CHOICE = given(SHARES)


def straight_through(shares: Tensor) -> Tensor:
    hard = F.one_hot(shares.argmax(dim=-1), shares.shape[-1]).to(shares)
    return hard + shares - shares.detach()


def slope(f: Attempt) -> Tensor:
    """The gradient that comes back to the shares."""
    return f.gradients(SHARES)[0]


def slope_is_right(f: Attempt) -> bool:
    return close(slope(f), slope(Attempt(straight_through)))


STRAIGHT = (
    Mistake(
        "choice-without-gradient",
        "The forward pass is right, but no gradient comes back: argmax and one_hot have none.",
        (
            "What is the derivative of an argmax?",
            "Forwards the choice, backwards as if it were the shares.",
            "return hard + shares - shares.detach()",
        ),
        lambda f: (
            close(f(SHARES), straight_through(SHARES))
            and (f.gradients(SHARES) is None or close(slope(f), torch.zeros(2, 3, 4)))
        ),
    ),
    Mistake(
        "shares-returned",
        "The forward pass gives soft shares: the decoder would see mixtures that no token stands "
        "for.",
        (
            "Which numbers should your result hold?",
            "One 1 in each row, and zeros.",
            "hard + shares - shares.detach() has the value of hard.",
        ),
        lambda f: close(f(SHARES), SHARES),
    ),
    Mistake(
        "shares-not-taken-off",
        "The forward pass gives choice and shares together: rows sum to 2.",
        (
            "What does each row of your result sum to?",
            "The shares must cancel in the value, not in the gradient.",
            "hard + shares - shares.detach()",
        ),
        lambda f: close(f(SHARES).sum(dim=-1), torch.full((2, 3), 2.0)),
    ),
    Mistake(
        "detached-on-the-wrong-side",
        "The forward pass is right, but the gradient isn't that of the shares.",
        (
            "Through which of the three terms does the gradient flow?",
            "It must flow through shares once, with a plus.",
            "hard + shares - shares.detach()",
        ),
        lambda f: close(f(SHARES), straight_through(SHARES)) and not slope_is_right(f),
    ),
    Mistake(
        "choice-along-the-wrong-axis",
        "A patch doesn't choose exactly one code: the argmax runs over another axis.",
        (
            "What does each row of your result sum to?",
            "Each patch chooses among the K codes of the last axis.",
            "shares.argmax(dim=-1)",
        ),
        lambda f: any(
            acts_like(
                f, lambda x, d=d: torch.zeros_like(x).scatter(d, x.argmax(d, True), 1.0), CHOICE
            )
            for d in (0, 1)
        ),
    ),
    Mistake(
        "another-code-chosen",
        "Your numbers are 0 and 1, but the 1 doesn't stand at the code with the largest share.",
        (
            "Compare a row of your result with the row of shares. Where is the largest share?",
            "Each patch chooses exactly one code: the largest, however small it is.",
            "hard = F.one_hot(shares.argmax(dim=-1), shares.shape[-1])",
        ),
        lambda f: hard(f(SHARES)) and differ(f(SHARES), straight_through(SHARES)),
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
            names="logits noise",
            gradient=True,
        ),
        GUMBEL,
    ),
    Task(
        "07.3",
        "the straight-through step",
        "straight_through(shares)",
        "Shares (N, L, K). Return the choice, one-hot rows (N, L, K), whose gradient is that of "
        "the shares, as if nothing had been chosen.",
        given(SHARES[:1, :2]),
        (
            *from_reference(
                straight_through, given(SHARES[:1, :2]), CHOICE, names="shares", gradient=True
            ),
            holds(
                "value",
                "of two equal shares only one may be chosen: a row holds a single 1.",
                lambda f: close(f(torch.tensor([[[0.4, 0.4, 0.2]]])).sum(dim=-1), [[1.0]]),
            ),
        ),
        STRAIGHT,
    ),
)
