"""(b) A whole training step against the bare passes through its encoder on ready tensors.

A step makes the views, runs heads and loss, takes the gradient, updates the weights, and does what
the method does after a step. The bare passes are the same forward passes through the encoder on
ready views, and one gradient. Passes that a method needs by definition count as the encoder's: all
views of SwAV and DINO, the momentum encoder, the teacher, BEiT's tokenizer. So the ratio says what
all the rest costs.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from speed.timing import Effort, Row, alternate
from torch import Tensor, nn

from sslcourse.budgets import budget
from sslcourse.build import build
from sslcourse.data import load
from sslcourse.data.images import ImageSet
from sslcourse.hardware import keep_freed_memory
from sslcourse.networks.patches import hidden_count
from sslcourse.pretrained import find_tokenizer
from sslcourse.train.loop import Run

ASKED = {"simclr": 1.15, "moco": 1.15, "mae": 1.15}
METHODS = ("simclr", "moco", "swav", "mae", "beit", "dino")
MANY = 1_000_000  # steps of a training that is never finished


def begin(name: str, images: ImageSet, **training: Any) -> Run:
    """A training of a method on the laptop's budget, in the memory layout that `fit` chooses."""
    keep_freed_memory()
    chosen = budget(name, "laptop")
    parts = {"tokenizer": find_tokenizer("tokenizer-scenes")} if name == "beit" else {}
    method = build(name, chosen, seed=0, **parts)
    method.to(images.device, memory_format=torch.channels_last).train()
    config = replace(chosen.training, seconds=None, steps=MANY, **training)
    return Run(method, images, config, images.device)


def outputs(name: str, method: nn.Module, views: Any) -> list[Tensor]:
    """What the encoder makes of the views, in as many passes as the method needs."""
    if name == "simclr":
        return [method.encoder(torch.cat(views))]
    if name == "moco":
        with torch.no_grad():
            method.key_encoder(views[1])
        return [method.encoder(views[0])]
    if name == "mae":
        images, mask = views
        visible = method.length - hidden_count(method.length, method.mask_ratio)
        return [method.encoder(images, mask, visible=visible)]
    if name == "beit":
        images, _, mask = views
        method.tokenizer.tokens(images)
        return [method(images, mask)]
    if name == "dino":
        with torch.no_grad():
            method.teacher_encoder(torch.cat(views[:2]))
    groups = [group for group in (views[:2], views[2:]) if group]
    return [method.encoder(torch.cat(group)) for group in groups]


def with_decoder(name: str, method: nn.Module, views: Any) -> list[Tensor]:
    """MAE's encoder and its decoder."""
    images, mask = views
    visible = method.length - hidden_count(method.length, method.mask_ratio)
    return [method(images, mask, visible)]


def bare(name: str, run: Run, passes: Callable[..., list[Tensor]]) -> Callable[[], None]:
    """The passes on ready views, and their gradient."""
    views = run.method.make_views(run.images.images[run.batch()], None)
    half = run.history.precision == "bfloat16"

    def work() -> None:
        run.method.zero_grad(set_to_none=True)
        with torch.autocast(run.device.type, torch.bfloat16, enabled=half):
            made = passes(name, run.method, views)
        sum(output.float().square().mean() for output in made).backward()

    return work


def rows(effort: Effort) -> Iterator[Row]:
    """Each method on the laptop's budget."""
    scenes = load("scenes", limit=2_048)
    for name in METHODS:
        run = begin(name, scenes)
        parts = {"ours": run.take_step, "encoder": bare(name, run, outputs)}
        if name == "mae":
            parts["decoder"] = bare(name, run, with_decoder)
        times = alternate(parts, effort.seconds, fewest=effort.fewest)
        shapes = f"batch of {run.config.batch_size}, {run.history.precision}"
        asked = ASKED.get(name)
        yield Row(f"{name}, {shapes}", times["ours"], times["encoder"], asked, "cost")
        if name == "mae":
            what = "    beside encoder and decoder"
            yield Row(what, times["ours"], times["decoder"], kind="cost")
