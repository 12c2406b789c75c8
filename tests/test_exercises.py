"""Exercises: cut from solutions, open to "Run All" in any state, and gradable by nbgrader.

That solutions still print what is stored is nbval's part of `make test`.
"""

import importlib.util
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from sslcourse.authoring import BEGIN, CHECK, END, execute, exercise_from, mark_for_nbgrader
from sslcourse.teach import ready
from sslcourse.teach.checks import check
from sslcourse.teach.checks.examine import PASSED

TOP = Path(__file__).parent.parent
SOLUTIONS = sorted((TOP / "solutions").glob("*.ipynb"))
LESSONS = [path for path in SOLUTIONS if path.stem[:2].isdigit()]  # the others are open practice
TASK = re.compile(r"^## Task \d+\. .*\n\n\*(Easy|Medium|Hard), \d+ minutes\.\*$", re.MULTILINE)
every_solution = pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_PROGRESS", str(tmp_path / "progress.json"))
    before = set(PASSED)
    PASSED.clear()
    yield
    PASSED.clear()
    PASSED.update(before)


def cells_of(path, kind="code"):
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == kind]


def checks_of(cells):
    """[(cell, check's id, name of the function)] of the cells that hold a check."""
    found = ((cell, CHECK.match(cell.source)) for cell in cells)
    return [(cell, match[1], match[2]) for cell, match in found if match]


def said(cell):
    """The plain text of all outputs of a cell."""
    texts = (output.get("text") or output.data["text/plain"] for output in cell.outputs)
    return "\n".join(texts)


# what an exercise is made of


def test_an_exercise_for_every_solution():
    exercises = sorted((TOP / "exercises").glob("*.ipynb"))
    assert [path.name for path in exercises] == [path.name for path in SOLUTIONS]


@every_solution
def test_an_exercise_is_what_its_solution_gives(path):
    generated = exercise_from(nbformat.read(path, as_version=4))
    stored = (TOP / "exercises" / path.name).read_text("utf-8")
    assert nbformat.writes(generated) + "\n" == stored, "run python -m sslcourse.authoring"
    assert BEGIN not in stored and END not in stored


@every_lesson
def test_tasks_say_how_hard_and_how_long_they_are(path):
    prose = "\n\n".join(cell.source for cell in cells_of(path, "markdown"))
    cells = cells_of(path)
    asked = [key for _, key, _ in checks_of(cells)]
    assert 4 <= len(asked) <= 6 and len(set(asked)) == len(asked)
    assert len(TASK.findall(prose)) == prose.count("## Task ") == len(asked)
    assert all(key.startswith(path.name[:2]) for key in asked)
    sources = [cell.source for cell in cells]
    for cell, key, name in checks_of(cells):
        place = cells.index(cell)  # how it is called, the answer, the check: one below the other
        assert sources[place - 2] == f'describe("{key}")'
        assert BEGIN in sources[place - 1] and f"def {name}(" in sources[place - 1]
        assert re.search(r"# \d+ points?$", cell.source)
    waits = [key for source in sources for key in re.findall(r"ready\((.*?)\)", source)]
    assert set(re.findall(r'"(.*?)"', " ".join(waits))) <= set(asked)
    assert all(len(source.splitlines()) <= 25 for source in sources)


@every_lesson
def test_answers_pass_their_checks(path):
    """The first cell imports, and answers need nothing else; so this trains nothing."""
    first, *cells = cells_of(path)
    names: dict = {}
    exec(first.source, names)
    for cell in cells:
        if BEGIN in cell.source:
            exec(cell.source, names)
        for _, key, name in checks_of([cell]):
            report = check(key, names[name])
            assert report.passed, repr(report)
            assert said(cell) == repr(report), "what is stored"


# what a learner meets


@every_lesson
def test_run_all_on_an_untouched_exercise_reaches_the_end(path):
    notebook = nbformat.read(TOP / "exercises" / path.name, as_version=4)
    execute(notebook, TOP / "exercises")
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, key, _ in checks_of(cells):
        assert said(cell).startswith(f"Check {key} not attempted yet")
    for cell in cells:
        assert all(output.get("name") != "stderr" for output in cell.outputs)
        if "if ready(" in cell.source:
            assert re.fullmatch(r"This cell waits for checks? .*\.", said(cell))


def stub(z):
    raise NotImplementedError()


def pairs(z):
    return z[0::2], z[1::2]


def halves(z):
    return z.chunk(2)


def test_a_cell_waits_for_all_that_it_uses(capsys):
    check("03.3", halves)
    assert not ready("03.3")
    assert capsys.readouterr().out == "This cell waits for check 03.3 (pairs that alternate).\n"
    check("03.3", pairs)
    assert ready("03.3") and ready()
    assert not ready("03.4", "03.3", "03.5")
    waited = "This cell waits for checks 03.4 (unit length) and 03.5 (what is evaluated).\n"
    assert capsys.readouterr().out == waited
    check("03.3", halves)
    assert ready("03.3"), "what was passed once stays passed: a learner may try something"
    with pytest.raises(ValueError, match="there is no check '03.99'"):
        ready("03.99")


# grading


def test_a_check_fails_its_cell_while_nbgrader_runs_it(monkeypatch, tmp_path):
    check("03.3", halves)  # a learner only reads about it
    kept = (tmp_path / "progress.json").read_text()
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    for wrong, text in ((halves, "You cut the batch in the middle"), (stub, "not attempted yet")):
        with pytest.raises(AssertionError, match=text):
            check("03.3", wrong)
    assert check("03.3", pairs).passed
    assert (tmp_path / "progress.json").read_text() == kept, "this is somebody else's work"


def test_a_warning_costs_no_points(monkeypatch):
    """nbgrader gives none to a cell that wrote to stderr."""

    def warns(z):
        warnings.warn("old style", stacklevel=1)
        return pairs(z)

    with pytest.warns(UserWarning, match="old style"):
        check("03.3", warns)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check("03.3", warns).passed


def test_experiments_are_left_out_while_nbgrader_runs(monkeypatch, capsys):
    check("03.3", pairs)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert not ready("03.3")
    assert capsys.readouterr().out == "This cell is left out while nbgrader runs the notebook.\n"


ANSWER = "def pairs(z):\n    ### BEGIN SOLUTION\n    return z[0::2], z[1::2]\n    ### END SOLUTION"
WARNED = "import warnings\ndef pairs(z):\n    warnings.warn('old')\n    return z[0::2], z[1::2]"
STUDENTS = {
    "right": ({"answer-1": ANSWER}, 5),
    "warned": ({"answer-1": WARNED}, 5),
    "wrong": ({"answer-1": "def pairs(z):\n    return z.chunk(2)"}, 0),
    "untouched": ({}, 0),
    "cheat": ({"check-03-3": "print('Check 03.3 passed: pairs that alternate.')"}, 0),
}


def run_nbgrader(course, *arguments):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it calls alembic
    command = [sys.executable, "-m", "nbgrader", *arguments, "--create"]
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def small_solution():
    sources = (
        "from sslcourse.teach.checks import check",
        ANSWER,
        'check("03.3", pairs)  # 5 points',
    )
    cells = [new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(sources)]
    return mark_for_nbgrader(new_notebook(cells=cells))


@pytest.fixture
def course(tmp_path):
    if importlib.util.find_spec("nbgrader") is None:
        pytest.skip("nbgrader is not installed")
    (tmp_path / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'x'"
    )
    return tmp_path


@every_solution
def test_nbgrader_hands_out_our_exercise(path, course):
    folder = course / "source" / "all"
    folder.mkdir(parents=True)
    (folder / path.name).write_bytes(path.read_bytes())
    run_nbgrader(course, "generate_assignment", "all")
    released = cells_of(course / "release" / "all" / path.name)
    ours = cells_of(TOP / "exercises" / path.name)
    assert [cell.source for cell in released] == [cell.source for cell in ours]


def test_nbgrader_grades(course):
    solution = small_solution()
    (course / "source" / "small").mkdir(parents=True)
    nbformat.write(solution, course / "source" / "small" / "a.ipynb")
    run_nbgrader(course, "generate_assignment", "small")
    for student, (edits, _) in STUDENTS.items():
        work = exercise_from(solution)  # our own file, as it is handed out without nbgrader
        for cell in work.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = edits.get(name, cell.source)
        folder = course / "submitted" / student / "small"
        folder.mkdir(parents=True)
        nbformat.write(work, folder / "a.ipynb")
    log = run_nbgrader(course, "autograde", "small")
    assert "may treat as error" not in log
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
        scores = {s.student_id: s.score for s in book.assignment_submissions("small")}
    assert scores == {student: points for student, (_, points) in STUDENTS.items()}
