"""InfoNCE against a slow loop and closed forms; the queue's order; the momentum encoder."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from resuming import check_resuming
from torch import nn

from sslcourse.data import Augment, load
from sslcourse.methods import MoCo, info_nce_loss
from sslcourse.networks import resnet
from sslcourse.train import TrainConfig, fit

NO_CHANGE = Augment(crop_scale=None, flip=0, jitter=None, grayscale=0, normalized=False)
IMAGES = load("scenes", limit=64)


def features(count=6, negatives=9, width=5):
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(2 * count + negatives, width, generator=generator, dtype=torch.float64)
    q, noise, n = drawn.split([count, count, negatives])
    return q, q + 0.3 * noise, n


def loop_from_equation_1(queries, keys, negatives, temperature):
    total = 0.0
    for q, k in zip(queries, keys, strict=True):

        def similarity(a, q=q):
            return (q @ a / (q.norm() * a.norm())).item()

        positive = math.exp(similarity(k) / temperature)
        others = sum(math.exp(similarity(n) / temperature) for n in negatives)
        total -= math.log(positive / (positive + others))
    return total / len(queries)


@pytest.mark.parametrize("temperature", [0.07, 0.5, 2.0])
@pytest.mark.parametrize("negatives", [1, 9])
def test_equals_the_loop(temperature, negatives):
    q, k, n = features(negatives=negatives)
    loss = info_nce_loss(q, k, n, temperature=temperature)
    assert loss.dtype == torch.float64 and loss.shape == ()
    assert loss.item() == pytest.approx(loop_from_equation_1(q, k, n, temperature), rel=1e-9)
    single = info_nce_loss(q.float(), k.float(), n.float(), temperature=temperature)
    assert single.dtype == torch.float32 and single.item() == pytest.approx(
        loss.item(), rel=1e-4, abs=1e-6
    )
    half = info_nce_loss(*(x.bfloat16() for x in (q, k, n)), temperature=temperature)
    assert half.dtype == torch.float32


def test_closed_forms():
    z = torch.eye(6, dtype=torch.float64)
    loss = info_nce_loss(z[:2], z[:2], z[2:], temperature=0.5).item()
    assert loss == pytest.approx(math.log(1 + 4 * math.exp(-2)))
    same = torch.ones(3, 4)
    assert info_nce_loss(same, same, torch.ones(7, 4), temperature=0.1).item() == pytest.approx(
        math.log(8), rel=1e-5
    )


def test_gradient_flows_to_queries_only():
    q, k, n = (x.requires_grad_() for x in features())
    info_nce_loss(q, k, n, temperature=0.2).backward()
    assert q.grad.abs().sum() > 0 and k.grad is None and n.grad is None
    torch.autograd.gradcheck(lambda q: info_nce_loss(q, k, n, temperature=0.2), (q,))


def test_only_directions_count():
    q, k, n = features()
    loss = info_nce_loss(q, k, n, temperature=0.2)
    assert torch.allclose(info_nce_loss(3 * q, k / 7, 5 * n, temperature=0.2), loss)
    assert info_nce_loss(q, k.roll(1, 0), n, temperature=0.2) > loss + 0.5
    assert torch.allclose(info_nce_loss(q, k, n.flip(0), temperature=0.2), loss)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"keys": torch.zeros(5, 5)}, "of one shape"),
        ({"negatives": torch.zeros(0, 5)}, "K at least 1"),
        ({"negatives": torch.zeros(3, 4)}, r"must be \(K, 5\)"),
        ({"temperature": 0.0}, "temperature must be greater than 0"),
        ({"temperature": float("nan")}, "temperature must be greater than 0"),
    ],
)
def test_bad_input(change, problem):
    q, k, n = features()
    given = {"queries": q, "keys": k, "negatives": n, "temperature": 0.2} | change
    with pytest.raises(ValueError, match=problem):
        info_nce_loss(given.pop("queries"), given.pop("keys"), given.pop("negatives"), **given)


def method(**options):
    torch.manual_seed(0)
    return MoCo(resnet(8, 2), augment=Augment(size=16), **{"queue_size": 32, **options})


def step(moco, number=0, batch=16):
    """One loss and its `after_step`, without an optimiser."""
    generator = torch.Generator().manual_seed(number)
    images = IMAGES.images[number * batch % 64 :][:batch]
    loss, diagnostics = moco.loss(moco.make_views(images, generator))
    moco.after_step(0.5)
    return loss, diagnostics


def test_a_key_never_meets_itself():
    """Keys join the queue after the loss; before, the floor would be ln 2."""
    moco = MoCo(
        OneHotEncoder(), head=nn.Identity(), augment=NO_CHANGE, queue_size=8, temperature=0.02
    )
    numbered = torch.arange(16, dtype=torch.uint8)[:, None, None, None].expand(16, 3, 8, 8)
    for half in (numbered[:8], numbered[8:]):
        loss, diagnostics = moco.loss(moco.make_views(half))
        assert diagnostics["found"] == 1
        moco.after_step(0.0)
    assert loss < 1e-6, "other images' keys are orthogonal, its own is not among them"
    again = moco.loss(moco.make_views(numbered[8:]))[0].item()
    assert again == pytest.approx(math.log(2), abs=1e-4), "now they are"


class OneHotEncoder(nn.Module):
    """Image number i -> unit vector e_i. The number is the value of all its pixels."""

    width_out = 16

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, images):
        numbers = (images[:, 0, 0, 0] * 255).round().long()
        return F.one_hot(numbers, 16).float() + 0 * self.unused


def test_the_queue_is_first_in_first_out_and_knows_ages():
    moco = method()
    random = moco.queue.clone()
    assert moco.born.tolist() == [-1] * 32
    for number in range(3):
        loss = moco.loss(moco.make_views(IMAGES.images[:16]))[0]
        keys = moco.fresh[0].clone()
        moco.after_step(0.0)
        assert torch.equal(moco.queue[:16], keys)
        if number == 0:
            assert torch.equal(moco.queue[16:], random[:16])
        assert loss.isfinite()
    assert moco.born.tolist() == [2] * 16 + [1] * 16
    assert torch.allclose(moco.queue.norm(dim=1), torch.ones(32), atol=1e-5)
    assert moco.queue_bytes == 32 * 128 * 4


def test_a_loss_without_a_step_changes_nothing():
    moco = method().eval()
    before = copy.deepcopy(moco.state_dict())
    views = moco.make_views(IMAGES.images[:16])
    first, second = moco.loss(views)[0], moco.loss(views)[0]
    assert torch.equal(first, second) and len(moco.fresh) == 1
    assert all(torch.equal(value, moco.state_dict()[name]) for name, value in before.items())


@pytest.mark.parametrize("momentum", [0.0, 0.9, 1.0])
def test_the_momentum_encoder_starts_equal_and_follows_exactly(momentum):
    moco = method(momentum=momentum)
    pairs = [(moco.key_encoder, moco.encoder), (moco.key_head, moco.head)]
    before = [p.detach().clone() for _, student in pairs for p in student.parameters()]
    teachers = [p for teacher, _ in pairs for p in teacher.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(teachers, before, strict=True))
    optimizer = torch.optim.SGD([p for p in moco.parameters() if p.requires_grad], 0.1)
    moco.loss(moco.make_views(IMAGES.images[:16]))[0].backward()
    optimizer.step()
    moco.after_step(0.0)
    students = [p.detach() for _, student in pairs for p in student.parameters()]
    for teacher, old, new in zip(teachers, before, students, strict=True):
        assert torch.allclose(teacher, old + (1 - momentum) * (new - old), atol=1e-6)


def test_keys_get_no_gradient_and_the_optimiser_leaves_them():
    moco = method()
    step(moco)[0].backward()
    for name, parameter in moco.named_parameters():
        assert (parameter.grad is None) == name.startswith("key_"), name


def test_symmetric_is_the_mean_of_both_directions():
    torch.manual_seed(0)
    moco = method(symmetric=True).eval()
    first, second, order = moco.make_views(IMAGES.images[:16], torch.Generator().manual_seed(3))
    loss = moco.loss((first, second, order))[0]
    assert len(moco.fresh) == 2
    expected = 0
    for a, b in ((first, second), (second, first)):
        expected += info_nce_loss(moco(a), moco.keys(b, order), moco.queue, temperature=0.2) / 2
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_keys_come_back_in_their_own_order():
    moco = method(groups=4).eval()  # in eval mode BatchNorm mixes nothing
    first, _, order = moco.make_views(IMAGES.images[:16])
    plain = F.normalize(moco.key_head(moco.key_encoder(first)), dim=1)
    assert torch.allclose(moco.keys(first, order), plain, atol=1e-5)


def test_shuffling_without_groups_would_change_nothing_and_with_groups_does():
    """Within one BatchNorm, order does not matter; between groups it does: that stops the leak."""
    images = IMAGES.images[:16]
    for groups, changes in ((1, False), (4, True)):
        moco = method(groups=groups)
        first, _, order = moco.make_views(images, torch.Generator().manual_seed(0))
        one = moco.keys(first, torch.arange(16))
        other = moco.keys(first, order)
        assert ((one - other).abs().max() > 1e-3) == changes


def test_version_one_and_the_step_schedule():
    moco = MoCo(resnet(8, 2), head=nn.Linear(16, 32), temperature=0.07, queue_size=32)
    assert moco.queue.shape == (32, 32)
    config = TrainConfig(steps=10, batch_size=16, warmup=0.0, schedule="steps")
    rates = fit(moco, IMAGES, config)["learning_rate"]
    assert rates == pytest.approx([2e-3] * 6 + [2e-4] * 2 + [2e-5] * 2)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"queue_size": 0}, "queue_size must be at least 1"),
        ({"momentum": 1.5}, r"momentum must be in \[0, 1\]"),
        ({"temperature": -1.0}, "temperature must be greater than 0"),
    ],
)
def test_bad_options(options, problem):
    with pytest.raises(ValueError, match=problem):
        method(**options)


def test_a_queue_that_is_no_multiple_of_the_batch():
    with pytest.raises(ValueError, match="queue of 40 keys must be a multiple of the 16 keys"):
        step(method(queue_size=40))
    with pytest.raises(ValueError, match="multiple of the 32 keys"):
        step(method(queue_size=48, symmetric=True))


def test_resuming_is_exact(tmp_path):
    check_resuming(method, IMAGES, tmp_path)
