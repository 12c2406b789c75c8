"""For tests: a training that was stopped ends where an undisturbed one ends, bit for bit."""

import signal
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from sslcourse.data import ImageSet
from sslcourse.train import TrainConfig, fit


def check_resuming(make: Callable[[], nn.Module], images: ImageSet, folder: Path) -> None:
    """Train six steps in one go, and three and three; `make` always gives the same method."""
    whole, stopped, resumed = make(), make(), make()
    fit(whole, images, TrainConfig(steps=6, batch_size=16))

    def press_control_c(number, history):
        if number == 3:
            signal.raise_signal(signal.SIGINT)

    resumable = TrainConfig(steps=6, batch_size=16, checkpoint=folder / "run.pt")
    assert fit(stopped, images, resumable, on_step=press_control_c).interrupted
    assert not fit(resumed, images, resumable).interrupted
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
