"""What a GPU makes of each method's training step: precision, compiling, CUDA graphs, waiting.

    python tests/benchmarks/gpu.py                             all methods, full recipes
    python tests/benchmarks/gpu.py simclr mae --modes float32 bfloat16
    python tests/benchmarks/gpu.py --budget laptop --seconds 5 --results runs/gpu
    python tests/benchmarks/gpu.py --budget laptop --modes float32 "float32 compiled"

The last one is for a machine without a GPU: what compiling brings there.

Each row is one training in one mode. "ms" is the time of a step as `fit` takes it: views, loss,
gradients, update, and what comes after a step. The GPU is waited for every tenth step only. "busy"
is the share of the time in which the GPU computes, counted by PyTorch's profiler; the rest it waits
for Python. "MiB" is what PyTorch held of the GPU at most, images included. Pixels are random: what
they show doesn't change what a step costs.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from growth import SIX
from one_cost import make_method, random_images
from torch.profiler import ProfilerActivity, profile

from sslcourse.budgets import budget
from sslcourse.build import fit_queue
from sslcourse.hardware import best_device, describe_device, peak_memory
from sslcourse.results import Results
from sslcourse.train.loop import Run

IMAGES = 4_096  # which stay on the GPU
WARM = 4  # steps before the clock is read: cuDNN chooses, the compiler writes, graphs are recorded
PROFILED = 3
MODES = {
    "float32": {"precision": "float32"},
    "bfloat16": {"precision": "bfloat16"},
    "compiled": {"precision": "bfloat16", "compile": "default"},
    "graphs": {"precision": "bfloat16", "compile": "reduce-overhead"},
    "float32 compiled": {"precision": "float32", "compile": "default"},
}


def begin(name: str, budget_name: str, device: torch.device, batch: int | None, mode: str) -> Run:
    """A training of random pictures in one of `MODES`."""
    chosen = budget(name, budget_name)
    training = replace(chosen.training, seconds=None, epochs=None, steps=1_000_000, **MODES[mode])
    training = replace(training, batch_size=batch or training.batch_size)
    chosen = fit_queue(replace(chosen, training=training), training.batch_size)
    method = make_method(name, chosen).to(device, memory_format=torch.channels_last).train()
    images = random_images(max(IMAGES, training.batch_size), 32).to(device)
    return Run(method, images, training, device)


def wait(device: torch.device) -> None:
    """Until the device has done all it was asked to do."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def step_seconds(run: Run, seconds: float) -> float:
    """Mean time of a step, over as many as fit into some seconds, at least three."""
    started, steps = time.perf_counter(), 0
    while steps < 3 or time.perf_counter() - started < seconds:
        run.take_step()
        steps += 1
        if steps % 10 == 0:  # Python is ahead of the GPU; without this it might run away
            wait(run.device)
    wait(run.device)
    return (time.perf_counter() - started) / steps


def kernel_seconds(run: Run) -> float:
    """Time of a step in which the GPU computes or copies."""
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        for _ in range(PROFILED):
            run.take_step()
        wait(run.device)
    spent = sum(event.self_device_time_total for event in seen.key_averages())
    return spent / 1e6 / PROFILED


def measure(run: Run, seconds: float) -> dict[str, float]:
    """One row.

    Returns:
        "ms" of a step, "images/s", and "s to start", the first steps together; on a GPU also
        "busy", in [0, 1], and "MiB".
    """
    started = time.perf_counter()
    for _ in range(WARM):
        run.take_step()
    wait(run.device)
    warm = time.perf_counter() - started
    each = step_seconds(run, seconds)
    found = {"ms": 1e3 * each, "images/s": run.config.batch_size / each, "s to start": warm}
    if run.device.type == "cuda":
        found |= {"busy": kernel_seconds(run) / each, "MiB": peak_memory(run.device)}
    return found


def row(options: argparse.Namespace, name: str, mode: str) -> dict[str, float]:
    """Measure one method in one mode, with nothing left of the one before."""
    device = best_device()
    torch.compiler.reset()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return measure(begin(name, options.budget, device, options.batch, mode), options.seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="What a GPU makes of each method's step.")
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=", ".join(SIX))
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=MODES)
    parser.add_argument("--budget", default="full", choices=("laptop", "full"))
    parser.add_argument("--batch", type=int, help="images a step; default: the recipe's")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each row")
    parser.add_argument("--results", type=Path, default=Path("runs/gpu"), metavar="FOLDER")
    options = parser.parse_args(arguments)
    if unknown := set(options.methods) - set(SIX):
        parser.error(f"unknown method {', '.join(unknown)}; choose of {', '.join(SIX)}.")
    warnings.simplefilter("ignore")  # more prototypes than images are no news here
    options.results.mkdir(parents=True, exist_ok=True)
    about = {"device": describe_device(best_device()), "torch": torch.__version__}
    about |= {"budget": options.budget, "batch": str(options.batch or "the recipe's")}
    print(about, flush=True)
    results = Results(options.results / "gpu.json", about, fresh=True)
    for mode in options.modes:  # the slow ones to start come last
        for name in options.methods or SIX:
            found = results.add(f"{name}, {mode}", row(options, name, mode))
            print(
                f"{name}, {mode}: { ({what: round(v, 3) for what, v in found.items()}) }",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
