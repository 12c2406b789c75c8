"""Put a learner's function to the test, and say what is wrong with it."""

import html
import inspect
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from sslcourse.teach import progress
from sslcourse.teach.checks.catalogue import TASKS
from sslcourse.teach.checks.formulas import FORMULAS, rebuilt
from sslcourse.teach.checks.limits import (
    PATIENCE,
    first_words,
    kept_random_state,
    run_limited,
)
from sslcourse.teach.checks.relations import first_relation, only_turned
from sslcourse.teach.checks.relations.relation import Seen
from sslcourse.teach.checks.report import CheckReport
from sslcourse.teach.checks.slips import slips_at
from sslcourse.teach.checks.source import is_stubs, own_line, returns_in_a_loop
from sslcourse.teach.checks.task import STAGES, Attempt, Case, Failed, Task
from sslcourse.teach.outputs import Text

PASSED: set[str] = set()  # checks that were passed since this Python started
SECONDS = 2.0  # a right function takes a few hundredths; what it imports is not counted
TOO_LONG = (
    f"your function did not come to an end within {SECONDS:g} seconds of the processor, or "
    f"{PATIENCE * SECONDS:g} on the clock, on a few small tensors; does a loop never end?"
)


def check(key: str, function: Callable) -> CheckReport:
    """Say whether a learner's function is right, and if not, which mistake it makes.

    The function gets copies of small tensors, and all its calls together may take two seconds of
    the processor (thirty on the clock), first imports left out. Nothing that it does changes the
    global random states; of what it prints, the first call's is shown. The outcome is kept in the
    learner's progress.

    While nbgrader runs the notebook, a check that is not passed fails its cell, which then gets no
    points. Warnings are kept back then, because nbgrader gives none for a warning either.

    Args:
        key: such as "03.1"; `describe(key)` says what the function must do.
        function: the learner's.

    Returns:
        A report with `.passed` and `.mistake`, that shows itself in a notebook.

    Raises:
        ValueError: no such check.
        AssertionError: not passed, while nbgrader runs the notebook.
    """
    task = find(key)
    with warnings.catch_warnings(action="ignore") if progress.grading() else nullcontext():
        report = examine(task, function)
    if report.passed:
        PASSED.add(key)
    if report.attempted:
        record(report)
    if progress.grading():
        report.require()
    return report


def describe(key: str) -> Text:
    """How the function of a check is called, what goes in and what comes out.

    Raises:
        ValueError: no such check.
    """
    task = find(key)
    head, text = html.escape(f"Check {key}, {task.title}"), html.escape(task.text)
    markup = f"<b>{head}</b><br><code>{html.escape(task.signature)}</code><br>{text}"
    return Text(f"Check {key}, {task.title}: {task.signature}\n{task.text}", markup, alone=True)


def find(key: str) -> Task:
    """The task of a check.

    Raises:
        ValueError: no such check.
    """
    if key not in TASKS:
        raise ValueError(f"there is no check {key!r}; the checks are {', '.join(TASKS)}.")
    return TASKS[key]


def record(report: CheckReport) -> None:
    """Note the try; what was passed once stays passed."""
    noted = progress.recall("checks", report.key)
    known = noted if isinstance(noted, dict) else {}
    already = bool(known.get("passed", False))
    tries = known.get("tries", 0) + (not already)
    progress.note("checks", report.key, {"tries": tries, "passed": already or report.passed})


def examine(task: Task, function: Callable) -> CheckReport:
    """All cases in order, up to the first that fails; then the catalogue of mistakes."""
    if problem := not_callable(task, function):
        return CheckReport(task.key, task.title, stage="exists", problem=problem)
    found: dict[str, Any] = {}  # filled on the way, so that a time limit loses nothing
    attempt = Attempt(task.adapt(function))

    def work() -> None:
        found.update(first_failure(task, attempt, function))
        if found.get("stage"):
            found.update(returns_in_a_loop(function) or recognise(task, attempt, found["case"]))

    with kept_random_state(), first_words(lambda: attempt.calls):
        finished, _ = run_limited(work, SECONDS)
    if not finished and "stage" not in found:
        found.update(stage="exists", problem=TOO_LONG)
    found.pop("case", None)
    return CheckReport(task.key, task.title, **found)


def not_callable(task: Task, function: Any) -> str:
    """Why a function can't even be called as the task wants it; empty where it can."""
    if not callable(function):
        return f"expected a function, got {type(function).__name__}; it is {task.signature}."
    args = task.first.args if task.inputs is None else range(task.inputs)
    kwargs = task.first.kwargs if task.inputs is None else {}
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        return f"your function can't be called as {task.signature}: {error}."
    except ValueError:  # a few built-in functions don't say
        pass
    return ""


def first_failure(task: Task, attempt: Attempt, function: Callable) -> dict[str, Any]:
    """The stage and the text of the first case that fails, or that all were passed."""

    def answers(f: Attempt) -> None:
        f(*task.first.args, **task.first.kwargs)

    for case in sorted([Case("exists", answers), *task.cases], key=lambda c: STAGES.index(c.stage)):
        try:
            case.run(attempt)
        except Failed as failure:
            return {"stage": case.stage, "problem": str(failure), "case": case}
        except (Exception, SystemExit) as error:
            if isinstance(error, NotImplementedError) and is_stubs(error):
                return {"attempted": False}
            asked = f"\nIt came where this was tested: {case.says}" if case.says else ""
            text = own_line(error, function) + asked
            return {"stage": case.stage, "problem": text, "case": case}
    return {"passed": True}


def recognise(task: Task, attempt: Attempt, case: Case) -> dict[str, Any]:
    """The first known mistake that the function shows.

    Else wrong steps from which the result can be rebuilt, else its first relation to the right one.
    """
    seen = Seen(attempt, case.beside, case.call) if case.beside and case.call else None
    if seen and case.stage == "shape" and (turned := only_turned(seen)):
        relation, sentence = turned
        return {"mistake": relation.id, "diagnosis": sentence, "hints": relation.hints}
    for mistake in (*task.mistakes, *slips_at(case.stage, task)):
        try:
            shown = bool(mistake.shows(attempt))
        except (Exception, SystemExit):  # a function that raises does not show this behaviour
            continue
        if shown:
            return {"mistake": mistake.id, "diagnosis": mistake.diagnosis, "hints": mistake.hints}
    if not seen:
        return {}
    formula = FORMULAS.get(task.key) if case.stage == "value" else None
    if formula and (found := rebuilt(task, seen, formula)):
        return {"mistake": found.id, "diagnosis": found.sentence, "hints": found.hints}
    if related := first_relation(case.stage, seen):
        relation, sentence = related
        return {"mistake": relation.id, "diagnosis": sentence, "hints": relation.hints}
    return {}
