"""The figures on which the course rests: what the laptop budget reaches, and what things cost.

    python tests/benchmarks/foundation.py costs
    python tests/benchmarks/foundation.py scenes
    python tests/benchmarks/foundation.py FOLDER 90 600    seconds of SimCLR on photographs

Let nothing else run meanwhile: the budgets are wall-clock time.
"""

import copy
import statistics
import subprocess
import sys
import time
from dataclasses import replace

import torch

from sslcourse.budgets import budget
from sslcourse.data import load
from sslcourse.data.images import ImageSet
from sslcourse.evaluate import fine_tune
from sslcourse.hardware import describe_device, keep_freed_memory
from sslcourse.methods import nt_xent_loss
from sslcourse.pretrain import build, compare, load_both, print_table
from sslcourse.train import fit

LAPTOP = budget("simclr", "laptop")


def report_simclr(train: ImageSet, test: ImageSet, seconds: float, seed: int = 0) -> None:
    """Train SimCLR for some seconds and print the table that `pretrain` prints."""
    method = build("simclr", LAPTOP, seed)
    untrained = copy.deepcopy(method.encoder)
    history = fit(method, train, replace(LAPTOP.training, seconds=seconds, seed=seed))
    print(f"\nSimCLR, seed {seed}: {history}, {history.images_per_second:.0f} images/s")
    probe = train.subset(min(LAPTOP.probe_images, len(train)), seed)
    print_table(compare(method, untrained, probe, test), probe, test)
    sys.stdout.flush()


def report_supervised(train: ImageSet, test: ImageSet, seconds: float) -> None:
    """Train the same encoder with all labels."""
    encoder = build("simclr", LAPTOP, seed=0).encoder
    result = fine_tune(encoder, train, test, seconds=seconds, learning_rate=2e-3)
    print(f"\nsupervised, {seconds:.0f} s: {result}", flush=True)


def report_costs() -> None:
    """Drawing, importing, and the share of views and loss in a training step."""
    start = time.perf_counter()
    scenes = load("scenes")
    print(f"drawing {len(scenes):,} scenes of 32x32: {time.perf_counter() - start:.2f} s")
    code = "import time, torch; s = time.perf_counter(); import sslcourse; "
    code += "print(time.perf_counter() - s)"
    seconds = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    print(f"import sslcourse after torch: {float(seconds):.4f} s")

    keep_freed_memory()
    method = build("simclr", LAPTOP, seed=0).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(method.parameters(), 1e-3, fused=True)
    parts = {"views": [], "encoder": [], "loss": [], "update": []}
    for step in range(25):
        clock = [time.perf_counter()]
        views = method.make_views(scenes.images[step * 128 : step * 128 + 128])
        clock.append(time.perf_counter())
        z = method(torch.cat(views))
        clock.append(time.perf_counter())
        cut = z.detach().requires_grad_()  # so that the loss's own gradient is timed apart
        nt_xent_loss(*cut.chunk(2), temperature=0.2).backward()
        clock.append(time.perf_counter())
        optimizer.zero_grad()
        z.backward(cut.grad)
        optimizer.step()
        clock.append(time.perf_counter())
        if step >= 5:
            for name, before, after in zip(parts, clock, clock[1:]):
                parts[name].append(after - before)
    medians = {name: statistics.median(seconds) for name, seconds in parts.items()}
    whole = sum(medians.values())
    shares = ", ".join(f"{name} {seconds / whole:.1%}" for name, seconds in medians.items())
    print(f"step of 128 images {whole * 1e3:.0f} ms: {shares} (encoder backward is in update)")
    print(f"views and loss: {(medians['views'] + medians['loss']) / whole:.1%} of a step")


if __name__ == "__main__":
    what, *lengths = sys.argv[1:] or ["costs"]
    print(describe_device(torch.device("cpu")), flush=True)
    if what == "costs":
        report_costs()
    else:
        train, test = load_both(what, LAPTOP, size=None, variant=None, seed=0)
        print(train, test, sep="\n")
        for length in map(float, lengths or ["90"]):
            report_simclr(train, test, length)
        if what == "scenes":
            report_supervised(train, test, 180)
