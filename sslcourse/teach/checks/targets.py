"""06.5 and 06.8: targets that are normalised patch by patch, and back to pixels."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.methods.mae import normalize_patches
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Mistake, Task, given

PATCHES = drawn(2, 3, 12, seed=4) * 3 + 1

FLAT = torch.ones(1, 2, 12)

FAINT = 1e-3 * PATCHES  # what is added to the variance decides


def by(axes: int | tuple[int, ...], correction: int = 1) -> Callable:
    """Normalising with mean and variance over these axes."""

    def normalised(x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, dim=axes, keepdim=True, correction=correction)
        return (x - mean) / (var + 1e-6).sqrt()

    return normalised


NORMALISED = (
    Mistake(
        "variance-divided-by-n",
        "You use the biased variance, divided by n. The paper's code divides by n - 1; then the "
        "loss of a network that always says 0 is (n - 1) / n.",
        (
            "What is the mean of your squared targets? It should be (n - 1) / n, and yours is 1.",
            "The biased variance divides by n, the unbiased one by n - 1.",
            "patches.var(dim=2, keepdim=True), with PyTorch's default correction.",
        ),
        lambda f: acts_like(f, by(2, 0), given(PATCHES)),
    ),
    Mistake(
        "mean-not-subtracted",
        "Adding a number to all pixels changes your result: the patch's mean is not subtracted, or "
        "at the wrong place.",
        (
            "Make a patch brighter. Should its target change?",
            "Normalising does two things: it subtracts the mean, and divides by the deviation.",
            "(patches - mean) / (variance + 1e-6).sqrt()",
        ),
        lambda f: differ(f(PATCHES + 5), f(PATCHES)),
    ),
    Mistake(
        "normalised-over-the-wrong-axis",
        "Mean and deviation were taken over patches, over images or over everything, not over the "
        "values of one patch.",
        (
            "Which numbers should have mean 0?",
            "Each patch is normalised by its own values.",
            "Use dim=2 with keepdim=True.",
        ),
        lambda f: any(
            acts_like(f, by(axes, correction), given(PATCHES))
            for axes in (0, 1, (0, 1), (0, 2), (1, 2), (0, 1, 2))
            for correction in (0, 1)
        ),
    ),
    Mistake(
        "flat-patch-divided-by-zero",
        "A patch of one colour has variance 0, and your result is not finite.",
        (
            "What is 0 / 0?",
            "A little is added under the root: 1e-6.",
            "(patches - mean) / (variance + 1e-6).sqrt()",
        ),
        lambda f: bool(f(PATCHES).isfinite().all()) and not bool(f(FLAT).isfinite().all()),
    ),
    Mistake(
        "divided-by-the-wrong-power",
        "Patches with larger contrast still give other targets: you divide by the variance, or not "
        "by the patch's deviation at all.",
        (
            "Double the contrast of a patch. Should its target change?",
            "The deviation is the root of the variance.",
            "Divide by the square root of the variance.",
        ),
        lambda f: differ(f(3 * PATCHES), f(PATCHES)),
    ),
)


def undone_by(axes: int | tuple[int, ...], correction: int = 1) -> Callable:
    """Normalising undone with mean and variance over these axes."""

    def undone(p: Tensor, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, dim=axes, keepdim=True, correction=correction)
        return p * (var + 1e-6).sqrt() + mean

    return undone


denormalize_patches = undone_by(2)


GUESS = drawn(2, 3, 12, seed=6)

UNDO = given(GUESS, PATCHES)

DENORMALISED = (
    Mistake(
        "shown-as-they-are",
        "You show the predictions as they are: they have mean 0 and deviation 1, and look grey.",
        (
            "What did the network learn to predict, pixels or normalised pixels?",
            "Normalising must be undone before a picture is shown.",
            "predictions * deviation + mean, of each patch",
        ),
        lambda f: acts_like(f, lambda p, x: p, UNDO),
    ),
    Mistake(
        "undone-in-the-wrong-order",
        "Mean and deviation are undone in the wrong order, the wrong way, or only one of them.",
        (
            "Normalising subtracts, then divides. What comes first when it is undone?",
            "First multiply, then add.",
            "predictions * deviation + mean",
        ),
        lambda f: any(
            acts_like(
                f, lambda p, x, way=way: way(p, x.mean(2, True), x.std(2, keepdim=True)), UNDO
            )
            for way in (
                lambda p, mean, std: (p + mean) * std,
                lambda p, mean, std: (p - mean) / std,
                lambda p, mean, std: p / std + mean,
                lambda p, mean, std: p * std * std + mean,
                lambda p, mean, std: p * std,
                lambda p, mean, std: p + mean,
            )
        ),
    ),
    Mistake(
        "statistics-of-the-prediction",
        "You take mean and deviation of the predictions; those of the true patches are needed.",
        (
            "Which statistics were used for the targets?",
            "Those of the picture's own patches.",
            "torch.var_mean(patches, dim=2, keepdim=True)",
        ),
        lambda f: acts_like(f, lambda p, x: denormalize_patches(p, p), UNDO),
    ),
    Mistake(
        "patches-not-used",
        "Other patches don't change your pixels: you use fixed numbers, or the predictions' own.",
        (
            "Where does `patches` occur in your function?",
            "Each patch was normalised by its own mean and deviation.",
            "torch.var_mean(patches, dim=2, keepdim=True)",
        ),
        lambda f: close(f(GUESS, PATCHES), f(GUESS, 2 * PATCHES + 1)),
    ),
    Mistake(
        "statistics-over-the-wrong-axis",
        "You take mean and deviation of the whole picture, or of several patches together.",
        (
            "How many means were subtracted when the targets were made?",
            "One for each patch, of its own values.",
            "torch.var_mean(patches, dim=2, keepdim=True)",
        ),
        lambda f: any(acts_like(f, undone_by(axes), UNDO) for axes in (0, 1, (1, 2), (0, 1, 2))),
    ),
    Mistake(
        "variance-divided-by-n",
        "Your variance divides by n. normalize_patches divides by n - 1, as the paper's code does.",
        (
            "Normalise patches and undo it. Do you get the same pixels?",
            "The unbiased variance divides by n - 1.",
            "patches.var(dim=2, keepdim=True), with PyTorch's default correction.",
        ),
        lambda f: acts_like(f, undone_by(2, correction=0), UNDO),
    ),
)

TASKS = (
    Task(
        "06.5",
        "normalised targets",
        "my_normalize_patches(patches)",
        "Patches (N, L, n). Return them with mean 0 and deviation 1 over each patch's own values: "
        "the variance with n - 1, and 1e-6 added to it.",
        given(PATCHES[:1, :2, :4]),
        from_reference(
            normalize_patches,
            given(PATCHES[:1, :2, :4]),
            given(PATCHES),
            given(FLAT),
            given(FAINT),
            names="patches",
        ),
        NORMALISED,
    ),
    Task(
        "06.8",
        "predictions as a picture",
        "denormalize_patches(predictions, patches)",
        "Predictions of normalised patches (N, L, n) and the picture's own patches (N, L, n). "
        "Return pixels: normalize_patches undone with the statistics of the picture's patches.",
        UNDO,
        from_reference(
            denormalize_patches,
            UNDO,
            given(1e3 * GUESS, FAINT),
            given(1e3 * GUESS[:1, :2], FLAT),
            names="predictions patches",
        ),
        DENORMALISED,
    ),
)
