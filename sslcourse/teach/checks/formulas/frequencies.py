"""07.7 and 09.1: how often codes occur, and which epoch is kept."""

import math

import torch
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way


def unigram_entropy(way: Way, tokens: Tensor, codes: int) -> Tensor:
    part = {"first-image-only": tokens[:1], "first-place-only": tokens[:, :1]}
    tokens = part.get(way("tokens"), tokens)
    images, places = tokens.shape
    counts = torch.bincount(tokens.flatten(), minlength=codes).double()
    contained = torch.stack([(tokens == k).any(dim=1).sum() for k in range(codes)]).double()
    shares = {
        "divided-by-images": lambda: counts / images,
        "divided-by-places": lambda: counts / places,
        "images-that-have-it": lambda: contained / images,
        "images-that-have-it-as-shares": lambda: contained / contained.sum(),
        "softmax-of-the-counts": lambda: counts.softmax(dim=0),
        "one-added-to-each-count": lambda: (counts + 1) / (counts.sum() + codes),
        "divided-by-the-codes": lambda: counts / codes,
        "counts-themselves": lambda: counts,
    }.get(way("shares"), lambda: counts / counts.sum())()
    eps = {"1e-2-in-the-logarithm": 1e-2, "1e-3-in-the-logarithm": 1e-3}.get(way("logarithm"), 0.0)
    logs = (shares + eps).clamp(min=1e-300).log()
    if way("shares") == "1e-3-added-to-each-share":
        shares = shares + 1e-3
        logs = shares.log()
    scale = {
        "two-instead-of-e": lambda: 1 / math.log(2),
        "codes-instead-of-e": lambda: 1 / math.log(codes),
    }
    logs = logs * scale.get(way("logarithm"), lambda: 1)()
    used = shares > 0
    entropy = -(shares * logs).sum()
    each = [entropy_of(tokens[:, i], codes) for i in range(places)]
    ends = {
        "sign-left-out": lambda: -entropy,
        "averaged-over-the-codes": lambda: entropy / codes,
        "averaged-over-the-used-codes": lambda: entropy / used.sum(),
        "exponential": lambda: entropy.exp(),
        "chance": lambda: torch.tensor(math.log(codes)).double(),
        "used-codes-alike": lambda: used.sum().double().log(),
        "most-frequent-only": lambda: -logs.max(),
        "logarithms-averaged": lambda: -logs[used].mean(),
        "squares-summed": lambda: 1 - shares.square().sum(),
        "log-of-the-squares-summed": lambda: -shares.square().sum().log(),
        "each-image-first": lambda: torch.stack([entropy_of(x, codes) for x in tokens]).mean(),
        "each-place-first": lambda: torch.stack(each).mean(),
        "divided-by-the-maximum": lambda: entropy / math.log(codes),
        "times-the-places": lambda: entropy * places,
    }
    return ends.get(way("last-step"), lambda: entropy)().float()


def entropy_of(tokens: Tensor, codes: int) -> Tensor:
    counts = torch.bincount(tokens, minlength=codes).double()
    return torch.special.entr(counts / counts.sum()).sum()


def codebook_usage(way: Way, tokens: Tensor, codes: int) -> Tensor:
    """The exponential of the entropy, or another number of how many codes are used."""
    shares = torch.bincount(tokens.flatten(), minlength=codes).double()
    shares = shares / shares.sum()
    entropy = unigram_entropy(way, tokens, codes).double()
    ends = {
        "entropy-itself": lambda: entropy,
        "two-for-e-at-the-end": lambda: 2**entropy,
        "codes-that-occur": lambda: (shares > 0).sum().double(),
        "1-over-the-squares": lambda: 1 / shares.square().sum(),
        "1-over-the-largest": lambda: 1 / shares.max(),
        "share-of-the-codes": lambda: entropy.exp() / codes,
        "each-image-first": lambda: torch.stack(
            [entropy_of(x, codes).exp() for x in tokens]
        ).mean(),
        "sign-turned": lambda: -entropy.exp(),
    }
    return ends.get(way("perplexity"), lambda: entropy.exp())().float()


def choose(way: Way, validation: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    looked_at = {"test-decides": test, "sum-decides": validation + test}
    scores = looked_at.get(way("scores"), validation)
    falls = (scores[1:] < scores[:-1]).nonzero().flatten()
    epochs = {
        "last-epoch": lambda: len(scores) - 1,
        "smallest-score": lambda: int(scores.argmin()),
        "first-epoch-left-out": lambda: int(scores[1:].argmax()) + 1,
        "last-epoch-left-out": lambda: int(scores[:-1].argmax()),
        "before-the-first-fall": lambda: int(falls[0]) if len(falls) else len(scores) - 1,
        "counted-without-the-first": lambda: int(scores[1:].argmax()),
    }
    epoch = epochs.get(way("epoch"), lambda: int(scores.argmax()))()
    score = {
        "validation-reported": lambda: validation[epoch],
        "best-test-reported": lambda: test.max(),
        "last-test-reported": lambda: test[-1],
        "mean-of-test-reported": lambda: test.mean(),
        "one-epoch-later": lambda: test[min(epoch + 1, len(test) - 1)],
        "one-epoch-earlier": lambda: test[max(epoch - 1, 0)],
        "best-validation-reported": lambda: validation.max(),
    }.get(way("report"), lambda: test[epoch])()
    number = {
        "counted-from-1": lambda: epoch + 1,
        "counted-backwards": lambda: len(scores) - 1 - epoch,
    }
    return torch.tensor(number.get(way("number"), lambda: epoch)()), score


UNIGRAM = {
    "shares": {
        "divided-by-images": "the counts are divided by the number of images",
        "divided-by-places": "the counts are divided by the number of places",
        "images-that-have-it": "the share of images that hold a code stands for its share",
        "images-that-have-it-as-shares": "the images that hold a code are counted, not "
        "how often it occurs",
        "softmax-of-the-counts": "a softmax of the counts stands for the shares",
        "one-added-to-each-count": "1 is added to each count",
        "divided-by-the-codes": "the counts are divided by the number of codes",
        "counts-themselves": "the counts are not divided",
        "1e-3-added-to-each-share": "1e-3 is added to each share",
    },
    "logarithm": {
        "1e-2-in-the-logarithm": "1e-2 is added within the logarithm",
        "1e-3-in-the-logarithm": "1e-3 is added within the logarithm",
        "two-instead-of-e": "the logarithm has base 2",
        "codes-instead-of-e": "the logarithm has base K",
    },
    "last-step": {
        "sign-left-out": "the minus is left out",
        "averaged-over-the-codes": "the terms are averaged over the codes, not summed",
        "averaged-over-the-used-codes": "the terms are averaged over the codes that occur",
        "exponential": "the exponential of the entropy is taken",
        "chance": "every code counts alike, whatever the tokens are",
        "used-codes-alike": "every code that occurs counts alike",
        "most-frequent-only": "only the most frequent code counts",
        "logarithms-averaged": "the logarithms are averaged, not weighed by the shares",
        "squares-summed": "1 less the sum of squares is returned",
        "log-of-the-squares-summed": "the sum of squares stands in the logarithm",
        "each-image-first": "the entropy of each image is taken, and their mean",
        "each-place-first": "the entropy of each place is taken, and their mean",
        "divided-by-the-maximum": "the entropy is divided by its largest value, ln K",
        "times-the-places": "the entropy is multiplied by the number of places",
    },
    "tokens": {
        "first-image-only": "only the first image is looked at",
        "first-place-only": "only the first place is looked at",
    },
}
FORMULAS = {
    "07.7": Formula(unigram_entropy, UNIGRAM),
    "07.4": Formula(
        codebook_usage,
        {
            **UNIGRAM,
            "perplexity": {
                "entropy-itself": "the exponential is left out",
                "two-for-e-at-the-end": "2 is raised to the entropy, not e",
                "codes-that-occur": "the codes that occur are counted",
                "1-over-the-squares": "1 is divided by the sum of squared shares",
                "1-over-the-largest": "1 is divided by the largest share",
                "share-of-the-codes": "the perplexity is divided by the number of codes",
                "each-image-first": "each image's perplexity is taken, and their mean",
                "sign-turned": "the sign is turned",
            },
        },
    ),
    "09.1": Formula(
        choose,
        {
            "scores": {
                "test-decides": "the test scores decide",
                "sum-decides": "validation and test decide together",
            },
            "epoch": {
                "last-epoch": "the last epoch is kept",
                "smallest-score": "the smallest score decides",
                "first-epoch-left-out": "the first epoch can't be chosen",
                "last-epoch-left-out": "the last epoch can't be chosen",
                "before-the-first-fall": "the search stops at the first fall",
                "counted-without-the-first": "the epochs are counted without the first",
            },
            "report": {
                "validation-reported": "the validation score is reported",
                "best-test-reported": "the best test score is reported",
                "last-test-reported": "the last test score is reported",
                "mean-of-test-reported": "the mean of the test scores is reported",
                "one-epoch-later": "the test score of the epoch after is reported",
                "one-epoch-earlier": "the test score of the epoch before is reported",
                "best-validation-reported": "the best validation score is reported",
            },
            "number": {
                "counted-from-1": "epochs are counted from 1",
                "counted-backwards": "epochs are counted from the end",
            },
        },
    ),
}
