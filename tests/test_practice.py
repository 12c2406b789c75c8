"""Open practice: a plan before the first number, milestones on the way, a rubric, a worked answer.

That solutions still print what is stored is nbval's part of `make test`.
"""

import re
from pathlib import Path

import nbformat
import pytest

from sslcourse.authoring import BEGIN, TEXT_BEGIN, TEXT_STUB, execute

TOP = Path(__file__).parent.parent
NAMES = (
    "practice_1_augmentation_ablation",
    "practice_2_linear_evaluation",
    "practice_3_mae_vs_simclr",
    "practice_4_attention_maps",
)
MILESTONE = re.compile(r'^ *with milestone\((\d+), ["\'](.*)["\']\):$', re.MULTILINE)
every_practice = pytest.mark.parametrize("name", NAMES)


def cells_of(folder, name):
    return nbformat.read(TOP / folder / f"{name}.ipynb", as_version=4).cells


def prose(cells):
    return [cell.source for cell in cells if cell.cell_type == "markdown"]


def code(cells):
    return [cell for cell in cells if cell.cell_type == "code"]


def said(cell):
    """The plain text of all outputs of a cell."""
    texts = (output.get("text") or output.data["text/plain"] for output in cell.outputs)
    return "\n".join(texts)


def test_there_are_four():
    found = {path.stem for path in (TOP / "solutions").glob("practice_*.ipynb")}
    assert found == set(NAMES)


@every_practice
def test_a_plan_comes_before_the_first_milestone(name):
    sources = [cell.source for cell in cells_of("solutions", name)]
    answers = [place for place, source in enumerate(sources) if TEXT_BEGIN in source]
    milestones = [place for place, source in enumerate(sources) if MILESTONE.search(source)]
    heads = [line for line in sources[answers[0]].split("\n") if line.startswith("#")]
    assert "plan" in heads[0], "the first answer in words is the plan"
    assert answers[0] < milestones[0]
    assert len(answers) >= 3 and answers[-1] > milestones[-1], "and the last one concludes"


@every_practice
def test_milestones_stand_in_order_and_the_solution_reaches_them(name):
    cells = code(cells_of("solutions", name))
    found = [(match, cell) for cell in cells for match in MILESTONE.findall(cell.source)]
    assert [int(number) for number, _ in (match for match, _ in found)] == [
        *range(1, len(found) + 1)
    ]
    assert len(found) >= 4
    for (number, title), cell in found:
        assert f"Milestone {number} reached: {title}." in said(cell)
    for cell in cells:
        assert "This cell waits" not in said(cell) and "is not reached" not in said(cell)


@every_practice
def test_the_rubric_hands_out_twenty_points(name):
    (rubric,) = [text for text in prose(cells_of("solutions", name)) if "## Rubric" in text]
    rows = [line.strip("|").split("|") for line in rubric.split("\n") if line.startswith("|")]
    assert rows[0][1].strip() == "points" and len(rows) >= 5
    assert sum(int(row[1]) for row in rows[2:]) == 20


@every_practice
def test_the_exercise_holds_no_answer_and_says_where_one_stands(name):
    solution, exercise = cells_of("solutions", name), cells_of("exercises", name)
    words = sum(TEXT_BEGIN in text for text in prose(solution))
    assert sum(TEXT_STUB[0] in text for text in prose(exercise)) == words + 1, "and how to work"
    assert not any("SOLUTION" in cell.source for cell in exercise)
    first = exercise[0].source
    assert f"(../solutions/{name}.ipynb)" in first and "| part | what you do | minutes |" in first
    for cell in code(solution):
        for line in cell.source.split("\n"):
            if line.strip() == BEGIN:
                assert line.startswith("    "), "a stub outside a function would stop Run All"


@every_practice
def test_run_all_on_an_untouched_exercise_reaches_the_end(name, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    path = TOP / "exercises" / f"{name}.ipynb"
    notebook = execute(nbformat.read(path, as_version=4), path.parent)
    for cell in code(notebook.cells):
        assert all(output.get("name") != "stderr" for output in cell.outputs)
        waits = "This cell waits for milestone" in said(cell)
        for number, title in MILESTONE.findall(cell.source):
            assert waits or f"Milestone {number} is not attempted yet: {title}." in said(cell)
        if cell.source.startswith("if reached("):
            assert re.fullmatch(r"This cell waits for milestones? [\d and]+\.", said(cell))
