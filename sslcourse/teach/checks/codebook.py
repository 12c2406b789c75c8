"""07.4 and 07.7: how many codes are used."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, differ
from sslcourse.teach.checks.task import Mistake, Task, given

USE = torch.tensor([[0, 0, 0, 1], [0, 0, 2, 2]])  # 5, 1, 2 of 8

EVEN = torch.arange(8).view(2, 4)


def shares_of(tokens: Tensor, codes: int) -> Tensor:
    return torch.bincount(tokens.flatten(), minlength=codes) / tokens.numel()


def unigram_entropy(tokens: Tensor, codes: int) -> Tensor:
    return torch.special.entr(shares_of(tokens, codes)).sum()


def in_bits(tokens: Tensor, codes: int) -> Tensor:
    return unigram_entropy(tokens, codes) / math.log(2)


def perplexity(tokens: Tensor, codes: int) -> Tensor:
    return unigram_entropy(tokens, codes).exp()


def number_of(function: Callable) -> Callable:
    """The perplexity of a function that returns it alone, or among others in a dictionary."""

    def run(tokens: Tensor, codes: int):
        result = function(tokens, codes)
        return result["perplexity"] if isinstance(result, dict) else result

    return run


def uses(other: Callable, *, codes: int = 10):
    return lambda f: acts_like(f, other, given(USE, codes), given(EVEN, codes))


def mean_of_images(measure: Callable) -> Callable:
    return lambda tokens, codes: torch.stack([measure(row, codes) for row in tokens]).mean()


NOT_A_NUMBER = Mistake(
    "zero-times-log-zero",
    "A code that is never used makes your result not a number: 0 · ln 0 counts as 0.",
    (
        "What is log(0), and what is 0 times that?",
        "Most codebooks have codes that are never used.",
        "Use torch.special.entr, or leave out the zeros.",
    ),
    lambda f: bool(f(EVEN, 8).isfinite()) and not bool(f(USE, 10).isfinite()),
)

PER_IMAGE = (
    "Each image is measured by itself and the results are averaged; one image can't use many "
    "codes.",
    (
        "How many codes can an image of four patches use?",
        "Count over all patches of all images first.",
        "torch.bincount(tokens.flatten(), minlength=codes)",
    ),
)


def rows_counted(measure: Callable) -> Mistake:
    """Whole rows taken for codes: right where each row has one token, and wrong elsewhere."""
    return Mistake(
        "whole-rows-counted",
        "You count whole rows, the pictures, and not codes: with one token in each row you are "
        "right.",
        (
            "Print the counts. How many are there, and what do they sum to?",
            "unique(dim=0) compares rows. Every token counts by itself.",
            "torch.bincount(tokens.flatten(), minlength=codes)",
        ),
        lambda f: (
            close(f(USE.reshape(-1, 1), 10), measure(USE, 10))
            and differ(f(USE, 10), measure(USE, 10))
        ),
    )


RUNS = Mistake(
    "order-of-tokens-counts",
    "The same tokens in another order give you another number: you count runs of equal tokens, or "
    "places, and not codes.",
    (
        "Shuffle the tokens. What should become of your result?",
        "torch.unique_consecutive counts anew wherever another token follows.",
        "torch.bincount(tokens.flatten(), minlength=codes)",
    ),
    lambda f: differ(f(USE, 10), f(USE.roll(1, -1), 10)),
)
LEFT_OUT = Mistake(
    "code-0-left-out",
    "More patches with code 0 don't change your result: that code is left out.",
    (
        "How often does code 0 occur in your counts?",
        "Code 0 is a code like any other, no padding and no background.",
        "counts = torch.bincount(tokens.flatten(), minlength=codes), all of them",
    ),
    lambda f: (
        close(f(USE, 10), f(torch.cat([USE, 0 * USE], dim=1), 10))
        and differ(f(USE, 10), f(torch.cat([USE, 0 * USE + 1], dim=1), 10))
    ),
)

PERPLEXITY = (
    NOT_A_NUMBER,
    Mistake(
        "entropy-not-exponentiated",
        "Eight codes that are used alike should count as 8, but you return their entropy.",
        (
            "What does your function say for eight codes that are used alike?",
            "Perplexity is a number of codes; the entropy is its logarithm.",
            "Return exp(entropy).",
        ),
        lambda f: uses(unigram_entropy)(f) or uses(in_bits)(f),
    ),
    Mistake(
        "logarithms-of-different-bases",
        "Eight codes that are used alike should count as 8: the entropy is in another unit than "
        "the exponential.",
        (
            "What does your function say for eight codes that are used alike?",
            "exp undoes the natural logarithm, 2 ** undoes log2.",
            "Use torch.log with torch.exp.",
        ),
        lambda f: (
            uses(lambda tokens, codes: in_bits(tokens, codes).exp())(f)
            or uses(lambda tokens, codes: 2 ** unigram_entropy(tokens, codes))(f)
        ),
    ),
    Mistake(
        "used-codes-counted",
        "You count codes that occur at all; a code that is used once weighs as much as one that is "
        "used always.",
        (
            "Five of eight patches have code 0. Are there really three codes in use?",
            "How often a code is used must count.",
            "torch.special.entr(share).sum().exp(), with share = counts / tokens.numel()",
        ),
        uses(lambda tokens, codes: len(tokens.unique())),
    ),
    Mistake("images-averaged", *PER_IMAGE, uses(mean_of_images(perplexity))),
    Mistake(
        "share-of-the-codebook",
        "You divide by the number of codes: a share, not a number of codes.",
        (
            "What is the largest number that you can return?",
            "Perplexity lies between 1 and K.",
            "exp(entropy), without a division.",
        ),
        uses(lambda tokens, codes: perplexity(tokens, codes) / codes),
    ),
    rows_counted(perplexity),
    RUNS,
    LEFT_OUT,
)

UNIGRAM = (
    NOT_A_NUMBER,
    Mistake(
        "chance-instead-of-unigram",
        "Your result counts codes, however often each occurs, and takes the logarithm: a network "
        "beats that by knowing which codes are frequent.",
        (
            "Should a codebook that uses one code only have the same entropy?",
            "The frequencies of the codes must come in.",
            "-(share * share.log()).sum() over the codes that occur.",
        ),
        lambda f: (
            uses(lambda tokens, codes: math.log(codes))(f)
            or uses(lambda tokens, codes: math.log(len(tokens.unique())))(f)
        ),
    ),
    Mistake(
        "logarithm-of-another-base",
        "Your entropy is not in nats, but a cross-entropy is.",
        (
            "Which logarithm is in F.cross_entropy?",
            "log2 gives bits and log10 digits; a loss is in nats.",
            "Use the natural logarithm.",
        ),
        lambda f: (
            uses(in_bits)(f)
            or uses(lambda tokens, codes: unigram_entropy(tokens, codes) / math.log(10))(f)
        ),
    ),
    Mistake(
        "perplexity-instead-of-entropy",
        "You return a number of codes; the loss is compared with its logarithm.",
        (
            "In which unit is the loss?",
            "The entropy itself is what a network scores that knows the frequencies.",
            "Leave out the exponential.",
        ),
        uses(perplexity),
    ),
    Mistake("images-averaged", *PER_IMAGE, uses(mean_of_images(unigram_entropy))),
    rows_counted(unigram_entropy),
    RUNS,
    LEFT_OUT,
)

TASKS = (
    Task(
        "07.4",
        "the codebook's perplexity",
        "my_codebook_usage(tokens, codes)",
        "int64 tokens (N, L) and the number of codes K. Return the exponential of the entropy of "
        "how often each code occurs, between 1 and K (or a dictionary with it as 'perplexity').",
        given(USE, 10),
        from_reference(
            perplexity, given(USE, 10), given(EVEN, 10), given(USE * 0, 3), names="tokens codes"
        ),
        PERPLEXITY,
        number_of,
    ),
    Task(
        "07.7",
        "what the frequencies alone are worth",
        "unigram_entropy(tokens, codes)",
        "int64 tokens (N, L) and the number of codes K. Return the entropy in nats of how often "
        "each code occurs: the loss of a network that knows the frequencies only.",
        given(USE, 10),
        from_reference(
            unigram_entropy,
            given(USE, 10),
            given(EVEN, 10),
            given(USE * 0, 3),
            names="tokens codes",
        ),
        UNIGRAM,
    ),
)
