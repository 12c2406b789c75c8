"""04.5, shuffled keys: an encoder that mixes the halves of a batch shows what it saw."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given


def grouped(x: Tensor) -> Tensor:
    """An encoder with a BatchNorm that sees the two halves of a batch apart."""
    return torch.cat([half - half.mean(dim=0) for half in x.chunk(2)])


class Grouped(nn.Module):
    """`grouped` as a network with a weight; in evaluation mode it takes no mean of its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.passes = 0

    def forward(self, x: Tensor) -> Tensor:
        self.passes += 1
        return self.weight * (grouped(x) if self.training else x)


def with_encoder(function: Callable) -> Callable:
    """The keys, how often the encoder was called, or whether it is in training mode afterwards."""

    def run(images: Tensor, order: Tensor, ask: str = "keys") -> Tensor:
        encoder = Grouped()
        keys = function(encoder, images, order)
        return keys if ask == "keys" else torch.tensor(getattr(encoder, ask))

    return run


def shuffled_keys(encoder: Callable, images: Tensor, order: Tensor) -> Tensor:
    with torch.no_grad():
        return encoder(images[order])[order.argsort()]


ORDERED = given(
    torch.tensor([[1.0, 7.0], [2.0, 60], [5.0, 8.0], [40.0, 0.0], [90.0, 3.0], [99.0, 50.0]]),
    torch.tensor([2, 0, 4, 3, 5, 1]),
)


def first_number_alone(f: Attempt) -> bool:
    came, right = f(*ORDERED.args), grouped(ORDERED.args[0][ORDERED.args[1]])
    put_back = right[ORDERED.args[1].argsort()]
    return close(came[:, 0], put_back[:, 0]) and close(came[:, 1], right[:, 1])


def normalised(images: Tensor, order: Tensor) -> Tensor:
    return torch.nn.functional.normalize(grouped(images[order]), dim=1)[order.argsort()]


SHUFFLE = (
    Mistake(
        "shuffle-not-undone",
        "Key i no longer belongs to image i: the keys are still shuffled.",
        (
            "Which image does row 0 of your keys show?",
            "Queries are in the old order, so keys must be too.",
            "keys[order.argsort()] puts them back.",
        ),
        lambda f: acts_like(f, lambda x, o: grouped(x[o]), ORDERED),
    ),
    Mistake(
        "undone-with-the-same-order",
        "You shuffled twice in the same way; that doesn't undo a shuffle.",
        (
            "Try it with order = [2, 0, 1] and the letters a, b, c.",
            "The inverse of a permutation is needed.",
            "order.argsort() is the inverse of order.",
        ),
        lambda f: (
            acts_like(f, lambda x, o: grouped(x[o])[o], ORDERED)
            or acts_like(f, lambda x, o: grouped(x[o.argsort()])[o.argsort()], ORDERED)
        ),
    ),
    Mistake(
        "inverse-sent-first",
        "You sent the images in the inverse order and put the keys back by `order`: BatchNorm saw "
        "other groups than it should.",
        (
            "With order = [2, 0, 1], which image should go into the encoder first?",
            "images[order] is the order that was drawn; its inverse comes after the encoder.",
            "encoder(images[order])[order.argsort()]",
        ),
        lambda f: acts_like(f, lambda x, o: grouped(x[o.argsort()])[o], ORDERED),
    ),
    Mistake(
        "never-shuffled",
        "The keys are what they would be without a shuffle: BatchNorm saw the images in the old "
        "groups.",
        (
            "Where in your function does BatchNorm work?",
            "A shuffle after the encoder changes nothing.",
            "encoder(images[order]), and the keys are put back afterwards.",
        ),
        lambda f: acts_like(f, lambda x, o: grouped(x), ORDERED),
    ),
    Mistake(
        "encoder-put-into-eval-mode",
        "The keys are those of evaluation mode: BatchNorm then looks at no batch, and a shuffle "
        "does nothing.",
        (
            "Whose mean does a BatchNorm in eval mode take off?",
            "The momentum encoder is not trained, but it runs in training mode.",
            "Leave out eval(); `with torch.no_grad():` keeps the gradient away.",
        ),
        lambda f: acts_like(f, lambda x, o: x, ORDERED),
    ),
    Mistake(
        "encoded-one-by-one",
        "Each image went through the encoder alone: BatchNorm takes off the mean of its batch, and "
        "of a single image nothing is left.",
        (
            "How many images does BatchNorm need to see anything?",
            "The whole batch goes through at once, in the new order.",
            "encoder(images[order])[order.argsort()]",
        ),
        lambda f: acts_like(f, lambda x, o: torch.zeros_like(x), ORDERED),
    ),
    Mistake(
        "one-number-put-back",
        "Of each key the first number alone is that of its image: the others are still shuffled.",
        (
            "Print two keys. Do all their numbers move together?",
            "scatter and gather move single numbers, and `order[:, None]` names one of each row.",
            "Move whole rows: keys[order.argsort()]",
        ),
        first_number_alone,
    ),
    Mistake(
        "encoded-in-parts",
        "The encoder is called more than once: each call moves BatchNorm's statistics, and may see "
        "only a part of the batch.",
        (
            "How often does your function call the encoder?",
            "The groups are its own affair; yours is to send all images in the new order.",
            "encoder(images[order])[order.argsort()], once",
        ),
        lambda f: int(f(*ORDERED.args, "passes")) > 1,
    ),
    Mistake(
        "put-back-without-a-shuffle",
        "The images went in unshuffled, and the keys were moved afterwards: key i no longer "
        "belongs to image i.",
        (
            "What does your encoder get, images or images[order]?",
            "Only what was shuffled before can be put back after.",
            "encoder(images[order])[order.argsort()]",
        ),
        lambda f: (
            acts_like(f, lambda x, o: grouped(x)[o], ORDERED)
            or acts_like(f, lambda x, o: grouped(x)[o.argsort()], ORDERED)
        ),
    ),
    Mistake(
        "keys-brought-to-length-one",
        "Your keys have length 1: in this task they stay as the encoder gives them.",
        (
            "Multiply the images by 3. Do your keys grow?",
            "The loss brings its inputs to length 1; this function need not.",
            "encoder(images[order])[order.argsort()], without F.normalize",
        ),
        lambda f: acts_like(f, lambda x, o: normalised(x, o), ORDERED),
    ),
    Mistake(
        "keys-keep-the-gradient",
        "The keys ask for a gradient; the momentum encoder is not trained.",
        (
            "What does keys.requires_grad say?",
            "Gradient flows to the queries only.",
            "Use `with torch.no_grad():` around the encoder.",
        ),
        lambda f: any(f.remembers(ORDERED, 0)),
    ),
)

TASKS = (
    Task(
        "04.5",
        "shuffled keys",
        "shuffled_keys(key_encoder, images, order)",
        "images (N, …) and a permutation (N,) of the numbers 0 to N - 1. Send the images through "
        "the encoder in this order and return the keys (N, D) as they come, in the old one, "
        "without gradient.",
        ORDERED,
        (
            *from_reference(with_encoder(shuffled_keys), ORDERED, names="images order"),
            holds(
                "gradient",
                "the keys ask for a gradient.",
                lambda f: not any(f.remembers(ORDERED, 0)),
            ),
            holds(
                "invariance",
                "all images go through the encoder once and together: each call moves the running "
                "statistics of its BatchNorm.",
                lambda f: int(f(*ORDERED.args, "passes")) == 1,
            ),
            holds(
                "invariance",
                "the encoder is left in evaluation mode.",
                lambda f: bool(f(*ORDERED.args, "training")),
            ),
        ),
        SHUFFLE,
        with_encoder,
        3,
    ),
)
