"""07.3: choosing a code in a straight-through step."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.softened import hard
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

SHARES = torch.softmax(drawn(2, 3, 4, seed=3), dim=-1)

CHOICE = given(SHARES)


def straight_through(shares: Tensor) -> Tensor:
    hard = F.one_hot(shares.argmax(dim=-1), shares.shape[-1]).to(shares)
    return hard + shares - shares.detach()


def slope(f: Attempt) -> Tensor:
    """The gradient that comes back to the shares."""
    return f.gradients(SHARES)[0]


def is_new_leaf(f: Attempt) -> bool:
    """The result asks for a gradient, and nothing stands behind it."""
    came = f.function(SHARES.clone().requires_grad_(True))
    return isinstance(came, Tensor) and came.requires_grad and came.grad_fn is None


def needs_the_last_code(f: Attempt) -> bool:
    """Where the last code is chosen somewhere all is well, and elsewhere it stops with an error."""
    last = SHARES.sort(dim=-1).values
    if differ(f(last), straight_through(last)):
        return False
    try:
        f(last.flip(-1).roll(1, -1))  # code 1 everywhere
    except (RuntimeError, IndexError):
        return True
    return False


def slope_is_right(f: Attempt) -> bool:
    return close(slope(f), slope(Attempt(straight_through)))


STRAIGHT = (
    Mistake(
        "as-many-codes-as-were-chosen",
        "Where the last code is never chosen your choice has too few columns: one_hot was not told "
        "how many codes there are.",
        (
            "Print the shape of your choice and of the shares.",
            "F.one_hot takes the largest number that it sees for the last one there is.",
            "F.one_hot(shares.argmax(dim=-1), shares.shape[-1])",
        ),
        needs_the_last_code,
    ),
    Mistake(
        "shares-cancel-out",
        "The forward pass is right, but the gradients through the two `shares` cancel: one plus, "
        "one minus.",
        (
            "What is the slope of shares - shares?",
            "Forwards the two must cancel, backwards only one may count.",
            "return hard + shares - shares.detach()",
        ),
        lambda f: (
            close(f(SHARES), straight_through(SHARES))
            and not is_new_leaf(f)
            and f.gradients(SHARES) is not None
            and close(slope(f), torch.zeros(2, 3, 4))
        ),
    ),
    Mistake(
        "choice-without-gradient",
        "The forward pass is right, but no gradient comes back: argmax and one_hot have none.",
        (
            "What is the derivative of an argmax?",
            "Forwards the choice, backwards as if it were the shares.",
            "return hard + shares - shares.detach()",
        ),
        lambda f: close(f(SHARES), straight_through(SHARES)) and f.gradients(SHARES) is None,
    ),
    Mistake(
        "result-is-a-new-leaf",
        "Your result asks for a gradient of its own, but it doesn't come from the shares: what "
        "arrives there goes no further.",
        (
            "What does result.grad_fn say?",
            "requires_grad_() marks a tensor as a beginning: nothing before it gets a gradient.",
            "return hard + shares - shares.detach(), and nothing after that",
        ),
        lambda f: close(f(SHARES), straight_through(SHARES)) and is_new_leaf(f),
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
        lambda f: (
            hard(f(SHARES))
            and close(f(SHARES).sum(dim=-1), torch.ones(2, 3))
            and differ(f(SHARES), straight_through(SHARES))
        ),
    ),
    Mistake(
        "none-or-several-chosen",
        "Your numbers are 0 and 1, but there are rows without a 1, or with several.",
        (
            "What does each row of your result sum to?",
            "A largest share of 0.4 is chosen, too: no limit such as one half decides.",
            "hard = F.one_hot(shares.argmax(dim=-1), shares.shape[-1])",
        ),
        lambda f: hard(f(SHARES)) and differ(f(SHARES).sum(dim=-1), torch.ones(2, 3)),
    ),
)

TASKS = (
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
