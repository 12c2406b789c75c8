"""What hiding patches costs and what it teaches: the figures behind lessons 6 and 7.

    python tests/benchmarks/masked.py costs
    python tests/benchmarks/masked.py choose mae scenes 3000 batch_size=64

`choose` is how the budgets came about: it trains with some settings changed, for that many steps,
and tests on held-out training images. BEiT takes the tokenizer that the course brings.
"""

import ast
import inspect
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from speed.timing import medians
from torch import nn

from sslcourse.budgets import Budget, budget
from sslcourse.build import NETWORKS, build
from sslcourse.evaluate import Split, frozen_scores, load_split
from sslcourse.hardware import describe_device, keep_freed_memory
from sslcourse.methods import random_mask
from sslcourse.pretrained import find_tokenizer
from sslcourse.scores import kept_encoder, pretext_scores
from sslcourse.train import fit

RATIOS = (0.25, 0.5, 0.75, 0.9)


def report_costs() -> None:
    """Seconds of the encoder's step with hidden patches, against the step that sees all."""
    encoder = build("mae", budget("mae", "laptop"), seed=0).encoder
    images = torch.randn(128, 3, 32, 32)
    masks = {ratio: random_mask(128, encoder.grid**2, ratio) for ratio in RATIOS}

    def step(mask: torch.Tensor | None) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            tokens = encoder(images, mask)
        tokens.float().square().mean().backward()

    parts = {str(ratio): partial(step, masks.get(ratio)) for ratio in (0.0, *RATIOS)}
    seconds = medians(parts, 20)
    whole = seconds["0.0"]
    print(f"encoder's step of 128 images, bfloat16, nothing hidden: {whole * 1e3:.0f} ms")
    for ratio in RATIOS:
        print(f"{ratio:.0%} hidden: {seconds[str(ratio)] / whole:.2f} of that")


def report_attention() -> None:
    """The fused function against the plain lines that `Attention` uses on a CPU."""

    def plain(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return torch.softmax(q @ k.transpose(2, 3) * q.shape[3] ** -0.5, dim=3) @ v

    def step(attend: Callable[..., torch.Tensor], x: torch.Tensor) -> None:
        attend(*x.permute(2, 0, 3, 1, 4)).float().square().mean().backward()

    for tokens in (17, 65):
        x = torch.randn(128, tokens, 3, 3, 32, dtype=torch.bfloat16, requires_grad=True)
        fused = partial(step, F.scaled_dot_product_attention, x)
        seconds = medians({"fused": fused, "plain": partial(step, plain, x)}, 10)
        print(
            f"attention of {tokens} tokens, bfloat16, forward and gradient: fused "
            f"{seconds['fused'] / seconds['plain']:.1f} times as long as plain"
        )


def changed_budget(method: str, settings: dict[str, Any]) -> Budget:
    """The laptop budget with some of its parts replaced.

    A setting names a part of the training, of the encoder, of the budget itself, of the views, as
    in "augment.jitter", or else an argument of the method.
    """
    chosen = budget(method, "laptop")
    encoder = inspect.signature(NETWORKS[chosen.network]).parameters
    for name, value in settings.items():
        part, _, inner = name.rpartition(".")
        if part:
            chosen = replace(chosen, **{part: replace(getattr(chosen, part), **{inner: value})})
        elif name in {field.name for field in fields(chosen.training)}:
            chosen = replace(chosen, training=replace(chosen.training, **{name: value}))
        elif name in encoder:
            chosen = replace(chosen, encoder=chosen.encoder | {name: value})
        elif name in {field.name for field in fields(chosen)}:
            chosen = replace(chosen, **{name: value})
        else:
            chosen = replace(chosen, method=chosen.method | {name: value})
    return chosen


def try_out(
    name: str, chosen: Budget, images: Split, steps: int, seed: int = 0, **parts: nn.Module
) -> tuple[nn.Module, dict[str, float]]:
    """One training, tested on held-out training images: the method, and what it scored."""
    method = build(name, chosen, seed, **parts)
    training = replace(chosen.training, seconds=None, steps=steps, seed=seed)
    history = fit(method, images.learn, training)
    scores = {"loss": history["loss"][-1], **pretext_scores(method, images.choose)}
    if name != "tokenizer":
        held_out = replace(images, train=images.learn, test=images.choose)
        scores |= frozen_scores(kept_encoder(method), held_out)
    return method, scores


def report_choice(name: str, data: str, steps: str, *settings: str) -> None:
    """A training with changed settings."""
    label = "scenes" if data == "scenes" else "photographs"
    pairs = (setting.split("=", 1) for setting in settings)
    chosen = changed_budget(name, {key: ast.literal_eval(value) for key, value in pairs})
    parts = {"tokenizer": find_tokenizer(f"tokenizer-{label}")} if name == "beit" else {}
    print(f"{name} on {data}, {steps} steps, {' '.join(settings) or 'as in the budget'}:")
    _, scores = try_out(name, chosen, load_split(data), int(steps), **parts)
    for what, value in scores.items():
        print(f"{what:28} {value:.4g}")


def main(what: str, *arguments: str) -> None:
    print(describe_device(torch.device("cpu")), flush=True)
    keep_freed_memory()
    if what == "costs":
        report_costs()
        report_attention()
    else:
        report_choice(*arguments)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["costs"]))
