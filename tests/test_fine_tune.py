"""Fine-tuning in bfloat16 and inside autocast: every step uses the weights of that step."""

import copy

import pytest
import torch

from sslcourse.data import load
from sslcourse.evaluate import fine_tune
from sslcourse.networks import resnet


def weights_after(steps: int, **options) -> torch.Tensor:
    torch.manual_seed(0)
    encoder, images = resnet(8, 1), load("scenes", limit=64)
    options |= {"steps": steps, "learning_rate": 1e-2, "batch_size": 32}
    tuned = fine_tune(encoder, images, images, **options).encoder
    return torch.cat([weight.flatten() for weight in tuned.parameters()])


def test_fine_tuning_does_the_same_inside_autocast():
    start, usual = weights_after(1), weights_after(4)
    with torch.autocast("cpu", torch.bfloat16):
        inside = weights_after(4)
    assert (inside - usual).norm() < 0.1 * (usual - start).norm()


def test_bfloat16_uses_the_weights_of_this_step():
    """Autocast may keep the weights' first copies: then ten steps go where the first one points."""
    start, usual = weights_after(1), weights_after(10)
    half = weights_after(10, precision="bfloat16")
    assert (half - usual).norm() < 0.5 * (usual - start).norm()
    with pytest.raises(ValueError, match="precision must be"):
        weights_after(1, precision="half")


@pytest.mark.parametrize("faster", ["float32", "bfloat16"])
def test_auto_is_the_precision_that_is_faster_here(faster, monkeypatch):
    monkeypatch.setitem(fine_tune.__globals__, "pick_precision", lambda device: faster)
    assert weights_after(2, precision="auto").equal(weights_after(2, precision=faster))


def test_a_teacher_is_tuned_as_its_student_would_be():
    """A momentum encoder's weights ask for no gradient; its copy learns all the same."""
    torch.manual_seed(0)
    student, images = resnet(8, 1), load("scenes", limit=64)
    teacher = copy.deepcopy(student).requires_grad_(False)
    options = {"steps": 3, "learning_rate": 1e-2, "batch_size": 32}
    tuned = [fine_tune(e, images, images, **options).encoder for e in (student, teacher)]
    for one, other, before in zip(*(e.parameters() for e in (*tuned, teacher)), strict=True):
        assert one.equal(other) and not other.equal(before)
    assert not any(weight.requires_grad for weight in teacher.parameters())
