"""The live plot: what it draws, how often, and what it leaves behind."""

import pytest
from matplotlib.text import Text

from sslcourse.data import load
from sslcourse.methods import SimCLR
from sslcourse.networks import resnet
from sslcourse.teach import fit_live, live
from sslcourse.teach.live import LivePlot, draw_training
from sslcourse.train import History, TrainConfig

CONFIG = TrainConfig(steps=4, batch_size=8)


@pytest.fixture
def history():
    kept = History(8, "float32")
    kept.columns = {
        "step": [1, 2],
        "seconds": [0.5, 1.0],
        "loss": [3.0, 2.5],
        "chance": [2.7, 2.7],
    }
    kept.collapse = {"step": [1, 2], "feature_std": [0.02, 0.04], "effective_rank": [3.0, 6.0]}
    return kept


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would have been sent."""
    sent = []

    class Handle:
        def update(self, picture):
            sent.append(picture)

    def display(picture, display_id):
        sent.append(picture)
        return Handle()

    monkeypatch.setattr(live, "display", display)
    return sent


def test_three_panels_hold_the_history(history):
    loss, spread, rank = draw_training(history, steps=4).axes
    line, chance = loss.lines
    assert list(line.get_ydata()) == [3.0, 2.5] and set(chance.get_ydata()) == {2.7}
    assert loss.get_xlim() == (0, 4), "the axis is as long as the training will be"
    assert list(spread.lines[0].get_ydata()) == [0.02, 0.04] and spread.get_ylim()[0] == 0
    assert list(rank.lines[0].get_ydata()) == [3.0, 6.0] and rank.get_ylim()[0] == 0


def test_beit_is_told_what_frequencies_are_worth(history):
    history.columns["unigram"] = [2.65, 2.6]
    loss = draw_training(history, steps=4).axes[0]
    assert [set(line.get_ydata()) for line in loss.lines[1:]] == [{2.7}, {2.6}]
    assert [text.get_text() for text in loss.texts] == ["chance", "unigram entropy"]


def test_a_method_without_chance_and_a_start_without_history():
    empty = draw_training(None, None)
    assert [len(axes.lines) for axes in empty.axes] == [0, 0, 0]
    for text in draw_training(None, 4, "step 1").findobj(Text):
        assert not text.get_text() or text.get_fontsize() >= 9


def test_drawing_takes_a_small_share_of_the_time(history, shown, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    plot = LivePlot(CONFIG, 100, "A training.")
    draw = plot.picture

    def slow(title=""):
        now[0] += 0.2
        return draw(title)

    plot.picture = slow
    plot(1, history)
    assert plot.due == pytest.approx(now[0] + 5.0), "0.2 s of drawing are 4 % of 5 s"
    plot(2, history)
    assert len(shown) == 2
    now[0] += 5.1
    plot(3, history)
    assert len(shown) == 3


def test_the_last_picture_knows_no_clock(history, shown):
    first, second = LivePlot(CONFIG, 100, "A training."), LivePlot(CONFIG, 100, "A training.")
    for plot in (first, second):
        plot(2, history)
        plot.close()
    assert shown[-1].png == shown[3].png, "the same training leaves the same picture"
    assert {repr(picture) for picture in shown} == {"A training."}
    history.interrupted = True
    second.close()
    assert shown[-1].png != shown[3].png, "an early stop is written above"


def test_epochs_become_steps(shown):
    plot = LivePlot(TrainConfig(epochs=2, batch_size=8), 100, "A training.")
    assert plot.steps == 24


def test_outside_a_notebook_training_goes_on_in_a_terminal(capsys):
    images = load("scenes", limit=100)
    method = SimCLR(resnet(8, 1))
    assert len(fit_live(method, images, CONFIG, "A training.")) == 4
    assert capsys.readouterr().out == ""
