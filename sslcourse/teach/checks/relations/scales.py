"""Relations within a result: some numbers cut off, each row or channel on a scale of its own."""

from torch import Tensor

from sslcourse.teach.checks.numbers import close, number
from sslcourse.teach.checks.relations.amounts import alike, times, varied
from sslcourse.teach.checks.relations.places import tables
from sslcourse.teach.checks.relations.relation import Relation, Seen


def cut_off(seen: Seen) -> str:
    """Right but for numbers beyond some bounds, which are brought to them."""
    found = tables(seen)
    beyond = {"above": False, "below": False}
    for _, a, b in found:
        low, high = a.min(), a.max()
        inside = int(((b > low) & (b < high)).sum())
        if inside < 2 or not alike(a, b.clamp(low, high)):
            return ""
        beyond["above"] |= bool((b > high + 1e-3).any())
        beyond["below"] |= bool((b < low - 1e-3).any())
    sides = [name for name, found_some in beyond.items() if found_some]
    if not sides:
        return ""
    ends = {"above": found[0][1].max(), "below": found[0][1].min()}
    texts = " or ".join(f"{name} {number(float(ends[name]))}" for name in sides)
    return f"Nothing of yours lies {texts}, in the first case that is wrong; the rest is right."


def each_slice(seen: Seen) -> str:
    """A factor, a constant, or both for each row, each column, each channel."""
    found = tables(seen)
    dims = {a.ndim for _, a, _ in found}
    if len(dims) != 1 or (ndim := dims.pop()) < 2:
        return ""
    kinds = [("row", 0), ("column", 1)]
    if ndim > 2:
        kinds = [("row of the last dimension", -1)]
        kinds += [(f"slice of dimension {dim}", dim) for dim in range(ndim)]
    for what, related in (
        ("a factor", lambda x, y: times(x, y) is not None),
        ("a constant that is added", lambda x, y: alike(x - x.mean(), y - y.mean())),
        ("a factor and a constant that is added", straight),
    ):
        for words, dim in kinds:
            slices = [z for _, a, b in found for z in zip(parts(a, dim), parts(b, dim))]
            slices = [(x, y) for x, y in slices if not close(x, y)]
            if min(len(y) for _, y in slices) > 3 and all(related(x, y) for x, y in slices):
                return f"Every {words} is right up to {what}, and each {words} has its own."
    return ""


def parts(x: Tensor, dim: int) -> Tensor:
    """The slices along a dimension, each of them flat; -1 stands for rows of the last one."""
    return x.flatten(0, -2) if dim < 0 else x.transpose(0, dim).flatten(1)


def straight(came: Tensor, expected: Tensor) -> bool:
    """Whether came = factor · expected + constant."""
    x, y = came - came.mean(), expected - expected.mean()
    return varied(expected) and times(x, y) is not None


CUT_OFF = Relation(
    "cut-off",
    (
        "Which line could keep numbers from going further?",
        "clamp, relu, min and max do that.",
        "Leave it out; nothing in the text bounds the result.",
    ),
    cut_off,
)
OWN_SCALES = Relation(
    "each-row-on-its-own-scale",
    (
        "Which step works on one row or column at a time?",
        "A division by a length, a sum or a deviation gives a factor; a mean or maximum that "
        "is subtracted gives a constant.",
        "Is such a step missing, one too many, or done over the wrong dimension?",
    ),
    each_slice,
)
