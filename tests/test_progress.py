"""Progress: one small file of the learner's that is never lost."""

import json

import nbformat
import pytest

from sslcourse.teach import lesson_done, progress, show_progress


@pytest.fixture
def path(tmp_path, monkeypatch):
    path = tmp_path / "mine" / "progress.json"
    monkeypatch.setenv("SSLCOURSE_PROGRESS", str(path))
    return path


@pytest.fixture
def folder(tmp_path):
    """Two lessons that ask something."""
    for name, source in (
        ("00_start.ipynb", 'guess = predict(\n    "00.1", "?", numbers=("a",))'),
        ("01_next.ipynb", 'predict("01.1", "?")\nquiz("01.q1", "?", {})\ncheck("01.2", f)'),
    ):
        cells = [nbformat.v4.new_code_cell(source)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / name)
    return tmp_path


def test_notes_are_kept_and_forgotten(path):
    assert progress.recall("quizzes", "02.q1") is None
    progress.note("quizzes", "02.q1", {"right": True})
    progress.note("quizzes", "02.q2", {"right": False})
    assert progress.recall("quizzes", "02.q1") == {"right": True}
    progress.note("quizzes", "02.q1", None)
    assert progress.recall("quizzes", "02.q1") is None
    progress.note("quizzes", "02.q1", None)  # nothing to forget
    assert json.loads(path.read_text())["quizzes"] == {"02.q2": {"right": False}}


def test_off_keeps_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLCOURSE_PROGRESS", "off")
    monkeypatch.chdir(tmp_path)
    progress.note("lessons", "00", True)
    assert progress.recall("lessons", "00") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["{", "[1, 2]", '{"quizzes": 3}', ""])
def test_a_damaged_file_is_moved_aside(path, text):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.warns(UserWarning, match="moved to progress.damaged.json"):
        progress.note("lessons", "00", True)
    assert (path.parent / "progress.damaged.json").read_text() == text
    assert progress.recall("lessons", "00") is True


def test_a_folder_that_refuses_costs_a_warning_only(path):
    path.parent.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="your progress was not kept"):
        progress.note("lessons", "00", True)


def test_the_table_counts_what_notebooks_ask(path, folder):
    progress.note("predictions", "01.1", {"guess": [20], "unit": "%", "measured": [30]})
    progress.note("lessons", "00", True)
    table = show_progress(folder)
    assert repr(table) == "Your progress in 2 lessons: predictions, quizzes and checks."
    first, second = table._repr_html_().split("<tr>")[2:]
    assert "0 of 1" in first and "done" in first
    assert second.count("1 of 1") == 1 and second.count("0 of 1") == 2 and "done" not in second
    assert "Your 1 guesses in per cent were off by 10 points" in second


def test_a_try_alone_is_not_done(path, folder):
    for entry, count in (({"tries": 1, "passed": False}, 0), ({"tries": 2, "passed": True}, 1)):
        progress.note("checks", "01.2", entry)
        progress.note("quizzes", "01.q1", {"tries": entry["tries"], "right": entry["passed"]})
        row = show_progress(folder)._repr_html_().split("<tr>")[3]
        assert row.count("1 of 1") == 2 * count and row.count("0 of 1") == 3 - 2 * count
        assert ("check 01.2" in lesson_done("01", folder)._repr_html_()) == (not count)
    progress.note("checks", "01.2", "no dictionary")
    assert "check 01.2" in lesson_done("01", folder)._repr_html_()


def test_a_lesson_says_what_is_open(path, folder):
    progress.note("predictions", "01.1", {"guess": [20], "unit": "%"})
    done = lesson_done("01", folder)
    assert repr(done) == "Lesson 01 is done."
    assert "Still open, if you like: quiz 01.q1, check 01.2." in done._repr_html_()
    assert progress.recall("lessons", "01") is True
