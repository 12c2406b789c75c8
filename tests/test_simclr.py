"""NT-Xent against a slow loop written from the paper's equation 1, closed forms and gradients."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sslcourse.data import Augment, load
from sslcourse.methods import SimCLR, nt_xent_loss
from sslcourse.networks import resnet

NO_CHANGE = Augment(crop_scale=None, flip=0, jitter=None, grayscale=0, normalized=False)


def projections(count: int, width: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(2, count, width, generator=generator, dtype=torch.float64)
    return z[0], z[0] + 0.3 * z[1]  # related, as views of one image are


def loop_from_equation_1(z1: torch.Tensor, z2: torch.Tensor, temperature: float) -> float:
    """One term at a time, as the equation stands: no matrix, no cross_entropy."""
    z = [row for pair in zip(z1, z2, strict=True) for row in pair]  # views 2k and 2k + 1 are a pair

    def similarity(a: torch.Tensor, b: torch.Tensor) -> float:
        return (a @ b / (a.norm() * b.norm())).item()

    total = 0.0
    for i in range(len(z)):
        positive = math.exp(similarity(z[i], z[i ^ 1]) / temperature)
        others = sum(
            math.exp(similarity(z[i], z[k]) / temperature) for k in range(len(z)) if k != i
        )
        total -= math.log(positive / others)
    return total / len(z)


@pytest.mark.parametrize("count, width", [(2, 3), (5, 4), (16, 8)])
@pytest.mark.parametrize("temperature", [0.07, 0.5, 2.0])
def test_equals_the_loop(count, width, temperature):
    z1, z2 = projections(count, width)
    expected = loop_from_equation_1(z1, z2, temperature)
    loss = nt_xent_loss(z1, z2, temperature=temperature)
    assert loss.dtype == torch.float64 and loss.shape == ()
    assert loss.item() == pytest.approx(expected, rel=1e-9)
    single = nt_xent_loss(z1.float(), z2.float(), temperature=temperature)
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
def test_orthonormal_pairs_have_a_closed_form(temperature):
    """Positives at cosine 1, negatives at 0: catches a wrong positive and a wrong temperature."""
    count = 4
    z = torch.eye(count, dtype=torch.float64)
    expected = math.log(1 + (2 * count - 2) * math.exp(-1 / temperature))
    assert nt_xent_loss(z, z, temperature=temperature).item() == pytest.approx(expected)


@pytest.mark.parametrize("count", [2, 7, 64])
def test_equal_projections_stand_on_the_chance_line(count):
    z = torch.ones(count, 5)
    loss = nt_xent_loss(z, z, temperature=0.2).item()
    assert loss == pytest.approx(math.log(2 * count - 1), rel=1e-5)


def test_perfect_pairs_reach_zero():
    """With the view itself among the candidates the floor would be ln 2."""
    z = torch.eye(8)
    assert nt_xent_loss(z, z, temperature=0.02).item() < 1e-6


def test_length_does_not_count_but_the_pairing_does():
    z1, z2 = projections(16, 8)
    loss = nt_xent_loss(z1, z2, temperature=0.3)
    for same in (
        nt_xent_loss(3 * z1, z2 / 7, temperature=0.3),
        nt_xent_loss(z2, z1, temperature=0.3),
    ):
        assert same.item() == pytest.approx(loss.item(), rel=1e-4)
    assert nt_xent_loss(z1, z2.roll(1, 0), temperature=0.3) > loss + 0.5


def test_gradients_are_those_of_the_formula():
    z1, z2 = (z.requires_grad_() for z in projections(4, 3))
    assert torch.autograd.gradcheck(lambda a, b: nt_xent_loss(a, b, temperature=0.4), (z1, z2))


def test_descent_finds_pairs_and_keeps_them_apart():
    generator = torch.Generator().manual_seed(0)
    z1, z2 = (torch.randn(8, 16, generator=generator).requires_grad_() for _ in range(2))
    optimizer = torch.optim.Adam([z1, z2], 0.05)
    for _ in range(200):
        optimizer.zero_grad()
        nt_xent_loss(z1, z2, temperature=0.2).backward()
        optimizer.step()
    similarity = F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T
    assert similarity.diagonal().min() > 0.95
    assert (similarity - torch.eye(8)).max() < 0.3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_raised_to_float32(dtype):
    z1, z2 = (z.to(dtype) for z in projections(32, 16))
    exact = nt_xent_loss(z1.double(), z2.double(), temperature=0.05)
    with torch.autocast("cpu", torch.bfloat16):
        loss = nt_xent_loss(z1, z2, temperature=0.05)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=1e-3)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_refuses_a_temperature_that_is_not_positive(temperature):
    with pytest.raises(ValueError, match="temperature must be greater than 0"):
        nt_xent_loss(torch.eye(3), torch.eye(3), temperature=temperature)
    with pytest.raises(ValueError, match="temperature must be greater than 0"):
        SimCLR(resnet(8, (1,)), temperature=temperature)


def test_refuses_a_batch_of_one_and_unlike_shapes():
    with pytest.raises(ValueError, match="at least 2"):
        nt_xent_loss(torch.ones(1, 4), torch.ones(1, 4), temperature=0.1)
    with pytest.raises(ValueError, match=r"\(3, 4\) and \(2, 4\)"):
        nt_xent_loss(torch.ones(3, 4), torch.ones(2, 4), temperature=0.1)
    with pytest.raises(ValueError, match="N, D"):
        nt_xent_loss(torch.ones(4), torch.ones(4), temperature=0.1)


class OneHotEncoder(nn.Module):
    """Maps an image of constant value n/255 to the unit vector e_n: perfect, known features."""

    width_out = 8

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        index = (images[:, 0, 0, 0] * 255).round().long()
        return F.one_hot(index, self.width_out).float()


def test_method_pairs_the_views_of_one_image():
    """Images that need no augmenting: the method's loss is the closed form of orthonormal pairs."""
    images = torch.arange(6, dtype=torch.uint8)[:, None, None, None].expand(6, 3, 8, 8)
    method = SimCLR(OneHotEncoder(), head=nn.Identity(), augment=NO_CHANGE, temperature=0.5)
    loss, diagnostics = method.loss(method.make_views(images))
    assert loss.item() == pytest.approx(math.log(1 + 10 * math.exp(-2)), rel=1e-4)
    numbers = {name: float(value) for name, value in diagnostics.items()}
    assert numbers == pytest.approx(
        {
            "chance": math.log(11),
            "positive_cosine": 1.0,
            "negative_cosine": 0.0,
            "found": 1.0,
        }
    )


def test_method_sends_both_views_through_the_encoder_in_one_pass():
    """BatchNorm must see both views as one batch."""
    torch.manual_seed(0)
    method = SimCLR(resnet(8, (1, 1)), temperature=0.3)
    images = load("scenes", limit=16).images
    views = method.make_views(images, torch.Generator().manual_seed(0))
    z1, z2 = method(torch.cat(views)).chunk(2)
    expected = nt_xent_loss(z1, z2, temperature=0.3)
    assert method.loss(views)[0].item() == pytest.approx(expected.item(), rel=1e-5)


def test_views_differ_between_images_and_between_each_other():
    images = load("scenes", limit=1).images.expand(8, 3, 32, 32)
    first, second = SimCLR(resnet(8, (1,))).make_views(images, torch.Generator().manual_seed(1))
    everything = torch.cat([first, second]).flatten(1)
    distances = torch.cdist(everything, everything) + torch.eye(16) * 1e9
    assert distances.min() > 1.0


def test_every_weight_learns():
    method = SimCLR(resnet(8, (1, 1)))
    loss, _ = method.loss(method.make_views(load("scenes", limit=8).images))
    loss.backward()
    for name, parameter in method.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name
