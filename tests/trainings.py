"""What the tests of training share: pictures, a small method, a short recipe."""

import torch
from torch import nn

from sslcourse.data import Augment, load
from sslcourse.methods import SimCLR
from sslcourse.networks import resnet
from sslcourse.train import TrainConfig

SCENES = load("scenes", limit=64)


def small_method(seed: int = 0) -> SimCLR:
    torch.manual_seed(seed)
    return SimCLR(resnet(8, (1, 1)), augment=Augment(crop_scale=(0.5, 1)))


def config(**changes) -> TrainConfig:
    return TrainConfig(**{"steps": 6, "batch_size": 16, "precision": "float32", **changes})


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


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
