"""06.6, what MAE's encoder may see."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, differ, drawn, mask_of
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given

TOKENS, POSITIONS = drawn(2, 4, 3, seed=1), drawn(4, 3, seed=2)

MASK = mask_of("x.x.", ".xx.")


def mixing(x: Tensor) -> Tensor:
    """Blocks that mix the tokens of an image (N, T, D), as attention does, and leave a trace."""
    return x * 2 + x.mean(dim=1, keepdim=True)


def with_blocks(function: Callable) -> Callable:
    """Tokens that come out, or the shape that the blocks were given at last."""

    def run(tokens: Tensor, positions: Tensor, mask: Tensor, ask: str = "tokens") -> Tensor:
        seen = [torch.zeros(0)]

        def blocks(x: Tensor) -> Tensor:
            seen.append(x)
            return mixing(x)

        result = function(blocks, tokens, positions, mask)
        return result if ask == "tokens" else torch.tensor(seen[-1].shape)

    return run


def pick(tokens: Tensor, mask: Tensor) -> Tensor:
    """The tokens (N, V, D) at the places that are False."""
    return torch.stack([image[~hidden] for image, hidden in zip(tokens, mask)])


def encode_visible(blocks: Callable, tokens: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
    return blocks(pick(tokens + positions, mask))


ENCODE = given(TOKENS, POSITIONS, MASK)

# no two of the sizes are equal: three images, seven places, two of them visible, width four
ODD_MASK = mask_of("xx.xxx.", ".xxxx.x", "xxx.x.x")
ODD = given(drawn(3, 7, 4, seed=5), drawn(7, 4, seed=6), ODD_MASK)


def encodes(other: Callable):
    return lambda f: acts_like(f, with_blocks(other), ENCODE)


def given_shape(f: Attempt, call: Call = ENCODE) -> list[int]:
    return f(*call.args, "shape").tolist()


def without_images(name: str, shows: Callable[[Attempt], bool]) -> Mistake:
    """The mistake of giving a network the tokens of one image without the axis of images."""
    return Mistake(
        "one-image-without-its-axis",
        f"The {name} got two axes, (T, D): the tokens of one image. They expect three, (N, T, D).",
        (
            f"Print the shape of what you give the {name}.",
            "Even a single image needs its axis: (1, T, D).",
            f"{name}(x[None])[0] for one image; better all images at once, (N, T, D).",
        ),
        shows,
    )


ENCODING = (
    Mistake(
        "attention-across-the-batch",
        "The blocks got (V, N, D): tokens of different images attend to each other, and replacing "
        "one image changes another.",
        (
            "Which axis is mixed by attention in your code?",
            "PyTorch's transformer layers take (T, N, D) unless told otherwise.",
            "Call blocks with (N, V, D), without transpose; in PyTorch's layers batch_first=True.",
        ),
        lambda f: (
            given_shape(f, ODD) in ([2, 3, 4], [7, 3, 4])
            and differ(f(*ENCODE.args)[0], f(TOKENS[:1].repeat(2, 1, 1), POSITIONS, MASK)[0])
        ),
    ),
    Mistake(
        "images-encoded-together",
        "The blocks got the visible tokens of all images as one long sequence: tokens of different "
        "images attend to each other.",
        (
            "Which shape do your blocks get?",
            "tokens[~mask] is flat: it no longer knows where an image ends.",
            "blocks(tokens[~mask].view(N, -1, D))",
        ),
        lambda f: given_shape(f, ODD) in ([1, 6, 4], [6, 4]),
    ),
    without_images("blocks", lambda f: len(given_shape(f, ODD)) == 2),
    Mistake(
        "first-number-of-each-token",
        "Only the first number of each visible token goes on: all D numbers are equal now.",
        (
            "Which shape has the index that you give to gather?",
            "gather takes single numbers: with an index (N, V, 1) one of each token.",
            "tokens.gather(1, places[:, :, None].expand(-1, -1, D))",
        ),
        encodes(lambda b, t, p, m: b(pick(t + p, m)[:, :, :1].expand(-1, -1, t.shape[2]))),
    ),
    Mistake(
        "hidden-patches-are-encoded-too",
        "The blocks got all L tokens of an image: hidden places take part in the attention, and "
        "nothing is saved.",
        (
            "How many tokens should an MAE encoder see at a ratio of 0.75?",
            "A quarter. What is hidden must not enter.",
            "First pick the visible tokens, then call blocks.",
        ),
        lambda f: given_shape(f, ODD) == [3, 7, 4],
    ),
    Mistake(
        "blocks-never-called",
        "Your function never calls the blocks: the tokens come out as they went in.",
        (
            "What is the first input for?",
            "The encoder's blocks mix the visible tokens.",
            "return blocks(visible)",
        ),
        lambda f: given_shape(f) == [0],
    ),
    Mistake(
        "mask-inverted",
        "The encoder sees the hidden patches, and not the visible ones: True means hidden.",
        (
            "Which patches does tokens[mask] give?",
            "True = hidden, so ~mask are the visible ones.",
            "tokens[~mask].view(N, -1, D), once the positions are added.",
        ),
        encodes(lambda blocks, x, p, mask: blocks(pick(x + p, ~mask))),
    ),
    Mistake(
        "positions-forgotten",
        "Moving the positions doesn't change your result: the encoder doesn't know where its "
        "patches stand.",
        (
            "How does a transformer know where a token was in the picture?",
            "Only by the positions that are added.",
            "tokens + positions, before anything is taken away.",
        ),
        lambda f: close(f(*ENCODE.args), f(TOKENS, POSITIONS + 1, MASK)),
    ),
    Mistake(
        "positions-after-removal",
        "The visible tokens got the first positions, whatever place they come from: the positions "
        "were added after the hidden ones had left.",
        (
            "Which position does the last patch of a picture get in your code?",
            "A patch must keep its place in the picture.",
            "Add the positions first, then pick: (tokens + positions)[visible].",
        ),
        encodes(lambda blocks, x, p, mask: blocks(pick(x, mask) + p[:2])),
    ),
)

TASKS = (
    Task(
        "06.6",
        "only visible patches are encoded",
        "encode_visible(blocks, tokens, positions, mask)",
        "tokens (N, L, D), positions (L, D), mask bool (N, L) with equally many hidden in each "
        "image. Call blocks, which maps (N, T, D) to (N, T, D), with the visible tokens at their "
        "positions, and return (N, V, D), from left to right.",
        ENCODE,
        (
            *from_reference(
                with_blocks(encode_visible),
                ENCODE,
                ODD,
                names="tokens positions mask",
                gradient=True,
            ),
            holds(
                "invariance",
                "the blocks must be called with the visible tokens only, (N, V, D).",
                lambda f: given_shape(f)[1:] == [2, 3] and given_shape(f, ODD)[1:] == [2, 4],
            ),
        ),
        ENCODING,
        with_blocks,
        4,
    ),
)
