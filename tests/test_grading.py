"""Grading with nbgrader: points for checks that are passed, and nothing but points.

Where nbgrader is installed it hands out the exercises, and goes with five students the whole way
that README shows: collect, grade, feedback, export.
"""

import csv
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import warnings
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from sslcourse.authoring import exercise_from, mark_for_nbgrader
from sslcourse.teach import ready
from sslcourse.teach.checks import check

TOP = Path(__file__).parent.parent
SOLUTIONS = sorted((TOP / "solutions").glob("*.ipynb"))


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_PROGRESS", str(tmp_path / "progress.json"))


def stub(z):
    raise NotImplementedError()


def pairs(z):
    return z[0::2], z[1::2]


def halves(z):
    return z.chunk(2)


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


def readme_blocks():
    """The code of README's section "With a class": nbgrader's settings, and the commands."""
    text = (TOP / "README.md").read_text("utf-8")
    section = text.split("\n## With a class\n")[1].split("\n## ")[0]
    settings, commands = re.findall(r"```\w*\n(.*?)```", section, re.DOTALL)
    return settings, [line for line in commands.splitlines() if line.startswith("nbgrader ")]


def run_nbgrader(course, line):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it calls alembic
    command = [sys.executable, "-m", *shlex.split(line, comments=True)]
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
    (tmp_path / "nbgrader_config.py").write_text(readme_blocks()[0])
    return tmp_path


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_nbgrader_hands_out_our_exercise(path, course):
    folder = course / "source" / "all"
    folder.mkdir(parents=True)
    (folder / path.name).write_bytes(path.read_bytes())
    run_nbgrader(course, "nbgrader generate_assignment all --create")
    released = nbformat.read(course / "release" / "all" / path.name, as_version=4)
    ours = nbformat.read(TOP / "exercises" / path.name, as_version=4)
    assert [cell.source for cell in released.cells] == [cell.source for cell in ours.cells]


def test_the_way_that_readme_shows(course):
    names = [line.split()[1] for line in readme_blocks()[1]]
    wanted = ["generate_assignment", "zip_collect", "autograde", "generate_feedback", "export"]
    assert names == wanted
    solution = small_solution()
    for folder in ("source/03", "downloaded/03/archive"):
        (course / folder).mkdir(parents=True)
    nbformat.write(solution, course / "source/03/03_simclr.ipynb")
    for student, (edits, _) in STUDENTS.items():
        work = exercise_from(solution)  # our own file, as it is handed out without nbgrader
        for cell in work.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = edits.get(name, cell.source)
        nbformat.write(work, course / f"downloaded/03/archive/{student}_03_simclr.ipynb")
    for line in readme_blocks()[1]:
        assert "may treat as error" not in run_nbgrader(course, line)
    with (course / "grades.csv").open() as file:
        rows = list(csv.DictReader(file))
    scores = {row["student_id"]: float(row["score"]) for row in rows}
    assert scores == {student: points for student, (_, points) in STUDENTS.items()}
    assert {(row["assignment"], row["max_score"]) for row in rows} == {("03", "5.0")}
    pages = {s: (course / f"feedback/{s}/03/03_simclr.html").read_text("utf-8") for s in STUDENTS}
    assert "You cut the batch in the middle" in pages["wrong"]
    assert "Check 03.3 passed" in pages["right"] and "not attempted yet" in pages["untouched"]
