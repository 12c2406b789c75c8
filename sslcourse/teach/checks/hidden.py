"""06.7: mask tokens in the places of hidden patches."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Mistake, Task, given
from sslcourse.teach.checks.visible import (
    MASK,
    ODD,
    ODD_MASK,
    POSITIONS,
    mixing,
    without_images,
)


def with_decoder(function: Callable) -> Callable:
    """What comes out with a decoder that mixes the tokens of an image, or how many axes it got."""

    def run(
        visible: Tensor, mask: Tensor, mask_token: Tensor, positions: Tensor, ask: str = "tokens"
    ) -> Tensor:
        axes = [0]

        def decoder(x: Tensor) -> Tensor:
            axes.append(x.ndim)
            return mixing(x)

        result = function(decoder, visible, mask, mask_token, positions)
        return result if ask == "tokens" else torch.tensor(axes[-1])

    return run


def filled(visible: Tensor, mask: Tensor, mask_token: Tensor) -> Tensor:
    """Visible tokens at their places, the mask token at the others: (N, L, D)."""
    everywhere = mask_token.expand(*mask.shape, -1).clone()
    everywhere[~mask] = visible.flatten(0, 1)
    return everywhere


def decode(decoder, visible: Tensor, mask: Tensor, mask_token: Tensor, positions: Tensor) -> Tensor:
    return decoder(filled(visible, mask, mask_token) + positions)


VISIBLE, TOKEN = drawn(2, 2, 3, seed=3), drawn(3, seed=4)

DECODE = given(VISIBLE, MASK, TOKEN, POSITIONS)


def decodes(other: Callable):
    return lambda f: acts_like(f, with_decoder(other), DECODE)


def at_the_end(visible: Tensor, mask_token: Tensor) -> Tensor:
    return torch.cat([visible, mask_token.expand(2, 2, 3)], dim=1)


def not_moved(visible: Tensor, mask: Tensor, mask_token: Tensor) -> Tensor:
    """Visible tokens in front and zeros behind, and the mask token where the mask says so."""
    padded = torch.cat([visible, torch.zeros(2, 2, 3)], dim=1)
    return torch.where(mask[:, :, None], mask_token, padded)


def one_for_all(visible: Tensor, mask: Tensor, mask_token: Tensor) -> Tensor:
    """What writing into an expanded tensor leaves: all places are one token's memory."""
    last = visible.flatten(0, 1)[-1]
    return last.expand(*mask.shape, -1)


DECODING = (
    without_images("decoder", lambda f: int(f(*DECODE.args, "axes")) == 2),
    Mistake(
        "written-into-an-expanded-tensor",
        "All tokens are the visible one that you wrote last: .expand() shows one token at many "
        "places, and writing to one of them writes to all.",
        (
            "How much memory has mask_token.expand(N, L, D)?",
            "That of a single token. Before you write into it, it must become a tensor of its own.",
            "mask_token.expand(N, L, D).clone()",
        ),
        decodes(lambda d, v, m, t, p: d(one_for_all(v, m, t) + p)),
    ),
    Mistake(
        "decoder-never-called",
        "Your function never calls the decoder: what stands in the hidden places knows nothing of "
        "the visible ones.",
        (
            "Change a visible token. What changes in the hidden places of your result?",
            "A mask token learns from the visible ones only inside the decoder.",
            "return decoder(tokens + positions)",
        ),
        lambda f: any(
            decodes(other)(f)
            for other in (
                lambda d, v, m, t, p: filled(v, m, t),
                lambda d, v, m, t, p: filled(v, m, t) + p,
            )
        ),
    ),
    Mistake(
        "mask-tokens-without-positions",
        "The mask tokens have no positions when they go into the decoder: all hidden places of a "
        "picture are predicted alike.",
        (
            "In what do two mask tokens differ?",
            "Only in their positions.",
            "Add the positions to all L tokens before the decoder.",
        ),
        lambda f: (
            close(f(*DECODE.args), f(VISIBLE, MASK, TOKEN, POSITIONS.roll(1, 0)))
            or decodes(lambda d, v, m, t, p: d(filled(v, m, t) + p * ~m[:, :, None]))(f)
            or decodes(lambda d, v, m, t, p: d(filled(v, m, t)) + p)(f)
        ),
    ),
    Mistake(
        "visible-tokens-without-positions",
        "The mask tokens have positions now, but the visible tokens have none: the decoder doesn't "
        "know where what it sees belongs.",
        (
            "Which tokens have a place in the picture?",
            "All of them. The encoder's positions are not the decoder's.",
            "First put the visible tokens in their places, then add the positions to all L tokens.",
        ),
        decodes(lambda d, v, m, t, p: d(filled(v, m, t) + p * m[:, :, None])),
    ),
    Mistake(
        "positions-added-twice",
        "Some tokens have their positions twice, others once: two times a position is another "
        "position.",
        (
            "How often is a position added to a visible token, and to a mask token?",
            "Once to each of the L tokens.",
            "Leave the visible tokens as they come, and call decoder(tokens + positions).",
        ),
        lambda f: any(
            decodes(lambda d, v, m, t, p, twice=twice: d(filled(v, m, t) + p * twice(m)))(f)
            for twice in (lambda m: 2 - m[:, :, None].float(), lambda m: 1 + m[:, :, None].float())
        ),
    ),
    Mistake(
        "mask-tokens-at-the-end",
        "The visible tokens stand in front and the mask tokens behind them, not at their places in "
        "the picture.",
        (
            "Which place of the picture is row 0 of your tokens?",
            "Every token must go back to where its patch was.",
            "tokens = mask_token.expand(N, L, D).clone(); tokens[~mask] = visible.flatten(0, 1)",
        ),
        lambda f: (
            decodes(lambda d, v, m, t, p: d(at_the_end(v, t) + p))(f)
            or decodes(lambda d, v, m, t, p: d(at_the_end(v, t)))(f)
        ),
    ),
    Mistake(
        "visible-tokens-at-their-number",
        "Visible token number i stands at place i, if that is visible, and not at the i-th visible "
        "place.",
        (
            "Image 0 shows places 1 and 3. Where does its first visible token stand in yours?",
            "torch.where compares places; `visible` has no gaps where patches are hidden.",
            "tokens[~mask] = visible.flatten(0, 1) fills the visible places in their order.",
        ),
        lambda f: any(
            decodes(lambda d, v, m, t, p, p2=p2: d(not_moved(v, m, t) + p2 * p))(f) for p2 in (0, 1)
        ),
    ),
    Mistake(
        "places-exchanged",
        "Visible tokens stand where hidden ones should, and the other way round: the mask is read "
        "the wrong way.",
        (
            "What does True mean in the mask?",
            "True = hidden: there the mask token stands.",
            "tokens[~mask] = visible.flatten(0, 1), and the mask token elsewhere.",
        ),
        decodes(lambda d, v, m, t, p: d(filled(v, ~m, t) + p)),
    ),
)

TASKS = (
    Task(
        "06.7",
        "what the decoder gets",
        "decode(decoder, visible, mask, mask_token, positions)",
        "visible tokens (N, V, D), mask bool (N, L), mask_token (D,), positions (L, D). Call the "
        "decoder with all tokens (N, L, D) in the picture's order, the mask token in the hidden "
        "places, positions added to all; return its result.",
        DECODE,
        from_reference(
            with_decoder(decode),
            DECODE,
            given(drawn(3, 2, 4, seed=7), ODD_MASK, drawn(4, seed=8), ODD.args[1]),
            names="visible mask mask_token positions",
            gradient=True,
        ),
        DECODING,
        with_decoder,
        5,
    ),
)
