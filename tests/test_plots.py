"""Plots: axes hold the numbers that they were given, and no text is too small to read."""

import io

import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from sslcourse.teach import plots
from sslcourse.teach.bars import bars, draw_bars
from sslcourse.teach.figures import Picture
from sslcourse.teach.plots import curves, draw_curves, heat_table, scatter, spread_apart


@pytest.fixture
def drawn(monkeypatch):
    """The figures that a plot function made, before they became pictures."""
    figures = []

    def keep(figure, description):
        figures.append(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
        return Picture(buffer.getvalue(), description)

    monkeypatch.setattr(plots, "finish", keep)
    return figures


def test_bars_show_scores_chance_and_guesses():
    axes = Figure().subplots()
    scores = {"pixels": 0.2, "SimCLR": 0.7}
    draw_bars(axes, scores, 0.1, "accuracy in %", marks={"SimCLR": 0.5})
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([20, 70])
    lines = [list(line.get_xdata()) for line in axes.lines]
    assert [50, 50] in lines
    assert [10, 10] in lines
    assert axes.patches[0].get_facecolor() != axes.patches[1].get_facecolor()
    assert axes.get_xlim() == (0, 100)


def test_bars_of_other_units_find_their_own_scale():
    axes = Figure().subplots()
    draw_bars(axes, {"a": 4.85, "b": 5.5}, None, "loss", marks={"b": 9.0}, percent=False)
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([4.85, 5.5])
    assert axes.get_xlim()[1] > 9, "the guess is inside"
    assert {text.get_text() for text in axes.texts} == {"4.85", "5.5"}


def test_pictures_are_wide_enough_to_read():
    picture = bars({"pixels": 0.2, "SimCLR": 0.7}, "Two bars.", chance=0.1, marks={"SimCLR": 0.5})
    assert Image.open(io.BytesIO(picture.png)).width > 400


def test_curves_differ_by_more_than_colour(drawn):
    x = [1, 10, 100]
    lines = {"first": (x, [0.1, 0.2, 0.3]), "second": (x, [0.2, 0.3, 0.31])}
    curves(lines, "Two.", x_label="x", y_label="y", chance=0.1, log_x=True, percent=True)
    axes = drawn[0].axes[0]
    chance, first, second = axes.lines
    assert list(first.get_ydata()) == pytest.approx([10, 20, 30])
    assert set(chance.get_ydata()) == {10}
    assert first.get_linestyle() != second.get_linestyle()
    assert first.get_marker() != second.get_marker()
    names = {text.get_text(): text for text in axes.texts}
    assert names["first"].get_color() == first.get_color()
    assert axes.get_xscale() == "log"


def test_a_spread_is_a_band_behind_its_line(drawn):
    lines = {"one": ([1, 10], [0.2, 0.4]), "two": ([1, 10], [0.3, 0.5])}
    spread = {"two": ([0.25, 0.4], [0.35, 0.6])}
    curves(lines, "Two.", x_label="x", y_label="y", percent=True, spread=spread)
    (band,) = drawn[0].axes[0].collections
    corners = {(round(x), round(y)) for x, y in band.get_paths()[0].vertices.tolist()}
    assert {(1, 25), (1, 35), (10, 40), (10, 60)} <= corners
    assert band.get_facecolor()[0][:3] == pytest.approx(
        to_rgb(drawn[0].axes[0].lines[1].get_color())
    )


def test_curves_name_the_values_that_are_asked_for(drawn):
    lines = {"one": ([25, 50, 90], [1.0, 2.0, 3.0])}
    curves(lines, "One.", x_label="x", y_label="y", x_ticks=(25, 50, 90))
    assert list(drawn[0].axes[0].get_xticks()) == [25, 50, 90]


def test_a_line_that_is_not_chance_says_what_it_is(drawn):
    lines = {"one": ([1, 2], [0.1, 0.2])}
    curves(lines, "One.", x_label="x", y_label="y", chance=0.0, chance_name="no difference")
    assert "no difference" in {text.get_text() for text in drawn[0].axes[0].texts}


def test_names_of_lines_do_not_overlap():
    assert spread_apart([0.5, 0.1, 0.5], 0.2) == pytest.approx([0.5, 0.1, 0.7])
    axes = Figure().subplots()
    draw_curves(axes, {"a": ([0, 1], [0, 1]), "b": ([0, 1], [0, 1.0])}, 1)
    heights = sorted(text.xy[1] for text in axes.texts)
    assert heights[1] - heights[0] > 0.05


def test_a_table_shows_every_number(drawn):
    rows = {"pixels": {"shape": 0.2, "colour": 0.9}, "SimCLR": {"shape": 0.7, "colour": 0.4}}
    heat_table(rows, "A table.", chance={"shape": 0.1, "colour": 0.125})
    axes = drawn[0].axes[0]
    assert [text.get_text() for text in axes.texts] == ["20", "90", "70", "40"]
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "shape\n(chance 10)",
        "colour\n(chance 12.5)",
    ]
    darkness = axes.images[0].get_array()
    assert darkness[0, 1] > darkness[1, 0] > darkness[1, 1] > darkness[0, 0]


def test_points_keep_their_class(drawn):
    points = torch.arange(8.0).reshape(4, 2)
    scatter(points, torch.tensor([0, 1, 0, 1]), ("a", "b"), "Four points.")
    first, second = drawn[0].axes[0].collections
    assert first.get_offsets().tolist() == [[0, 1], [4, 5]]
    assert second.get_label() == "b"


def test_no_text_is_smaller_than_nine_points(drawn):
    curves({"a": ([0, 1], [0, 1])}, "One.", x_label="x", y_label="y", chance=0.5)
    heat_table({"a": {"b": 0.5}}, "One.", chance={"b": 0.1})
    scatter(torch.zeros(2, 2), torch.tensor([0, 0]), ("a",), "Two.", title="title")
    for figure in drawn:
        for text in figure.findobj(Text):
            assert not text.get_text() or text.get_fontsize() >= 9
