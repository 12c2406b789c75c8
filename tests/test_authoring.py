"""Notebooks are rebuilt to the same bytes, exercises are cut from solutions, mistakes are named."""

import nbformat
import pytest

from sslcourse import authoring
from sslcourse.authoring import (
    cut_solutions,
    exercise_from,
    generate_exercises,
    mark_for_nbgrader,
    measure,
    rebuild,
)

SOLUTION = """def double(x):
    # twice as much
    ### BEGIN SOLUTION
    result = x + x
    return result
    ### END SOLUTION"""


def notebook_at(path, *sources, **metadata):
    cells = [nbformat.v4.new_code_cell(source, metadata=metadata) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_rebuilding_twice_gives_the_same_bytes(tmp_path):
    source = (
        "import torch\nfrom sslcourse.teach import explore, image_grid, predict, quiz\n"
        "images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))\n"
        "guess = predict('01.1', 'How many?', numbers=('a',))\n"
        "explore(lambda n: image_grid(images[:n], 'Random images.'), n=[1, 4])"
    )
    path = notebook_at(tmp_path / "a.ipynb", source, "print(1)")
    rebuild(path)
    first = path.read_bytes()
    rebuild(path)
    assert path.read_bytes() == first
    notebook = nbformat.read(path, as_version=4)
    assert b"widget-view" not in first and "widgets" not in notebook.metadata
    assert [cell.execution_count for cell in notebook.cells] == [1, 2]
    assert "image/png" in str(notebook.cells[0].outputs)


def test_a_failing_cell_is_named_and_the_file_stays(tmp_path, capsys):
    path = notebook_at(tmp_path / "a.ipynb", "1", "raise KeyError('lost')", "2")
    before = path.read_bytes()
    assert authoring.main([str(path)]) == 1
    assert capsys.readouterr().err == f"error: {path} stopped at cell 2: KeyError: 'lost'\n"
    assert path.read_bytes() == before


def test_an_expected_error_keeps_one_line(tmp_path):
    path = notebook_at(
        tmp_path / "a.ipynb", "raise ValueError('as told')", tags=["raises-exception"]
    )
    rebuild(path)
    output = nbformat.read(path, as_version=4).cells[0].outputs[0]
    assert output.traceback == ["ValueError: as told"]


def test_solutions_are_cut_as_nbgrader_cuts_them():
    assert cut_solutions(SOLUTION) == (
        "def double(x):\n    # twice as much\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    )
    assert cut_solutions("x = 1") == "x = 1"
    for broken in ("### BEGIN SOLUTION", "### END SOLUTION", SOLUTION + "\n### END SOLUTION"):
        with pytest.raises(ValueError, match="without its partner"):
            cut_solutions(broken)


PROSE = """## Your plan (4 points)

What do you expect?

<!-- BEGIN SOLUTION -->
Colour matters most.

### Because
the probe reads it.
<!-- END SOLUTION -->"""


def test_answers_in_prose_are_cut_too():
    assert cut_solutions(PROSE, "markdown") == (
        "## Your plan (4 points)\n\nWhat do you expect?\n\nYOUR ANSWER HERE"
    )
    assert cut_solutions(SOLUTION, "markdown") == SOLUTION, "each kind of cell has its own markers"
    for broken in ("<!-- BEGIN SOLUTION -->", "<!-- END SOLUTION -->", PROSE + "\n" + PROSE[:95]):
        with pytest.raises(ValueError, match="without its partner"):
            cut_solutions(broken, "markdown")
    cells = [nbformat.v4.new_markdown_cell(text) for text in (PROSE, "# A title")]
    solution = nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_raw_cell("raw")])
    exercise = exercise_from(solution)
    assert [cell.source[-16:] for cell in exercise.cells] == [
        "YOUR ANSWER HERE",
        "# A title",
        "raw",
    ]
    assert "Colour matters most" in solution.cells[0].source


def test_answers_in_prose_bring_points_that_a_person_gives():
    """nbgrader refuses prose that is a solution without a grade."""
    sources = (
        PROSE,
        PROSE.replace("4 points", "1 point"),
        PROSE.replace(" (4 points)", ""),
        "# One",
    )
    cells = [nbformat.v4.new_markdown_cell(source) for source in sources]
    notebook = mark_for_nbgrader(nbformat.v4.new_notebook(cells=cells))
    marks = [cell.metadata.get("nbgrader") for cell in notebook.cells]
    kinds = {"grade": True, "solution": True, "locked": False, "task": False, "schema_version": 3}
    assert marks == [
        {**kinds, "grade_id": "text-1", "points": 4},
        {**kinds, "grade_id": "text-2", "points": 1},
        {**kinds, "grade_id": "text-3", "points": 1},
        None,
    ]


def test_an_exercise_holds_no_answer_and_no_output(tmp_path):
    (tmp_path / "solutions").mkdir()
    (tmp_path / "exercises").mkdir()
    path = notebook_at(tmp_path / "solutions" / "a.ipynb", SOLUTION, "double(2)")
    rebuild(path)
    stale = notebook_at(tmp_path / "exercises" / "gone.ipynb", "1")
    written = generate_exercises(tmp_path / "solutions", tmp_path / "exercises")
    assert [file.name for file in written] == ["a.ipynb"] and not stale.exists()
    exercise = nbformat.read(written[0], as_version=4)
    assert "NotImplementedError" in exercise.cells[0].source
    assert "result" not in written[0].read_text()
    assert all(not c.outputs and c.execution_count is None for c in exercise.cells)
    solution = nbformat.read(path, as_version=4)
    exercise_from(solution)
    assert solution.cells[1].outputs, "the solution itself is left alone"


def test_work_in_an_exercise_is_not_overwritten(tmp_path):
    (tmp_path / "solutions").mkdir()
    (tmp_path / "exercises").mkdir()
    notebook_at(tmp_path / "solutions" / "a.ipynb", SOLUTION)
    generate_exercises(tmp_path / "solutions", tmp_path / "exercises")
    generate_exercises(tmp_path / "solutions", tmp_path / "exercises")  # as often as one likes
    for name in ("a.ipynb", "my_copy.ipynb"):
        path = notebook_at(tmp_path / "exercises" / name, "mine = 1")
        rebuild(path)
        work = path.read_bytes()
        with pytest.raises(ValueError, match=f"somebody has worked in {name} in .*; move that"):
            generate_exercises(tmp_path / "solutions", tmp_path / "exercises")
        assert path.read_bytes() == work
        path.unlink()


def test_cells_are_marked_for_nbgrader(tmp_path):
    path = notebook_at(
        tmp_path / "a.ipynb",
        SOLUTION,
        'check("01.10", double)  # 3 points',
        'check("01.2", double)',
        'check("01.3", double)  # 1 point\ndouble(2)',
        "double(2)",
        nbgrader={"old": True},
    )
    notebook = mark_for_nbgrader(nbformat.read(path, as_version=4))
    marks = [cell.metadata.get("nbgrader") for cell in notebook.cells]
    same = {"schema_version": 3, "task": False}
    answer = {"grade": False, "solution": True, "locked": False}
    checked = {"grade": True, "solution": False, "locked": True}
    assert marks == [
        {**same, **answer, "grade_id": "answer-1"},
        {**same, **checked, "grade_id": "check-01-10", "points": 3},
        {**same, **checked, "grade_id": "check-01-2", "points": 1},
        None,  # a check's cell has one line
        None,
    ]
    assert mark_for_nbgrader(notebook) == notebook


def test_lengths_are_counted(tmp_path):
    cells = [
        nbformat.v4.new_markdown_cell("# One title\n\nDon't count a [link](https://a.b/c-d)."),
        nbformat.v4.new_code_cell("1\n2\n3"),
        nbformat.v4.new_code_cell("1"),
    ]
    path = tmp_path / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    found = measure(path)
    assert (found.cells, found.words, found.longest, found.median) == (3, 6, 3, 2)
