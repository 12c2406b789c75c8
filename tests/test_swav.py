"""Sinkhorn against a slow loop and its marginals; swapped prediction against the formula; SwAV."""

import math

import pytest
import torch
from resuming import check_resuming
from torch import nn

from sslcourse.data import Augment, load, multi_crop
from sslcourse.methods import SwAV, sinkhorn, swav_loss
from sslcourse.networks import Prototypes, resnet
from sslcourse.train import TrainConfig, fit

IMAGES = load("scenes", limit=64)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def loop_of_sinkhorn(scores, epsilon, iterations):
    """As the paper's appendix writes it: the exponential, then prototypes and images in turn."""
    n, k = scores.shape
    q = [[math.exp(scores[i, j].item() / epsilon) for j in range(k)] for i in range(n)]
    total = sum(map(sum, q))
    q = [[value / total for value in row] for row in q]
    for _ in range(iterations):
        for j in range(k):
            mass = sum(row[j] for row in q)
            for row in q:
                row[j] /= mass * k
        for row in q:
            mass = sum(row)
            for j in range(k):
                row[j] /= mass * n
    return torch.tensor(q, dtype=torch.float64) * n


@pytest.mark.parametrize("epsilon", [0.1, 0.01])  # the latter takes logarithms
@pytest.mark.parametrize("iterations", [1, 3, 20])
def test_sinkhorn_equals_the_loop(iterations, epsilon):
    scores = drawn(7, 4).clamp(-1, 1)
    expected = loop_of_sinkhorn(scores, epsilon, iterations)
    assert torch.allclose(sinkhorn(scores, epsilon=epsilon, iterations=iterations), expected)


@pytest.mark.parametrize("reach", [69, 71])  # on both sides of where logarithms begin
def test_sinkhorn_of_far_scores_is_as_good_in_float32(reach):
    spread = drawn(512, 48)
    spread = (spread - spread.min()) / (spread.max() - spread.min())
    spread[7], spread[8] = 0, 1  # an image far from all prototypes, and one that is near to all
    single, double = (
        sinkhorn(reach * spread.to(kind), epsilon=1, iterations=20)
        for kind in (torch.float32, torch.float64)
    )
    assert torch.allclose(single.double(), double, rtol=1e-3, atol=1e-6)


def test_rows_sum_to_one_and_columns_come_close():
    scores = nn.functional.normalize(drawn(256, 16), dim=1) @ torch.eye(16, 8).double()
    one, few, many = (sinkhorn(scores, epsilon=0.05, iterations=i) for i in (1, 3, 50))
    for q in (one, few, many):
        assert torch.allclose(q.sum(1), torch.ones(256).double())
        assert (q >= 0).all() and not q.requires_grad
    uneven = [(q.sum(0) / 32 - 1).abs().max() for q in (one, few, many)]
    assert uneven[0] > 1.5 * uneven[1] > 100 * uneven[2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_sinkhorn_stays_finite_on_any_scores(dtype):
    scores = (drawn(6, 5) * 1e4).to(dtype)
    q = sinkhorn(scores, epsilon=0.01, iterations=3)
    assert q.dtype == torch.float32 and q.isfinite().all()
    assert torch.allclose(q.sum(1), torch.ones(6), atol=1e-5)


def test_equal_scores_give_equal_assignments():
    q = sinkhorn(torch.zeros(4, 8), epsilon=0.05, iterations=1)
    assert torch.allclose(q, torch.full((4, 8), 1 / 8))


@pytest.mark.parametrize(
    ("scores", "options", "problem"),
    [
        (torch.zeros(3), {}, r"scores must be \(N, K\)"),
        (torch.tensor([[1.0, math.nan]]), {}, "not finite"),
        (torch.tensor([[1.0, math.inf]]), {}, "not finite"),
        (torch.zeros(2, 2), {"epsilon": 0.0}, "epsilon must be greater than 0"),
        (torch.zeros(2, 2), {"iterations": 0}, "iterations at least 1"),
    ],
)
def test_bad_input_of_sinkhorn(scores, options, problem):
    with pytest.raises(ValueError, match=problem):
        sinkhorn(scores, **{"epsilon": 0.05, "iterations": 3} | options)


def loop_of_swapped_prediction(scores, assignments, temperature):
    terms = []
    for i, q in enumerate(assignments):
        for j, s in enumerate(scores):
            if i == j:
                continue
            for n in range(len(s)):
                total = sum(math.exp(v / temperature) for v in s[n].tolist())
                terms.append(
                    -sum(
                        q[n, k].item() * math.log(math.exp(s[n, k].item() / temperature) / total)
                        for k in range(s.shape[1])
                    )
                )
    return sum(terms) / len(terms)


@pytest.mark.parametrize("views", [2, 4])
def test_swapped_prediction_equals_the_loop(views):
    scores = [drawn(5, 3, seed=v) for v in range(views)]
    assignments = [sinkhorn(s, epsilon=0.5, iterations=3) for s in scores[:2]]
    loss = swav_loss(scores, assignments, temperature=0.3)
    expected = loop_of_swapped_prediction(scores, assignments, 0.3)
    assert loss.item() == pytest.approx(expected, rel=1e-9)
    single = swav_loss([s.float() for s in scores], assignments, temperature=0.3)
    assert single.dtype == torch.float32


def test_uniform_predictions_stand_on_the_chance_line():
    scores = [torch.zeros(4, 7)] * 2
    assignments = [torch.eye(7)[:4]] * 2
    assert swav_loss(scores, assignments, temperature=0.1).item() == pytest.approx(math.log(7))


def test_a_view_never_predicts_its_own_assignment():
    """With one assignment only the other view gets a gradient."""
    scores = [drawn(4, 3, seed=v).requires_grad_() for v in range(2)]
    assignment = torch.eye(3)[[0, 1, 2, 0]].double().requires_grad_()
    swav_loss(scores, [assignment], temperature=0.1).backward()
    assert scores[0].grad is None and assignment.grad is None
    expected = (torch.softmax(scores[1] / 0.1, 1) - assignment).detach() / 0.1 / 4
    assert torch.allclose(scores[1].grad, expected)


@pytest.mark.parametrize(
    ("scores", "assignments", "temperature", "problem"),
    [
        ([torch.zeros(2, 3)], [torch.zeros(2, 3)], 0.1, "at least two views"),
        ([torch.zeros(2, 3)] * 2, [torch.zeros(2, 3)] * 3, 0.1, "at least two views"),
        ([torch.zeros(2, 3)] * 2, [torch.zeros(2, 4)], 0.1, "of one shape"),
        ([torch.zeros(2, 3)] * 2, [torch.zeros(2, 3)], 0.0, "temperature"),
    ],
)
def test_bad_input_of_the_loss(scores, assignments, temperature, problem):
    with pytest.raises(ValueError, match=problem):
        swav_loss(scores, assignments, temperature=temperature)


def method(**options):
    torch.manual_seed(0)
    shared = {"augment": Augment(size=16), "prototypes": 10}
    return SwAV(resnet(8, 2), **shared | options)


def test_prototypes_keep_unit_length_without_bias():
    prototypes = Prototypes(6, 4)
    assert torch.allclose(prototypes.weight.norm(dim=1), torch.ones(4))
    assert prototypes(torch.zeros(2, 6)).abs().max() == 0
    swav = method()
    fit(swav, IMAGES, TrainConfig(steps=3, batch_size=16, learning_rate=0.1))
    assert torch.allclose(swav.prototypes.weight.norm(dim=1), torch.ones(10), atol=1e-5)


def test_crops_of_two_sizes_go_through_one_encoder():
    swav = method(small=Augment(crop_scale=(0.1, 0.3), size=8), small_views=3)
    views = swav.make_views(IMAGES.images[:16], torch.Generator().manual_seed(0))
    assert [tuple(view.shape) for view in views] == [(16, 3, 16, 16)] * 2 + [(16, 3, 8, 8)] * 3
    z = swav.eval().features(views)
    assert z.shape == (5, 16, 128)
    for number, view in enumerate(views):
        assert torch.allclose(z[number], swav(view), atol=1e-5)
    assert torch.allclose(z.norm(dim=2), torch.ones(5, 16), atol=1e-5)


def test_the_loss_is_that_of_the_scores():
    swav = method().eval()
    views = swav.make_views(IMAGES.images[:16], torch.Generator().manual_seed(0))
    scores = [swav.prototypes(swav(view)) for view in views]
    assignments = [sinkhorn(s, epsilon=0.05, iterations=3) for s in scores]
    expected = swav_loss(scores, assignments, temperature=0.1)
    loss, diagnostics = swav.loss(views)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert diagnostics["chance"] == math.log(10)
    assert 9 < diagnostics["used"] <= 10, "Sinkhorn spreads a batch over all prototypes"


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_prototypes_stay_while_they_are_frozen(optimizer):
    swav = method(frozen=0.5)
    moved = []

    def watch(step, history):
        moved.append(not torch.equal(swav.prototypes.weight, start))

    start = swav.prototypes.weight.detach().clone()
    fit(swav, IMAGES, TrainConfig(steps=6, batch_size=16, optimizer=optimizer), on_step=watch)
    assert moved == [False] * 3 + [True] * 3


def test_the_queue_counts_only_once_it_is_full():
    swav = method(queue_size=32).eval()
    images = IMAGES.images
    views = [swav.make_views(images[i * 16 :][:16]) for i in range(3)]
    z = swav(views[0][0])
    alone = sinkhorn(swav.prototypes(z), epsilon=0.05, iterations=3)
    for number in range(2):
        assert torch.allclose(swav.assign(z, 0), alone, atol=1e-5)
        swav.loss(views[number])
        swav.after_step(0.0)
    assert swav.queued == 32
    both = torch.cat([z, swav(views[1][0]), swav(views[0][0])])
    helped = sinkhorn(swav.prototypes(both), epsilon=0.05, iterations=3)[:16]
    assert torch.allclose(swav.assign(z, 0), helped, atol=1e-4)
    assert not torch.allclose(helped, alone, atol=1e-3)


def test_resuming_is_exact(tmp_path):
    check_resuming(lambda: method(queue_size=32, frozen=0.4), IMAGES, tmp_path)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"temperature": 0.0}, "temperature and epsilon must be greater than 0"),
        ({"frozen": 1.0}, r"frozen must be in \[0, 1\)"),
        ({"queue_size": -1}, "queue_size not negative"),
        ({"small_views": 2}, "2 small views need an Augment"),
        ({"prototypes": 0}, "width and count must be at least 1"),
    ],
)
def test_bad_options(options, problem):
    with pytest.raises(ValueError, match=problem):
        method(**options)


def test_what_does_not_fit_the_batch():
    swav = method(queue_size=40)
    with pytest.raises(ValueError, match="queue of 40 features must be a multiple of the 16"):
        swav.loss(swav.make_views(IMAGES.images[:16]))
    swav = method(prototypes=100)
    with pytest.warns(UserWarning, match="100 prototypes are more than the 16 features"):
        swav.loss(swav.make_views(IMAGES.images[:16]))


def test_multi_crop_names_what_is_wrong():
    images, small = IMAGES.images[:4], Augment(size=16)
    assert len(multi_crop(images, Augment(), small, 2, large_views=1)) == 3
    with pytest.raises(ValueError, match="large crops of 40 pixels are larger than the images"):
        multi_crop(images, Augment(size=40), small, 2)
    with pytest.raises(ValueError, match="at least one large view"):
        multi_crop(images, Augment(), small, -1)
    same = [
        multi_crop(images, Augment(), small, 1, torch.Generator().manual_seed(5)) for _ in range(2)
    ]
    assert all(torch.equal(a, b) for a, b in zip(*same, strict=True))
