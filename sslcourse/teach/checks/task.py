"""What a check is made of: a task, the cases that a right function passes, and known mistakes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sslcourse.teach.checks.limits import seed_everything
from sslcourse.teach.checks.numbers import mapped, tensors_in

STAGES = ("exists", "shape", "dtype", "value", "gradient", "invariance")


class Failed(Exception):
    """A case was not passed; the text says what came and what was expected."""


class Returned(Failed):
    """Nothing came that could be compared."""


class Attempt:
    """A learner's function, made safe to call: it gets copies and its results become tensors.

    Args:
        function: the learner's, or what a task's `adapt` made of it.
    """

    def __init__(self, function: Callable) -> None:
        self.function = function
        self.calls = 0  # that have begun
        self.results: dict[int, Any] = {}  # of whole calls, by their identity

    def result(self, call: "Call") -> Any:
        """What the function makes of a call's inputs; it is called once for each call."""
        if id(call) not in self.results:
            self.results[id(call)] = self(*call.args, **call.kwargs)
        return self.results[id(call)]

    def call(self, args: tuple, kwargs: dict) -> Any:
        """The function's own result; global randomness starts the same every time."""
        self.calls += 1
        seed_everything(0)
        return converted(self.function(*args, **kwargs))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result for copies of the inputs: a tensor without gradient, or a tuple of them."""
        return mapped(Tensor.detach, self.call(mapped(Tensor.clone, args), kwargs))

    def changes_inputs(self, *args: Any, **kwargs: Any) -> bool:
        """Whether something was written into a tensor that was handed over."""
        before = tensors_in(args)
        copies = mapped(Tensor.clone, args)
        self.call(copies, kwargs)
        after = tensors_in(copies)
        if len(before) != len(after) or any(x._version for x in after):  # counts writes into x
            return True
        pairs = zip(before, after, strict=True)
        return any(a.shape != b.shape or not torch.equal(a, b) for a, b in pairs)

    def gradients(self, *args: Any, **kwargs: Any) -> list[Tensor] | None:
        """The gradient of each float input (zeros where none arrives); None if the result has none.

        A result that is no scalar is multiplied with fixed numbers and summed first, so that two
        tensors and the same two stacked give the same.
        """
        copies = mapped(tracked, args)
        inputs = [x for x in tensors_in(copies) if x.requires_grad]
        outputs = tensors_in(self.call(copies, kwargs))
        if not any(y.requires_grad for y in outputs):
            return None
        flat = torch.cat([y.flatten() for y in outputs])
        weights = torch.linspace(2.0, -1.0, len(flat)) if len(flat) > 1 else torch.ones(1)
        grads = torch.autograd.grad((flat * weights).sum(), inputs, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, grads, strict=True)]

    def remembers(self, call: "Call", *numbers: int) -> list[bool]:
        """Which tensors of the result ask for a gradient if only these inputs do."""
        args = tuple(
            mapped(tracked if number in numbers else Tensor.clone, value)
            for number, value in enumerate(call.args)
        )
        return [y.requires_grad for y in tensors_in(self.call(args, call.kwargs))]


def tracked(x: Tensor) -> Tensor:
    """A copy that asks for its gradient, where it can have one."""
    return x.detach().clone().requires_grad_(x.is_floating_point())


def converted(result: Any) -> Any:
    """Numbers, arrays and nested lists become tensors on the CPU, lists of tensors a tuple.

    Raises:
        Returned: None, or something that is no number at all.
    """
    if result is None:
        raise Returned("your function returned None; is the `return` missing?")
    if isinstance(result, Tensor):
        if result.is_complex():
            raise Returned("your function returned complex numbers; real ones were expected.")
        return result.cpu()
    nested = (Tensor, np.ndarray, list, tuple)
    if isinstance(result, tuple) or (
        isinstance(result, list) and any(isinstance(part, nested) for part in result)
    ):
        parts = tuple(converted(part) for part in result)
        rows = isinstance(result, list) and not any(isinstance(part, Tensor) for part in result)
        return torch.stack(parts) if rows and len({p.shape for p in parts}) == 1 else parts
    try:
        return converted(torch.as_tensor(result))
    except (TypeError, ValueError, RuntimeError):
        raise Returned(
            f"your function returned a {type(result).__name__}; a tensor was expected."
        ) from None


@dataclass(frozen=True)
class Mistake:
    """A known mistake and the behaviour by which it is recognised.

    Attributes:
        id: a few words with hyphens.
        diagnosis: what is wrong, in one sentence, in the learner's terms.
        hints: three, from gentle to explicit.
        shows: whether a function behaves so. It need not return; raising means no.
    """

    id: str
    diagnosis: str
    hints: tuple[str, str, str]
    shows: Callable[[Attempt], bool]


@dataclass(frozen=True)
class Call:
    """Inputs of one call; made by `given`."""

    args: tuple
    kwargs: dict


@dataclass(frozen=True)
class Beside:
    """A right function, what it is called with, and names of the inputs.

    The inputs must stay as they are, or may be overwritten.
    """

    right: Attempt
    calls: tuple[Call, ...]
    words: tuple[str, ...]
    keeps_inputs: bool = True


@dataclass(frozen=True)
class Case:
    """One question to the function; `run` raises `Failed` where the answer is wrong.

    Where the answer is compared with a right one's, `beside` has that and `call` the inputs; where
    something must hold, `says` is a sentence about what does not.
    """

    stage: str
    run: Callable[[Attempt], None]
    beside: Beside | None = None
    call: Call | None = None
    says: str = ""


def given(*args: Any, **kwargs: Any) -> Call:
    return Call(args, kwargs)


@dataclass(frozen=True)
class Task:
    """Something a learner writes.

    Attributes:
        key: the lesson and a number, such as "03.1".
        title: what it is, in a few words.
        signature: how the function is called, by the name that it has in its exercise; `my_...`
            where the package has one of the same name.
        text: what goes in and what comes out, with shapes.
        first: the first call: of the function itself, or of what `adapt` makes of it.
        cases: in the order of `STAGES`.
        mistakes: the most specific first; the first that shows is named.
        adapt: makes a function of tensors from one that changes networks, say.
        inputs: how many positional inputs the learner's function has, where `adapt` hides it.
    """

    key: str
    title: str
    signature: str
    text: str
    first: Call
    cases: tuple[Case, ...]
    mistakes: tuple[Mistake, ...]
    adapt: Callable[[Callable], Callable] = field(default=lambda function: function)
    inputs: int | None = None
