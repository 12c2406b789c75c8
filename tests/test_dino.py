"""DINO's loss against a slow loop and closed forms; its centre, teacher, schedules and collapse."""

import copy
import math

import pytest
import torch
from resuming import check_resuming

from sslcourse.data import Augment, load
from sslcourse.methods import DINO, dino_loss
from sslcourse.networks import DINOHead, VisionTransformer, resnet
from sslcourse.scores import compare, kept_encoder
from sslcourse.train import TrainConfig, fit

IMAGES = load("scenes", limit=64)
SHARP = {"student_temperature": 0.1, "teacher_temperature": 0.04}


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def scores_of(views, count=5, prototypes=3):
    return [drawn(count, prototypes, seed=v).clamp(-1, 1) for v in range(views)]


def softmax(values):
    highest = max(values)
    total = sum(math.exp(value - highest) for value in values)
    return [math.exp(value - highest) / total for value in values]


def loop_from_equation_3(student, teacher, center, soft, sharp):
    """Every pair of a teacher's view and another view of the student, image by image."""
    terms, pairs = [], 0
    for i, t in enumerate(teacher):
        for j, s in enumerate(student):
            if i == j:
                continue
            pairs += 1
            for n in range(len(s)):
                moved = [(a - c) / sharp for a, c in zip(t[n].tolist(), center[0].tolist())]
                p, q = softmax(moved), softmax([value / soft for value in s[n].tolist()])
                terms.append(-sum(a * math.log(b) for a, b in zip(p, q)))
    return sum(terms) / len(terms), pairs


@pytest.mark.parametrize(("views", "large"), [(2, 2), (4, 2), (3, 1), (3, 3)])
def test_equals_the_loop(views, large):
    student, teacher = scores_of(views), scores_of(large + 9)[9:]
    center = drawn(1, 3, seed=7)
    loss = dino_loss(student, teacher, center, student_temperature=0.3, teacher_temperature=0.2)
    expected, pairs = loop_from_equation_3(student, teacher, center, 0.3, 0.2)
    assert pairs == large * (views - 1), "with two large crops 2V - 2 terms"
    assert loss.dtype == torch.float64 and loss.shape == ()
    assert loss.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_loss_is_computed_in_float32(dtype):
    student, teacher = ([s.to(dtype) for s in scores_of(views)] for views in (4, 2))
    center = torch.zeros(1, 3).to(dtype)
    loss = dino_loss(student, teacher, center, **SHARP)
    exact = dino_loss(*([s.double() for s in part] for part in (student, teacher)), center, **SHARP)
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(exact.item(), rel=1e-5)


def test_a_uniform_teacher_and_an_even_student_stand_on_the_chance_line():
    even = [torch.full((4, 7), 0.3)] * 4
    assert dino_loss(even, even[:2], torch.zeros(1, 7), **SHARP).item() == pytest.approx(
        math.log(7), abs=1e-6
    )
    # an even student pays ln K whatever the teacher says
    anything = [torch.eye(7)[:4], torch.eye(7)[3:]]
    assert dino_loss(even, anything, torch.zeros(1, 7), **SHARP).item() == pytest.approx(
        math.log(7), abs=1e-6
    )


def test_agreement_costs_the_teachers_entropy():
    """A student whose output is the teacher's: the divergence is zero, the entropy is left."""
    t = drawn(6, 5)
    student = [t * 0.1 / 0.04] * 2  # the same logits once each is divided by its temperature
    entropy = torch.special.entr(torch.softmax(t / 0.04, 1)).sum(1).mean()
    loss = dino_loss(student, [t], torch.zeros(1, 5).double(), **SHARP)
    assert loss.item() == pytest.approx(entropy.item(), rel=1e-9)


def test_a_view_never_follows_its_own_teacher():
    """The student's first view agrees with the teacher's, and still nothing is gained by it."""
    teacher = [torch.eye(3)[[0, 1]].double()]
    student = [torch.zeros(2, 3).double().requires_grad_(), drawn(2, 3).requires_grad_()]
    dino_loss(student, teacher, torch.zeros(1, 3), **SHARP).backward()
    assert student[0].grad is None
    p = torch.softmax(teacher[0] / 0.04, 1)
    expected = (torch.softmax(student[1] / 0.1, 1) - p).detach() / 0.1 / 2
    assert torch.allclose(student[1].grad, expected)


def test_no_gradient_reaches_the_teacher_or_the_centre():
    student, teacher = ([s.requires_grad_() for s in scores_of(views)] for views in (3, 2))
    center = drawn(1, 3).requires_grad_()
    dino_loss(student, teacher, center, **SHARP).backward()
    assert all(t.grad is None for t in teacher) and center.grad is None
    assert all(s.grad.abs().sum() > 0 for s in student)
    fixed = [t.detach() for t in teacher]

    def of_student(*views):
        return dino_loss(list(views), fixed, center.detach(), **SHARP)

    assert torch.autograd.gradcheck(of_student, tuple(student))


def test_the_centre_is_subtracted_from_the_teacher_alone():
    student, teacher = scores_of(2), scores_of(4)[2:]
    center, none = drawn(1, 3, seed=5), torch.zeros(1, 3).double()
    moved = dino_loss(student, teacher, center, **SHARP)
    assert moved == dino_loss(student, [t - center for t in teacher], none, **SHARP)
    shifted = [t + center for t in teacher]
    assert torch.allclose(
        dino_loss(student, shifted, center, **SHARP), dino_loss(student, teacher, none, **SHARP)
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"student": [torch.zeros(2, 3)]}, "at least two views"),
        ({"teacher": []}, "got 2 and 0 views"),
        ({"teacher": [torch.zeros(2, 3)] * 3}, "got 2 and 3 views"),
        ({"teacher": [torch.zeros(2, 4)]}, "of one shape"),
        ({"student": [torch.zeros(3)] * 2, "teacher": [torch.zeros(3)]}, r"must be \(N, K\)"),
        ({"center": torch.zeros(3)}, r"center \(1, K\)"),
        ({"center": torch.zeros(2, 3)}, r"center \(1, K\)"),
        ({"student_temperature": 0.0}, "both temperatures must be greater than 0"),
        ({"teacher_temperature": -1.0}, "both temperatures must be greater than 0"),
        ({"teacher_temperature": float("nan")}, "both temperatures must be greater than 0"),
    ],
)
def test_bad_input_of_the_loss(change, problem):
    given = {"student": [torch.zeros(2, 3)] * 2, "teacher": [torch.zeros(2, 3)] * 2}
    given |= {"center": torch.zeros(1, 3), **SHARP} | change
    with pytest.raises(ValueError, match=problem):
        dino_loss(given.pop("student"), given.pop("teacher"), given.pop("center"), **given)


def vit():
    return VisionTransformer(16, 4, 16, 2, 2, pool="class")


def method(encoder=None, **options):
    torch.manual_seed(0)
    shared = {"augment": Augment(size=16), "prototypes": 10, "hidden": 12, "bottleneck": 6}
    shared |= {"small": Augment(crop_scale=(0.1, 0.4), size=8), "small_views": 2}
    return DINO(encoder or vit(), **shared | options)


def views_of(dino, seed=0):
    return dino.make_views(IMAGES.images[:16], torch.Generator().manual_seed(seed))


def parameters(*modules):
    return [p.detach().clone() for module in modules for p in module.parameters()]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


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


@pytest.mark.parametrize("encoder", [lambda: resnet(8, 2), vit])
def test_any_encoder_learns_only_the_student(encoder):
    dino = method(encoder())
    dino.loss(views_of(dino))[0].backward()
    fixed = "head.last.parametrizations.weight.original0"  # the gain
    for name, parameter in dino.named_parameters():
        has_none = name.startswith("teacher_") or name == fixed
        assert (parameter.grad is None) == has_none, name
    z = dino(views_of(dino)[0])
    assert z.shape == (16, 6) and torch.allclose(z.norm(dim=1), torch.ones(16), atol=1e-5)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_prototypes_stay_while_they_are_frozen(optimizer):
    dino = method(frozen=0.5)
    moved = []

    def watch(step, history):
        moved.append(not torch.equal(dino.head.last.weight, start))

    start = dino.head.last.weight.detach().clone()
    first = parameters(dino.encoder)
    fit(dino, IMAGES, TrainConfig(steps=6, batch_size=16, optimizer=optimizer), on_step=watch)
    assert moved == [False] * 3 + [True] * 3
    assert not same(first, parameters(dino.encoder))


def test_resuming_is_exact(tmp_path):
    options = {"start_temperature": 0.02, "temperature_warmup": 0.9, "frozen": 0.4}
    check_resuming(lambda: method(**options), IMAGES, tmp_path)


def test_the_teacher_is_what_the_table_judges():
    dino = method()
    with torch.no_grad():  # a student that says the same of everything
        dino.encoder.norm.weight.zero_()
    assert kept_encoder(dino) is dino.teacher_encoder
    untrained = copy.deepcopy(dino.teacher_encoder)
    table = compare(dino, untrained, load("scenes", limit=100), load("scenes", "test", limit=100))
    names = ["pixels", "untrained encoder, h", "DINO teacher, h", "DINO teacher, z"]
    assert list(table) == [*names, "DINO student, h"]
    assert table["DINO teacher, h"] == table["untrained encoder, h"] != table["DINO student, h"]


def end_of_training(**options):
    """Means of the last ten of 100 steps, and the first step's divergence."""
    images = load("scenes", limit=256)
    dino = method(**{"momentum": 0.9, **options})
    recipe = TrainConfig(steps=100, batch_size=32, learning_rate=3e-3, precision="float32", watch=1)
    history = fit(dino, images, recipe)
    names = ("teacher_entropy", "kl", "kl_uniform")
    return *(sum(history[name][-10:]) / 10 for name in names), history["kl"][0]


def test_each_force_alone_collapses_and_both_together_do_not():
    """Section 5.3 of the paper: one prototype for all, the uniform output, or neither."""
    chance = math.log(10)
    entropy, kl, gap, _ = end_of_training(center_momentum=1.0)
    assert entropy < 0.05 * chance and gap > 0.95 * chance and kl < 0.05
    entropy, kl, gap, _ = end_of_training(sharpening=False)
    assert entropy > 0.95 * chance and gap < 0.05 * chance and kl < 0.05
    entropy, kl, gap, first = end_of_training()
    assert 0.05 * chance < entropy < 0.95 * chance and gap < 0.9 * chance
    assert 0.1 < kl < 0.5 * first, "the student learns, and there is something left to learn"


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
