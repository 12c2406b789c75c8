"""Exercises: cut from solutions, open to "Run All" in any state.

That solutions still print what is stored is nbval's part of `make test`.
"""

import re
from pathlib import Path

import nbformat
import pytest

from sslcourse.authoring import BEGIN, CHECK, END, execute, exercise_from
from sslcourse.teach import ready
from sslcourse.teach.checks import check
from sslcourse.teach.checks.examine import PASSED

TOP = Path(__file__).parent.parent
SOLUTIONS = sorted((TOP / "solutions").glob("*.ipynb"))
LESSONS = [path for path in SOLUTIONS if path.stem[:2].isdigit()]  # the others are open practice
BORROWED = {"08": {"11.1"}}  # attention is taught before its own lesson
TASK = re.compile(r"^## Task \d+\. .*\n\n\*(Easy|Medium|Hard), \d+ minutes\.\*$", re.MULTILINE)
STEPS = re.compile(r"(?<=epochs=None, steps=)\d+")  # of a training that waits for no function
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
    own = {key for key in asked if key.startswith(path.name[:2])}
    assert set(asked) - own == BORROWED.get(path.name[:2], set())
    sources = [cell.source for cell in cells]
    for cell, key, name in checks_of(cells):
        place = cells.index(cell)  # how it is called, the answer, the check: one below the other
        assert sources[place - 2] == f'describe("{key}")'
        assert f": {name}(" in said(cells[place - 2]).split("\n")[0], "the name that it has here"
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
    for cell in notebook.cells:
        cell.source = STEPS.sub("20", cell.source)
    execute(notebook, TOP / "exercises")
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, key, _ in checks_of(cells):
        assert said(cell).startswith(f"Check {key} not attempted yet")
    for cell in cells:
        assert all(output.get("name") != "stderr" for output in cell.outputs)
        if "if ready(" in cell.source:
            assert re.fullmatch(r"This cell waits for checks? .*\.", said(cell))


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
