"""Slips that happen in any function, by the stage at which they are noticed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sslcourse.teach.checks.numbers import tensors_in
from sslcourse.teach.checks.task import Attempt, Mistake, Returned, Task


@dataclass(frozen=True)
class Slip:
    """Like a `Mistake`, but recognised for a task: `shows(attempt, task)`."""

    id: str
    diagnosis: str
    hints: tuple[str, str, str]
    shows: Callable[[Attempt, Task], bool]


def returns_nothing(f: Attempt, task: Task) -> bool:
    """Whether None comes, for the first inputs or for others."""
    calls = {id(case.call): case.call for case in task.cases if case.call}
    for call in (task.first, *calls.values()):
        try:
            f(*call.args, **call.kwargs)
        except Returned as failure:
            return "None" in str(failure)
    return False


def changes_inputs(f: Attempt, task: Task) -> bool:
    """Whether an input is another one afterwards, where the text does not allow it."""
    if any(case.beside and not case.beside.keeps_inputs for case in task.cases):
        return False
    return f.changes_inputs(*task.first.args, **task.first.kwargs)


def loses_gradient(f: Attempt, task: Task) -> bool:
    return f.gradients(*task.first.args, **task.first.kwargs) is None


def not_finite(f: Attempt, task: Task) -> bool:
    """Inf or nan comes, for the first inputs or where a right function's result is finite."""
    calls = {id(case.call): case for case in task.cases if case.call and case.beside}
    found = [f(*task.first.args, **task.first.kwargs)]
    found += [
        f.result(case.call)
        for case in calls.values()
        if all(bool(x.isfinite().all()) for x in tensors_in(case.beside.right.result(case.call)))
    ]
    return not all(bool(x.isfinite().all()) for x in tensors_in(found))


NOTHING = Slip(
    "returns-nothing",
    "Your function computes something, but it returns None.",
    (
        "What does a Python function return that has no `return`?",
        "Each way through your function must hand its result to the caller, behind every if, too.",
        "Write `return` before the name of your result.",
    ),
    returns_nothing,
)
CHANGES = Slip(
    "changes-its-inputs",
    "Your function changes the tensors it is given, and whoever called it still needs them.",
    (
        "Look for lines that write into an input.",
        "`x /= y`, `x[i] = y` and methods with an underscore at the end change x itself.",
        "Make a new tensor: `x = x / y` instead of `x /= y`, or begin with `x = x.clone()`.",
    ),
    changes_inputs,
)
DETACHED = Slip(
    "loses-the-gradient",
    "The numbers are right, but they are cut off from the inputs: training could change nothing.",
    (
        "A loss must remember how it was computed.",
        "`.item()`, `.detach()`, `float(...)`, `.numpy()`, `torch.no_grad()` and a new "
        "`torch.tensor(...)` of old values all cut the gradient.",
        "Return a tensor that was made of the inputs by tensor operations only.",
    ),
    loses_gradient,
)

NOT_FINITE = Slip(
    "result-not-finite",
    "Your function returns inf or nan where the right result is finite.",
    (
        "Which line makes the first number that is not finite?",
        "log(0), 0 / 0, inf - inf and 0 * inf are not finite; adding mask * -inf gives 0 * inf. "
        "exp(89) is inf in float32: torch.softmax subtracts the largest number first.",
        "Print x.isfinite().all() after each line. Use x.masked_fill(mask, -torch.inf) for masks, "
        "and log_softmax or logsumexp instead of the logarithm of a sum or quotient.",
    ),
    not_finite,
)

SLIPS = {
    "exists": (NOTHING,),
    "shape": (NOTHING,),
    "value": (NOT_FINITE,),
    "gradient": (DETACHED, CHANGES),
    "invariance": (CHANGES,),
}


def slips_at(stage: str, task: Task) -> tuple[Mistake, ...]:
    """The slips to look for where a case of this stage failed."""
    return tuple(
        Mistake(slip.id, slip.diagnosis, slip.hints, partial(slip.shows, task=task))
        for slip in SLIPS.get(stage, ())
    )
