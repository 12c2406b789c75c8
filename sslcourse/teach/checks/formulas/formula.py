"""A right formula whose steps can be done wrongly, so that a wrong result can be rebuilt."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product

import torch

from sslcourse.teach.checks.cases import both
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.relations import Seen
from sslcourse.teach.checks.task import Task, converted

Way = Callable[[str], str]  # the name of a step -> the wrong way in which it is done; "" if right
AT_ONCE = 2  # so many wrong steps are looked for
SECONDS = 0.6  # of the processor, at most, for the search
HINTS = (
    "Your result can be rebuilt, number for number, from the right formula done in that way.",
    "Which line of yours does that? Read the text of the task again beside it.",
    "Change that line; if two things were named, one after the other, and check after each.",
)


@dataclass(frozen=True)
class Formula:
    """The right formula of a task, and what learners make of its steps.

    Attributes:
        run: called with a `Way` and the inputs of the learner's function.
        ways: for each step its wrong ways, and a text that completes "your result is the one that
            comes out if ...".
    """

    run: Callable
    ways: dict[str, dict[str, str]]

    def made(self, chosen: tuple[tuple[str, str], ...]) -> Callable:
        """The function that does these (step, wrong way) and all else rightly."""
        return partial(self.run, lambda step: dict(chosen).get(step, ""))

    def wrong(self, at_once: int) -> Iterator[tuple[tuple[str, str], ...]]:
        """All choices of so many different steps and a wrong way for each."""
        for steps in combinations(self.ways, at_once):
            for ways in product(*(self.ways[step] for step in steps)):
                yield tuple(zip(steps, ways, strict=True))


def rebuilt(task: Task, seen: Seen, formula: Formula) -> tuple[str, str] | None:
    """An id and a sentence where one or two wrong steps give just what the learner's gives."""
    begun = time.thread_time()
    calls = (seen.call, *(call for call in seen.beside.calls if call is not seen.call))
    results = [both(seen.f, seen.beside.right, call) for call in calls]
    came = [result for result, _ in results]
    if len(calls) > 1 and all(close(x, came[0]) for x in came):
        return None  # whatever goes in: many a wrong step gives 0 for some inputs
    for at_once in range(1, AT_ONCE + 1):
        for chosen in formula.wrong(at_once):
            if time.thread_time() - begun > SECONDS:
                return None
            other = task.adapt(formula.made(chosen))
            if all(gives(other, call, result) for call, result in zip(calls, came, strict=True)):
                texts = [formula.ways[step][way] for step, way in chosen]
                sentence = f"Your result is the one that comes out if {', and if '.join(texts)}."
                return " + ".join(f"{step}:{way}" for step, way in chosen), sentence
    return None


@torch.no_grad()
def gives(other: Callable, call, result) -> bool:
    """Whether a function gives this result; one that can't take the inputs doesn't."""
    try:
        return close(converted(other(*call.args, **call.kwargs)), result)
    except (RuntimeError, ValueError, IndexError, TypeError, ZeroDivisionError):
        return False
