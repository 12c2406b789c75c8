"""Each instrument by itself, in a notebook made for it. Every test runs cells of its own."""

import json
from textwrap import dedent

import learner
import nbformat
import pytest

from sslcourse.authoring import KERNEL

pytestmark = pytest.mark.browser

CELLS = {
    "setup": """
        import os, time, urllib.request
        from pathlib import Path
        from sslcourse.budgets import budget
        from sslcourse.data import load
        from sslcourse.methods import SimCLR
        from sslcourse.networks import resnet
        from sslcourse.teach import bars, explore, fit_live, predict, quiz, show_progress
        from sslcourse.train import TrainConfig

        measured = {"pixels": 0.2, "SimCLR": 0.7}
        scenes = load("scenes", limit=500)

        class Slow(SimCLR):
            def make_views(self, images, generator=None):
                time.sleep(0.8)  # so long that a busy machine has time to draw
                return super().make_views(images, generator)
    """,
    "numbers": 'guess = predict("90.1", "How well?", numbers=list(measured))',
    "numbers shown": 'guess.reveal(measured, "Two bars.", chance=0.1)',
    "second lock": """
        try:
            guess.lock(1, 2)
        except ValueError as error:
            print(error)
    """,
    "again": "guess.again()",
    "no guess": 'unguessed = predict("90.2", "How well?", numbers=list(measured))',
    "no guess shown": 'unguessed.reveal(measured, "Two bars.", chance=0.1)',
    "choice": 'which = predict("90.3", "Which?", choices=("the shape", "the colour"))',
    "choice shown": 'which.reveal("the shape")',
    "quiz": """
        quiz("90.q1", "Is 2 < 3?", {"yes": "2 < 3 & 3 > 2.", "no": "Count."}, right="yes")
    """,
    "explore": """
        def draw(height, kind):
            if kind == "broken":
                raise ValueError("there is no <kind> of that name")
            return bars({kind: height}, f"One {kind} bar of {height:g}.")

        explore(draw, height=[0.2, 0.5, 0.9], kind=["wide", "broken", "narrow"])
    """,
    "train": """
        config = TrainConfig(steps=30, batch_size=32)
        history = fit_live(Slow(resnet(8)), scenes, config, "The loss of 30 steps.")
    """,
    "trained": "print(len(history), history.interrupted)",
    "train long": """
        config = TrainConfig(seconds=300, batch_size=32)
        stopped = fit_live(Slow(resnet(8)), scenes, config, "The loss until somebody stops it.")
    """,
    "stopped": "print(0 < len(stopped) < 300, stopped.interrupted)",
    "damage": 'Path(os.environ["SSLCOURSE_PROGRESS"]).write_text("{half a fi")',
    "after damage": 'late = predict("90.4", "How well?", numbers=["pixels"])',
    "fetch": 'urllib.request.urlopen("https://example.org/")',
}


class Page:
    """The notebook of `CELLS` in a browser: cells by their names."""

    def __init__(self, notebook) -> None:
        self.notebook = notebook

    def run(self, *names: str):
        """Run cells; returns the last one."""
        for name in names:
            index = list(CELLS).index(name)
            self.notebook.run(index, index)
        return self.cell(names[-1])

    def start(self, name: str):
        """Run a cell without waiting for it."""
        index = list(CELLS).index(name)
        self.notebook.run(index, index, wait=False)
        return self.cell(name)

    def cell(self, name: str):
        return self.notebook.cell(list(CELLS).index(name))

    def is_busy(self, name: str) -> bool:
        return "[*]" in self.cell(name).locator(".jp-InputPrompt").inner_text()

    def wait_for(self, name: str, words: str) -> None:
        cell = self.cell(name)
        self.notebook.until(lambda: words in learner.says(cell), f"{words!r} in {name}")


@pytest.fixture(scope="module")
def page(lab, show):
    cells = [nbformat.v4.new_code_cell(dedent(source).strip()) for source in CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    path = lab.root / "instruments.ipynb"
    nbformat.write(notebook, path)
    page = Page(show(path))
    page.run("setup")
    return page


@pytest.fixture(autouse=True)
def nothing_broke(page):
    yield
    assert page.notebook.complaints == []


def test_a_guess_is_locked_in_kept_and_laid_over_the_bars(page, lab):
    form = page.run("numbers")
    learner.lock_in(page.notebook, form)
    assert "Locked in: pixels 10 %, SimCLR 10 %" in learner.says(form)
    assert json.loads(lab.progress.read_text())["predictions"]["90.1"]["guess"] == [10, 10]

    with_guess = learner.pictures(page.run("numbers shown"))
    without = learner.pictures(page.run("no guess", "no guess shown"))
    assert len(with_guess) == len(without) == 1 and with_guess != without
    assert json.loads(lab.progress.read_text())["predictions"]["90.1"]["measured"] == [20, 70]
    assert "The result is out" in learner.says(page.cell("no guess"))
    assert learner.is_closed(page.cell("no guess"))


def test_a_guess_is_changed_only_by_starting_anew(page):
    form = page.run("numbers")
    if not learner.is_closed(form):
        learner.lock_in(page.notebook, form)
    assert "you locked in pixels 10 %" in learner.says(page.run("second lock"))
    assert learner.is_closed(form)
    page.run("again")
    page.notebook.until(lambda: not learner.is_closed(form), "the form to open again")
    learner.lock_in(page.notebook, form)


def test_a_choice_is_locked_in_and_answered(page):
    form = page.run("choice")
    learner.button(form, "Lock in").click()
    page.wait_for("choice", "choose an answer first")
    learner.choose(form, "the colour")
    learner.button(form, "Lock in").click()
    page.wait_for("choice", "Locked in: the colour")
    assert learner.is_closed(form)
    assert "You said the colour. What made you" in learner.says(page.run("choice shown"))


def test_a_quiz_explains_every_answer(page, lab):
    cell = page.run("quiz")
    learner.button(cell, "Check").click()
    page.wait_for("quiz", "Choose an answer first.")
    learner.answer(page.notebook, cell, "no", "Not yet. Count.")
    learner.answer(page.notebook, cell, "yes", "Right. 2 < 3 & 3 > 2.")
    noted = json.loads(lab.progress.read_text())["quizzes"]["90.q1"]
    assert noted == {"tries": 2, "right": True}


def test_controls_redraw_and_a_failing_one_keeps_the_picture(page):
    cell = page.run("explore")
    learner.move_slider(page.notebook, cell, 0)
    page.wait_for("explore", "One wide bar of 0.5.")
    good = learner.pictures(cell)

    buttons = cell.locator(learner.BUTTONS)
    buttons.get_by_text("broken").click()
    page.wait_for("explore", "ValueError: there is no <kind> of that name")
    assert learner.pictures(cell) == good, "the last picture stays"
    buttons.get_by_text("narrow").click()
    page.wait_for("explore", "One narrow bar of 0.5.")
    page.notebook.until(lambda: learner.pictures(cell) != good, "the picture of a narrow bar")


def watch_pictures(cell) -> None:
    """Count the different pictures of a cell from now on, in the page's `window.seen`."""
    cell.evaluate(
        "cell => { window.seen = new Set();"
        "new MutationObserver(() => cell.querySelectorAll('.jp-RenderedImage img')"
        ".forEach(image => window.seen.add(image.src)))"
        ".observe(cell, {childList: true, subtree: true, attributes: true}) }"
    )


def test_a_training_is_drawn_while_it_runs(page):
    watch_pictures(page.cell("train"))
    page.start("train")
    seen_while_busy = 0
    page.notebook.until(lambda: page.is_busy("train"), "the training to start")
    while page.is_busy("train"):
        seen_while_busy = page.notebook.page.evaluate("window.seen.size")
        page.notebook.page.wait_for_timeout(100)
    assert seen_while_busy >= 3
    assert len(learner.pictures(page.cell("train"))) == 1
    assert "30 False" in learner.says(page.run("trained"))


def test_the_stop_button_keeps_what_was_learned(page):
    cell = page.start("train long")
    watch_pictures(cell)
    page.notebook.until(
        lambda: page.notebook.page.evaluate("window.seen.size") >= 2, "the training to be drawn"
    )
    page.notebook.page.locator("[data-command='notebook:interrupt-kernel']").first.click()
    page.notebook.until(lambda: not page.is_busy("train long"), "the training to stop")
    assert "True True" in learner.says(page.run("stopped"))
    assert len(learner.pictures(cell)) == 1


def test_a_damaged_progress_file_costs_nothing_but_itself(page, lab):
    page.run("damage")
    form = page.run("after damage")
    assert "can't be read; it was moved to" in learner.says(form)
    learner.lock_in(page.notebook, form)
    assert set(json.loads(lab.progress.read_text())["predictions"]) == {"90.4"}
    assert (lab.progress.parent / "progress.damaged.json").read_text() == "{half a fi"


def test_kernels_are_without_a_network(page):
    assert "example.org is not on this machine" in learner.says(page.run("fetch"))
