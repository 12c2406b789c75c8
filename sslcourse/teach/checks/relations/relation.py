"""What a relation looks at: a learner's function beside the right one, with several inputs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from sslcourse.teach.checks.cases import both
from sslcourse.teach.checks.numbers import mapped, number, shown, tensors_in
from sslcourse.teach.checks.task import Attempt, Beside, Call


@dataclass(frozen=True)
class Seen:
    """A learner's function beside the right one.

    Attributes:
        f: the learner's.
        beside: the right one, and what both are called with.
        call: the inputs of the case that failed.
    """

    f: Attempt
    beside: Beside
    call: Call

    def results(self) -> list[tuple[Any, Any]]:
        """What came and what was expected, for all calls."""
        return [both(self.f, self.beside.right, call) for call in self.beside.calls]

    def pairs(self) -> list[tuple[Tensor, Tensor]]:
        """The tensors that came and that were expected, in float64; none where shapes differ."""
        found = []
        for came, expected in self.results():
            parts = tensors_in(came), tensors_in(expected)
            if [x.shape for x in parts[0]] != [x.shape for x in parts[1]]:
                return []
            found += [(a.double(), b.double()) for a, b in zip(*parts, strict=True)]
        return found if all(bool(a.isfinite().all()) for a, _ in found) else []

    def after(self, change: Callable[[Any], Any]) -> Iterator[tuple[str, list["Comparison"]]]:
        """Each input's name, and what both functions make of that input before and after a change.

        Args:
            change: makes another input of one; None leaves an input out.
        """
        found: dict[str, list[Comparison]] = {}
        for call in self.beside.calls:
            for label, other in variations(call, self.beside.words, change):
                found.setdefault(label, []).append(self.compared(call, other))
        yield from found.items()

    def compared(self, call: Call, other: Call) -> "Comparison":
        f, right = self.f, self.beside.right
        now = (g(*other.args, **other.kwargs) for g in (f, right))
        return Comparison(f.result(call), right.result(call), *now)


@dataclass(frozen=True)
class Comparison:
    """What two functions make of an input, and what they make of a changed one.

    Attributes:
        came: the learner's function before.
        expected: the right one before.
        came_then: the learner's after.
        expected_then: the right one after.
    """

    came: Any
    expected: Any
    came_then: Any
    expected_then: Any


def variations(
    call: Call, words: tuple[str, ...], change: Callable[[Any], Any]
) -> Iterator[tuple[str, Call]]:
    """A call with one of its inputs changed, and that input's name."""
    for place, (name, value) in enumerate(zip(words, call.args)):
        for label, other in one_changed(name, value, change):
            args = (*call.args[:place], other, *call.args[place + 1 :])
            yield label, replace(call, args=args)
    for name, value in call.kwargs.items():
        if (other := change(value)) is not None:
            yield name, replace(call, kwargs=call.kwargs | {name: other})


def one_changed(name: str, value: Any, change: Callable[[Any], Any]) -> Iterator[tuple[str, Any]]:
    """An input changed; of a list, one part after the other."""
    if not isinstance(value, (list, tuple)):
        if (other := change(value)) is not None:
            yield name, other
        return
    for place, part in enumerate(value):
        if (other := change(part)) is not None:
            parts = [*value[:place], other, *value[place + 1 :]]
            yield f"{name}[{place}]", type(value)(parts)


def told_apart(first: Call, second: Call, words: tuple[str, ...]) -> tuple[str, str]:
    """The inputs in which two calls differ, by their shapes or, if they are numbers, by those."""
    texts = [dict(described(call, words)) for call in (first, second)]
    other = [name for name in texts[0] if texts[0][name] != texts[1].get(name)]
    if not other:
        return in_full(first, words) or "the first example", "other numbers of the same shapes"
    return tuple(", ".join(f"{name} {text[name]}" for name in other) for text in texts)


def in_full(call: Call, words: tuple[str, ...]) -> str:
    """All inputs of a small call with their numbers; empty where they are many."""
    values = [*zip(words, call.args), *call.kwargs.items()]
    if any(sum(x.numel() for x in tensors_in(value)) > 24 for _, value in values):
        return ""
    return ", ".join(f"{name} = {shown(value)}" for name, value in values)


def described(call: Call, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Names of the inputs and their shapes; a number's is the number itself."""
    for name, value in [*zip(words, call.args), *call.kwargs.items()]:
        if isinstance(value, (int, float)):
            yield name, number(value)
        elif tensors_in(value):
            yield name, str(mapped(lambda x: tuple(x.shape), value))


@dataclass(frozen=True)
class Relation:
    """A relation of a wrong result to the right one.

    Attributes:
        id: a few words with hyphens.
        hints: three, from gentle to explicit.
        tells: one sentence where the relation holds, an empty text where it does not.
    """

    id: str
    hints: tuple[str, str, str]
    tells: Callable[[Seen], str]


def floats(change: Callable[[Tensor], Tensor]) -> Callable[[Any], Any]:
    """A change of tensors with decimals; everything else is left out."""

    def run(value: Any) -> Any:
        fits = isinstance(value, Tensor) and value.is_floating_point() and value.ndim > 0
        return mapped(change, value) if fits else None

    return run
