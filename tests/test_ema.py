"""The momentum encoder: equal at the start, then exactly a share of the way behind."""

import pytest
import torch
from torch import nn

from sslcourse.networks import ema_copy, ema_update, resnet, rising_momentum


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.999, 1.0])
def test_one_step_moves_a_share_of_the_difference(momentum):
    student = resnet(8, 2).double()
    teacher = ema_copy(student)
    before = weights(student)
    assert torch.equal(weights(teacher), before)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(torch.randn_like(parameter))
    ema_update(teacher, student, momentum)
    expected = before + (1 - momentum) * (weights(student) - before)
    assert torch.allclose(weights(teacher), expected, atol=1e-12)


def test_a_copy_gets_no_gradient_and_shares_nothing():
    student = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    teacher = ema_copy(student)
    assert not any(p.requires_grad for p in teacher.parameters())
    assert all(p.requires_grad for p in student.parameters())
    shared = {p.data_ptr() for p in teacher.parameters()} & {
        p.data_ptr() for p in student.parameters()
    }
    assert not shared


def test_many_small_steps_do_not_get_lost():
    """0.999 a thousand times goes 63 % of the way; in low precision it would stand still."""
    teacher, student = nn.Linear(1, 1), nn.Linear(1, 1)
    with torch.no_grad():
        teacher.weight.fill_(1.0)
        student.weight.fill_(2.0)
    for _ in range(1000):
        ema_update(teacher, student, 0.999)
    assert teacher.weight.item() == pytest.approx(1 + 1 - 0.999**1000, rel=1e-4)


def test_a_momentum_rises_along_half_a_cosine():
    found = [rising_momentum(p, 0.9) for p in (0.0, 0.25, 0.5, 1.0)]
    assert found == pytest.approx([0.9, 1 - 0.1 * (2 + 2**0.5) / 4, 0.95, 1.0])
    assert rising_momentum(0.7, 0.3, 0.3) == pytest.approx(0.3)


def test_running_statistics_are_the_teachers_own():
    student = nn.BatchNorm1d(2)
    teacher = ema_copy(student)
    student(torch.full((4, 2), 5.0) + torch.randn(4, 2))
    ema_update(teacher, student, 0.5)
    assert teacher.running_mean.tolist() == [0, 0]
    teacher(torch.full((4, 2), 3.0))
    assert teacher.running_mean.tolist() == pytest.approx([0.3, 0.3])


@pytest.mark.parametrize("momentum", [-0.1, 1.1, float("nan")])
def test_a_momentum_that_makes_no_sense(momentum):
    with pytest.raises(ValueError, match="momentum must be in"):
        ema_update(nn.Linear(1, 1), nn.Linear(1, 1), momentum)


def test_another_architecture():
    with pytest.raises(ValueError, match="make the teacher with ema_copy"):
        ema_update(nn.Linear(1, 1), nn.Linear(2, 1), 0.5)
