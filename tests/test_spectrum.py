"""Spectra: a line shows the singular values of its features, and collapse is visible in it."""

import io

import pytest
import torch
from matplotlib.figure import Figure
from pictures import keep_figures
from PIL import Image

from sslcourse.teach.spectrum import LOWEST, draw_shares, draw_spectrum, spectra, spectrum


def features_of_rank(rank, count=200, width=16):
    generator = torch.Generator().manual_seed(rank)
    inner = torch.randn(count, rank, generator=generator)
    return inner @ torch.randn(rank, width, generator=generator)


def test_known_singular_values():
    features = torch.diag(torch.tensor([2.0, 4.0, 1.0]))
    assert spectrum(features).tolist() == pytest.approx([1.0, 0.5, 0.25])
    assert spectrum(torch.zeros(4, 3)).tolist() == [0.0, 0.0, 0.0]


def test_lines_fall_to_the_floor_where_directions_are_unused():
    axes = Figure().subplots()
    sets = {"even": torch.eye(16), "three": features_of_rank(3)}
    draw_spectrum(axes, sets)
    even, three = (line.get_ydata() for line in axes.lines)
    assert even == pytest.approx([1.0] * 16)
    assert min(three[:3]) > 100 * LOWEST
    assert three[3:] == pytest.approx([LOWEST] * 13)
    assert len({line.get_linestyle() for line in axes.lines}) == 2, "not told apart by colour only"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(sets)


def test_many_names_stand_beside_the_lines():
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    draw_spectrum(axes, {f"method {number}": torch.eye(16) for number in range(6)})
    figure.draw_without_rendering()
    assert axes.get_legend().get_window_extent().x0 >= axes.get_window_extent().x1


def test_bars_carry_their_numbers():
    axes = Figure().subplots()
    draw_shares(axes, {"healthy": 0.9, "broken": 0.04}, ["115 of 128", "5 of 128"], "rank")
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.9, 0.04])
    assert [text.get_text() for text in axes.texts] == ["115 of 128", "5 of 128"]
    assert axes.texts[0].get_position()[0] < 0.9, "not on the dashed line"


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were finished."""
    return keep_figures(monkeypatch, "spectrum")


def test_few_directions_look_healthy_to_the_std_only(drawn):
    """The lesson's point: two poles have a full feature std and a rank of one."""
    eye, pole = torch.eye(16), torch.ones(1, 16)
    sets = {"even": torch.cat([eye, -eye]), "poles": torch.cat([pole.repeat(50, 1)] * 2)}
    sets["poles"][50:] *= -1
    picture = spectra(sets, "Two sets.")
    assert repr(picture) == "Two sets."
    assert Image.open(io.BytesIO(picture.png)).width > 700
    _, middle, right = drawn[0].axes
    assert [bar.get_width() for bar in middle.patches] == pytest.approx([1.0, 1.0], abs=0.05)
    assert [bar.get_width() for bar in right.patches] == pytest.approx([1.0, 1 / 16], rel=1e-4)
    assert [text.get_text() for text in right.texts] == ["16 of 16", "1 of 16"]
