"""06.4 and 07.5: losses over patches."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way
from sslcourse.teach.checks.formulas.patch_scales import normalize_patches

WHICH = {
    "visible-patches": "the visible patches count, not the hidden ones",
    "all-patches": "all patches count, visible ones too",
    "first-mask-for-all": "the first image's mask is used for all",
}


DIVISOR = {
    "divided-by-all-patches": "the sum is divided by the number of all patches",
    "divided-by-visible-patches": "the sum is divided by the number of visible patches",
    "divided-by-images": "the sum is divided by the number of images",
    "images-first": "each image is averaged first, whatever it hides",
    "patches-added": "the patches are summed",
    "divided-by-three-quarters": "the sum is divided by three quarters of the patches",
    "one-too-few": "the sum is divided by the number of hidden patches less 1",
    "halved": "the loss is halved",
    "sign-turned": "the sign is turned",
    "root-at-the-end": "the root is taken at the end",
}


def over_patches(way: Way, errors: Tensor, mask: Tensor) -> Tensor:
    """The mean of errors (N, L) over hidden patches, mask (N, L)."""
    counted = {"visible-patches": lambda: ~mask, "all-patches": lambda: torch.ones_like(mask)}
    counted["first-mask-for-all"] = lambda: mask[:1].expand_as(mask)
    counts = counted.get(way("patches"), lambda: mask)().to(errors)
    total, kind = (errors * counts).sum(), way("divisor")
    divisors = {
        "divided-by-all-patches": lambda: mask.numel(),
        "divided-by-visible-patches": lambda: (~mask).sum(),
        "divided-by-images": lambda: len(mask),
        "patches-added": lambda: 1,
        "divided-by-three-quarters": lambda: 0.75 * mask.numel(),
        "one-too-few": lambda: counts.sum() - 1,
    }
    mean = total / divisors.get(kind, lambda: counts.sum())()
    ends = {
        "halved": lambda: mean / 2,
        "sign-turned": lambda: -mean,
        "root-at-the-end": lambda: mean.abs().sqrt(),
    }
    ends["images-first"] = lambda: ((errors * counts).sum(dim=1) / counts.sum(dim=1)).mean()
    return ends.get(kind, lambda: mean)()


def mae_loss(way: Way, predictions: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
    if way("targets") == "targets-normalised":
        targets = normalize_patches(way, targets)
    if way("targets") == "both-brought-to-length-one":
        predictions, targets = (F.normalize(x, dim=2) for x in (predictions, targets))
    hidden = mask[:, :, None].to(predictions)
    if way("targets") == "predictions-hidden-only":
        predictions = predictions * hidden
    if way("targets") == "targets-hidden-only":
        targets = targets * hidden
    difference = predictions - targets
    kind = way("error")
    errors = {
        "absolute-errors": lambda: difference.abs().mean(dim=2),
        "errors-averaged-before-the-square": lambda: difference.mean(dim=2).square(),
        "values-summed": lambda: difference.square().sum(dim=2),
        "root-of-each-patch": lambda: difference.square().mean(dim=2).sqrt(),
        "huber": lambda: F.smooth_l1_loss(predictions, targets, reduction="none").mean(dim=2),
        "lengths-of-the-errors": lambda: difference.norm(dim=2),
        "largest-error": lambda: difference.square().amax(dim=2),
    }
    errors = errors.get(kind, lambda: difference.square().mean(dim=2))()  # (N, L)
    return over_patches(way, errors, mask)


def beit_loss(way: Way, logits: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    if way("inputs") == "visible-logits-zeroed":
        logits = logits * mask[:, :, None]
    kind = way("softmax")
    logs = {
        "softmax-over-the-patches": lambda: logits.log_softmax(dim=1),
        "softmax-over-the-batch": lambda: logits.log_softmax(dim=0),
        "softmax-twice": lambda: logits.softmax(dim=2).log_softmax(dim=2),
        "softmax-left-out": lambda: logits,
        "logarithm-left-out": lambda: logits.softmax(dim=2),
        "two-instead-of-e": lambda: logits.log_softmax(dim=2) / torch.log(torch.tensor(2.0)),
    }
    log_share = logs.get(kind, lambda: logits.log_softmax(dim=2))()
    moved = {"next-token": lambda: tokens.roll(-1, 1), "token-before": lambda: tokens.roll(1, 1)}
    moved["tokens-of-the-first-image"] = lambda: tokens[:1].expand_as(tokens)
    targets = moved.get(way("targets"), lambda: tokens)()
    errors = -log_share.gather(2, targets[:, :, None]).squeeze(2)  # (N, L)
    if way("inputs") == "code-zero-ignored":
        mask = mask & (tokens != 0)
    return over_patches(way, errors, mask)


FORMULAS = {
    "06.4": Formula(
        mae_loss,
        {
            "error": {
                "absolute-errors": "absolute errors stand for squared ones",
                "errors-averaged-before-the-square": "a patch's errors are averaged before they "
                "are squared",
                "values-summed": "a patch's values are summed, not averaged",
                "root-of-each-patch": "the root of each patch's error is taken",
                "huber": "the Huber loss (smooth_l1_loss) stands for the squared error",
                "lengths-of-the-errors": "the length of a patch's error stands for its mean square",
                "largest-error": "only the largest error of a patch counts",
            },
            "patches": WHICH,
            "divisor": DIVISOR,
            "targets": {
                "targets-normalised": "the targets are normalised within each patch",
                "both-brought-to-length-one": "predictions and targets are brought to length 1",
                "predictions-hidden-only": "the mask is laid on the predictions only",
                "targets-hidden-only": "the mask is laid on the targets only",
            },
        },
    ),
    "07.5": Formula(
        beit_loss,
        {
            "softmax": {
                "softmax-over-the-patches": "the softmax runs over the patches",
                "softmax-over-the-batch": "the softmax runs over the images",
                "softmax-twice": "a softmax is taken before the cross-entropy, which has its own",
                "softmax-left-out": "the scores themselves stand for logarithms of probabilities",
                "logarithm-left-out": "the logarithm is left out",
                "two-instead-of-e": "the logarithm has base 2",
            },
            "patches": WHICH,
            "divisor": DIVISOR,
            "targets": {
                "next-token": "each patch is to predict the next one's token",
                "token-before": "each patch is to predict the token before it",
                "tokens-of-the-first-image": "all images are to predict the first one's tokens",
            },
            "inputs": {
                "visible-logits-zeroed": "the scores of visible patches are set to 0",
                "code-zero-ignored": "patches with code 0 are left out",
            },
        },
    ),
}
