"""What the lines of a learner's function show: where it raised, and a loop that never goes on."""

import ast
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable
from types import TracebackType
from typing import Any

# what torch's own errors leave open: {a part of their text: what to ask}
ASK = {
    "Expected target size": "F.cross_entropy wants the classes in dimension 1, (N, K) or "
    "(N, K, L). Where only some places count, pick them first: logits[mask] (M, K) and "
    "tokens[mask] (M,).",
    "detach().numpy()": "Stay in torch (torch.stack, torch.where, .mean()): NumPy would cut the "
    "gradient.",
    "modified by an inplace operation": "exp and softmax need their own result for the gradient, "
    "so it must not be written into: use masked_fill, without an underscore, not fill_diagonal_.",
    "cannot be multiplied": "The last axis of the first must be as long as the first axis of the "
    "second. Is a .T missing?",
    "math domain error": "math.log(0) has no value. In an entropy, 0 log 0 counts as 0.",
}
KEPT = re.compile("keepdim|None|unsqueeze")  # the dimension that a sum drops is back
LOOP_HINTS = (
    "How often does your loop run before the function is over?",
    "`return` ends the whole function, wherever it stands, not just one round of the loop.",
    "Collect the rounds in a list or a sum, and move `return` behind the loop: as far to the left "
    "as its `for`.",
)


def is_stubs(error: NotImplementedError) -> bool:
    """Whether a stub raised it, without a text or in a line that says so; torch's have neither.

    Torch raises this error for what an operation can't do, such as 1 - mask.
    """
    step = error.__traceback__
    while step and step.tb_next:
        step = step.tb_next
    line = linecache.getline(step.tb_frame.f_code.co_filename, step.tb_lineno) if step else ""
    return not str(error) or "raise NotImplementedError" in line


def own_line(error: BaseException, function: Callable) -> str:
    """An error's message and the deepest line of the learner's own code on the way to it."""
    text = f"your function raised {type(error).__name__}: {error}"
    code = getattr(inspect.unwrap(function), "__code__", None)
    line, step = None, error.__traceback__
    while code and isinstance(step, TracebackType):
        if step.tb_frame.f_code.co_filename == code.co_filename:
            line = step.tb_lineno
        step = step.tb_next
    if line is None:
        return text + what_to_ask(error, "")
    source = linecache.getline(code.co_filename, line).strip()
    text = f"{text}\nin line {line}: {source}" if source else f"{text}\nin line {line}"
    return text + what_to_ask(error, source)


def what_to_ask(error: BaseException, source: str) -> str:
    """A second sentence for errors of torch whose own text does not help a learner."""
    if "batch2 tensor" in str(error) and re.search(r"\.(T|t\(\)|transpose\(1, 2\))", source):
        return "\nWhich axes does that turn? `.mT` turns the last two, however many there are."
    for told, ask in ASK.items():
        if told in str(error):
            return f"\n{ask}"
    if "is invalid for input of size" in str(error) and re.search(r"\b3\b", source):
        return "\nIs the 3 there the number of colours? Take every size from the inputs."
    drops = re.search(r"\b(norm|sum|mean|std|var|amax|max)\(.*\d", source)
    if "must match the size of tensor" in str(error) and drops and not KEPT.search(source):
        return f"\nDoes `{drops[1]}` need keepdim=True there, so that its dimension stays?"
    return ""


def returns_in_a_loop(function: Callable) -> dict[str, Any]:
    """A mistake that needs no test: a `for` whose last line, in every round, is a `return`.

    Empty where there is none, or where the source can't be had.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):  # built in, made by exec, or half a line of a lambda
        return {}
    for loop in ast.walk(tree):
        if not isinstance(loop, ast.For) or not isinstance(loop.body[-1], ast.Return):
            continue
        if not any(isinstance(step, ast.Continue) for step in ast.walk(loop)):
            line = ast.unparse(loop.body[-1])
            diagnosis = f"`{line}` stands inside the loop, so the loop ends in its first round."
            return {"mistake": "return-in-the-loop", "diagnosis": diagnosis, "hints": LOOP_HINTS}
    return {}
