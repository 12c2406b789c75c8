"""The queue's pictures: every key where it belongs, and the chosen momentum in colour."""

import io

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from sslcourse.teach.figures import BLUE, GREY
from sslcourse.teach.timeline import (
    PALE,
    columns_of,
    draw_ages,
    momentum_picture,
    queue_timeline,
    wall,
)


def numbered(steps: int, batch: int) -> torch.Tensor:
    """Pictures whose value tells their step and place: (S, N, 3, 4, 4)."""
    values = torch.arange(steps * batch).view(steps, batch) / 100
    return values[:, :, None, None, None].expand(steps, batch, 3, 4, 4)


def test_a_queue_shows_each_key_in_its_place():
    born = torch.tensor([2, 2, 1, 1, -1, -1])
    columns = columns_of(numbered(3, 2), born)
    assert columns.shape == (3, 2, 3, 4, 4)
    expected = torch.tensor([[0.04, 0.05], [0.02, 0.03], [PALE, PALE]])
    assert torch.equal(columns.mean(dim=(2, 3, 4)).round(decimals=4), expected)


def test_a_wall_keeps_columns_beside_and_rows_below_each_other():
    columns = numbered(3, 2)  # read as three columns of two rows
    built = wall(columns)
    assert built.shape == (3, 2 * 8, 3 * 8)
    for column in range(3):
        for row in range(2):
            cell = built[:, row * 8 + 2 : row * 8 + 6, column * 8 + 2 : column * 8 + 6]
            assert torch.equal(cell, columns[column, row])
    assert (built[:, :2] == 1).all(), "a white frame"


@pytest.mark.parametrize("step", [0, 2])
def test_the_timeline_is_a_picture_with_its_sentence(step):
    born = torch.tensor([1, 1, 0, 0, -1, -1])
    picture = queue_timeline(numbered(3, 2), born, step)
    assert f"the batch of step {step}" in picture.description and "3 columns" in str(picture)
    colours = Image.open(io.BytesIO(picture.png)).convert("RGB").getcolors(1_000_000)
    assert len(colours) > 20, "not blank"


def test_ages_are_drawn_in_order_and_the_chosen_one_in_colour():
    axes = Figure().subplots()
    draw_ages(axes, {0.0: {8: 0.1, 0: 1.0}, 0.9: {0: 1.0, 8: 0.7}}, 0.9, 4, 80)
    lines = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert [list(line.get_ydata()) for line in lines] == [[1.0, 0.1], [1.0, 0.7]]
    assert [line.get_color() for line in lines] == [GREY, BLUE]


def test_each_line_is_named_where_it_ends_and_the_axes_name_the_step():
    axes, ends = Figure().subplots(), {0.0: 0.2, 0.9: 0.21, 1.0: 1.0}
    draw_ages(axes, {m: {0: 1.0, 8: end} for m, end in ends.items()}, 1.0, 4, 80)
    names = {text.get_text(): text.xy[1] for text in axes.texts if "m =" in text.get_text()}
    assert list(names) == ["m = 0", "m = 0.9", "m = 1"]
    assert names["m = 0"] == 0.2 and names["m = 1"] == 1.0
    assert names["m = 0.9"] - names["m = 0"] > 0.05, "close ends are kept apart"
    assert axes.get_ylabel() == "cosine with the key of step 80"


def test_the_momentum_picture_names_what_is_chosen():
    consistency = {m: {0: 1.0, 4: m} for m in (0.0, 0.5)}
    accuracy = {0.0: 0.3, 0.5: 0.4}
    first, second = (
        momentum_picture(consistency, accuracy, m, oldest=2, step=80, untrained=0.2)
        for m in accuracy
    )
    assert "momentum 0.5 in colour" in second.description
    assert first.png != second.png
