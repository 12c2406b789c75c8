"""Every lesson as a learner meets it: opened, run, played with, saved and opened again."""

import html
import json
import re
import shutil
from pathlib import Path

import learner
import pytest

pytestmark = pytest.mark.browser
LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
BROKEN = ("Error displaying widget", "Loading widget", "VBox(", "Javascript Error")
# of a training on a laptop
LENGTH = re.compile(r"(?<=\bsteps=)\d[\d_]*|(?<=\"steps\": )\d[\d_]*|\d[\d_]*(?=.* if recipe)")
PICTURES = re.compile(r"(?<=\blimit=)\d[\d_]*")  # of a set that is loaded
EXPLAINED = re.compile(r"<details><summary>(.*?)</summary>(Right|Not yet)\. (.*?)</details>", re.S)


def outputs(notebook: dict):
    """(index of the cell, its output) of a notebook."""
    for index, cell in enumerate(notebook["cells"]):
        for output in cell.get("outputs", ()):
            yield index, output


def texts(notebook: dict, kind: str):
    """(index of the cell, text) of the outputs of a MIME type."""
    for index, output in outputs(notebook):
        text = output.get("data", {}).get(kind, "")
        yield index, "".join(text)


def stored_pictures(notebook: dict) -> int:
    return sum(bool(text) for _, text in texts(notebook, "image/png"))


def predictions(notebook: dict) -> list[int]:
    """Where a guess is asked for."""
    return [i for i, text in texts(notebook, "text/plain") if text.startswith("(A form for your")]


def quizzes(notebook: dict) -> dict[int, list[tuple[str, str]]]:
    """{where a quiz is asked: [(option, reply)]}."""
    found = {}
    for index, text in texts(notebook, "text/html"):
        options = [map(html.unescape, option) for option in EXPLAINED.findall(text)]
        if options:
            found[index] = [(option, f"{verdict}. {why}") for option, verdict, why in options]
    return found


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def lesson(request, lab, tmp_path):
    """A copy of a lesson, in a copy of its folder."""
    folder = lab.root / tmp_path.name
    shutil.copytree(request.param.parent, folder, ignore=shutil.ignore_patterns(".*"))
    return folder / request.param.name


def test_first_opening_shows_what_is_stored(lesson, show):
    """Not trusted, nothing run: pictures, and the quiz with its answers folded."""
    stored = json.loads(lesson.read_text("utf-8"))
    notebook = show(lesson, kernel=False)
    notebook.until(
        lambda: notebook.pictures() == stored_pictures(stored) > 0,
        f"{stored_pictures(stored)} stored pictures to show",
    )
    for index, options in quizzes(stored).items():
        folded = notebook.cell(index).locator(".jp-OutputArea details")
        folded.nth(len(options) - 1).wait_for()  # the quiz may be drawn after the pictures
        assert folded.count() == len(options)
        folded.first.locator("summary").click()
        assert folded.first.inner_text().endswith(options[0][1])
    for index in range(len(stored["cells"])):
        said = learner.says(notebook.cell(index))
        assert not any(word in said for word in BROKEN), said
    assert notebook.complaints == []


def check_outputs(notebook) -> None:
    """No error, nothing on stderr, nothing that broke in the page, no request beyond it."""
    for index, output in outputs(notebook.content()):
        assert output["output_type"] != "error", f"cell {index}: {output}"
        assert output.get("name") != "stderr", f"cell {index}: {output['text']}"
    assert notebook.complaints == []


def play(notebook) -> int:
    """Move every slider and press every group of buttons; returns how many."""
    moved = 0
    for control, move in (
        (learner.SLIDER, learner.move_slider),
        (learner.BUTTONS, learner.press_other_button),
    ):
        for cell in learner.cells_with(notebook, control):
            for number in range(cell.locator(control).count()):
                move(notebook, cell, number)
                moved += 1
    return moved


def shorten(notebook: dict) -> None:
    """A tenth of the steps, but 16, half of the pictures, but 1,200, and hasty probes.

    Here the page is tested; what is learned, where nbval runs.
    """

    def fewer(steps: re.Match) -> str:
        return str(min(int(steps[0]), max(16, int(steps[0]) // 10)))

    def half(pictures: re.Match) -> str:
        return str(min(int(pictures[0]), max(1_200, int(pictures[0]) // 2)))

    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            source = LENGTH.sub(fewer, "".join(cell["source"]))
            cell["source"] = PICTURES.sub(half, source).replace("iterations=40", "iterations=9")


def test_a_whole_sitting(lesson, show):
    stored = json.loads(lesson.read_text("utf-8"))
    shorten(stored)
    lesson.write_text(json.dumps(stored), "utf-8")
    notebook = show(lesson)
    first_guess = predictions(stored)[0]
    notebook.run(0, first_guess)
    learner.lock_in(notebook, notebook.cell(first_guess))
    notebook.run(first_guess + 1)
    check_outputs(notebook)
    assert notebook.pictures() >= stored_pictures(stored)

    assert play(notebook) > 0, "a lesson has something to play with"
    for index, options in quizzes(stored).items():
        wrong = next(option for option in options if option[1].startswith("Not yet"))
        right = next(option for option in options if option[1].startswith("Right"))
        for option, reply in (wrong, right):
            learner.answer(notebook, notebook.cell(index), option, reply)
    check_outputs(notebook)

    pictures = notebook.pictures()
    notebook.save()
    notebook.shut_down()
    notebook.open(kernel=False)
    notebook.until(lambda: notebook.pictures() == pictures, f"{pictures} saved pictures to show")
    assert notebook.complaints == []
