"""Relations between shapes, and what the shapes say about the numbers."""

from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from sslcourse.teach.checks.cases import both, form
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.relations.relation import Relation, Seen


def failed(seen: Seen) -> tuple[Any, Any]:
    return both(seen.f, seen.beside.right, seen.call)


def as_tensors(seen: Seen) -> tuple[Tensor, Tensor] | None:
    """What came and was expected; of several results the first whose shape is wrong."""
    came, expected = failed(seen)
    several = isinstance(came, tuple) and isinstance(expected, tuple)
    for a, b in zip(came, expected) if several else [(came, expected)]:
        if not isinstance(a, Tensor) or not isinstance(b, Tensor):
            return None
        if a.shape != b.shape:
            return a, b
    return None


def turned_results(seen: Seen) -> str:
    came, expected = failed(seen)
    several = isinstance(came, tuple) and isinstance(expected, tuple)
    if several and form(came[::-1]) == form(expected):
        return "Your results have the shapes that were expected, but in the opposite order."
    return ""


def how_many(seen: Seen) -> str:
    came, expected = failed(seen)
    counts = [len(x) if isinstance(x, tuple) else 1 for x in (came, expected)]
    if counts[0] == counts[1]:
        return ""
    words = ["one tensor" if count == 1 else f"{count} tensors" for count in counts]
    text = f"You return {words[0]}; expected were {words[1]}."
    if isinstance(came, tuple) and isinstance(expected, Tensor):
        for name, join in (("stack", torch.stack), ("cat", torch.cat)):
            if joined_shape(join, came) == expected.shape:
                return f"{text} torch.{name} would make them one of the right shape."
    return text


def joined_shape(join: Any, parts: tuple) -> Any:
    try:
        return join(parts).shape
    except (RuntimeError, TypeError):
        return None


def extra_dimension(seen: Seen) -> str:
    sides = as_tensors(seen)
    if sides is None or sides[0].squeeze().shape != sides[1].squeeze().shape:
        return ""
    came, expected = sides
    what = "too many" if came.ndim > expected.ndim else "missing"
    right = " The numbers are right." if close(came.squeeze(), expected.squeeze()) else ""
    if came.ndim == expected.ndim:
        return f"The dimension of size 1 is not where it should be.{right}"
    return f"A dimension of size 1 is {what}.{right}"


def turned_shape(seen: Seen) -> str:
    sides = as_tensors(seen)
    if sides is None or sorted(sides[0].shape) != sorted(sides[1].shape):
        return ""
    came, expected = sides
    orders = [
        order
        for order in permutations(range(came.ndim))
        if came.permute(order).shape == expected.shape
    ]
    for order in orders:
        if close(came.permute(order), expected):
            return f"The dimensions stand in another order; .permute{order} of yours is right."
    return (
        f"The dimensions stand in another order, {form(came)} for {form(expected)}, and the "
        "numbers are not right either."
    )


def not_joined(seen: Seen) -> str:
    """The same numbers in the same order, in more axes or fewer, or at least as many numbers."""
    sides = as_tensors(seen)
    if sides is None or sides[0].ndim == sides[1].ndim or sides[0].numel() != sides[1].numel():
        return ""
    came, expected = sides
    what = "joined" if came.ndim > expected.ndim else "parted"
    text = f"You return as many numbers as were expected, but axes are still to be {what}"
    if close(came.reshape(expected.shape), expected):
        return f"{text}: .reshape{tuple(expected.shape)} of your result is right."
    return f"{text}, {form(came)} to {form(expected)}, and the numbers are not in that order yet."


def not_reduced(seen: Seen) -> str:
    sides = as_tensors(seen)
    if sides is None or sides[0].ndim <= sides[1].ndim:
        return ""
    came, expected = sides
    number = "number" if expected.ndim == 0 else "row"
    for name in ("mean", "sum", "amax"):
        for dim in range(came.ndim) if expected.ndim else [tuple(range(came.ndim))]:
            reduced = getattr(came.double(), name)(dim=dim)
            if close(reduced, expected):
                place = f"dim={dim}" if expected.ndim else ""
                return f"The last step is missing: .{name}({place}) of your result is right."
    return (
        f"You return {came.ndim} dimensions where {expected.ndim} were expected: something is "
        f"left to be summed, averaged or picked for each {number}."
    )


def reduced_too_far(seen: Seen) -> str:
    sides = as_tensors(seen)
    if sides is None or sides[0].ndim >= sides[1].ndim:
        return ""
    came, expected = sides
    return (
        f"You return {form(came)} where {form(expected)} was expected: a dimension was summed, "
        "averaged, joined or picked away."
    )


def another_size(seen: Seen) -> str:
    sides = as_tensors(seen)
    if sides is None or sides[0].ndim != sides[1].ndim:
        return ""
    came, expected = sides
    other = [d for d in range(came.ndim) if came.shape[d] != expected.shape[d]]
    if len(other) != 1:
        return f"Dimensions {' and '.join(map(str, other))} have other sizes than they should."
    d = other[0]
    text = f"Dimension {d} has {came.shape[d]} entries instead of {expected.shape[d]}."
    shorter = min(came.shape[d], expected.shape[d])
    ends = (("first", lambda x: x.narrow(d, 0, shorter)),)
    ends += (("last", lambda x: x.narrow(d, x.shape[d] - shorter, shorter)),)
    for name, end in ends:
        if shorter and close(end(came), end(expected)):
            several = isinstance(failed(seen)[0], tuple)  # of them this is the first that is wrong
            where = " in the first result where that is so" if several else ""
            return f"{text} The {name} {shorter} of them are right{where}."
    return text


TURNED = Relation(
    "dimensions-exchanged",
    (
        "Write the shape of each intermediate result beside its line.",
        "Which of them is transposed, stacked along another `dim`, or multiplied from the other "
        "side?",
        "Transpose with .transpose(i, j), or give stack the right `dim`.",
    ),
    turned_shape,
)

OUTLINES = (
    Relation(
        "results-exchanged",
        (
            "Look at the last line of your function and at the text of the task.",
            "Which result comes first?",
            "Exchange the results in `return`.",
        ),
        turned_results,
    ),
    Relation(
        "another-number-of-results",
        (
            "How many things does the text ask for?",
            "A list of rows is not yet a tensor; a tensor of two rows is not yet two results.",
            "torch.stack and torch.cat join, `return a, b` and .chunk(2) part.",
        ),
        how_many,
    ),
    Relation(
        "dimension-of-size-one",
        (
            "Print the shape after each line. Where does the 1 come from, or go?",
            "keepdim=True, None in an index, unsqueeze and a slice x[:1] keep a 1; x[0], squeeze "
            "and a sum drop it.",
            "Use .squeeze(dim) or .unsqueeze(dim) at the end, or change the line it comes from.",
        ),
        extra_dimension,
    ),
    TURNED,
    Relation(
        "axes-not-joined",
        (
            "Write the shape of each intermediate result beside its line.",
            "Which axes of yours make one axis of the result?",
            "Bring them side by side with permute, then flatten(first, last), or unflatten one.",
        ),
        not_joined,
    ),
    Relation(
        "not-reduced",
        (
            "Over what does the text sum, average or choose?",
            "Which line of yours does that, and over which dimension?",
            "A last .mean(), .sum(dim), or an index is missing.",
        ),
        not_reduced,
    ),
    Relation(
        "reduced-too-far",
        (
            "Over what does the text sum, average or join, and over what does it not?",
            "A sum, mean or norm without `dim` leaves one number; cat and flatten join dimensions.",
            "Give each of these its `dim`, or use stack where you use cat.",
        ),
        reduced_too_far,
    ),
    Relation(
        "another-size",
        (
            "Which line sets the size of that dimension?",
            "A number that fits one example only, a `range` that ends too early, or a slice can "
            "do that.",
            "Take sizes from the inputs, such as x.shape[0], and print them.",
        ),
        another_size,
    ),
)
