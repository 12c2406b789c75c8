"""Filling hidden patches without learning, each way against a slow loop; the error measured."""

import math

import pytest
import torch

from sslcourse.evaluate import FILLS, fill_hidden, hidden_error


def drawn(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def case():
    """Two images of 8x8 pixels, patches of 2, three quarters hidden."""
    mask = torch.ones(2, 16, dtype=torch.bool)
    mask[0, [0, 5, 10, 13]] = False
    mask[1, [3, 6, 8, 15]] = False
    seen = ~mask.view(2, 4, 4).repeat_interleave(2, 1).repeat_interleave(2, 2)
    return drawn(2, 3, 8, 8), mask, seen


@pytest.mark.parametrize("kind", FILLS)
def test_visible_pixels_stay_and_hidden_ones_do_not_matter(case, kind):
    images, mask, seen = case
    filled = fill_hidden(images, mask, 2, kind)
    assert torch.equal(
        filled[seen[:, None].expand_as(images)], images[seen[:, None].expand_as(images)]
    )
    other = torch.where(seen[:, None], images, 1 - images)
    assert torch.allclose(fill_hidden(other, mask, 2, kind), filled, atol=1e-6)
    assert filled.min() >= 0 and filled.max() <= 1


@pytest.mark.parametrize("kind", FILLS)
def test_one_colour_is_continued(case, kind):
    _, mask, _ = case
    flat = torch.full((2, 3, 8, 8), 0.3)
    assert torch.allclose(fill_hidden(flat, mask, 2, kind), flat, atol=1e-5)


def test_mean_nearest_and_distance_equal_their_loops(case):
    images, mask, seen = case
    filled = {kind: fill_hidden(images, mask, 2, kind) for kind in FILLS}
    for n in range(2):
        places = seen[n].nonzero().tolist()
        colours = torch.stack([images[n, :, y, x] for y, x in places])
        for y, x in (~seen[n]).nonzero().tolist():
            away = torch.tensor([math.hypot(y - b, x - a) for b, a in places])
            assert torch.allclose(filled["mean"][n, :, y, x], colours.mean(0), atol=1e-5)
            weights = (away**-3 / (away**-3).sum())[:, None]
            expected = (weights * colours).sum(0)
            assert torch.allclose(filled["distance"][n, :, y, x], expected, atol=1e-5)
            nearest = colours[away == away.min()]
            assert (filled["nearest"][n, :, y, x] == nearest).all(1).any()


def test_harmonic_pixels_are_the_mean_of_their_neighbours(case):
    images, mask, seen = case
    filled = fill_hidden(images, mask, 2, "harmonic")
    for n in range(2):
        for y, x in (~seen[n]).nonzero().tolist():
            beside = [
                (max(y - 1, 0), x),
                (min(y + 1, 7), x),
                (y, max(x - 1, 0)),
                (y, min(x + 1, 7)),
            ]
            mean = torch.stack([filled[n, :, b, a] for b, a in beside]).mean(0)
            assert torch.allclose(filled[n, :, y, x], mean, atol=1e-4)


def test_harmonic_continues_a_slope():
    ramp = torch.linspace(0, 1, 8).expand(1, 3, 8, 8)
    mask = torch.zeros(1, 16, dtype=torch.bool)
    mask[0, 5] = True
    assert torch.allclose(fill_hidden(ramp, mask, 2, "harmonic"), ramp, atol=1e-5)


def test_the_error_counts_hidden_pixels_only(case):
    images, mask, seen = case
    painted = torch.where(seen[:, None], images + 9, images + 0.5)
    assert hidden_error(painted, images, mask, 2) == pytest.approx(0.25, rel=1e-5)
    as_bytes = (images * 255).byte()
    assert hidden_error(as_bytes / 255, as_bytes, mask, 2) == 0


def test_bad_input(case):
    images, mask, _ = case
    with pytest.raises(ValueError, match="unknown kind 'magic'; choose one of mean"):
        fill_hidden(images, mask, 2, "magic")
    with pytest.raises(ValueError, match=r"mask must be bool \(N, 16\)"):
        fill_hidden(images, mask[:, :9], 2)
    with pytest.raises(ValueError, match="without any visible patch"):
        fill_hidden(images, torch.ones_like(mask), 2)
    with pytest.raises(ValueError, match="hide something"):
        hidden_error(images, images, torch.zeros_like(mask), 2)
