"""Progress in a log, in a terminal and in a notebook."""

import io
import sys

import pytest
import torch

from sslcourse import console
from sslcourse.console import Progress, ProgressLine, clock
from sslcourse.pretrain import TrainingLine
from sslcourse.train.config import TrainConfig
from sslcourse.train.history import History


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(console, "PATIENCE", -1.0)
    monkeypatch.setattr(console, "LOG_PATIENCE", -1.0)
    monkeypatch.setattr(console, "LOG_INTERVAL", -1.0)


def test_quick_work_shows_nothing(capsys):
    assert list(Progress(range(5), "counting")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""


def test_a_log_gets_lines(impatient, capsys):
    list(Progress(range(2), "counting"))
    assert capsys.readouterr().err.splitlines() == ["counting   50%, 0 s left", "counting  100%"]


def test_a_terminal_gets_one_line_that_goes_away(impatient, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    line = ProgressLine("training")
    line.started -= 1
    line.show(0.5, "loss 1.25")
    line.close()
    text = terminal.getvalue()
    assert "\n" not in text
    shown, blank = text.split("\r")[1:3]
    assert shown == "training   50%, 1 s left  loss 1.25"
    assert blank == " " * len(shown)


def test_work_that_goes_on_is_timed_from_where_it_began(impatient, capsys):
    line = ProgressLine("training", begun=0.4)
    line.started -= 10
    line.show(0.4)
    line.show(0.5)
    assert capsys.readouterr().err.splitlines() == ["training   40%", "training   50%, 50 s left"]


@pytest.mark.parametrize("length", [{"steps": 10}, {"seconds": 100}])
def test_a_resumed_training_knows_how_long_the_rest_takes(length, impatient, capsys):
    history = History(2, "float32")
    for step in range(1, 6):
        record = {"step": step, "seconds": 10.0 * step, "loss": torch.tensor(1.0)}
        history.append(record)
    line = TrainingLine(TrainConfig(**{"steps": None, "epochs": None, **length}), per_epoch=10)
    line.line.started -= 10  # the fifth step took ten seconds, and the others an earlier sitting
    line(5, history)
    assert "training   50%, 50 s left  step 5, loss 1.00" in capsys.readouterr().err


def test_a_notebook_cell_has_one_bar_whose_plain_text_never_changes(tmp_path):
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    source = "\n".join(
        [
            "from sslcourse import console",
            "console.PATIENCE = -1.0",
            "for word in ('<one>', 'two'):",
            "    line = console.ProgressLine(word)",
            "    line.started -= 1",
            "    line.show(0.25)",
            "    line.close()",
        ]
    )
    notebook = new_notebook(cells=[new_code_cell(source)])
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = notebook.cells[0].outputs
    assert [output.output_type for output in outputs] == ["display_data"]
    assert outputs[0].data == {"text/plain": "(progress)", "text/html": ""}


def test_clock():
    assert [clock(s) for s in (-1, 4.4, 75, 3600)] == ["0 s", "4 s", "1:15", "60:00"]
