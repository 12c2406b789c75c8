"""The page for teachers: written from the exercises and the catalogue, and up to date."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from sslcourse.authoring import mark_for_nbgrader
from sslcourse.teach import classroom
from sslcourse.teach.checks.catalogue import TASKS

TOP = Path(__file__).parent.parent
EXERCISES = sorted((TOP / "exercises").glob("*.ipynb"))
ANSWER = "<!-- BEGIN SOLUTION -->\nMuch.\n<!-- END SOLUTION -->"
BEGINNING = """# Practice 9. A small one

What it is
for.

| task | what you write | difficulty | minutes |
| --- | --- | --- | --- |
| 1 | a plan | easy | 10 |
| 2 | two parts | hard | 25 |"""


def notebook_at(path, beginning=BEGINNING):
    cells = [
        new_markdown_cell(beginning),
        new_markdown_cell("## Task 1. A plan\n\n| a | minutes |\n| --- | --- |\n| no task | 99 |"),
        new_code_cell("print(1)"),
        new_markdown_cell("## Task 2. Two parts"),
        new_code_cell('check("03.3", pairs)  # 5 points'),
        new_markdown_cell("And now the other part."),
        new_code_cell('check("01.3", frozen)'),
        new_code_cell('if reached(1):\n    with milestone(2, "a title"):\n        pass'),
        new_markdown_cell("## What you saw (4 points)\n\n" + ANSWER),
        new_markdown_cell("## Rubric\n\nIn all:\n\n| half |\n| --- |\n| guessed |"),
        new_markdown_cell("## If you want more\n\nRead on."),
    ]
    nbformat.write(mark_for_nbgrader(new_notebook(cells=cells)), path)
    return path


def test_the_page_is_what_the_exercises_give():
    """`make notebooks` writes it anew."""
    stored = (TOP / "exercises" / classroom.PAGE).read_text("utf-8")
    assert stored == classroom.page(TOP / "exercises"), "run python -m sslcourse.teach.classroom"


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_every_exercise_has_aim_minutes_and_mistakes(path):
    one = classroom.read_exercise(path)
    assert one.aim.endswith(".") and 5 <= one.minutes <= 240
    text = classroom.section(one)
    for key in one.keys:
        for mistake in TASKS[key].mistakes:
            assert f"- `{mistake.id}`: {mistake.diagnosis}\n" in text


def test_minutes_and_points_are_summed_and_checks_find_their_task(tmp_path):
    one = classroom.read_exercise(notebook_at(tmp_path / "practice_9.ipynb"))
    assert (one.title, one.aim) == ("Practice 9. A small one", "What it is for.")
    assert (one.minutes, one.points, one.keys) == (35, 10, ["03.3", "01.3"])
    assert [step.checks for step in one.steps] == [[], ["03.3", "01.3"]]
    assert [step.milestones for step in one.steps] == [[], ["2"]]
    one.steps[1].milestones.clear()
    table = classroom.task_table(one)
    assert "| 1 | a plan | easy | 10 | – | – |\n" in table
    assert "| 2 | two parts | hard | 25 | 03.3, 01.3 | 10 |\n" in table
    row = "| [Practice 9. A small one](practice_9.ipynb) | 2 | 35 | 10 |"
    assert row in classroom.page(tmp_path)


def test_a_practice_shows_its_milestones_and_its_rubric(tmp_path):
    one = classroom.read_exercise(notebook_at(tmp_path / "a.ipynb", BEGINNING))
    assert one.rubric == "In all:\n\n| half |\n| --- |\n| guessed |"
    assert one.steps[1].judged_by == "milestone 2"
    one.steps[1].milestones.append("3")
    assert one.steps[1].judged_by == "milestones 2, 3"
    text = classroom.section(one)
    assert f"\n\n{one.rubric}\n\n</details>" in text and "Read on" not in text
    for step in one.steps:
        step.difficulty = ""
    assert "| task |  | minutes | judged by | points |\n" in classroom.task_table(one)


def test_without_checks_nothing_is_said_about_mistakes(tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell(BEGINNING)]), path)
    text = classroom.section(classroom.read_exercise(path))
    assert "*35 minutes.*" in text and "mistakes" not in text


@pytest.mark.parametrize("beginning", ["# A title", BEGINNING[2:], BEGINNING.replace("min", "h")])
def test_a_notebook_without_title_aim_or_minutes_is_refused(tmp_path, beginning):
    path = tmp_path / "a.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell(beginning)]), path)
    with pytest.raises(ValueError, match=r"a\.ipynb needs a title"):
        classroom.read_exercise(path)


def test_one_command_writes_the_page(tmp_path, capsys):
    notebook_at(tmp_path / "a.ipynb")
    assert classroom.main([str(tmp_path)]) == 0
    assert (tmp_path / "README.md").read_text("utf-8") == classroom.page(tmp_path)
    assert classroom.main([str(tmp_path / "nowhere")]) == 1
    assert "there is no folder" in capsys.readouterr().err
