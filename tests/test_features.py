"""Feature extraction leaves the encoder alone, and the collapse numbers have closed forms."""

import math

import pytest
import torch
from torch import nn

from sslcourse.data import load, normalize
from sslcourse.evaluate import (
    alignment,
    effective_rank,
    extract_features,
    feature_std,
    pixels,
    uniformity,
)
from sslcourse.networks import resnet

SCENES = load("scenes", limit=40)


def encoder_with_history() -> nn.Module:
    """An encoder whose BatchNorm has seen data, so that its two modes give different features."""
    torch.manual_seed(0)
    encoder = resnet(8, (1, 1))
    encoder(normalize(load("scenes", limit=64, seed=1).images))
    return encoder


def test_features_do_not_depend_on_the_batch_or_on_the_mode():
    encoder = encoder_with_history()
    whole = extract_features(encoder.train(), SCENES)
    assert whole.shape == (40, 16) and whole.dtype == torch.float32 and not whole.requires_grad
    assert torch.allclose(extract_features(encoder, SCENES, batch_size=7), whole, atol=1e-5)
    assert torch.allclose(extract_features(encoder.eval(), SCENES), whole, atol=1e-5)
    alone = encoder.eval()(normalize(SCENES.images[3:4]))
    assert torch.allclose(alone[0], whole[3], atol=1e-5)


def test_extraction_changes_neither_weights_nor_statistics_nor_modes():
    encoder = encoder_with_history().train()
    encoder.stages[0].norm1.eval()  # a module that the learner has frozen by hand
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    extract_features(encoder, SCENES)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    modes = [module.training for module in encoder.modules()]
    assert modes.count(False) == 1 and not encoder.stages[0].norm1.training


def test_modes_come_back_after_an_error():
    class Broken(nn.Module):
        def forward(self, images):
            raise RuntimeError("broken")

    broken = Broken().train()
    with pytest.raises(RuntimeError, match="broken"):
        extract_features(broken, SCENES)
    assert broken.training


def test_accepts_tensors_and_refuses_what_is_no_feature_or_no_image():
    encoder = encoder_with_history()
    whole = extract_features(encoder, SCENES)
    assert torch.allclose(extract_features(encoder, SCENES.images), whole, atol=1e-5)
    assert torch.allclose(extract_features(encoder, SCENES.images / 255), whole, atol=1e-4)
    with pytest.raises(ValueError, match=r"features \(N, D\), got \(40, 3, 32, 32\)"):
        extract_features(nn.Identity(), SCENES)
    with pytest.raises(ValueError, match="need images"):
        extract_features(encoder, SCENES.images[:0])


def test_pixels_are_the_normalised_image():
    assert torch.equal(pixels(SCENES), normalize(SCENES.images).reshape(40, -1))


def test_feature_std_is_0_when_collapsed_and_1_over_root_d_when_even():
    generator = torch.Generator().manual_seed(0)
    point = torch.randn(1, 64, generator=generator)
    lengths = torch.rand(1000, 1, generator=generator) + 0.5
    assert feature_std(lengths * point) == pytest.approx(0, abs=1e-6)
    even = torch.randn(20_000, 64, generator=generator)
    assert feature_std(even) == pytest.approx(1 / 8, rel=0.01)
    assert feature_std(even * 5) == pytest.approx(feature_std(even), rel=1e-4)


@pytest.mark.parametrize("rank", [1, 3, 16])
def test_effective_rank_counts_equally_used_dimensions(rank):
    basis = torch.linalg.qr(torch.randn(32, 16, generator=torch.Generator().manual_seed(0)))[0]
    z = torch.zeros(32, 16)
    z[:, :rank] = basis[:, :rank] * 7
    assert effective_rank(z) == pytest.approx(rank, rel=1e-3)


def test_effective_rank_is_the_exponential_of_the_entropy():
    z = torch.diag(torch.tensor([3.0, 1.0]))
    expected = math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert effective_rank(z) == pytest.approx(expected, rel=1e-4)


def test_alignment_and_uniformity_against_loops():
    generator = torch.Generator().manual_seed(0)
    z1, z2 = torch.randn(2, 6, 4, generator=generator)
    units1, units2 = (z / z.norm(dim=1, keepdim=True) for z in (z1, z2))
    squares = [((a - b) ** 2).sum().item() for a, b in zip(units1, units2, strict=True)]
    assert alignment(z1, z2) == pytest.approx(sum(squares) / 6, rel=1e-4)
    assert alignment(z1, 3 * z1) == pytest.approx(0, abs=1e-6)
    kernel = [
        math.exp(-2 * ((units1[i] - units1[j]) ** 2).sum().item())
        for i in range(6)
        for j in range(i)
    ]
    assert uniformity(z1) == pytest.approx(math.log(sum(kernel) / len(kernel)), rel=1e-4)
    assert uniformity(torch.ones(5, 3)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("measure", [feature_std, effective_rank, uniformity])
def test_measures_need_two_features(measure):
    with pytest.raises(ValueError, match="at least 2 features"):
        measure(torch.ones(1, 8))
    with pytest.raises(ValueError, match="at least 2 features"):
        measure(torch.ones(8))


def test_smaller_pixels_are_means_of_squares():
    images = torch.randint(0, 256, (3, 3, 4, 6), dtype=torch.uint8)
    means = pixels(images).view(3, 3, 2, 2, 3, 2).mean(dim=(3, 5)).flatten(1)
    assert torch.allclose(pixels(images, shrink=2), means, atol=1e-6)
    assert torch.equal(pixels(images, shrink=1), pixels(images))
    for shrink in (0, 5):
        with pytest.raises(ValueError, match="shrink must be 1 to 4"):
            pixels(images, shrink=shrink)
