"""Relation of a result that is right but for something small."""

from dataclasses import replace
from functools import partial

from sslcourse.teach.checks.numbers import tensors_in
from sslcourse.teach.checks.relations.amounts import all_numbers
from sslcourse.teach.checks.relations.reactions import other_inputs
from sslcourse.teach.checks.relations.relation import Relation, Seen

NEARLY = 0.05  # of the largest number that was expected, or of what other inputs change


def span(seen: Seen) -> float:
    """How much other inputs change the right result: with a momentum near 1 it is little."""
    found = [0.0]
    for kind in range(2):
        for _, compared in seen.after(other_inputs(kind)):
            for x in compared:
                pairs = zip(tensors_in(x.expected), tensors_in(x.expected_then))
                found += [float((b - a).abs().max()) for a, b in pairs if a.shape == b.shape]
    return max(found)


def nearly_right(seen: Seen, most: float = NEARLY) -> str:
    came, expected = all_numbers(seen)
    largest = float(expected.abs().max()) if len(expected) else 0.0
    largest = min(largest, span(seen))
    if not largest:
        return ""
    off = float((came - expected).abs().max()) / largest
    if off > most:
        return ""
    return (
        f"You are close: the largest error is {100 * off:.2g} % of the largest number, or of what "
        "other inputs change. Something small is added, left out, rounded or counted twice, or "
        "something else happens to give nearly the same here."
    )


NEARLY_RIGHT = Relation(
    "nearly-right",
    (
        "The way is right. Which small number in your function has no place in the text?",
        "An eps somewhere else, /256 for /255, N - 1 for N, half precision or a diagonal that is "
        "counted can cause that.",
        "Take out everything that only protects from division by zero and look again.",
    ),
    nearly_right,
)
VERY_NEARLY_RIGHT = replace(NEARLY_RIGHT, tells=partial(nearly_right, most=NEARLY / 5))
