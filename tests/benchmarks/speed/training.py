"""(a) SimCLR's training with its views against lightly's own pipeline.

Both train the same encoder and head on the same scenes, with the same batch and optimiser. lightly
does it as its examples do: its SimCLRTransform on PIL images that lie in memory, in a DataLoader
with two workers, and its NTXentLoss. By default it has the settings that its transform comes with,
at our views' size; where the precision is the same, so are crops, jitter, and the absence of blur.

Each side has a process of its own, for `fit` changes how its process keeps memory. A turn is as
many steps as the epoch has. lightly's workers begin with an epoch and are done when it ends, so
nothing is prepared while the other side has its turn.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import torch
from lightly.loss import NTXentLoss
from lightly.transforms import SimCLRTransform
from PIL import Image
from speed.apart import apart
from speed.steps import begin
from speed.timing import Effort, Row, alternate
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sslcourse.budgets import budget
from sslcourse.build import build
from sslcourse.data import load
from sslcourse.hardware import pick_precision
from sslcourse.train.optimizer import build_optimizer

LAPTOP = budget("simclr", "laptop")
BATCH = LAPTOP.training.batch_size
SIZE = round(LAPTOP.view_share * 32)
ASKED = {"default": 2.2, "bfloat16": 1.8, "float32": 1.2}
# of lightly's transform, for views like ours
LIKE_OURS = {
    "cj_strength": LAPTOP.augment.jitter,
    "min_scale": LAPTOP.augment.crop_scale[0],
    "gaussian_blur": LAPTOP.augment.blur,
}


def ours(steps: int, precision: str) -> Callable[[], None]:
    """Our training, a few steps at a time; "default" leaves the precision to it."""
    chosen = "auto" if precision == "default" else precision
    run = begin("simclr", load("scenes", limit=steps * BATCH), precision=chosen)

    def turn() -> None:
        for _ in range(steps):
            run.take_step()

    return turn


class Pictures(Dataset):
    """Images as PIL reads them, and as torchvision's own data sets hand them out."""

    def __init__(self, images: Tensor, transform: Callable[[Image.Image], list[Tensor]]) -> None:
        self.images, self.transform = images.permute(0, 2, 3, 1).numpy(), transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> list[Tensor]:
        return self.transform(Image.fromarray(self.images[index]))


def lightlys(steps: int, precision: str) -> Callable[[], None]:
    """lightly's training, an epoch at a time."""
    transform = SimCLRTransform(SIZE, **({} if precision == "default" else LIKE_OURS))
    pictures = Pictures(load("scenes", limit=steps * BATCH).images, transform)
    loader = DataLoader(
        pictures, BATCH, shuffle=True, drop_last=True, num_workers=2, persistent_workers=True
    )
    method = build("simclr", LAPTOP, seed=0).train()  # for its encoder and head
    optimizer = build_optimizer(method, LAPTOP.training)
    criterion = NTXentLoss(LAPTOP.method["temperature"])
    half = precision == "bfloat16"

    def turn() -> None:
        for first, second in loader:
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                loss = criterion(method(first), method(second))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return turn


def rows(effort: Effort) -> Iterator[Row]:
    """As each comes by default, then both in one precision."""
    steps = 4 if effort.quick else 16
    for precision, asked in ASKED.items():
        what = "default" if precision == "default" else f"both in {precision}"
        if precision == "bfloat16" and pick_precision(torch.device("cpu")) != precision:
            print(f"{what}: not fast on this CPU", flush=True)
            continue
        with ExitStack() as stack:
            parts = {
                "ours": apart(stack, ours, steps, precision),
                "theirs": apart(stack, lightlys, steps, precision),
            }
            times = alternate(parts, 3 * effort.seconds, fewest=effort.fewest)
        shapes = f"{BATCH} x 3 x 32 x 32 -> 2 views of {SIZE}"
        images = steps * BATCH
        yield Row(f"{what}, {shapes}", **times, asked=asked, unit="images/s", images=images)
