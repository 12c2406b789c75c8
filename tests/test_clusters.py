"""Figures of clusters: what is drawn is what was assigned, and sums stand where they belong."""

import pytest
import torch
from matplotlib.figure import Figure
from pictures import keep_figures, size

from sslcourse.teach.clusters import (
    assignment_table,
    circle_of_clusters,
    crop_sheet,
    draw_assigned,
    prototype_sheet,
)

Q = torch.tensor([[0.75, 0.25, 0.0], [0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.25, 0.75]])


def on_circle(*degrees):
    angles = torch.tensor(degrees).deg2rad()
    return torch.stack([angles.cos(), angles.sin()], dim=1)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were finished."""
    return keep_figures(monkeypatch, "clusters")


def texts(axes):
    return [text.get_text() for text in axes.texts]


def single_marks(axes):
    """(x, y, mark, fill) of every single point drawn."""
    return [
        (*line.get_xydata()[0].tolist(), line.get_marker(), line.get_fillstyle())
        for line in axes.lines
        if len(line.get_xdata()) == 1
    ]


def test_a_point_wears_the_mark_of_its_largest_assignment():
    axes = Figure().subplots()
    points = on_circle(120.0, 100.0, 80.0, 60.0)
    draw_assigned(axes, points, on_circle(150.0, 90.0, 30.0), Q, "some")
    marks = single_marks(axes)
    prototypes = [mark for *_, mark, fill in marks if fill == "none"]
    images = [mark for mark in marks if mark[3] == "full"]
    assert len(set(prototypes)) == 3, "not told apart by colour only"
    for image, point, k in zip(images, points, Q.argmax(dim=1), strict=True):
        assert image[:2] == pytest.approx(point.tolist())
        assert image[2] == prototypes[k]
    assert texts(axes) == ["A", "B", "C", "1", "2", "3", "4"]


def test_each_way_of_assigning_says_how_often_a_prototype_is_chosen(drawn):
    points, prototypes = on_circle(120.0, 100.0, 80.0, 60.0), on_circle(150.0, 90.0, 30.0)
    even = torch.eye(3)[[0, 1, 2, 2]]
    picture = circle_of_clusters(points, prototypes, {"one": Q, "two": even}, "Four points.")
    assert repr(picture) == "Four points." and size(picture) > (600, 200)
    titles = [axes.get_title() for axes in drawn[0].axes]
    assert titles == ["one\nA 2, B 1, C 1", "two\nA 1, B 1, C 2"]


def test_the_table_shows_every_number_and_both_sums(drawn):
    picture = assignment_table(Q, "A table.", title="after 2 steps")
    assert repr(picture) == "A table." and size(picture) > (400, 200)
    main, right, below, corner = drawn[0].axes
    assert texts(main) == [f"{value:.2f}" for value in Q.flatten().tolist()]
    assert [bar.get_width() for bar in right.patches] == pytest.approx([1.0] * 4)
    assert texts(right) == ["1.00"] * 4
    assert main.xaxis.get_tick_params()["labeltop"], "the letters of the prototypes are shown"
    assert [bar.get_height() for bar in below.patches] == pytest.approx([1.25, 2.0, 0.75])
    assert texts(below)[:3] == ["1.25", "2.00", "0.75"]
    assert "wanted: 1.33333" in texts(below)[3]
    (row_target,), (column_target,) = right.lines, below.lines
    assert row_target.get_xdata()[0] == 1.0
    assert column_target.get_ydata()[0] == pytest.approx(4 / 3)
    assert not corner.axison and not texts(corner)
    assert drawn[0].get_suptitle() == "after 2 steps"


def test_bars_stay_beside_their_rows_and_under_their_columns(drawn):
    assignment_table(10 * Q, "A table.")
    main, right, below, _ = drawn[0].axes
    assert right.get_ylim() == main.get_ylim() and below.get_xlim() == main.get_xlim()
    longest = max(bar.get_width() for bar in right.patches)
    assert longest < right.get_xlim()[1], "an unfinished assignment fits too"
    deepest = max(bar.get_height() for bar in below.patches)
    assert below.get_ylim()[0] > deepest > below.get_ylim()[1] == 0, "bars hang down"


def test_a_sheet_shows_the_most_used_prototypes_and_their_closest_images(drawn):
    images = torch.rand(6, 3, 8, 8)
    scores = torch.zeros(6, 4)
    scores[[0, 1, 2, 3], 2] = torch.tensor([0.5, 0.9, 0.7, 0.6])  # four images like prototype 2
    scores[[4, 5], 1] = torch.tensor([0.3, 0.4])  # two like prototype 1
    picture = prototype_sheet(images, scores, "Six images.", rows=2, columns=2)
    assert repr(picture) == "Six images." and size(picture) > (200, 100)
    axes = drawn[0].axes
    assert [texts(line) for line in axes[::2]] == [["4 images"], ["2 images"]]
    for place, index in zip(axes, (1, 2, 5, 4), strict=True):
        shown = torch.as_tensor(place.images[0].get_array())
        assert torch.allclose(shown, images[index].permute(1, 2, 0))


def test_crops_stand_beside_their_image_in_the_middle_and_at_its_scale(drawn):
    images, crops = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 4, 4)
    picture = crop_sheet(images, [crops], ("picture", "small"), "Two images.")
    assert repr(picture) == "Two images." and size(picture) > (200, 200)
    axes = drawn[0].axes
    assert [place.get_title() for place in axes] == ["picture", "small", "", ""]
    for place, image in zip(axes, (images[0], crops[0], images[1], crops[1]), strict=True):
        shown = torch.as_tensor(place.images[0].get_array())
        assert torch.allclose(shown, image.permute(1, 2, 0))
        (left, right), (low, high) = place.get_xlim(), place.get_ylim()
        assert right - left == low - high == 8, "one pixel is as large as in any other picture"
        assert (left + right) / 2 == (low + high) / 2 == (image.shape[2] - 1) / 2
