"""Pictures as rows of patches, and where each patch stands."""

import math

import pytest
import torch
from small_vit import drawn

from sslcourse.networks.patches import (
    check_crop,
    hidden_count,
    patchify,
    sincos_positions,
    take,
    unpatchify,
    visible_positions,
)


def test_patchify_puts_every_pixel_where_the_paper_does():
    """Row, column, channel inside a patch; patches row by row."""
    images = torch.arange(2 * 3 * 8 * 12).view(2, 3, 8, 12)
    patches = patchify(images, 4)
    assert patches.shape == (2, 6, 48)
    for n, c, y, x in ((0, 0, 0, 0), (1, 2, 5, 3), (0, 1, 3, 11), (1, 0, 7, 4)):
        patch = (y // 4) * 3 + x // 4
        place = ((y % 4) * 4 + x % 4) * 3 + c
        assert patches[n, patch, place] == images[n, c, y, x]


@pytest.mark.parametrize("size", [(8, 8), (8, 12), (4, 16)])
def test_unpatchify_is_the_inverse(size):
    images = drawn(2, 3, *size)
    assert torch.equal(unpatchify(patchify(images, 4), 4, columns=size[1] // 4), images)
    if size[0] == size[1]:
        assert torch.equal(unpatchify(patchify(images, 2), 2), images)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: patchify(torch.zeros(1, 3, 10, 8), 4), "10x8 pixels can't be cut into patches"),
        (lambda: patchify(torch.zeros(3, 8, 8), 4), r"images \(N, C, H, W\)"),
        (lambda: unpatchify(torch.zeros(1, 4, 47), 4), r"patches \(N, L, 4\*4\*C\)"),
        (lambda: unpatchify(torch.zeros(1, 6, 48), 4), "6 patches don't make a square"),
        (lambda: unpatchify(torch.zeros(1, 6, 48), 4, columns=4), "don't fill rows of 4 columns"),
        (lambda: sincos_positions(2, 2, 6), "divisible by 4, got 6"),
        (lambda: check_crop(6, 4), "crops of 6 pixels can't be cut into patches of 4 pixels"),
        (lambda: hidden_count(64, 1.0), "between 0 and 1, got 1.0"),
        (lambda: hidden_count(4, 0.05), "hides 0 of 4 patches"),
        (lambda: hidden_count(4, 0.95), "hides 4 of 4 patches"),
        (lambda: visible_positions(torch.zeros(2, 4)), "mask must be bool"),
        (lambda: visible_positions(torch.ones(2, 4).bool()), "at least 1; the mask shows 0 to 0"),
        (lambda: visible_positions(torch.eye(4).bool() & (torch.arange(4) > 0)), "shows 3 to 4"),
    ],
)
def test_what_does_not_fit_is_one_sentence(call, problem):
    with pytest.raises(ValueError, match=problem):
        call()


def test_positions_are_sines_and_cosines_of_column_and_row():
    places = sincos_positions(3, 5, 8)
    assert places.shape == (15, 8)
    row, column = 2, 4
    frequencies = [1.0, 1 / 100]
    expected = [
        wave(at * f) for at in (column, row) for wave in (math.sin, math.cos) for f in frequencies
    ]
    assert torch.allclose(places[row * 5 + column], torch.tensor(expected), atol=1e-6)
    assert len(places.unique(dim=0)) == 15


def test_visible_positions_keep_their_order():
    mask = torch.tensor([[True, False, True, False], [False, True, True, False]])
    positions = visible_positions(mask)
    assert positions.tolist() == [[1, 3], [0, 3]]
    assert torch.equal(visible_positions(mask, 2), positions)
    tokens = torch.arange(8.0).view(2, 4, 1)
    assert take(tokens, positions)[:, :, 0].tolist() == [[1, 3], [4, 7]]
