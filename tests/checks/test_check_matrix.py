"""Every known mistake is named by its own id, and no right solution is refused."""

import importlib
from pathlib import Path

import pytest
import torch
from collected import RIGHT, UNSEEN, WRONG

from sslcourse.teach.checks import check, describe
from sslcourse.teach.checks.catalogue import TASKS
from sslcourse.teach.checks.numbers import mapped

for path in sorted(Path(__file__).parent.glob("*.py")):
    if path.stem.startswith(("wrong_", "right_", "unseen")):
        importlib.import_module(path.stem)

KNOWN = [(key, mistake.id) for key, task in TASKS.items() for mistake in task.mistakes]
MAIN = ("03.1", "04.1", "05.1", "05.2", "06.1", "06.4", "07.5", "08.1", "09.4", "09.5", "11.1")


@pytest.fixture(autouse=True, scope="module")
def no_progress():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSLCOURSE_PROGRESS", "off")
        yield


def test_the_matrix(capsys):
    """Wrong functions x (named by their own id, caught but unnamed or misnamed, missed)."""
    rows = {key: [0, 0, 0] for key in TASKS}
    astray = []
    for key, mistake in KNOWN:
        report = check(key, WRONG[key, mistake])
        column = 2 if report.passed else 0 if report.mistake == mistake else 1
        rows[key][column] += 1
        astray += [f"{key} {mistake}: {report.mistake}"] if column else []
    named, unnamed, missed = (sum(row[column] for row in rows.values()) for column in range(3))
    with capsys.disabled():
        print("\ncheck  named  unnamed  missed")
        for key, row in rows.items():
            print(f"{key}  {row[0]:5d}  {row[1]:7d}  {row[2]:6d}")
        print(f"all    {named:5d}  {unnamed:7d}  {missed:6d}")
    assert missed == 0
    assert not astray, "a catalogued mistake is named by exactly its id"


def test_every_mistake_has_a_wrong_function_and_three_hints():
    assert sorted(KNOWN) == sorted(WRONG)
    assert len(set(KNOWN)) == len(KNOWN)
    for task in TASKS.values():
        for mistake in task.mistakes:
            assert len(mistake.hints) == 3 and all(hint.strip() for hint in mistake.hints)
            assert mistake.id == mistake.id.lower() and " " not in mistake.id
            assert mistake.diagnosis.endswith(".")


@pytest.mark.parametrize(
    ("key", "function"),
    [(key, function) for key, _, function in RIGHT],
    ids=[f"{key} {style}" for key, style, _ in RIGHT],
)
def test_no_right_solution_is_refused(key, function):
    report = check(key, function)
    assert report.passed, report


def test_main_tasks_have_at_least_three_right_solutions_beside_the_packages():
    for key in MAIN:
        assert sum(k == key and style != "package" for k, style, _ in RIGHT) >= 3, key


@pytest.mark.parametrize(
    ("key", "mistake", "function"), UNSEEN, ids=[f"{k} {f.__name__}" for k, _, f in UNSEEN]
)
def test_other_ways_of_writing_a_mistake(key, mistake, function):
    report = check(key, function)
    known = {m.id for m in TASKS[key].mistakes}
    named = report.mistake == mistake if mistake else report.mistake not in known
    assert not report.passed and named, report


@pytest.mark.parametrize("key", TASKS)
def test_every_task_describes_itself_and_knows_the_stub(key):
    task = TASKS[key]
    assert task.signature in repr(describe(key)) and task.text in repr(describe(key))

    def stub(*args, **kwargs):
        raise NotImplementedError()

    report = check(key, stub)
    assert not report.passed and not report.attempted and report.mistake is None
    assert (
        repr(report)
        == f"Check {key} not attempted yet: {task.title} (it raises NotImplementedError)."
    )


@pytest.mark.parametrize("key", TASKS)
def test_a_function_that_returns_nothing_is_never_right(key):
    report = check(key, lambda *args, **kwargs: None)
    assert not report.passed, key


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_results_on_a_gpu_are_judged_as_those_on_the_cpu():
    def on_gpu(function):
        return lambda *args, **kwargs: mapped(torch.Tensor.cuda, function(*args, **kwargs))

    astray = []
    for key, _, function in RIGHT:
        if TASKS[key].inputs is None and not check(key, on_gpu(function)).passed:
            astray.append(f"{key} {function}")
    for key, mistake in KNOWN:  # the networks that some checks hand over are on the CPU
        if TASKS[key].inputs is None:
            found = check(key, on_gpu(WRONG[key, mistake])).mistake
            astray += [f"{key} {mistake}: {found}"] if found != mistake else []
    assert not astray
