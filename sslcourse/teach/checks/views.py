"""03.2 and 03.3: two views, and which rows belong together."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given

FIRST, SECOND = drawn(3, 4, seed=1), drawn(3, 4, seed=2)

PAIR = given(FIRST, SECOND)

ROWS = given(torch.tensor([[0.0, 1], [0, 2], [3, 4], [3, 5], [6, 7], [6, 8]]))  # the first: image


class Mixing(nn.Module):
    """An encoder that mixes the rows of a batch, as BatchNorm does, and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0

    def forward(self, x: Tensor) -> Tensor:
        """Subtract the mean of the batch, or a running mean of 1 in evaluation mode.

        Raises:
            ValueError: no batch of images.
        """
        if x.shape[1:] != FIRST.shape[1:]:
            raise ValueError(
                f"this encoder takes a batch (N, {FIRST.shape[1]}) and got {tuple(x.shape)}; views "
                "are joined along dimension 0"
            )
        self.passes += 1
        return x - x.mean(dim=0) if self.training else x - 1


def mixing(x: Tensor) -> Tensor:
    return Mixing()(x)


def with_encoder(function: Callable) -> Callable:
    """The projections, or how often the encoder itself was called."""

    def run(first: Tensor, second: Tensor, ask: str = "projections"):
        encoder = Mixing()
        projections = function(encoder, first, second)
        return projections if ask == "projections" else torch.tensor(encoder.passes)

    return run


def encode_views(encoder: Callable, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    return encoder(torch.cat([first, second])).chunk(2)


def features_are_split(f: Attempt, call: Call) -> bool:
    """All 2N rows, half as many columns."""
    rows, columns = sum(len(x) for x in call.args), call.args[0].shape[1]
    return [tuple(x.shape) for x in f(*call.args)] == [(rows, columns // 2)] * 2


SPLIT_FEATURES = Mistake(
    "chunk-splits-features",
    "Your two results have all 2N rows and half the width: you cut every feature in two instead "
    "of parting the views.",
    (
        "Print the shapes of your two results. Which should they have?",
        "Rows are views, columns are the numbers of a feature.",
        "Cut along dimension 0. Which rows are first views is told by how they were joined.",
    ),
    lambda f: features_are_split(f, PAIR),
)

ENCODE = (
    SPLIT_FEATURES,
    Mistake(
        "views-encoded-apart",
        "Each view went through the encoder by itself, so BatchNorm saw two batches, not one.",
        (
            "What does BatchNorm compute from the images that come in together?",
            "Two calls have two means and two deviations, and those give the view away.",
            "z = encoder(torch.cat([first, second])), then part z again.",
        ),
        lambda f: acts_like(f, lambda a, b: (mixing(a), mixing(b)), PAIR),
    ),
    Mistake(
        "encoder-in-evaluation-mode",
        "You switch the encoder to evaluation mode: BatchNorm takes stored numbers then, and the "
        "views that came in together don't meet.",
        (
            "Which mode belongs to training, and which to measuring?",
            "The two views are made to train the encoder.",
            "Leave the encoder in the mode in which you get it: no encoder.eval().",
        ),
        lambda f: acts_like(f, lambda a, b: (a - 1, b - 1), PAIR),
    ),
    Mistake(
        "normalised-too-early",
        "Your projections have length 1: you return something else than what the encoder gave.",
        (
            "Compare your rows with what the encoder returned.",
            "The loss brings projections to length 1, when it needs to.",
            "z1, z2 = encoder(torch.cat([first, second])).chunk(2)",
        ),
        lambda f: acts_like(
            f, lambda a, b: tuple(F.normalize(z, dim=1) for z in encode_views(mixing, a, b)), PAIR
        ),
    ),
    Mistake(
        "rows-parted-in-another-order",
        "Row i of your two results doesn't show the same image: the views were stacked in one "
        "order and parted in another.",
        (
            "Use an encoder that returns its input. What do you get back?",
            "torch.cat puts all first views above all second ones.",
            "After torch.cat the first N rows are z1: encoder(...).chunk(2).",
        ),
        lambda f: any(
            acts_like(
                f, lambda a, b, o=order: torch.cat(encode_views(mixing, a, b))[o].chunk(2), PAIR
            )
            for order in ([0, 2, 4, 1, 3, 5], [0, 3, 1, 4, 2, 5])
        ),
    ),
    Mistake(
        "views-exchanged",
        "Your first result belongs to the second views, and the second one to the first.",
        (
            "Use an encoder that returns its input. What do you get back?",
            "The first N rows that come out belong to the first N rows that went in.",
            "z1, z2 = encoder(torch.cat([first, second])).chunk(2)",
        ),
        lambda f: acts_like(f, lambda a, b: encode_views(mixing, a, b)[::-1], PAIR),
    ),
    Mistake(
        "one-view-twice",
        "Your two results are equal: one of the views is used twice, and the other one is lost.",
        (
            "Subtract your two results. What is left?",
            "z1 comes from the first views, z2 from the second ones.",
            "z1, z2 = encoder(torch.cat([first, second])).chunk(2)",
        ),
        lambda f: close(*f(FIRST, SECOND)),
    ),
)


def split_pairs(z: Tensor) -> tuple[Tensor, Tensor]:
    return z[0::2], z[1::2]


PAIRS = (
    Mistake(
        SPLIT_FEATURES.id,
        SPLIT_FEATURES.diagnosis,
        SPLIT_FEATURES.hints,
        lambda f: features_are_split(f, ROWS),
    ),
    Mistake(
        "halves-instead-of-pairs",
        "You cut the batch in the middle, but here the two views of an image stand one below the "
        "other.",
        (
            "Which image does row 1 show?",
            "The views alternate: image 0, 0, 1, 1, …",
            "z.view(N, 2, D).unbind(1), or z[0::2] and z[1::2].",
        ),
        lambda f: acts_like(f, lambda z: z.chunk(2), ROWS),
    ),
    Mistake(
        "views-exchanged",
        "Your first result holds the second views, and the second one the first.",
        (
            "In which row does the first view of image 0 stand?",
            "Even rows are first views, odd rows second ones.",
            "z1 = z[0::2], z2 = z[1::2]",
        ),
        lambda f: acts_like(f, lambda z: (z[1::2], z[0::2]), ROWS),
    ),
    Mistake(
        "one-view-twice",
        "Your two results are equal: one of the views is used twice, and the other one is lost.",
        (
            "Subtract your two results. What is left?",
            "Even rows are first views, odd rows second ones.",
            "z1 = z[0::2], z2 = z[1::2]",
        ),
        lambda f: close(*f(*ROWS.args)),
    ),
)


TASKS = (
    Task(
        "03.2",
        "both views in one pass",
        "encode_views(encoder, first, second)",
        "Views (N, …) of the same images. Send both through the encoder in one pass and return z1 "
        "and z2, (N, D) each; row i of both shows image i.",
        PAIR,
        (
            *from_reference(with_encoder(encode_views), PAIR, names="first second", gradient=True),
            holds(
                "invariance",
                "the encoder itself is called once: each pass moves the running statistics of its "
                "BatchNorm.",
                lambda f: int(f(*PAIR.args, "passes")) == 1,
            ),
        ),
        ENCODE,
        with_encoder,
        3,
    ),
    Task(
        "03.3",
        "pairs that alternate",
        "split_pairs(z)",
        "Projections (2N, D) of a loader that gives both views of an image one after the other: "
        "rows 2i and 2i + 1 show image i. Return z1 and z2, (N, D) each.",
        ROWS,
        from_reference(split_pairs, ROWS, names="z", gradient=True),
        PAIRS,
    ),
)
