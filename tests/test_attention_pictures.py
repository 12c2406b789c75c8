"""Attention maps as pictures: colours, darkness and outlines where they belong."""

import pytest
import torch

from sslcourse.teach.attention import REST, SIDE, dim_rest, heat, outline


def test_each_map_is_brightest_at_its_own_maximum():
    maps = torch.tensor([[[0.0, 0.1], [0.2, 0.4]], [[0.004, 0.0], [0.002, 0.0]]])
    pictures = heat(maps, 4, 4)
    assert pictures.shape == (2, 3, 4, 4)
    brightness = pictures.mean(dim=1)  # (2, 4, 4)
    assert brightness[0, 3, 3] == brightness[1, 0, 0] > 0.8
    assert brightness[0, 0, 0] == brightness[1, 3, 3] < 0.01
    assert brightness[0, 0, 0] < brightness[0, 0, 3] < brightness[0, 3, 0] < brightness[0, 3, 3]
    assert heat(torch.zeros(1, 2, 2), 2, 2).isfinite().all()


def test_only_kept_patches_keep_their_light():
    images = torch.full((1, 3, 4, 4), 255, dtype=torch.uint8)
    kept = torch.tensor([[[True, False], [False, False]]])
    shown = dim_rest(images, kept)
    assert (shown[0, :, :2, :2] == 1).all()
    assert torch.allclose(shown[0, :, 2:], torch.tensor(REST))
    with pytest.raises(ValueError, match="multiples"):
        dim_rest(images, torch.ones(1, 3, 3, dtype=torch.bool))


def test_the_line_runs_inside_the_mask_and_is_thin():
    images = torch.zeros(1, 3, 32, 32)
    masks = torch.zeros(1, 32, 32, dtype=torch.bool)
    masks[0, 8:16, 8:16] = True
    shown = outline(images, masks)[0, 0]
    assert shown.shape == (SIDE, SIDE)
    expected = torch.zeros(SIDE, SIDE)
    expected[32:64, 32:64] = 1
    expected[33:63, 33:63] = 0
    assert torch.equal(shown, expected)


def test_an_object_at_the_border_is_closed_there():
    masks = torch.zeros(1, 64, 64, dtype=torch.bool)
    masks[0, :4] = True
    shown = outline(torch.zeros(1, 3, 64, 64), masks)[0, 0]
    assert (shown[0] == 1).all() and (shown[7] == 1).all() and (shown[1:7, 1:-1] == 0).all()
