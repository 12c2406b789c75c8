"""The sheet of a teacher's outputs: what stands in which panel."""

import math

import pytest
import torch
from pictures import keep_figures

from sslcourse.teach.distillation import entropy_of, output_sheet


@pytest.fixture
def drawn(monkeypatch):
    return keep_figures(monkeypatch, "distillation")


def test_entropy_of_the_two_ends():
    ends = torch.tensor([[0.25] * 4, [0.0, 1.0, 0.0, 0.0]])
    assert torch.allclose(entropy_of(ends), torch.tensor([math.log(4), 0.0]))


def test_panels_share_the_order_of_the_mean(drawn):
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    outputs = torch.tensor([[0.1, 0.7, 0.2], [0.0, 1.0, 0.0], [0.6, 0.4, 0.0], [0.1, 0.5, 0.4]])
    output_sheet(images, outputs, "Three of four outputs, and the mean.")
    below = drawn[0].axes[4:]
    heights = [[bar.get_height() for bar in axes.patches] for axes in below]
    assert heights[0] == pytest.approx([0.7, 0.1, 0.2])  # the mean is 0.2, 0.65, 0.15
    assert heights[-1] == pytest.approx([0.65, 0.2, 0.15])
    assert [axes.get_title() for axes in below[1:]] == [
        "entropy 0.0 of 1.1",
        "entropy 0.7 of 1.1",
        "mean of 4: 0.9 of 1.1",
    ]
    assert all(axes.get_ylim() == pytest.approx((0, 1.15)) for axes in below[:-1])
    assert below[-1].get_ylim() == pytest.approx((0, 1.15 * 0.65))  # flat means stay readable
    assert all(axes.lines[0].get_ydata()[0] == pytest.approx(1 / 3) for axes in below)


def test_outputs_belong_to_the_images():
    with pytest.raises(ValueError, match="of at least 3 images"):
        output_sheet(torch.zeros(4, 3, 8, 8), torch.ones(5, 2) / 2, "A sheet.")
