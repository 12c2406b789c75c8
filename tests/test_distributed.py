"""Two processes learn what one learns from the joined batch: for every method."""

import copy
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from together import free_port, together
from torch import nn

from sslcourse.data import Augment, load
from sslcourse.methods import DINO, DVAE, MAE, BEiT, MoCo, SimCLR, SwAV
from sslcourse.networks import ImageTokenizer, VisionTransformer, resnet
from sslcourse.networks.processes import (
    JointBatchNorm,
    gather,
    join_batch_norm,
    mean_of_all,
    own_part,
    processes,
)
from sslcourse.train import TrainConfig, fit
from sslcourse.train.checkpoint import read_checkpoint
from sslcourse.train.distributed import agree, loss_of, own_batch
from sslcourse.train.optimizer import build_optimizer

IMAGES = load("scenes", limit=32)
CONFIG = TrainConfig(steps=3, batch_size=16, learning_rate=0.05, optimizer="sgd", watch=1)
VIT = {"patch_size": 8, "width": 24, "depth": 2, "heads": 2}
SMALL = Augment(crop_scale=(0.1, 0.4), size=16)


def make(name: str) -> nn.Module:
    """A small method, always with the same weights."""
    torch.manual_seed(0)
    tokenizer = ImageTokenizer(patch_size=8, codes=16, width=8, code_width=4)
    made = {
        "SimCLR": lambda: SimCLR(resnet(8, (1, 1))),
        "MoCo": lambda: MoCo(resnet(8, (1, 1)), queue_size=32, momentum=0.5),
        "MoCo, symmetric": lambda: MoCo(resnet(8, (1, 1)), queue_size=32, symmetric=True),
        "SwAV": lambda: SwAV(
            resnet(8, (1, 1)), prototypes=8, queue_size=32, small=SMALL, small_views=2
        ),
        "SwAV, frozen": lambda: SwAV(resnet(8, (1, 1)), prototypes=8, frozen=0.5),
        "MAE": lambda: MAE(VisionTransformer(**VIT), decoder_width=16, decoder_heads=2),
        "tokenizer": lambda: DVAE(tokenizer, balance=0.5),
        "BEiT": lambda: BEiT(VisionTransformer(**VIT), tokenizer),
        "DINO": lambda: DINO(
            resnet(8, (1, 1)), prototypes=16, hidden=32, bottleneck=8, small=SMALL, small_views=1,
            momentum=0.5, head_norm=True,
        ),
    }[name]()  # fmt: skip
    return made.train()


NAMES = (
    "SimCLR", "MoCo", "MoCo, symmetric", "SwAV", "SwAV, frozen", "MAE", "tokenizer", "BEiT", "DINO",
)  # fmt: skip


def raised(views):
    """Views in float64; masks, tokens and orders stay."""
    if isinstance(views, torch.Tensor):
        return views.double() if views.is_floating_point() else views
    return type(views)(raised(part) for part in views)


def part_of(views, rank: int):
    """One process's half of views."""
    if isinstance(views, torch.Tensor):
        half = views.chunk(2)[rank]
        # an order to shuffle a half by; nothing is shuffled unless BatchNorm is split
        return half.argsort() if half.ndim == 1 else half
    return type(views)(part_of(part, rank) for part in views)


def learn(method: nn.Module, steps: list) -> dict:
    """A few steps on given views: the loss and the gradients of each, and the state at the end."""
    loss_function, optimizer = loss_of(method, torch.device("cpu")), build_optimizer(method, CONFIG)
    found: dict = {"losses": [], "gradients": []}
    for number, views in enumerate(steps):
        loss, _ = loss_function(views)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        gradients = {n: p.grad for n, p in method.named_parameters() if p.grad is not None}
        found["losses"].append(loss.detach())
        found["gradients"].append({name: g.clone() for name, g in gradients.items()})
        optimizer.step()
        method.after_step((number + 1) / len(steps))
    return found | {"state": {k: v.clone() for k, v in method.state_dict().items()}}


def views_of(name: str) -> list:
    method, generator = make(name), torch.Generator().manual_seed(1)
    batches = (IMAGES.images[:16], IMAGES.images[16:], IMAGES.images[8:24])
    return [raised(method.make_views(batch, generator)) for batch in batches]


def learn_half(rank: int, given: dict[str, list]) -> dict:
    """In one of two processes: all methods, each on its half of the views."""
    return {
        name: learn(make(name).double(), [part_of(views, rank) for views in steps])
        for name, steps in given.items()
    }


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """{method: (alone with the joined batch, first process, second process)}."""
    given = {name: views_of(name) for name in NAMES}
    halves = together(learn_half, tmp_path_factory.mktemp("halves"), given)
    return {
        name: (learn(make(name).double(), given[name]), halves[0][name], halves[1][name])
        for name in NAMES
    }


@pytest.mark.parametrize("name", NAMES)
def test_two_processes_learn_as_one_with_the_joined_batch(learned, name):
    alone, first, second = learned[name]
    close = {"rtol": 1e-5, "atol": 1e-9}
    for number, loss in enumerate(alone["losses"]):
        mean = (first["losses"][number] + second["losses"][number]) / 2
        torch.testing.assert_close(mean, loss, **close)
        for half in (first, second):
            assert half["gradients"][number].keys() == alone["gradients"][number].keys()
            torch.testing.assert_close(
                half["gradients"][number], alone["gradients"][number], **close
            )
    # weights, momentum encoders, statistics of BatchNorm, queues, centres
    for half in (first, second):
        torch.testing.assert_close(half["state"], alone["state"], **close)


def test_the_halves_alone_would_not_do(learned):
    """Without the others' images losses differ, so the test above can fail."""
    given = views_of("SimCLR")
    half, (alone, *_) = (
        learn(make("SimCLR").double(), [part_of(v, 0) for v in given]),
        learned["SimCLR"],
    )
    assert abs(half["losses"][0] - alone["losses"][0]) > 0.1


# parts


def share(rank: int, given) -> dict:
    x = torch.arange(4.0).view(2, 2) + 10 * rank
    x.requires_grad_()
    joint, mean = gather(x), mean_of_all(x)
    weights = torch.arange(8.0).view(4, 2)  # every process computes the same loss
    (weights * joint).sum().backward()
    return {
        "joint": joint.detach(),
        "along 1": gather(x.detach(), dim=1),
        "gradient": x.grad,
        "mean": mean.detach(),
        "own": own_part(joint.detach()),
        "processes": processes(),
        "indices": own_batch(torch.arange(6)),
        "agreed": agree(3.0 + rank),
        "odd": refused(torch.arange(5)),
    }


def refused(indices: torch.Tensor) -> str:
    try:
        own_batch(indices)
    except ValueError as error:
        return str(error)
    return ""


def test_parts_are_gathered_in_order_and_their_gradients_are_summed(tmp_path):
    first, second = together(share, tmp_path)
    one = torch.arange(4.0).view(2, 2)
    for found in (first, second):
        assert torch.equal(found["joint"], torch.cat([one, one + 10]))
        assert torch.equal(found["along 1"], torch.cat([one, one + 10], dim=1))
        assert torch.equal(found["mean"], one + 5)
        assert (found["processes"], found["agreed"]) == (2, 4.0)
        assert "a batch of 5 images can't be shared evenly by 2 processes" in found["odd"]
    weights = torch.arange(8.0).view(4, 2)
    assert torch.equal(first["gradient"], 2 * weights[:2])
    assert torch.equal(second["gradient"], 2 * weights[2:])
    assert torch.equal(second["own"], one + 10)
    assert first["indices"].tolist() == [0, 1, 2] and second["indices"].tolist() == [3, 4, 5]


def test_a_single_process_gets_back_what_it_gave():
    x = torch.randn(3, 2)
    assert gather(x) is x and mean_of_all(x) is x and torch.equal(own_part(x), x)
    assert torch.equal(own_batch(x), x) and agree(2.5) == 2.5


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.BatchNorm2d])
@pytest.mark.parametrize("affine", [True, False])
def test_in_one_process_joint_batch_norm_is_batch_norm(kind, affine):
    shape = (6, 3) if kind is nn.BatchNorm1d else (6, 3, 4, 4)
    plain = nn.Sequential(kind(3, affine=affine)).double()
    joint = join_batch_norm(copy.deepcopy(plain))
    assert (
        type(joint[0]) is JointBatchNorm and joint.state_dict().keys() == plain.state_dict().keys()
    )
    for _ in range(2):
        x = torch.randn(shape, dtype=torch.float64) + 3
        ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        weights = torch.randn(shape, dtype=torch.float64)
        outputs = joint(ours), plain(theirs)
        torch.testing.assert_close(*outputs)
        for output in outputs:
            (weights * output).sum().backward()
        torch.testing.assert_close(ours.grad, theirs.grad)
    torch.testing.assert_close(joint.state_dict(), plain.state_dict())
    torch.testing.assert_close(joint.eval()(x), plain.eval()(x))


# whole trainings


def fit_half(rank: int, path: str) -> dict:
    torch.manual_seed(rank)  # weights of the second process are replaced by the first's
    method = SimCLR(resnet(8, (1, 1)))
    config = TrainConfig(steps=4, batch_size=16, precision="float32", checkpoint=path)
    history = fit(method, IMAGES, config)
    return {"state": method.state_dict(), "steps": len(history), "losses": history["loss"]}


def test_fit_leaves_the_same_weights_everywhere_and_goes_on_alone(tmp_path):
    path = tmp_path / "simclr.pt"
    first, second = together(fit_half, tmp_path, str(path))
    assert first["steps"] == second["steps"] == 4
    torch.testing.assert_close(first["state"], second["state"], rtol=0, atol=0)
    assert first["losses"] == pytest.approx(second["losses"]), "the joined batch's loss"
    saved = read_checkpoint(path, torch.device("cpu"))
    torch.testing.assert_close(saved["method"], first["state"], rtol=0, atol=0)
    method = SimCLR(resnet(8, (1, 1)))
    config = TrainConfig(steps=4, batch_size=16, precision="float32", checkpoint=path)
    history = fit(method, IMAGES, config)
    assert len(history) == 4, "one process finds the training done, with the same recipe"
    torch.testing.assert_close(method.state_dict(), first["state"], rtol=0, atol=0)


def stop_half(rank: int, path: str) -> dict:
    torch.manual_seed(0)
    method = SimCLR(resnet(8, (1, 1)))
    config = TrainConfig(steps=6, batch_size=16, precision="float32", checkpoint=path)

    def ask(step: int, history) -> None:
        if step == 2 and rank == 1:  # only the second process is interrupted
            signal.raise_signal(signal.SIGINT)

    history = fit(method, IMAGES, config, on_step=ask)
    return {"steps": len(history), "interrupted": history.interrupted}


def test_when_one_is_interrupted_all_stop_and_fewer_processes_go_on(tmp_path):
    path = tmp_path / "simclr.pt"
    for found in together(stop_half, tmp_path, str(path)):
        assert found == {"steps": 2, "interrupted": True}
    method = SimCLR(resnet(8, (1, 1)))
    config = TrainConfig(steps=6, batch_size=16, precision="float32", checkpoint=path)
    steps = []
    history = fit(method, IMAGES, config, on_step=lambda step, _: steps.append(step))
    assert steps == [3, 4, 5, 6] and len(history) == 6


def test_torchrun_trains_and_one_process_speaks(tmp_path):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += [f"--master-port={free_port()}", "-m", "sslcourse", "pretrain", "simclr"]
    command += ["--steps", "2", "--device", "cpu", "--checkpoint", str(tmp_path / "s.pt")]
    command += ["--data", str(write_few(tmp_path / "photographs"))]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("trained 2 steps of") == 1
    assert ended.stdout.count("SimCLR, h") == 1
    progress = read_checkpoint(tmp_path / "s.pt", torch.device("cpu"))["progress"]
    assert progress["step"] == 2 and json.dumps(progress["recipe"])


def write_few(folder: Path) -> Path:
    from photographs import write_photographs

    return write_photographs(folder, 40, 10)
