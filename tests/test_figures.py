"""Figures: the picture is there, and its axes hold the numbers that they were given."""

import torch
from PIL import Image

from sslcourse.teach.figures import image_grid, nearest_neighbours


def test_a_picture_is_a_png_with_a_sentence(tmp_path):
    picture = image_grid(torch.rand(7, 3, 8, 8), "Seven random images.", columns=4, titles=["a"])
    data, metadata = picture._repr_mimebundle_()
    assert set(data) == {"image/png", "text/plain"}
    assert data["text/plain"] == "Seven random images."
    assert metadata["image/png"]["alt"] == "Seven random images."
    picture.save(tmp_path / "picture.png")
    image = Image.open(tmp_path / "picture.png")
    assert image.format == "PNG"
    assert len(image.convert("RGB").getcolors(100_000)) > 50, "not blank"


def test_nearest_neighbours_leave_out_the_question_itself():
    features = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, -0.2]])
    assert nearest_neighbours(features, [0, 2], 2).tolist() == [[1, 2], [1, 0]]
