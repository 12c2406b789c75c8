"""Pictures with holes: the right patches are grey, and every row and number is drawn."""

import io

import numpy as np
import torch
from PIL import Image

from sslcourse.teach.masking import HOLE, hide_patches, image_rows, patch_sheet


def drawn(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def opened(picture):
    return Image.open(io.BytesIO(picture.png))


def test_hidden_patches_are_white_and_visible_ones_as_they_were():
    images, mask = drawn(2, 3, 8, 12), torch.zeros(2, 6, dtype=torch.bool)
    mask[0, 1] = mask[1, 5] = True
    holes = hide_patches(images, mask, 4)
    assert (holes[0, :, :4, 4:8] == HOLE).all() and (holes[1, :, 4:, 8:] == HOLE).all()
    assert torch.equal(holes[0, :, 4:], images[0, :, 4:])
    assert torch.equal(holes[1, :, :4], images[1, :, :4])
    assert torch.equal(
        hide_patches((images * 255).byte(), mask, 4)[0, :, 4:],
        (images * 255).byte()[0, :, 4:] / 255,
    )


def test_rows_grow_with_their_number():
    images = drawn(4, 3, 8, 8)
    one = image_rows({"a": images}, "One row.")
    three = image_rows({"a": images, "b": images * 2 - 0.5, "c": images[:2]}, "Three rows.")
    assert repr(three) == "Three rows."
    assert opened(three).height > 2 * opened(one).height
    wide = image_rows({"a": drawn(8, 3, 8, 8)}, "Eight.")
    assert opened(wide).width > 1.4 * opened(one).width


def test_a_sheet_shows_numbers_of_visible_patches_only():
    images, mask = torch.zeros(1, 3, 16, 16), torch.zeros(1, 16, dtype=torch.bool)
    plain = patch_sheet(images, mask, 4, "All.", numbered=False)
    numbered = patch_sheet(images, mask, 4, "All.")
    hidden = patch_sheet(images, ~mask, 4, "None.")
    white = [(np.asarray(opened(p).convert("L")) > 250).sum() for p in (plain, numbered, hidden)]
    assert white[0] < white[1] < white[2], "numbers are white on black, hidden patches empty"
