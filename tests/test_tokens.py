"""Pictures of tokens: tiles in their order, numbers on their patches."""

import pytest
import torch
from matplotlib.figure import Figure
from pictures import keep_figures

from sslcourse.data.operations import denormalize
from sslcourse.networks import ImageTokenizer
from sslcourse.teach.tokens import code_tiles, codebook_sheet, draw_numbers, token_sheet, wall


@pytest.fixture
def drawn(monkeypatch):
    return keep_figures(monkeypatch, "tokens")


def test_a_tile_is_the_middle_of_a_field_of_its_code():
    torch.manual_seed(0)
    tokenizer = ImageTokenizer(codes=5, width=8)
    tiles = code_tiles(tokenizer)
    assert tiles.shape == (5, 3, 4, 4)
    larger = tokenizer.paint(torch.full((1, 121), 3))  # deep inside, more of the same is the same
    middle = larger[0, :, 20:24, 20:24]
    assert torch.allclose(tiles[3], denormalize(middle[None])[0], atol=1e-5)


def test_tiles_stand_row_by_row_with_gaps():
    tiles = torch.arange(5.0).view(5, 1, 1, 1).expand(5, 3, 2, 2) / 10
    picture = wall(tiles, columns=3)
    assert picture.shape == (3, 5, 8)
    assert picture[0, 0].tolist() == torch.tensor([0, 0, 0.8, 0.1, 0.1, 0.8, 0.2, 0.2]).tolist()
    assert picture[0, 3, 0] == tiles[3, 0, 0, 0]
    assert (picture[:, 3:, 6:] == 1).all()  # the place that is left over


def test_codebooks_go_from_dark_to_light(drawn):
    tiles = torch.tensor([0.9, 0.1, 0.5]).view(3, 1, 1, 1).expand(3, 3, 4, 4)
    codebook_sheet({"a book": tiles}, "A book of three tiles.", columns=3)
    (axes,) = drawn[0].axes
    shown = axes.images[0].get_array()
    assert [round(float(shown[0, x, 0]), 2) for x in (0, 5, 10)] == [0.1, 0.5, 0.9]
    assert axes.get_title() == "a book"


def test_numbers_are_readable_on_their_ground():
    axes = Figure().subplots()
    colours = torch.stack([torch.zeros(3), torch.ones(3)]).view(1, 2, 3)
    draw_numbers(axes, torch.tensor([[7, 42]]), colours)
    assert [(text.get_text(), text.get_color()) for text in axes.texts] == [
        ("7", "white"),
        ("42", "black"),
    ]


def test_a_picture_its_tokens_and_what_is_painted(drawn):
    image = torch.randint(0, 256, (1, 3, 8, 8), dtype=torch.uint8)
    token_sheet(image, torch.tensor([[1, 2, 3, 4]]), torch.rand(1, 3, 8, 8), "A picture.")
    assert [axes.get_title() for axes in drawn[0].axes] == [
        "picture",
        "its tokens",
        "painted from them",
    ]
    assert [text.get_text() for text in drawn[0].axes[1].texts] == ["1", "2", "3", "4"]
