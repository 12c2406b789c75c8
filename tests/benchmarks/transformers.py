"""What hiding patches costs and what it teaches: the figures behind lessons 6 and 7.

    python tests/benchmarks/transformers.py costs
    python tests/benchmarks/transformers.py table scenes
    python tests/benchmarks/transformers.py table FOLDER
    python tests/benchmarks/transformers.py choose mae scenes 3000 batch_size=64
    python tests/benchmarks/transformers.py words scenes 1500

`table` compares the checkpoints that the course brings along with pixels, with the untrained
encoders and with SimCLR: linear probe, nearest neighbours, and fine-tuning with 10, 100 and all
labels of each class, every learning rate chosen on validation images. Add the file of a training,
`simclr=runs/simclr-scenes-laptop-600-seconds.pt`, to have a row for SimCLR.

`choose` is how the budgets came about: it trains with some settings changed, for that many steps,
and tests on held-out training images. BEiT takes the tokenizer that the course brings; `words`
trains two of its own, one whose encoder looks around and one that sees a patch alone, and a BEiT on
each.
"""

import ast
import inspect
import statistics
import sys
import time
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from sslcourse.budgets import Budget, budget
from sslcourse.build import NETWORKS, build
from sslcourse.data import load
from sslcourse.data.images import ImageSet
from sslcourse.evaluate import extract_features, fine_tune, knn_accuracy, linear_probe, pixels
from sslcourse.hardware import describe_device, keep_freed_memory
from sslcourse.methods import random_mask
from sslcourse.pretrained import checkpoint, find_tokenizer
from sslcourse.scores import pretext_scores
from sslcourse.train import fit, load_checkpoint

RATIOS = (0.25, 0.5, 0.75, 0.9)
RATES = (3e-4, 1e-3, 3e-3)
STEPS = {10: 200, 100: 400, None: 1_000}  # of fine-tuning, for labels of each class


def report_costs() -> None:
    """Seconds of the encoder's step with hidden patches, against the step that sees all."""
    encoder = build("mae", budget("mae", "laptop"), seed=0).encoder
    images = torch.randn(128, 3, 32, 32)
    masks = {ratio: random_mask(128, encoder.grid**2, ratio) for ratio in RATIOS}

    def step(mask: torch.Tensor | None) -> float:
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16):
            tokens = encoder(images, mask)
        tokens.float().square().mean().backward()
        return time.perf_counter() - start

    seconds: dict[float, list[float]] = {0.0: [], **{ratio: [] for ratio in RATIOS}}
    for turn in range(25):
        for ratio, times in seconds.items():
            taken = step(masks.get(ratio))
            if turn >= 5:
                times.append(taken)
    whole = statistics.median(seconds[0.0])
    print(f"encoder's step of 128 images, bfloat16, nothing hidden: {whole * 1e3:.0f} ms")
    for ratio in RATIOS:
        share = statistics.median(seconds[ratio]) / whole
        print(f"{ratio:.0%} hidden: {share:.2f} of that")


def report_attention() -> None:
    """The fused function against the plain lines that `Attention` uses on a CPU."""

    def plain(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return torch.softmax(q @ k.transpose(2, 3) * q.shape[3] ** -0.5, dim=3) @ v

    for tokens in (17, 65):
        x = torch.randn(128, tokens, 3, 3, 32, dtype=torch.bfloat16, requires_grad=True)
        seconds: dict[str, list[float]] = {"fused": [], "plain": []}
        for turn in range(15):
            for name, attend in (("fused", F.scaled_dot_product_attention), ("plain", plain)):
                start = time.perf_counter()
                attend(*x.permute(2, 0, 3, 1, 4)).float().square().mean().backward()
                if turn >= 5:
                    seconds[name].append(time.perf_counter() - start)
        ratio = statistics.median(seconds["fused"]) / statistics.median(seconds["plain"])
        print(
            f"attention of {tokens} tokens, bfloat16, forward and gradient: fused {ratio:.1f} "
            "times as long as plain"
        )


@dataclass(frozen=True)
class Split:
    """Images to learn from, to choose on, and to test on; the last are touched once a row."""

    learn: ImageSet
    choose: ImageSet
    train: ImageSet
    test: ImageSet


def split(data: str) -> Split:
    train, test = load(data, "train"), load(data, "test")
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    held = len(train) // 5
    return Split(train[order[held:]], train[order[:held]].subset(2_000, 0), train, test)


def frozen_scores(name: str, encoder: nn.Module | None, images: Split) -> None:
    """Linear probe and nearest neighbours with 10,000 labels."""
    probe = images.train.subset(min(10_000, len(images.train)), 0)
    both = (probe, images.test)
    h = [extract_features(encoder, part) if encoder else pixels(part) for part in both]
    linear = linear_probe(h[0], probe.labels, h[1], images.test.labels).accuracy
    near = knn_accuracy(h[0], probe.labels, h[1], images.test.labels)
    print(f"{name:28} probe {linear:6.1%}   k-NN {near:6.1%}", flush=True)


def tuned_scores(name: str, encoder: nn.Module, images: Split) -> None:
    """Fine-tuning with few and with all labels.

    The rate is the one that does best on validation images; with all labels that takes long, so
    there it is the rate for 100.
    """

    def tuned(learn: ImageSet, test: ImageSet, labels: int | None, rate: float) -> float:
        shared = {"labels_per_class": labels, "steps": STEPS[labels], "learning_rate": rate}
        return fine_tune(encoder, learn, test, **shared).accuracy

    found, rate = [], RATES[0]
    for labels in STEPS:
        if labels is not None:
            on_held_out = {r: tuned(images.learn, images.choose, labels, r) for r in RATES}
            rate = max(on_held_out, key=on_held_out.get)
        reached = tuned(images.train, images.test, labels, rate)
        found.append(f"{labels or 'all'}: {reached:.1%} (rate {rate:g})")
    print(f"{name:28} fine-tuned with labels of each class, {', '.join(found)}", flush=True)


def report_table(data: str, *files: str) -> None:
    """Every row of the comparison, as it comes."""
    images, label = split(data), "scenes" if data == "scenes" else "photographs"
    print(images.train, images.test, sep="\n")
    encoders: dict[str, nn.Module | None] = {"pixels": None}
    encoders["untrained transformer"] = build("mae", budget("mae", "laptop"), seed=0).encoder
    for method in ("mae", "beit"):
        encoders[method] = checkpoint(f"{method}-{label}").encoder
    encoders["untrained ResNet"] = build("simclr", budget("simclr", "laptop"), seed=0).encoder
    for file in files:
        name, path = file.split("=")
        method = build(name, budget(name, "laptop"), seed=0)
        load_checkpoint(path, method)
        encoders[name] = method.encoder
    for name, encoder in encoders.items():
        frozen_scores(name, encoder, images)
    for name, encoder in encoders.items():
        if encoder is not None:
            tuned_scores(name, encoder, images)


def changed_budget(method: str, settings: dict[str, Any]) -> Budget:
    """The laptop budget with some parts of its training, its encoder or its method replaced."""
    chosen = budget(method, "laptop")
    training = {field.name for field in fields(chosen.training)}
    encoder = inspect.signature(NETWORKS[chosen.network]).parameters
    parts: dict[str, dict[str, Any]] = {"training": {}, "encoder": {}, "method": {}}
    for name, value in settings.items():
        part = "training" if name in training else "encoder" if name in encoder else "method"
        parts[part][name] = value
    return replace(
        chosen,
        training=replace(chosen.training, **parts["training"]),
        encoder=chosen.encoder | parts["encoder"],
        method=chosen.method | parts["method"],
    )


def try_out(name: str, chosen: Budget, images: Split, steps: int, **parts: nn.Module) -> nn.Module:
    """One training, tested on held-out training images; returns the method."""
    method = build(name, chosen, 0, **parts)
    history = fit(method, images.learn, replace(chosen.training, seconds=None, steps=steps))
    print(f"{history.images_per_second:.0f} images/s, loss {history['loss'][-1]:.3f}")
    for what, value in pretext_scores(method, images.choose).items():
        print(f"{what:28} {value:.4g}")
    if name != "tokenizer":
        frozen_scores(name, method.encoder, replace(images, train=images.learn, test=images.choose))
    return method


def report_choice(name: str, data: str, steps: str, *settings: str) -> None:
    """A training with changed settings."""
    label = "scenes" if data == "scenes" else "photographs"
    pairs = (setting.split("=", 1) for setting in settings)
    chosen = changed_budget(name, {key: ast.literal_eval(value) for key, value in pairs})
    parts = {"tokenizer": find_tokenizer(f"tokenizer-{label}")} if name == "beit" else {}
    print(f"{name} on {data}, {steps} steps, {' '.join(settings) or 'as in the budget'}:")
    try_out(name, chosen, split(data), int(steps), **parts)


def report_words(data: str, steps: str) -> None:
    """BEiT on two tokenizers: codes chosen with the surroundings, and from a patch alone."""
    images = split(data)
    for kernel in (3, 1):
        print(f"\ntokenizer with kernel {kernel}, 1,000 steps, then BEiT, {steps} steps:")
        chosen = changed_budget("tokenizer", {"kernel": kernel})
        tokenizer = try_out("tokenizer", chosen, images, 1_000).encoder
        try_out("beit", budget("beit", "laptop"), images, int(steps), tokenizer=tokenizer)


def main(what: str, *arguments: str) -> None:
    print(describe_device(torch.device("cpu")), flush=True)
    keep_freed_memory()
    if what == "costs":
        report_costs()
        report_attention()
    elif what == "choose":
        report_choice(*arguments)
    elif what == "words":
        report_words(*arguments)
    else:
        report_table(*arguments)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["costs"]))
