"""06.4, MAE's loss: which patches get a gradient, and what it is divided by."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.methods.mae import mae_loss
from sslcourse.teach.checks.behaviours import acts_like, result
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, constant_ratio, drawn, mask_of
from sslcourse.teach.checks.task import Attempt, Call, Mistake, Task, given

MASK = mask_of("x.xx", "xx.x", "x..x")  # the images hide different numbers

EVEN = mask_of("x.xx", "xx.x", ".xxx")


def some(mask: Tensor = MASK, width: int = 6, seed: int = 1) -> Call:
    shape = (*mask.shape, width)
    return given(drawn(*shape, seed=seed), drawn(*shape, seed=seed + 9), mask)


def ratio_is(f: Attempt, number) -> bool:
    """Whether the loss is the right one times number(mask, width), for several masks."""
    calls = [some(), some(EVEN, 8, 3), some(mask_of("x...", "x..."), 5, 4)]
    pairs = [
        (result(f, c), mae_loss(*c.args) * number(c.args[2], c.args[0].shape[2])) for c in calls
    ]
    found = constant_ratio(pairs)
    return found is not None and close(found, 1.0)


def gradient_at(f: Attempt, hidden: bool) -> Tensor:
    found = f.gradients(*some().args)[0].abs().sum(dim=2)
    return found[MASK if hidden else ~MASK]


def only_visible(f: Attempt) -> bool:
    return float(gradient_at(f, True).max()) == 0 < float(gradient_at(f, False).max())


def some_visible(f: Attempt) -> bool:
    return float(gradient_at(f, False).max()) > 1e-9


def images_alike(p: Tensor, t: Tensor, mask: Tensor) -> Tensor:
    error = (p - t).square().mean(dim=2)
    return ((error * mask).sum(dim=1) / mask.sum(dim=1)).mean()


def absolute(p: Tensor, t: Tensor, mask: Tensor) -> Tensor:
    return ((p - t).abs().mean(dim=2) * mask).sum() / mask.sum()


def mask_of_the_first(loss: Callable, *calls: Call) -> Mistake:
    """The mistake of a loss over hidden patches (inputs, targets, mask) that uses one mask."""
    return Mistake(
        "mask-of-the-first-image",
        "The first image's mask is used for all images.",
        (
            "Which patches of image 1 change your loss?",
            "mask[0] is the mask of image 0; each image hides others.",
            "Use the whole mask (N, L), whose first dimension is the image.",
        ),
        lambda f: acts_like(f, lambda x, t, m: loss(x, t, m[:1].expand_as(m)), *calls),
    )


LOSS = (
    Mistake(
        "loss-on-the-visible-patches",
        "Only visible patches get a gradient: the mask is read the wrong way. The network is "
        "rewarded for copying what it sees.",
        (
            "Which patches should the network have to guess?",
            "True = hidden. Visible patches are known.",
            "(error * mask).sum() / mask.sum(), without ~.",
        ),
        only_visible,
    ),
    mask_of_the_first(mae_loss, some(), some(EVEN)),
    Mistake(
        "loss-on-all-patches",
        "Visible patches get a gradient too: their predictions change your loss.",
        (
            "Does a change of a visible patch's prediction change your loss?",
            "Only hidden patches count.",
            "Multiply the error by the mask, and divide by the number of hidden patches.",
        ),
        some_visible,
    ),
    Mistake(
        "divided-by-all-patches",
        "Your loss gets smaller when fewer patches are hidden: the sum over hidden patches is "
        "divided by the number of all.",
        (
            "Over how many patches do you average?",
            "(error * mask).mean() counts the zeros of visible patches too.",
            "Divide by mask.sum().",
        ),
        lambda f: ratio_is(f, lambda mask, width: mask.float().mean()),
    ),
    Mistake(
        "values-summed",
        "Your loss grows with the number of values in a patch: they are summed, not averaged.",
        (
            "Should larger patches have a larger loss?",
            "The error of a patch is the mean over its values.",
            ".mean(dim=2), not .sum(dim=2)",
        ),
        lambda f: (
            ratio_is(f, lambda mask, width: width)
            or ratio_is(f, lambda mask, width: width * mask.float().mean())
        ),
    ),
    Mistake(
        "patches-summed",
        "Your loss grows with the number of hidden patches: their errors are not averaged.",
        (
            "Should an image that hides more patches cost more?",
            "It is a mean over all hidden patches.",
            "Divide by mask.sum().",
        ),
        lambda f: any(
            ratio_is(f, number)
            for number in (
                lambda mask, width: mask.sum(),
                lambda mask, width: mask.sum() * width,
                lambda mask, width: mask.sum() / len(mask),
                lambda mask, width: mask.sum() * width / len(mask),
            )
        ),
    ),
    Mistake(
        "images-weighed-alike",
        "You average each image first: an image that hides one patch weighs as much as one that "
        "hides three.",
        (
            "What is averaged, images or hidden patches?",
            "Every hidden patch of the batch counts the same.",
            "(error * mask).sum() / mask.sum(), over the whole batch at once.",
        ),
        lambda f: acts_like(f, images_alike, some(), some(seed=5)),
    ),
    Mistake(
        "not-squared",
        "Your error grows in proportion to the difference: it is the absolute one, or its root.",
        (
            "Double all differences. By what does your loss grow?",
            "The mean squared error grows fourfold.",
            "(predictions - targets).square()",
        ),
        lambda f: (
            acts_like(f, absolute, some(), some(seed=5))
            or close(f(2 * some().args[0], 2 * some().args[1], MASK), 2 * result(f, some()))
        ),
    ),
)

TINY = given(
    torch.tensor([[[1.0, 1.0], [0.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [3.0, 1.0], [1.0, 0.0]]]),
    torch.zeros(2, 3, 2),
    mask_of("x.x", ".x."),
)

TASKS = (
    Task(
        "06.4",
        "MAE's loss",
        "my_mae_loss(predictions, targets, mask)",
        "predictions and targets (N, L, n), n values a patch; mask bool (N, L), True = hidden. "
        "Return the scalar mean squared error over hidden patches and their values.",
        TINY,
        from_reference(
            mae_loss,
            TINY,
            some(),
            some(EVEN, 8, seed=3),
            names="predictions targets mask",
            gradient=True,
            untrained=1,  # targets are data
        ),
        LOSS,
    ),
)
