"""Cases from a function that is right: same shape, same kind of numbers, same values and gradients.

The comparison forgives rounding, so loops, einsum and library calls all pass.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sslcourse.teach.checks.numbers import close, mapped, named, shown
from sslcourse.teach.checks.task import Attempt, Beside, Call, Case, Failed


def from_reference(
    reference: Callable,
    *calls: Call,
    names: str,
    also: Callable | None = None,
    gradient: bool = False,
    untrained: int = 0,
    keeps_inputs: bool = True,
    invariances: tuple[tuple[str, Callable[[Attempt], bool]], ...] = (),
) -> tuple[Case, ...]:
    """Cases that compare with a right function.

    Args:
        reference: the right function.
        calls: what both are called with; the first is small, a learner looks at it.
        names: of the inputs, separated by spaces.
        also: another function that is right too, where there are two conventions.
        gradient: whether the gradient of every float input is compared too.
        untrained: so many of the last float inputs are data that nobody trains, a running mean,
            say; their gradients may be anything.
        keeps_inputs: whether the inputs must be left as they were.
        invariances: (a sentence, what must hold).
    """
    right, words = Attempt(reference), tuple(names.split())
    other = Attempt(also or reference)
    beside = Beside(right, calls, words, keeps_inputs)
    questions: list[tuple[str, Callable[[Attempt, Call], None]]] = [
        ("shape", lambda f, call: shapes(f, right, call, words)),
        ("dtype", lambda f, call: kinds(f, right, call)),
        ("value", lambda f, call: values(f, right, other, call, words)),
    ]
    if gradient:
        questions.append(("gradient", lambda f, call: slopes(f, right, call, words, untrained)))
    cases = [
        Case(stage, lambda f, ask=ask, call=call: ask(f, call), beside, call)
        for stage, ask in questions
        for call in calls
    ]
    if keeps_inputs:
        cases.append(Case("invariance", lambda f: inputs_stay(f, calls[0])))
    return (*cases, *(holds("invariance", says, what) for says, what in invariances))


def holds(stage: str, sentence: str, what: Callable[[Attempt], bool]) -> Case:
    """A case that is passed where something holds; otherwise the sentence is shown."""

    def run(f: Attempt) -> None:
        if not what(f):
            raise Failed(sentence)

    return Case(stage, run, says=sentence)


def both(f: Attempt, right: Attempt, call: Call) -> tuple[Any, Any]:
    """What came and what was expected; a list of numbers may stand for one row."""
    came, expected = f.result(call), right.result(call)
    if isinstance(came, tuple) and isinstance(expected, Tensor) and expected.ndim:
        shapes_of = {getattr(part, "shape", None) for part in came}
        if shapes_of == {expected.shape[1:]} and len(came) == len(expected):
            came = torch.stack(came)
    if (
        isinstance(expected, tuple)
        and isinstance(came, Tensor)
        and came.shape[:1] == (len(expected),)
    ):
        came = came.unbind()
    return came, expected


def form(value: Any) -> str:
    """The shape of a result in words."""
    if isinstance(value, tuple):
        return f"{len(value)} tensors {', '.join(form(part) for part in value)}"
    return "a single number" if value.ndim == 0 else str(tuple(value.shape))


def shapes(f: Attempt, right: Attempt, call: Call, words: tuple[str, ...]) -> None:
    came, expected = both(f, right, call)
    if form(came) != form(expected):
        inputs = ", ".join(
            f"{name} {mapped(lambda x: tuple(x.shape), value)}"
            for name, value in zip(words, call.args)
        )
        raise Failed(
            f"expected {form(expected)}, your function returned {form(came)} for {inputs}."
        )


def kind(value: Tensor) -> str:
    if value.dtype == torch.bool:
        return "bool"
    return "float" if value.is_floating_point() else "integer"


def kinds(f: Attempt, right: Attempt, call: Call) -> None:
    """Float, bool or whole numbers; a whole number may stand for a float that has no gradient."""
    came, expected = both(f, right, call)
    for a, b in zip(*(x if isinstance(x, tuple) else (x,) for x in (came, expected))):
        if kind(a) != kind(b) and {kind(a), kind(b)} != {"float", "integer"}:
            raise Failed(f"expected {kind(b)} numbers, your function returned {a.dtype}.")


def values(f: Attempt, right: Attempt, other: Attempt, call: Call, words: tuple[str, ...]) -> None:
    came, expected = both(f, right, call)
    if not close(came, expected) and not close(came, other.result(call)):
        raise Failed(comparison(call, words, came, expected))


def slopes(
    f: Attempt, right: Attempt, call: Call, words: tuple[str, ...], untrained: int = 0
) -> None:
    expected = right.gradients(*call.args, **call.kwargs)
    came = f.gradients(*call.args, **call.kwargs)
    if came is None:
        raise Failed("no gradient flows through your function; training could change nothing.")
    for number, (a, b) in enumerate(zip(came, expected, strict=True)):
        if number < len(came) - untrained and not close(a, b):
            text = comparison(call, words, a, b)
            label = trained_names(call, words)[number]
            raise Failed(f"the value is right, but not the gradient of {label}.\n{text}")


def trained_names(call: Call, words: tuple[str, ...]) -> list[str]:
    """Names of the inputs that can have a gradient; "scores[1]" for one of a list."""
    found = []
    for name, value in zip(words, call.args):
        parts = {name: value}
        if isinstance(value, (list, tuple)):
            parts = {f"{name}[{number}]": part for number, part in enumerate(value)}
        found += [
            label
            for label, part in parts.items()
            if isinstance(part, Tensor) and part.is_floating_point()
        ]
    return found


def inputs_stay(f: Attempt, call: Call) -> None:
    if f.changes_inputs(*call.args, **call.kwargs):
        raise Failed("the result is right, but your function changed the tensors it was given.")


def comparison(call: Call, words: tuple[str, ...], came: Any, expected: Any) -> str:
    """Small numbers to look at."""
    lines = [*named(call.args, call.kwargs, words)]
    return "\n".join([*lines, f"expected: {shown(expected)}", f"yours:    {shown(came)}"])
