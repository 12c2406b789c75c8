"""What the tests of training share: pictures, a small method, a short recipe."""

from dataclasses import replace

import torch
from torch import nn

from sslcourse.budgets import budget
from sslcourse.build import build
from sslcourse.data import Augment, load
from sslcourse.methods import SimCLR
from sslcourse.networks import resnet
from sslcourse.train import TrainConfig
from sslcourse.train.loop import Run

SCENES = load("scenes", limit=64)


def small_method(seed: int = 0) -> SimCLR:
    torch.manual_seed(seed)
    return SimCLR(resnet(8, (1, 1)), augment=Augment(crop_scale=(0.5, 1)))


def config(**changes) -> TrainConfig:
    return TrainConfig(**{"steps": 6, "batch_size": 16, "precision": "float32", **changes})


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


def run_of(name: str, device: str, **changes) -> Run:
    """A training of the laptop's recipe on a few scenes, which stay on the CPU."""
    chosen = budget(name, "laptop")
    parts = {}
    if name == "beit":
        parts["tokenizer"] = build("tokenizer", budget("tokenizer", "laptop"), 0).encoder
    if name == "swav":  # fewer than the laptop's, for so small a batch
        chosen = replace(chosen, method=chosen.method | {"prototypes": 8})
    method = build(name, chosen, 0, **parts).to(device, memory_format=torch.channels_last).train()
    short = {"seconds": None, "steps": 10, "batch_size": 16, "precision": "float32", **changes}
    return Run(method, SCENES, replace(chosen.training, **short), torch.device(device))


class Recorder(nn.Module):
    """A method that notes which images it sees, and learns nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2))
        self.seen, self.draws, self.progress, self.rates = [], [], [], []

    def make_views(self, images, generator=None):
        self.seen.append(images.flatten(1).long().sum(1))
        self.draws.append(torch.rand(1, generator=generator).item())
        return images.float() / 255

    def loss(self, views):
        return self.encoder(views).square().mean(), {}

    def after_step(self, progress):
        self.progress.append(progress)
