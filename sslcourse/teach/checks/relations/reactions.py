"""Relations that show when inputs change: what should matter and does not, and the other way."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sslcourse.teach.checks.limits import seed_everything
from sslcourse.teach.checks.numbers import close, differ, mapped, tensors_in
from sslcourse.teach.checks.relations.relation import Comparison, Relation, Seen, floats
from sslcourse.teach.checks.task import Attempt, Call, converted


def other_inputs(kind: int) -> Callable[[Any], Any]:
    """Makes another input of the same kind, one of three; None where there is none."""

    def change(value: Any) -> Any:
        if isinstance(value, bool):
            return not value
        if isinstance(value, int):
            return value + 1 + kind
        if isinstance(value, float):
            return (0.6, 0.3, 0.8)[kind] * value
        if not isinstance(value, Tensor) or not value.numel():
            return None
        if value.is_floating_point() and kind == 2 and value.ndim:
            return value[:1].expand_as(value).clone()  # all rows alike
        if value.is_floating_point():
            return (0.7, 2.0)[kind] * value.roll(1 + kind) + 0.1
        other = value.roll(1 + kind, dims=-1) if value.ndim else value + 1
        return None if torch.equal(other, value) else other

    return change


def moves(before: Any, after: Any) -> bool:
    """Whether a result is another one; a result of another shape is."""
    return not close(before, after)


def input_unused(seen: Seen) -> str:
    moved: dict[str, list[bool]] = {}
    still: dict[str, list[bool]] = {}
    for kind in range(3):
        for label, found in seen.after(other_inputs(kind)):
            moved.setdefault(label, []).extend(moves(x.expected, x.expected_then) for x in found)
            still.setdefault(label, []).extend(close(x.came, x.came_then) for x in found)
    for label, values in moved.items():
        if sum(values) > 1 and all(still[label]):
            return f"Your result stays the same when `{label}` changes; the right one does not."
    return ""


CHANGES = (
    ("is multiplied by 3", floats(lambda x: 3 * x)),
    ("is multiplied by -1", floats(lambda x: -x)),
    ("gets 2 added everywhere", floats(lambda x: x + 2)),
)


def reacts(seen: Seen) -> str:
    """The right result stays and the learner's does not, or the other way round."""
    for words, change in CHANGES:
        for label, found in seen.after(change):
            if sentence := told(f"`{label}` {words}", found):
                return sentence
    for words, joint in TOGETHER:
        if sentence := told(words, [seen.compared(call, joint(call)) for call in fitting(seen)]):
            return sentence
    return ""


def told(what: str, found: list[Comparison]) -> str:
    """What happens with a change, where the two functions don't agree in it."""
    stays = [close(x.expected, x.expected_then) for x in found]
    if not found:
        return ""
    if all(stays) and any(differ(x.came, x.came_then) for x in found):
        return f"Your result changes when {what}; the right one does not."
    if not any(stays) and all(close(x.came, x.came_then) for x in found):
        return f"Your result stays the same when {what}; the right one does not."
    return ""


def in_line(call: Call, change: Callable[[Tensor], Tensor]) -> Call:
    """A change of all tensors that have as many rows as the first one has."""
    rows = len(tensors_in(call.args)[0])

    def run(x: Tensor) -> Tensor:
        return change(x) if x.ndim and len(x) == rows else x

    return Call(mapped(run, call.args), call.kwargs)


def turned_columns(x: Tensor) -> Tensor:
    return x.roll(1, -1) if x.ndim > 1 else x


def exchanged(call: Call) -> Call:
    first, second, *others = call.args
    return Call((second, first, *others), call.kwargs)


TOGETHER = (
    ("all rows are brought into another order", lambda c: in_line(c, lambda x: x.roll(1, 0))),
    ("the columns are brought into another order", lambda c: in_line(c, turned_columns)),
    ("every row is there twice", lambda c: in_line(c, lambda x: torch.cat([x, x]))),
    ("the first two inputs are exchanged", exchanged),
)


def fitting(seen: Seen) -> list[Call]:
    """Calls whose first input has rows, so that something can be done with them."""
    return [c for c in seen.beside.calls if tensors_in(c.args) and tensors_in(c.args)[0].ndim > 1]


def changes_by_itself(seen: Seen) -> str:
    """Called twice, with no seed between, the learner's function differs, and the right one not."""

    def twice(f: Attempt) -> list[Any]:
        seed_everything(0)
        copies = [mapped(Tensor.clone, seen.call.args) for _ in range(2)]
        return [converted(f.function(*args, **seen.call.kwargs)) for args in copies]

    if close(*twice(seen.f)) or not close(*twice(seen.beside.right)):
        return ""
    return (
        "Called twice with the same inputs, your function gives other numbers each time: it draws "
        "random ones. The right one draws none."
    )


def others_matter(seen: Seen) -> str:
    """The first row of a result changes with the other rows of an input."""

    def first(value: Any) -> tuple[Tensor, ...]:
        return tuple(x[0] for x in tensors_in(value))

    def rest(x: Any) -> Any:
        if not isinstance(x, Tensor) or not x.ndim:
            return None
        if x.is_floating_point():
            return torch.cat([x[:1], 0.7 * x[1:].flip(0) + 0.2])
        if x.dtype == torch.bool and x.ndim > 1:  # as many are true in every row
            return torch.cat([x[:1], x[1:].roll(1, -1)])
        return None

    for label, found in seen.after(rest):
        right = all(close(first(x.expected), first(x.expected_then)) for x in found)
        if right and any(differ(first(x.came), first(x.came_then)) for x in found):
            return (
                f"Your result for the first row of `{label}` changes when the other rows change; "
                "it should depend on its own row alone."
            )
    return ""


def place_matters(seen: Seen) -> str:
    """The rows of the right result follow those of the inputs, the learner's don't."""
    calls = fitting(seen)
    found = [seen.compared(c, in_line(c, lambda x: x.roll(1, 0))) for c in calls]

    def follows(before: Any, after: Any) -> bool:
        return close(mapped(lambda x: x.roll(1, 0), before), after)

    several = all(y.ndim and len(y) > 1 for x in found for y in tensors_in(x.expected))
    if not found or not several or not all(follows(x.expected, x.expected_then) for x in found):
        return ""
    if all(follows(x.came, x.came_then) for x in found):
        return ""
    return (
        "If all inputs are brought into another order, the rows of the right result follow; yours "
        "don't. What a row gets depends on where it stands."
    )


UNUSED = Relation(
    "input-without-effect",
    (
        "Where in your function does it occur?",
        "It may be overwritten, replaced by a number of your own, or fall out again: a factor "
        "falls out where something is normalised afterwards.",
        "Go through the text and mark the place where it is used.",
    ),
    input_unused,
)
RANDOM = Relation(
    "another-result-every-time",
    (
        "Which line draws random numbers?",
        "torch.rand, randn, randperm, dropout, and functions of libraries that draw by themselves, "
        "such as F.gumbel_softmax.",
        "All that is random is handed in. Leave out the line that draws.",
    ),
    changes_by_itself,
)
MIXED_ROWS = Relation(
    "rows-influence-each-other",
    (
        "Which line mixes several rows?",
        "A mean, deviation, norm, softmax, any or all with dim=0 or without `dim` runs over the "
        "batch.",
        "Choose the dimension so that each row is treated alone.",
    ),
    others_matter,
)
REACTIONS = (
    Relation(
        "place-in-the-batch-matters",
        (
            "Which line treats the first row, or a certain row, in another way?",
            "An index such as [0], a mask or order of one image that is used for all, or a "
            "reshape that mixes images can do that.",
            "Make two inputs by hand, exchange them, and follow both through your function.",
        ),
        place_matters,
    ),
    Relation(
        "another-invariance",
        (
            "Which step of the right function takes such a change away, or lets it through?",
            "Dividing by a length takes a factor away; subtracting a mean takes a constant away; "
            "a square or an absolute value takes the sign away; a mean does not grow with the "
            "number of rows.",
            "See whether one of these is missing, or one too many, or done with the wrong `dim`.",
        ),
        reacts,
    ),
)
