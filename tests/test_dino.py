"""DINO's head, teacher, centre, temperatures, diagnostics and options."""

import copy
import math

import pytest
import torch
from dinos import IMAGES, drawn, method, parameters, same, views_of

from sslcourse.data import Augment
from sslcourse.methods import dino_loss
from sslcourse.networks import DINOHead
from sslcourse.train import TrainConfig, fit

SHARP = {"student_temperature": 0.1, "teacher_temperature": 0.04}


def test_the_head_ends_in_cosines_with_prototypes_of_unit_length():
    torch.manual_seed(0)
    head = DINOHead(8, 5, width_hidden=7, width_bottleneck=6)
    h = torch.randn(4, 8)
    z = head.project(h)
    assert torch.allclose(z.norm(dim=1), torch.ones(4), atol=1e-6)
    assert torch.allclose(head.last.weight.norm(dim=1), torch.ones(5), atol=1e-6)
    assert torch.allclose(head(h), z @ head.last.weight.T, atol=1e-6)
    assert [type(layer).__name__ for layer in head.mlp] == ["Linear", "GELU"] * 2 + ["Linear"]
    assert head.last.bias is None
    optimizer = torch.optim.SGD([p for p in head.parameters() if p.requires_grad], 5.0)
    for _ in range(3):
        optimizer.zero_grad()
        head(h).square().sum().backward()
        optimizer.step()
    assert torch.allclose(head.last.weight.norm(dim=1), torch.ones(5), atol=1e-6), "gain stays 1"
    with pytest.raises(ValueError, match="at least 1, got 8, 2048, 256 and 0 prototypes"):
        DINOHead(8, 0)


def test_the_head_has_batch_norm_where_asked_for():
    torch.manual_seed(0)
    head = DINOHead(8, 5, width_hidden=7, width_bottleneck=6, norm=True)
    kinds = ["Linear", "BatchNorm1d", "GELU"] * 2 + ["Linear"]
    assert [type(layer).__name__ for layer in head.mlp] == kinds
    h = torch.randn(16, 8)
    assert torch.allclose(head(100 * h + 3), head(h), atol=1e-3), "scale and shift don't matter"
    dino = method(head_norm=True)
    assert [type(layer).__name__ for layer in dino.teacher_head.mlp] == kinds
    views = views_of(dino)
    assert torch.allclose(dino.teacher(views), dino.student(views)[:2], atol=1e-6)


def test_the_head_can_be_copied_after_it_was_used():
    head, h = DINOHead(8, 5, width_hidden=7, width_bottleneck=6), torch.randn(4, 8)
    expected = head(h)
    twin = copy.deepcopy(head)
    assert torch.equal(twin(h), expected)
    with torch.no_grad():
        twin.last.parametrizations.weight.original1.normal_()
    assert torch.equal(head(h), expected) and not torch.equal(twin(h), expected)


def test_the_teacher_starts_as_the_students_copy_head_included():
    dino = method()
    student = parameters(dino.encoder, dino.head)
    assert same(student, parameters(dino.teacher_encoder, dino.teacher_head))
    teachers = [*dino.teacher_encoder.parameters(), *dino.teacher_head.parameters()]
    assert not any(p.requires_grad for p in teachers)
    views = views_of(dino)
    assert torch.allclose(dino.teacher(views), dino.student(views)[:2], atol=1e-6)


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_teacher_follows_by_a_momentum_that_rises_to_one(momentum, progress):
    dino = method(momentum=momentum)
    before = parameters(dino.teacher_encoder, dino.teacher_head)
    with torch.no_grad():
        for p in [*dino.encoder.parameters(), *dino.head.parameters()]:
            p.add_(torch.randn_like(p) * p.requires_grad)
    dino.after_step(progress)
    now = 1 + (momentum - 1) * {0.0: 1.0, 0.5: 0.5, 1.0: 0.0}[progress]
    students = parameters(dino.encoder, dino.head)
    for old, new, student in zip(
        before, parameters(dino.teacher_encoder, dino.teacher_head), students, strict=True
    ):
        assert torch.allclose(new, old + (1 - now) * (student - old), atol=1e-6)


def test_the_centre_is_the_running_mean_of_raw_scores_and_moves_after_the_loss():
    dino = method(center_momentum=0.9)
    dino.center = drawn(1, 10).float()
    before, views = dino.center.clone(), views_of(dino)
    raw = dino.teacher(views)  # (2, N, K)
    loss = dino.loss(views)[0]
    assert torch.equal(dino.center, before), "a loss without a step changes nothing"
    student = list(dino.student(views))
    assert torch.allclose(loss, dino_loss(student, list(raw), before, **SHARP), atol=1e-5)
    dino.after_step(0.1)
    expected = 0.9 * before + 0.1 * raw.flatten(0, 1).mean(dim=0)
    assert dino.center.shape == (1, 10) and torch.allclose(dino.center, expected, atol=1e-6)
    dino.after_step(0.2)
    assert torch.allclose(dino.center, expected, atol=1e-6), "without a new loss it stays"


def test_the_centre_comes_to_the_teachers_mean():
    dino = method(momentum=1.0, center_momentum=0.5)
    for number in range(40):
        dino.loss(views_of(dino))
        dino.after_step(number / 40)
    assert (dino.teacher(views_of(dino)) - dino.center).mean(dim=(0, 1)).abs().max() < 1e-5


def test_the_temperature_warms_up_in_a_line():
    dino = method(start_temperature=0.02, teacher_temperature=0.06, temperature_warmup=0.4)
    found = [dino.temperature_at(p) for p in (0.0, 0.1, 0.2, 0.4, 1.0)]
    assert found == pytest.approx([0.02, 0.03, 0.04, 0.06, 0.06])
    views, center = views_of(dino), dino.center
    for progress, temperature in ((0.0, 0.02), (0.2, 0.04), (1.0, 0.06)):
        dino.progress = progress
        pairs = list(dino.student(views)), list(dino.teacher(views)), center
        expected = dino_loss(*pairs, student_temperature=0.1, teacher_temperature=temperature)
        assert dino.loss(views)[0].item() == pytest.approx(expected.item(), rel=1e-5)


def test_three_switches_take_the_method_apart():
    """Without centring, sharpening or the slow teacher: each leaves the others alone."""
    uncentred = method(center_momentum=1.0)
    uncentred.loss(views_of(uncentred))
    uncentred.after_step(0.5)
    assert uncentred.center.abs().max() == 0
    assert method(sharpening=False).temperature_at(0.3) == 0.1
    copied = method(momentum=0.0, momentum_end=0.0)
    with torch.no_grad():
        copied.encoder.class_token.add_(1.0)
    copied.after_step(0.9)
    assert same(parameters(copied.encoder), parameters(copied.teacher_encoder))


def test_diagnostics_see_both_kinds_of_collapse():
    dino = method()
    views = views_of(dino)
    loss, found = dino.loss(views)
    outputs = torch.softmax(dino.teacher(views) / 0.04, dim=2)  # (2, N, K)
    entropies = [-sum(p * math.log(p) for p in row) for row in outputs.flatten(0, 1).tolist()]
    assert found["chance"] == math.log(10)
    assert found["teacher_entropy"].item() == pytest.approx(sum(entropies) / 32, rel=1e-4)
    assert found["kl"].item() == pytest.approx(loss.item() - sum(entropies) / 32, abs=1e-4)
    mean = outputs.mean(dim=(0, 1)).tolist()
    gap = math.log(10) + sum(p * math.log(p) for p in mean)
    assert found["kl_uniform"].item() == pytest.approx(gap, rel=1e-3)
    with torch.no_grad():  # both networks say the same of every image: one prototype wins
        for part in (dino.head, dino.teacher_head):
            part.mlp[-1].weight.zero_()
            part.mlp[-1].bias.copy_(50 * part.last.weight[3])
    _, one = dino.loss(views)
    assert one["kl_uniform"] > 2 * found["kl_uniform"] and one["kl"] < found["kl"]
    dino.center = dino.teacher(views).mean(dim=(0, 1))[None]  # what centring ends in
    _, uniform = dino.loss(views)
    assert uniform["teacher_entropy"].item() == pytest.approx(math.log(10), abs=1e-3)
    assert uniform["kl_uniform"].item() == pytest.approx(0, abs=1e-3)


def test_crops_of_two_sizes_go_through_one_encoder():
    dino = method().eval()
    views = views_of(dino)
    assert [tuple(view.shape) for view in views] == [(16, 3, 16, 16)] * 2 + [(16, 3, 8, 8)] * 2
    scores = dino.student(views)
    assert scores.shape == (4, 16, 10)
    for number, view in enumerate(views):
        h = dino.encoder.pool_tokens(dino.encoder(view))
        assert torch.allclose(scores[number], dino.head(h), atol=1e-5)
    assert dino.teacher(views).shape == (2, 16, 10)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"teacher_temperature": 0.1}, r"0\.1 must be below the student's 0\.1: a teacher that is"),
        ({"teacher_temperature": 0.3}, "drifts to the uniform output"),
        ({"start_temperature": 0.2, "temperature_warmup": 0.5}, "below the student's"),
        ({"student_temperature": 0.0}, "temperatures must be greater than 0"),
        ({"start_temperature": 0.0, "temperature_warmup": 0.5}, "must be greater than 0"),
        ({"momentum": 1.5}, r"momentum must be in \[0, 1\], got 1\.5"),
        ({"momentum_end": -0.1}, r"momentum_end must be in \[0, 1\]"),
        ({"center_momentum": 2.0}, r"center_momentum must be in \[0, 1\]"),
        ({"frozen": 1.0}, r"frozen must be in \[0, 1\)"),
        ({"temperature_warmup": 1.0}, r"temperature_warmup must be in \[0, 1\)"),
        ({"small": None}, "2 small views need an Augment"),
        ({"small_views": -1}, "-1 small views"),
        ({"small": Augment(size=3)}, "crops of 3 pixels can't be cut into patches of 4 pixels"),
        ({"augment": Augment(size=18)}, "choose a multiple of 4"),
        ({"prototypes": 0}, "at least 1"),
    ],
)
def test_bad_options(options, problem):
    with pytest.raises(ValueError, match=problem):
        method(**options)


def test_images_that_are_not_rgb():
    with pytest.raises(ValueError, match=r"expected a batch of images \(N, 3, H, W\)"):
        method().make_views(torch.zeros(4, 1, 32, 32, dtype=torch.uint8))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_computes_the_same():
    dino = method()
    views = views_of(dino)
    expected = dino.loss(views)[0]
    actual = dino.cuda().loss([view.cuda() for view in views])[0]
    assert actual.item() == pytest.approx(expected.item(), rel=1e-3)
    fit(dino, IMAGES.to("cuda"), TrainConfig(steps=3, batch_size=16))
