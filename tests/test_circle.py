"""Points on a circle and the table of pairs: what is drawn is what was given."""

import io
import math

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from sslcourse.evaluate import alignment, uniformity
from sslcourse.teach.circle import (
    RING,
    arrangement_map,
    circle_and_loss,
    draw_circle,
    push_picture,
    right_and_wrong,
)
from sslcourse.teach.pairs import pair_kinds, pair_table


def pairs_on_circle(count: int, turned: float = 0.0) -> torch.Tensor:
    """N images evenly around the circle; the second views are turned by an angle."""
    angles = torch.arange(count) * (2 * math.pi / count)
    angles = torch.cat([angles, angles + turned])
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def size(picture) -> tuple[int, int]:
    image = Image.open(io.BytesIO(picture.png)).convert("RGB")
    assert len(image.getcolors(1_000_000)) > 50, "not blank"
    return image.size


def marks(axes) -> list[tuple[float, float, str, str]]:
    """(x, y, mark, fill) of every point drawn."""
    return [
        (*line.get_xydata()[0].tolist(), line.get_marker(), line.get_fillstyle())
        for line in axes.lines
        if len(line.get_xdata()) == 1
    ]


def test_a_pair_has_one_mark_and_stands_on_two_rings():
    axes = Figure().subplots()
    points = pairs_on_circle(4)
    draw_circle(axes, points)
    drawn = marks(axes)
    assert len(drawn) == 8
    for index, (first, second) in enumerate(zip(drawn[::2], drawn[1::2], strict=True)):
        assert first[:2] == pytest.approx(points[index].tolist(), abs=1e-6)
        assert second[:2] == pytest.approx((RING * points[index]).tolist(), abs=1e-6)
        assert first[2] == second[2], "two views of an image share their mark"
        assert (first[3], second[3]) == ("full", "none")
    assert len({mark for _, _, mark, _ in drawn}) == 4


def test_groups_share_a_mark():
    axes = Figure().subplots()
    draw_circle(axes, pairs_on_circle(6), groups=[0, 1] * 3)
    assert len({mark for _, _, mark, _ in marks(axes)}) == 2


def test_every_picture_is_drawn_and_keeps_its_sentence():
    even, random = pairs_on_circle(8), pairs_on_circle(8, turned=1.0)
    pictures = [
        arrangement_map({"even": even, "random": random}, "Some points.", groups=[0, 1] * 4),
        right_and_wrong({"a": even, "b": random}, {"c": [3.0, 2.0]}, 2.7, "Some points."),
    ]
    for picture in pictures:
        assert size(picture) > (500, 200)
        assert picture.description == "Some points."


def test_a_moment_of_a_descent_names_its_step():
    path = [pairs_on_circle(8, turned=turned) for turned in (1.0, 0.5, 0.0)]
    for step, picture in enumerate(circle_and_loss(path, [3.0, 2.0], step) for step in range(3)):
        assert size(picture) > (500, 200)
        assert f"after {step} steps" in picture.description


def test_shares_of_the_push_become_lines_and_bars(monkeypatch):
    kept = {}
    monkeypatch.setattr(
        "sslcourse.teach.circle.finish", lambda figure, text: kept.update(figure=figure)
    )
    shares = torch.zeros(8)
    shares[[2, 7]] = torch.tensor([0.25, 0.75])
    points = pairs_on_circle(4)
    push_picture(points, 1, shares, 0.1)
    left, right = kept["figure"].axes
    assert [bar.get_height() for bar in right.patches] == pytest.approx([75, 25, 0, 0, 0, 0])
    ends = [line.get_xydata()[1].tolist() for line in left.lines if line.get_linewidth() > 2]
    ends = [end for end in ends if len(end)]
    assert [pytest.approx(end, abs=1e-6) for end in ends] == [
        points[2].tolist(),
        (RING * points[7]).tolist(),
    ]


def test_the_map_places_arrangements_by_alignment_and_uniformity(monkeypatch):
    kept = {}
    monkeypatch.setattr(
        "sslcourse.teach.circle.finish", lambda figure, text: kept.update(figure=figure)
    )
    points = pairs_on_circle(8, turned=0.5)
    arrangement_map({"turned": points}, "One point.")
    place = marks(kept["figure"].axes[-1])[0][:2]
    assert place == pytest.approx((alignment(*points.chunk(2)), uniformity(points)))


def test_each_row_of_the_pair_table_has_one_positive_where_the_loss_looks_for_it():
    kinds = pair_kinds(3)
    assert (kinds == 2).equal(torch.eye(6, dtype=torch.bool))
    assert (kinds == 1).nonzero().tolist() == [[0, 3], [1, 4], [2, 5], [3, 0], [4, 1], [5, 2]]
    assert (kinds == 0).sum(dim=1).tolist() == [4] * 6, "2N - 2 negatives"


def test_the_pair_table_is_drawn():
    views = torch.rand(6, 3, 8, 8)
    assert size(pair_table(views, torch.eye(6), "Six views.")) > (300, 300)
