"""DINO's loss against a slow loop, closed forms and gradients."""

import math

import pytest
import torch
from dinos import drawn

from sslcourse.methods import dino_loss

SHARP = {"student_temperature": 0.1, "teacher_temperature": 0.04}


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
