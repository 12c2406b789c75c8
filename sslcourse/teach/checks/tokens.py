"""07.2 to 07.4 and 07.7: choosing a code, and how many codes are used."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

LOGITS = drawn(2, 3, 4, seed=1)
NOISE = drawn(2, 3, 4, seed=2)  # any numbers will do


def soften(logits: Tensor, noise: Tensor, *, temperature: float) -> Tensor:
    return torch.softmax((logits + noise) / temperature, dim=-1)


SOFT = given(LOGITS, NOISE, temperature=0.5), given(LOGITS, NOISE, temperature=1.5)


def softens(other: Callable):
    return lambda f: acts_like(f, other, *SOFT)


GUMBEL = (
    Mistake(
        "choice-is-hard",
        "Your shares are 0 or 1: a choice without a gradient.",
        (
            "What can gradient descent do with an argmax?",
            "Training needs soft shares; the temperature makes them sharper over time.",
            "Return the softmax itself.",
        ),
        lambda f: bool(((f(LOGITS, NOISE, temperature=1.5) * 2 - 1).abs() > 0.999).all()),
    ),
    Mistake(
        "noise-forgotten",
        "Other noise gives the same shares: nothing is drawn, and codes that are second best are "
        "never tried.",
        (
            "What makes the choice random?",
            "Gumbel noise is added to the scores.",
            "torch.softmax((logits + noise) / temperature, dim=-1)",
        ),
        lambda f: close(
            f(LOGITS, NOISE, temperature=0.5), f(LOGITS, NOISE + LOGITS, temperature=0.5)
        ),
    ),
    Mistake(
        "noise-not-divided",
        "The noise is added after the scores were divided by the temperature.",
        (
            "Which sum does the temperature divide?",
            "Score and noise together are divided.",
            "(logits + noise) / temperature: mind the brackets.",
        ),
        softens(lambda x, g, *, temperature: torch.softmax(x / temperature + g, -1)),
    ),
    Mistake(
        "noise-subtracted",
        "The noise is subtracted; Gumbel's distribution is not symmetric.",
        (
            "Which sign has the noise?",
            "The largest score *plus* noise is a draw from the softmax.",
            "logits + noise",
        ),
        softens(lambda x, g, *, temperature: soften(x, -g, temperature=temperature)),
    ),
    Mistake(
        "temperature-multiplied",
        "A small temperature makes your shares softer.",
        (
            "Should a falling temperature bring shares nearer to a choice?",
            "softmax(… / T) is sharp for small T.",
            "Divide by the temperature.",
        ),
        softens(lambda x, g, *, temperature: soften(x, g, temperature=1 / temperature)),
    ),
    Mistake(
        "temperature-ignored",
        "The temperature doesn't change your shares.",
        (
            "Where does the temperature stand?",
            "It divides score and noise.",
            "(logits + noise) / temperature",
        ),
        lambda f: close(f(LOGITS, NOISE, temperature=0.5), f(LOGITS, NOISE, temperature=1.5)),
    ),
    Mistake(
        "softmax-over-the-wrong-axis",
        "The shares of a patch don't sum to 1: the softmax runs over patches or images.",
        (
            "Print your shares' sum over the last dimension.",
            "A patch is shared out among the K codes.",
            "torch.softmax(…, dim=-1)",
        ),
        lambda f: not close(f(LOGITS, NOISE, temperature=0.5).sum(-1), torch.ones(2, 3)),
    ),
)

SHARES = torch.softmax(drawn(2, 3, 4, seed=3), dim=-1)


def straight_through(shares: Tensor) -> Tensor:
    hard = F.one_hot(shares.argmax(dim=-1), shares.shape[-1]).to(shares)
    return hard + shares - shares.detach()


def slope(f: Attempt) -> Tensor:
    return f.gradients(SHARES)[0]


RIGHT_SLOPE = Attempt(straight_through).gradients(SHARES)[0]
STRAIGHT = (
    Mistake(
        "choice-without-gradient",
        "The forward pass is right, but no gradient comes back: argmax and one_hot have none.",
        (
            "What is the derivative of an argmax?",
            "Forwards the choice, backwards as if it were the shares.",
            "return hard + shares - shares.detach()",
        ),
        lambda f: f.gradients(SHARES) is None or close(slope(f), torch.zeros(2, 3, 4)),
    ),
    Mistake(
        "shares-returned",
        "The forward pass gives soft shares: the decoder would see mixtures that no token stands "
        "for.",
        (
            "Which numbers should your result hold?",
            "One 1 in each row, and zeros.",
            "hard + shares - shares.detach() has the value of hard.",
        ),
        lambda f: close(f(SHARES), SHARES),
    ),
    Mistake(
        "shares-not-taken-off",
        "The forward pass gives choice and shares together: rows sum to 2.",
        (
            "What does each row of your result sum to?",
            "The shares must cancel in the value, not in the gradient.",
            "hard + shares - shares.detach()",
        ),
        lambda f: close(f(SHARES).sum(dim=-1), torch.full((2, 3), 2.0)),
    ),
    Mistake(
        "detached-on-the-wrong-side",
        "The forward pass is right, but the gradient isn't that of the shares: the wrong term is "
        "detached.",
        (
            "Through which of the three terms does the gradient flow?",
            "It must flow through shares once, with a plus.",
            "hard + shares - shares.detach()",
        ),
        lambda f: close(f(SHARES), straight_through(SHARES)) and not close(slope(f), RIGHT_SLOPE),
    ),
    Mistake(
        "choice-along-the-wrong-axis",
        "A patch doesn't choose exactly one code: the argmax runs over another axis.",
        (
            "What does each row of your result sum to?",
            "Each patch chooses among the K codes of the last axis.",
            "shares.argmax(dim=-1)",
        ),
        lambda f: (
            not close(f(SHARES), straight_through(SHARES))
            and bool((f(SHARES).round(decimals=4) % 1 == 0).all())
        ),
    ),
)

USE = torch.tensor([[0, 0, 0, 1], [0, 0, 2, 2]])  # 5, 1, 2 of 8
EVEN = torch.arange(8).view(2, 4)


def shares_of(tokens: Tensor, codes: int) -> Tensor:
    return torch.bincount(tokens.flatten(), minlength=codes) / tokens.numel()


def unigram_entropy(tokens: Tensor, codes: int) -> Tensor:
    return torch.special.entr(shares_of(tokens, codes)).sum()


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
    lambda f: not bool(f(USE, 10).isfinite()),
)
PER_IMAGE = (
    "Each image is measured by itself and the results are averaged; one image can't use many codes.",
    (
        "How many codes can an image of four patches use?",
        "Count over all patches of all images first.",
        "torch.bincount(tokens.flatten(), minlength=codes)",
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
        lambda f: close(f(EVEN, 10), math.log(8)) or close(f(EVEN, 10), 3.0),
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
        lambda f: close(f(EVEN, 10), math.exp(3)) or close(f(EVEN, 10), 2 ** math.log(8)),
    ),
    Mistake(
        "used-codes-counted",
        "You count codes that occur at all; a code that is used once weighs as much as one that is "
        "used always.",
        (
            "Five of eight patches have code 0. Are there really three codes in use?",
            "How often a code is used must count.",
            "exp of the entropy of the shares.",
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
)
UNIGRAM = (
    NOT_A_NUMBER,
    Mistake(
        "chance-instead-of-unigram",
        "Your result is ln K, whatever the tokens are: that is chance, and a network beats it by "
        "knowing which codes are frequent.",
        (
            "Should a codebook that uses one code only have the same entropy?",
            "The frequencies of the codes must come in.",
            "-(share * share.log()).sum() over the codes that occur.",
        ),
        lambda f: close(f(USE, 10), math.log(10)),
    ),
    Mistake(
        "logarithm-of-another-base",
        "Your entropy is not in nats, but a cross-entropy is.",
        (
            "Which logarithm is in F.cross_entropy?",
            "log2 gives bits.",
            "Use the natural logarithm.",
        ),
        uses(lambda tokens, codes: unigram_entropy(tokens, codes) / math.log(2)),
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
)

TASKS = (
    Task(
        "07.2",
        "a softened choice",
        "gumbel_softmax(logits, noise, *, temperature)",
        "Scores (N, L, K) and Gumbel noise of the same shape. Return the shares (N, L, K): the "
        "softmax over the codes of (score + noise) / temperature.",
        given(LOGITS[:1, :2], NOISE[:1, :2], temperature=0.5),
        from_reference(
            soften,
            given(LOGITS[:1, :2], NOISE[:1, :2], temperature=0.5),
            *SOFT,
            names="logits noise",
            gradient=True,
        ),
        GUMBEL,
    ),
    Task(
        "07.3",
        "the straight-through step",
        "straight_through(shares)",
        "Shares (N, L, K). Return the choice, one-hot rows (N, L, K), whose gradient is that of the "
        "shares, as if nothing had been chosen.",
        given(SHARES[:1, :2]),
        from_reference(
            straight_through, given(SHARES[:1, :2]), given(SHARES), names="shares", gradient=True
        ),
        STRAIGHT,
    ),
    Task(
        "07.4",
        "the codebook's perplexity",
        "codebook_usage(tokens, codes)",
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
        "int64 tokens (N, L) and the number of codes K. Return the entropy in nats of how often each "
        "code occurs: the loss of a network that knows the frequencies only.",
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
