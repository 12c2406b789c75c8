"""A right formula whose steps can be done wrongly, so that a wrong result can be rebuilt."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product
from typing import Any

import torch

from sslcourse.teach.checks.cases import both
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.relations.relation import Seen
from sslcourse.teach.checks.task import Call, Task, converted

Way = Callable[[str], str]  # the name of a step -> the wrong way in which it is done; "" if right
AT_ONCE = 2  # so many wrong steps are looked for
SECONDS = 0.8  # of the processor, at most, for the search
BETWEEN = 25  # tries from one look at the clock to the next, which takes as long as a try


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
        wrong = dict(chosen)
        return partial(self.run, lambda step: wrong.get(step, ""))

    def wrong(self, at_once: int) -> Iterator[tuple[tuple[str, str], ...]]:
        """All choices of so many different steps and a wrong way for each."""
        for steps in combinations(self.ways, at_once):
            for ways in product(*(self.ways[step] for step in steps)):
                yield tuple(zip(steps, ways, strict=True))


@dataclass(frozen=True)
class Rebuilt:
    """Wrong steps that give a learner's result.

    Attributes:
        id: the steps and the ways in which they are done.
        sentence: says the same in words.
        hints: three, from gentle to explicit.
    """

    id: str
    sentence: str
    hints: tuple[str, str, str]


def rebuilt(task: Task, seen: Seen, formula: Formula) -> Rebuilt | None:
    """One or two wrong steps that give just what the learner's function gives, if there are any."""
    begun = time.thread_time()
    calls = (seen.call, *(call for call in seen.beside.calls if call is not seen.call))
    results = [both(seen.f, seen.beside.right, call) for call in calls]
    came = [result for result, _ in results]
    if len(calls) > 1 and all(close(x, came[0]) for x in came):
        return None  # whatever goes in: many a wrong step gives 0 for some inputs
    tries = (chosen for at_once in range(1, AT_ONCE + 1) for chosen in formula.wrong(at_once))
    for number, chosen in enumerate(tries):
        if number % BETWEEN == 0 and time.thread_time() - begun > SECONDS:
            return None
        other = task.adapt(formula.made(chosen))
        if all(gives(other, call, result) for call, result in zip(calls, came, strict=True)):
            return described(formula, chosen)
    return None


def described(formula: Formula, chosen: tuple[tuple[str, str], ...]) -> Rebuilt:
    texts = [formula.ways[step][way] for step, way in chosen]
    steps = " and ".join(step.replace("-", " ") for step, _ in chosen)
    count = "one step" if len(chosen) == 1 else "two steps"
    return Rebuilt(
        " + ".join(f"{step}:{way}" for step, way in chosen),
        f"Your result is the one that comes out if {', and if '.join(texts)}.",
        (
            f"Look at {count} of your function: {steps}.",
            "Compute the first number of the example by hand, once as your lines say and once as "
            "the text of the task says. Where do they part?",
            f"Undo this: {'; '.join(texts)}. Without it the numbers of these examples are right.",
        ),
    )


@torch.no_grad()
def gives(other: Callable, call: Call, result: Any) -> bool:
    """Whether a function gives this result; one that can't take the inputs doesn't."""
    try:
        return close(converted(other(*call.args, **call.kwargs)), result)
    except (RuntimeError, ValueError, IndexError, TypeError, ZeroDivisionError):
        return False
