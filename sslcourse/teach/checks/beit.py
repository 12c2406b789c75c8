"""07.1 and 07.5: blocks of hidden patches, and the loss at hidden places."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.methods.beit import beit_loss
from sslcourse.teach.checks.behaviours import acts_like, off_by_a_factor, wrong_sign
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close, constant_ratio, drawn, mask_of
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given

GRID, MASKED, MANY = 8, 25, 60


def masks(f: Attempt) -> Tensor:
    return f(MANY, GRID, MASKED).view(-1, GRID, GRID)


def togetherness(mask: Tensor) -> float:
    """How much more often two neighbours are both hidden than they would be by chance."""
    x = mask.float()
    share = x.mean(dim=(1, 2))
    pairs = (x[:, :, 1:] * x[:, :, :-1]).mean(dim=(1, 2)) + (x[:, 1:] * x[:, :-1]).mean(dim=(1, 2))
    return float(
        (pairs / 2 - share.square()).mean() / (share - share.square()).mean().clamp_min(1e-6)
    )


def one_direction(mask: Tensor) -> bool:
    """Whether whole rows or whole columns are hidden or visible together."""
    lines = (mask, mask.transpose(1, 2))
    return any(bool((x.all(dim=2) | ~x.any(dim=2)).float().mean() > 0.95) for x in lines)


BLOCKS = (
    Mistake(
        "too-many-hidden",
        "Some of your masks hide more patches than allowed.",
        (
            "Print the largest mask.sum(dim=1).",
            "A block counts only where it still fits into what is left.",
            "Skip a block that would hide more than masked - mask.sum() new patches.",
        ),
        lambda f: (
            bool((masks(f).sum(dim=(1, 2)) > MASKED).any())
            and not bool((masks(f).sum(dim=(1, 2)) >= GRID**2 - MASKED).all())
        ),
    ),
    Mistake(
        "mask-inverted",
        "Your masks hide what should stay visible: True means hidden.",
        (
            "How many patches should be True?",
            "At most `masked` of them, and nearly as many on average.",
            "Return the blocks themselves, not ~mask.",
        ),
        lambda f: bool((masks(f).sum(dim=(1, 2)) >= GRID**2 - MASKED).all()),
    ),
    Mistake(
        "empty-mask",
        "Some of your masks hide nothing: the loss would be a mean over no patch, which is not a "
        "number.",
        (
            "Print the smallest mask.sum(dim=1).",
            "Blocks that don't fit must be drawn again.",
            "Go on until about `masked` patches are hidden.",
        ),
        lambda f: bool((masks(f).sum(dim=(1, 2)) == 0).any()),
    ),
    Mistake(
        "same-mask-for-all",
        "All images hide the same blocks.",
        (
            "Compare two masks of a batch.",
            "Each image draws blocks of its own.",
            "Loop over the images, or draw n numbers at once.",
        ),
        lambda f: len(masks(f).unique(dim=0)) == 1,
    ),
    Mistake(
        "rows-instead-of-blocks",
        "You hide whole rows or columns: a block has a height and a width.",
        (
            "Show a mask as a picture. Which shapes do you see?",
            "A block has a random aspect between 0.3 and 1 / 0.3.",
            "mask[top : top + height, left : left + width] = True",
        ),
        lambda f: one_direction(masks(f)),
    ),
    Mistake(
        "scattered-patches",
        "Hidden patches are scattered: each can be guessed from its neighbours.",
        (
            "Show a mask as a picture. Where do hidden patches stand?",
            "BEiT hides rectangles, not single patches.",
            "Draw a block's height, width and place, and hide all of it.",
        ),
        lambda f: togetherness(masks(f)) < 0.2,
    ),
    Mistake(
        "too-few-hidden",
        "Your masks hide far fewer patches than wanted.",
        (
            "Print the mean of mask.sum(dim=1).",
            "One block is not enough; blocks may overlap, too.",
            "Add blocks until about `masked` patches are hidden.",
        ),
        lambda f: float(masks(f).float().sum(dim=(1, 2)).mean()) < 0.75 * MASKED,
    ),
)

MASK = mask_of("x.xx", "..x.", "x..x")


def some(mask: Tensor = MASK, seed: int = 1) -> Call:
    tokens = torch.randint(0, 5, mask.shape, generator=torch.Generator().manual_seed(seed))
    return given(drawn(*mask.shape, 5, seed=seed), tokens, mask)


def result(f: Attempt, call: Call) -> Tensor:
    return f(*call.args, **call.kwargs)


def gradient_at(f: Attempt, mask: Tensor) -> float:
    return float(f.gradients(*some().args)[0].abs().sum(dim=2)[mask].max())


def ratio_is(f: Attempt, number) -> bool:
    calls = [some(), some(seed=3), some(mask_of("x...", "xx..", "x..."), 4)]
    found = constant_ratio([(result(f, c), beit_loss(*c.args) * number(c.args[2])) for c in calls])
    return found is not None and close(found, 1.0)


def images_alike(logits: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    each = F.cross_entropy(logits.transpose(1, 2), tokens, reduction="none")
    return ((each * mask).sum(dim=1) / mask.sum(dim=1)).mean()


def softmax_twice(logits: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    return beit_loss(torch.softmax(logits, dim=2), tokens, mask)


LOSS = (
    Mistake(
        "softmax-over-the-wrong-axis",
        "Equal scores don't cost ln K: the softmax runs over patches or images, not over the codes.",
        (
            "Between what does the network choose at a place?",
            "Scores of one place, over the K codes, make a distribution.",
            "F.log_softmax(logits, dim=2)",
        ),
        lambda f: any(
            close(f(torch.zeros(3, 4, 5), *some().args[1:]), math.log(n)) for n in (3, 4, 12)
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
    Mistake(
        "loss-on-all-patches",
        "Visible patches get a gradient too: most of the loss asks for what can be seen.",
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
            "Should twice the batch double the loss?",
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
        lambda f: off_by_a_factor(f, beit_loss, some(), some(seed=3)),
    ),
)

TINY = given(
    torch.tensor([[[2.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]),
    torch.tensor([[0, 1, 2]]),
    mask_of("x.x"),
)


def good_blocks(f: Attempt) -> bool:
    return not any(mistake.shows(f) for mistake in BLOCKS)


TASKS = (
    Task(
        "07.1",
        "a mask of blocks",
        "block_mask(n, grid, masked, *, generator=None)",
        "Return bool (n, grid * grid), True = hidden: random rectangles, other ones in each image, "
        "that hide at most `masked` patches together and close to that on average.",
        given(2, GRID, MASKED),
        (
            holds(
                "shape",
                "expected a mask (n, grid * grid), (2, 64) for n = 2 and grid = 8.",
                lambda f: f(2, GRID, MASKED).shape == (2, GRID**2),
            ),
            holds(
                "dtype",
                "expected bool numbers, True = hidden.",
                lambda f: f(2, GRID, MASKED).dtype == torch.bool,
            ),
            holds(
                "value",
                "each image of an 8x8 grid with masked = 25 must hide rectangles of its own, at "
                "most 25 patches together and close to that on average.",
                good_blocks,
            ),
        ),
        BLOCKS,
    ),
    Task(
        "07.5",
        "BEiT's loss",
        "beit_loss(logits, tokens, mask)",
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
