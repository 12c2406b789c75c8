"""07.5, the loss at hidden places."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.methods.beit import beit_loss
from sslcourse.teach.checks.behaviours import acts_like, off_by_a_factor, result, wrong_sign
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.mae import mask_of_the_first
from sslcourse.teach.checks.numbers import close, constant_ratio, drawn, mask_of
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given

MASK = mask_of("x.xx", "..x.", "x..x")

OTHER = mask_of("x...", "xx..", "x...")


def some(mask: Tensor = MASK, seed: int = 1) -> Call:
    tokens = torch.randint(0, 5, mask.shape, generator=torch.Generator().manual_seed(seed))
    return given(drawn(*mask.shape, 5, seed=seed), tokens, mask)


def gradient_at(f: Attempt, mask: Tensor) -> float:
    """The largest gradient of the scores at these places."""
    return float(f.gradients(*some().args)[0].abs().sum(dim=2)[mask].max())


def ratio_is(f: Attempt, number) -> bool:
    """Whether the loss is the right one times number(mask), for several masks."""
    calls = [some(), some(seed=3), some(OTHER, 4)]
    found = constant_ratio([(result(f, c), beit_loss(*c.args) * number(c.args[2])) for c in calls])
    return found is not None and close(found, 1.0)


def reshaped(logits: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    n, length, codes = logits.shape
    return beit_loss(logits.reshape(n, codes, length).transpose(1, 2), tokens, mask)


def images_alike(logits: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    each = F.cross_entropy(logits.transpose(1, 2), tokens, reduction="none")
    return ((each * mask).sum(dim=1) / mask.sum(dim=1)).mean()


def over_axes(axes: tuple[int, ...]) -> Callable:
    """The loss with a softmax over other axes."""

    def loss(logits: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        logs = logits - logits.logsumexp(dim=axes, keepdim=True)
        return -logs.gather(2, tokens[:, :, None])[:, :, 0][mask].mean()

    return loss


def softmax_twice(logits: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    return beit_loss(torch.softmax(logits, dim=2), tokens, mask)


LOSS = (
    Mistake(
        "softmax-over-the-wrong-axis",
        "The softmax runs over patches or images, not the codes: equal scores don't cost ln K.",
        (
            "Between what does the network choose at a place?",
            "Scores of one place, over the K codes, make a distribution.",
            "F.log_softmax(logits, dim=2)",
        ),
        lambda f: any(
            acts_like(f, over_axes(axes), some(), some(seed=3)) for axes in ((0,), (1,), (0, 1))
        ),
    ),
    Mistake(
        "loss-on-the-visible-patches",
        "Only visible patches get a gradient: the mask is read the wrong way.",
        (
            "Which tokens should the network have to guess?",
            "True = hidden. What is visible is no question.",
            "logits[mask] and tokens[mask]",
        ),
        lambda f: gradient_at(f, MASK) == 0 < gradient_at(f, ~MASK),
    ),
    mask_of_the_first(beit_loss, some(), some(seed=3)),
    Mistake(
        "scores-reshaped",
        "The scores are reshaped to (N, K, L) where they should be transposed: scores of different "
        "patches and codes are mixed.",
        (
            "Which numbers belong to patch 0 after your reshape?",
            "reshape keeps the order in memory; only a transpose exchanges dimensions.",
            "logits.transpose(1, 2), or F.cross_entropy(logits[mask], tokens[mask])",
        ),
        lambda f: acts_like(f, reshaped, some(), some(seed=3)),
    ),
    Mistake(
        "loss-on-all-patches",
        "Visible patches get a gradient too: their scores change your loss.",
        (
            "Do scores of visible patches change your loss?",
            "Only hidden places count.",
            "F.cross_entropy(logits[mask], tokens[mask])",
        ),
        lambda f: gradient_at(f, ~MASK) > 1e-9,
    ),
    Mistake(
        "divided-by-all-patches",
        "Your loss gets smaller when fewer patches are hidden: it is divided by the number of all.",
        (
            "Over how many patches do you average?",
            "The mean of (loss * mask) counts the zeros of visible patches too.",
            "Divide by mask.sum().",
        ),
        lambda f: ratio_is(f, lambda mask: mask.float().mean()),
    ),
    Mistake(
        "patches-summed",
        "Your loss grows with the number of hidden patches: it is a sum.",
        (
            "Should an image that hides more patches cost more?",
            "It is a mean over all hidden patches.",
            "Divide by mask.sum(), or use reduction='mean'.",
        ),
        lambda f: ratio_is(f, torch.sum) or ratio_is(f, lambda mask: mask.sum() / len(mask)),
    ),
    Mistake(
        "images-weighed-alike",
        "You average each image first, but block masks hide different numbers: every hidden patch "
        "counts the same.",
        (
            "What is averaged, images or hidden patches?",
            "An image with one hidden patch must not weigh as much as one with three.",
            "F.cross_entropy(logits[mask], tokens[mask]), over the whole batch at once.",
        ),
        lambda f: acts_like(f, images_alike, some(), some(seed=3)),
    ),
    Mistake(
        "softmax-before-the-loss",
        "Your loss can't come near zero: F.cross_entropy gets probabilities instead of scores.",
        (
            "What does F.cross_entropy do first?",
            "It takes the softmax itself.",
            "Hand it the logits as they are.",
        ),
        lambda f: acts_like(f, softmax_twice, some(), some(seed=3)),
    ),
    Mistake(
        "loss-without-minus",
        "Your loss has the wrong sign.",
        (
            "Can the negative logarithm of a probability be below zero?",
            "The loss is minus the log of the token's share.",
            "Use F.cross_entropy, which has the minus.",
        ),
        lambda f: wrong_sign(f, beit_loss, some(), some(seed=3)),
    ),
    Mistake(
        "wrong-factor",
        "Your loss is the right one times a constant: equal scores don't cost ln K.",
        (
            "What do equal scores cost with K codes?",
            "In which unit is your logarithm, and what do you divide by?",
            "One mean over the hidden patches, with the natural logarithm.",
        ),
        lambda f: off_by_a_factor(f, beit_loss, some(), some(seed=3), some(OTHER, seed=4)),
    ),
)

TINY = given(
    torch.tensor([[[2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]]),
    torch.tensor([[0, 1, 2]]),
    mask_of("x.x"),
)

TASKS = (
    Task(
        "07.5",
        "BEiT's loss",
        "my_beit_loss(logits, tokens, mask)",
        "logits (N, L, K), tokens int64 (N, L), mask bool (N, L), True = hidden. Return the scalar "
        "mean cross-entropy over all hidden patches of the batch.",
        TINY,
        from_reference(
            beit_loss,
            TINY,
            some(),
            some(mask_of("xxx.", "x...", ".xx."), 6),
            names="logits tokens mask",
            gradient=True,
        ),
        LOSS,
    ),
)
