"""Trainings side by side: every panel holds its lines, and the histogram counts right."""

import pytest
import torch
from matplotlib.figure import Figure
from pictures import keep_figures, size

from sslcourse.teach.fates import draw_lines, fates
from sslcourse.train import History


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were finished."""
    return keep_figures(monkeypatch, "fates")


def test_lines_start_from_zero_and_differ_in_more_than_colour():
    axes = Figure().subplots()
    draw_lines(axes, {"with": ([1, 2], [4.0, 2.0]), "without": ([1, 2], [3.0, 0.1])}, "loss")
    assert [line.get_ydata().tolist() for line in axes.lines] == [[4.0, 2.0], [3.0, 0.1]]
    assert len({line.get_linestyle() for line in axes.lines}) == 2
    assert axes.get_ylim() == pytest.approx((0, 4.6))
    assert axes.get_ylabel() == "loss"


def history(losses):
    done = History(2, "float32")
    for step, loss in enumerate(losses, start=1):
        done.append({"step": step, "loss": torch.tensor(loss), "chance": 3.5, "used": 2 * step})
    done.note_collapse(1, 0.1, 20.0)
    done.note_collapse(len(losses), 0.2, 10.0)
    return done


def test_fates_draw_a_panel_for_each_quantity_and_one_chance_line(drawn):
    runs = {"with": history([4.0, 3.0, 2.0]), "without": history([3.0, 0.1])}
    panels = {"loss": "loss", "used": "used prototypes", "effective_rank": "effective rank"}
    picture = fates(runs, panels, "Two fates.")
    assert repr(picture) == "Two fates." and size(picture) > (700, 200)
    loss, used, rank = drawn[0].axes
    assert [len(axes.lines) for axes in (loss, used, rank)] == [3, 2, 2]
    assert loss.lines[0].get_xydata().tolist() == [[1, 4.0], [2, 3.0], [3, 2.0]]
    assert loss.lines[2].get_ydata()[0] == 3.5, "the chance line"
    assert used.lines[1].get_ydata().tolist() == [2, 4]
    assert rank.lines[0].get_xydata().tolist() == [[1, 20.0], [3, 10.0]]
    assert [axes.get_ylabel() for axes in (loss, used, rank)] == list(panels.values())
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == list(runs)


def test_methods_whose_steps_differ_are_shown_over_time(drawn):
    done = history([4.0, 3.0, 2.0])
    done.columns["seconds"] = [10.0, 20.0, 30.0]
    fates({"one": done}, {"effective_rank": "rank", "used": "used"}, "Time.", over="seconds")
    rank, used = drawn[0].axes
    assert rank.lines[0].get_xydata().tolist() == [[10, 20.0], [30, 10.0]]
    assert used.lines[0].get_xdata().tolist() == [10, 20, 30]
    assert rank.get_xlabel() == "seconds of training"


def test_a_last_panel_counts_what_each_prototype_wins(drawn):
    runs = {"with": history([4.0, 3.0]), "without": history([3.0, 0.1])}
    usage = {"with": torch.tensor([3, 0, 4, 3]), "without": torch.tensor([0, 10, 0, 0])}
    fates(runs, {"loss": "loss"}, "Usage.", usage=usage)
    heights = [stairs.get_data().values.tolist() for stairs in drawn[0].axes[1].patches]
    assert heights == [[4, 3, 3, 0], [10, 0, 0, 0]], "sorted, the most used first"
    assert drawn[0].axes[1].get_ylabel() == "images that it wins"
    assert drawn[0].axes[1].get_ylim()[0] == 0
