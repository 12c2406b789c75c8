"""Relations between all numbers and the right ones: a factor, a constant, another function."""

import math

import torch
from torch import Tensor

from sslcourse.teach.checks.numbers import number
from sslcourse.teach.checks.relations.relation import Relation, Seen
from sslcourse.teach.checks.task import Call


def all_numbers(seen: Seen) -> tuple[Tensor, Tensor]:
    """All that came and all that was expected, in two flat tensors; empty where they don't fit."""
    pairs = seen.pairs()
    if not pairs:
        return torch.empty(0), torch.empty(0)
    came, expected = (torch.cat([x.flatten() for x in side]) for side in zip(*pairs, strict=True))
    return came, expected


def varied(x: Tensor) -> bool:
    """Whether there are at least two numbers in it, so that a relation can be told from luck."""
    return len(x) > 1 and bool((x - x[0]).abs().max() > 1e-3 * x.abs().max())


def alike(first: Tensor, second: Tensor) -> bool:
    """Equal but for rounding; stricter than a check, because something is concluded from it."""
    scale = float(second.abs().max())
    return torch.allclose(first, second, rtol=1e-3, atol=1e-5 * scale)


def times(came: Tensor, expected: Tensor) -> float | None:
    """came / expected, where that is one number for all; None where it is not."""
    where = expected.abs() > 1e-2 * expected.abs().max()
    if not bool(where.any()):
        return None
    ratio = float((came[where] / expected[where]).median())
    return ratio if ratio != 0 and alike(came, ratio * expected) else None


def subject(seen: Seen) -> str:
    """What a sentence is about: one number, or many."""
    return "Every number" if any(b.ndim for _, b in seen.pairs()) else "Your result"


def always_the_same(seen: Seen) -> str:
    came, expected = all_numbers(seen)
    if not varied(expected) or varied(came) or not bool((came - came[0]).abs().max() < 1e-6):
        return ""
    return f"{subject(seen)} is {number(float(came[0]))}, in every case."


def a_factor(seen: Seen) -> str:
    came, expected = all_numbers(seen)
    if not varied(expected):
        return ""
    ratio = times(came, expected)
    if ratio is not None:
        if math.isclose(ratio, -1, rel_tol=1e-3):
            return f"{subject(seen)} has the wrong sign."
        return f"{subject(seen)} is {number(ratio)} times what it should be."
    return factors_by_case(seen)


def factors_by_case(seen: Seen) -> str:
    """Results of several numbers: one factor in each case, another one in other cases."""
    ratios = []
    for came, expected in seen.pairs():
        if not varied(expected.flatten()):
            return ""
        ratios.append(times(came.flatten(), expected.flatten()))
    if None in ratios or not ratios:
        return ""
    texts = [number(ratio) for ratio in ratios]
    return (
        "Every number is a multiple of what it should be, and the factor depends on the case: "
        f"{', '.join(texts[:-1])} and {texts[-1]}."
    )


def a_constant(seen: Seen) -> str:
    came, expected = all_numbers(seen)
    if not varied(expected):
        return ""
    difference = came - expected
    step = float(difference.median())
    if not torch.allclose(
        came, expected + step, rtol=1e-4, atol=1e-4 * float(expected.abs().max())
    ):
        return ""
    return f"{subject(seen)} is too {'large' if step > 0 else 'small'} by {number(abs(step))}."


def a_size(seen: Seen) -> str:
    """One number for each case, right up to a size of an input, or something simple of it."""
    ratios = []
    for came, expected in seen.pairs():
        if came.ndim or abs(float(expected)) < 1e-6:
            return ""
        ratios.append(float(came / expected))
    sizes = [sizes_of(call, seen.beside.words) for call in seen.beside.calls]
    for name in sizes[0] if len(ratios) == len(sizes) > 1 else ():
        found = [size.get(name, 0) for size in sizes]
        for words, of in OF_SIZES:
            wanted = [of(size) if size > 1 else math.nan for size in found]
            if varied(torch.tensor(wanted)) and all(map(near, ratios, wanted)):
                return f"Your result is {words.format(name)} times what it should be."
    return ""


def near(first: float, second: float) -> bool:
    return math.isclose(first, second, rel_tol=1e-3)


OF_SIZES = (
    ("{}", lambda n: n),
    ("1 / {}", lambda n: 1 / n),
    ("2 · {}", lambda n: 2 * n),
    ("1 / (2 · {})", lambda n: 1 / (2 * n)),
    ("the square root of {}", lambda n: n**0.5),
    ("1 / the square root of {}", lambda n: n**-0.5),
    ("the square of {}", lambda n: n**2),
    ("1 / the square of {}", lambda n: n**-2),
    ("({0} - 1) / {0}", lambda n: (n - 1) / n),
    ("{0} / ({0} - 1)", lambda n: n / (n - 1)),
)


def sizes_of(call: Call, words: tuple[str, ...]) -> dict[str, int]:
    """Sizes of the inputs and whole numbers among them, by what a learner would write."""
    found = {}
    for name, value in [*zip(words, call.args), *call.kwargs.items()]:
        if isinstance(value, Tensor):
            found |= {f"{name}.shape[{dim}]": size for dim, size in enumerate(value.shape)}
        elif isinstance(value, (list, tuple)):
            found[f"len({name})"] = len(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            found[name] = value
    return found


FUNCTIONS = (
    ("the logarithm of what it should be", torch.log),
    ("the logarithm of what it should be, with the sign changed", lambda x: -x.log()),
    ("the exponential of what it should be", torch.exp),
    ("the exponential of minus what it should be", lambda x: (-x).exp()),
    ("the square root of what it should be", torch.sqrt),
    ("the square of what it should be", torch.square),
    ("1 divided by what it should be", torch.reciprocal),
    ("1 minus what it should be", lambda x: 1 - x),
    ("what it should be without its sign", torch.abs),
    ("what it should be, but nothing below 0", torch.relu),
    ("what it should be, rounded to a whole number", torch.round),
    ("what it should be, rounded down to a whole number", torch.floor),
)


def another_function(seen: Seen) -> str:
    came, expected = all_numbers(seen)
    if not varied(expected) or not varied(came):
        return ""
    for words, function in FUNCTIONS:
        wanted = function(expected)
        if bool(wanted.isfinite().all()) and alike(came, wanted):
            return f"{subject(seen)} is {words}."
    return ""


ALWAYS_THE_SAME = Relation(
    "always-the-same-number",
    (
        "Print what your function has after each line. Where do the differences disappear?",
        "A sum of probabilities over their own dimension is always 1; a mean of centred "
        "numbers is always 0.",
        "Look at the `dim` of each sum, mean, softmax and normalisation, and at what is "
        "compared with what.",
    ),
    always_the_same,
)
AMOUNTS = (
    Relation(
        "off-by-a-factor",
        (
            "Which number in your function, or which size of an input, is that factor?",
            "A sum where a mean is asked is too large by as many things as are summed; a wrong "
            "sign is a factor of -1.",
            "Go through all divisions, sums and means, and count over what each of them runs.",
        ),
        lambda seen: a_factor(seen) or a_size(seen),
    ),
    Relation(
        "off-by-a-constant",
        (
            "What do you add, or fail to take away, that is the same for every number?",
            "log(2 N) - log(2 N - 1), a diagonal of ones or a mean that is not subtracted can be "
            "such a constant.",
            "Compare with the formula term by term, on the first example.",
        ),
        a_constant,
    ),
    Relation(
        "another-function-of-it",
        (
            "You have the right quantity in your hands. Which step is left out, or one too many?",
            "Read the text of the task again: is it the logarithm, the square, or the number "
            "itself that is asked?",
            "Undo that step at the end, or leave it out.",
        ),
        another_function,
    ),
)
