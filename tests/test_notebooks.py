"""Stored notebooks: executed from top to bottom, without rests of a run, small enough to keep.

That their outputs are still what the code prints is nbval's part of `make test`.
"""

import copy
import re
from pathlib import Path

import nbformat
import pytest

from sslcourse.authoring import WIDGET_VIEW, clean, mark_for_nbgrader, measure
from sslcourse.teach.progress import questions

TOP = Path(__file__).parent.parent
NOTEBOOKS = sorted((TOP / "notebooks").glob("*.ipynb"))
STORED = NOTEBOOKS + sorted((TOP / "solutions").glob("*.ipynb"))


def name_of(path):
    return f"{path.parent.name}/{path.stem}"


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def test_the_first_lesson_is_there():
    assert NOTEBOOKS[0].name == "00_start_here.ipynb"


def test_the_first_lesson_counts_all_lessons():
    """It shows one line for each, so it is executed again whenever a lesson is added."""
    stored = (TOP / "notebooks" / "00_start_here.ipynb").read_text("utf-8")
    assert f"Your progress in {len(NOTEBOOKS)} lessons" in stored
    assert all(f'href=\\"{path.name}\\"' in stored for path in NOTEBOOKS)


@pytest.mark.parametrize("path", STORED, ids=name_of)
def test_stored_as_executed_and_cleaned(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    # nbval compares nothing in a cell without a count, so a stripped notebook would pass it
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert all(output.output_type != "error" for output in cell.outputs)
        assert all(output.get("name") != "stderr" for output in cell.outputs)
        assert len(cell.source.splitlines()) <= 25
    assert "widgets" not in notebook.metadata
    cleaned = clean(mark_for_nbgrader(copy.deepcopy(notebook)))
    assert nbformat.writes(cleaned) + "\n" == path.read_text("utf-8")
    assert path.stat().st_size <= 1_000_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lesson_is_as_long_as_a_lesson_may_be(path):
    found = measure(path)
    assert 40 <= found.cells <= 60
    assert 1_800 <= found.words <= 2_800
    assert 5 <= found.figures <= 8
    assert found.median <= 8


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lesson_asks_before_it_shows_and_ends_with_done(path):
    asked = questions(path)
    assert asked["predictions"] and asked["quizzes"]
    for ids in asked.values():
        assert all(key.startswith(path.name[:2]) for key in ids)
    code = [cell.source for cell in code_cells(nbformat.read(path, as_version=4))]
    assert sum(".reveal(" in source for source in code) == len(asked["predictions"])
    assert any("explore(" in source for source in code)
    assert f'lesson_done("{path.name[:2]}")' in code[-1]
    assert any("BUDGET, SEED = None, 0" in source for source in code[:3])


@pytest.mark.parametrize("path", STORED, ids=name_of)
def test_links_lead_somewhere(path):
    prose = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"]
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", "\n".join(prose)):
        assert target.startswith("https://") or (path.parent / target).is_file(), target


@pytest.mark.parametrize("path", STORED, ids=name_of)
def test_every_picture_has_a_sentence(path):
    for cell in code_cells(nbformat.read(path, as_version=4)):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                sentence = output.data["text/plain"]
                assert sentence.endswith(".")
                assert output.metadata["image/png"]["alt"] == sentence


def test_cleaning_drops_what_changes_from_run_to_run():
    output = nbformat.v4.new_output(
        "display_data", {"text/plain": "a slider", WIDGET_VIEW: {"model_id": "123"}}
    )
    cell = nbformat.v4.new_code_cell("1", execution_count=1, outputs=[output], id="random")
    cell.metadata = {"execution": {"iopub.execute_input": "2026"}, "tags": ["kept"]}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    cleaned = clean(notebook)
    assert cleaned.cells[0].id == "cell-01"
    assert cleaned.cells[0].metadata == {"tags": ["kept"]}
    assert cleaned.cells[0].outputs[0].data == {"text/plain": "a slider"}
    assert set(cleaned.metadata) == {"kernelspec", "language_info"}


def test_the_code_of_a_quiz_is_folded_since_it_names_the_answer():
    sources = ('quiz("09.q1", "Which?", {"a": "No."}, right="b")', "quizzes = 2")
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    asked, other = clean(nbformat.v4.new_notebook(cells=cells)).cells
    assert asked.metadata == {"jupyter": {"source_hidden": True}} and other.metadata == {}
