"""What one training costs a step, for `costs.py`, which calls this in a process of its own.

    python tests/benchmarks/one_cost.py '{"axis": "batch", "line": "simclr", "value": 64}'

Pixels are random: what a step costs doesn't depend on what the pictures show.
"""

import json
import os
import re
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import nn

from sslcourse.budgets import Budget, budget
from sslcourse.build import build, fit_queue
from sslcourse.data import ImageSet, load
from sslcourse.data.large import open_set, write_set
from sslcourse.hardware import peak_memory
from sslcourse.train import fit

CLASSES = ("none",)
SIDE_BATCH = 16  # images a step where the images grow
PART = 10_000  # images that are in memory at a time while a file is written


@dataclass(frozen=True)
class Point:
    """One training to measure.

    Attributes:
        axis: what grows: "batch", "side", "queue", "crops" or "data".
        line: the method; for "data" where the images are: "drawn" in memory, or in a "file".
        value: how far it has grown.
        budget: "laptop" or "full".
        precision: "float32" or "bfloat16".
        device: "cpu" or "cuda".
        steps: of the training; the first one isn't timed.
        most: memory in MiB at which a process on a CPU gives up.
        folder: where a file of images may be written.
    """

    axis: str
    line: str
    value: int
    budget: str = "laptop"
    precision: str = "float32"
    device: str = "cpu"
    steps: int = 5
    most: float = 4_096.0
    folder: str = "."


def own_memory(device: torch.device) -> float:
    """What the process holds now, in MiB, without pages of files that can be taken from it.

    On CUDA, and where the system doesn't tell, the peak so far.
    """
    status = Path("/proc/self/status")
    if device.type == "cpu" and status.is_file():
        return int(re.search(r"RssAnon:\s+(\d+)", status.read_text())[1]) / 2**10
    return peak_memory(device) or 0.0


def chosen_budget(point: Point) -> Budget:
    """The budget with the one thing changed that grows."""
    method = "simclr" if point.axis == "data" else point.line
    chosen = budget(method, point.budget)
    if point.axis == "batch":
        training = replace(chosen.training, batch_size=point.value)
        return fit_queue(replace(chosen, training=training), point.value)
    if point.axis == "side":
        return replace(chosen, training=replace(chosen.training, batch_size=SIDE_BATCH))
    if point.axis == "queue":
        return replace(chosen, method=chosen.method | {"queue_size": point.value})
    if point.axis == "crops":  # two large ones, the others small
        small = chosen.small or replace(chosen.augment, crop_scale=(0.1, 0.4))
        share = chosen.small_share if chosen.small else 0.375
        crops = chosen.method | {"small_views": point.value - 2}
        return replace(chosen, method=crops, small=small, small_share=share)
    return chosen


def random_images(count: int, side: int) -> ImageSet:
    """Noise without a class."""
    images = torch.randint(256, (count, 3, side, side), dtype=torch.uint8)
    return ImageSet(images, torch.full((count,), -1), CLASSES)


def make_images(point: Point, batch_size: int) -> ImageSet:
    """The images to train on; those of a file stay there."""
    if point.line == "drawn":
        return load("scenes", limit=point.value).to(point.device)
    if point.line == "file":
        path = Path(point.folder) / "images.safetensors"
        starts = range(0, point.value, PART)
        parts = (random_images(min(PART, point.value - start), 32) for start in starts)
        write_set(path, parts)
        return open_set(path, CLASSES)[0]
    side = point.value if point.axis == "side" else 32
    return random_images(batch_size, side).to(point.device)


@contextmanager
def memory_watched(point: Point) -> Iterator[None]:
    """End this process, with what it was, as soon as it holds more memory than it may."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            if own_memory(torch.device("cpu")) > point.most:
                print(json.dumps({"over MiB": point.most}), flush=True)
                os._exit(0)

    if point.device == "cpu":
        threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    except RuntimeError as error:
        if "memory" not in str(error):  # what PyTorch says when there is none left, on any device
            raise
        gpu = point.device == "cuda"
        most = torch.cuda.get_device_properties(0).total_memory / 2**20 if gpu else point.most
        print(json.dumps({"over MiB": most}), flush=True)
        os._exit(0)
    finally:
        done.set()


def make_method(name: str, chosen: Budget, side: int = 32) -> nn.Module:
    """A budget's method for images of `side` pixels; weights are fresh, those of BEiT's tokenizer
    too, which cost the same as trained ones."""
    parts = {}
    if name == "beit":
        tokenizer = budget("tokenizer", chosen.name)
        parts["tokenizer"] = build("tokenizer", tokenizer, seed=0, image_size=side).encoder
    return build(name, chosen, seed=0, image_size=side, **parts)


def measure(point: Point) -> dict[str, float]:
    """Milliseconds of a step, and memory in MiB.

    Returns:
        "ms" is the median step. "MiB" is what the training took beyond what was there before it;
        on the axis "data" it is what is held at the end beyond what was before the images came.
        "peak MiB" is the whole process's. "s to make" is the time to make the images.
    """
    device, chosen, times = torch.device(point.device), chosen_budget(point), []
    empty, started = own_memory(device), time.perf_counter()
    images = make_images(point, chosen.training.batch_size)
    made = time.perf_counter() - started
    name = "simclr" if point.axis == "data" else point.line
    method = make_method(name, chosen, images.images.shape[2])
    before = peak_memory(device) or 0.0

    def note(*_: object) -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter())

    lengths = {"seconds": None, "epochs": None, "steps": point.steps}
    training = replace(chosen.training, **lengths, precision=point.precision, watch=0)
    fit(method, images, training, on_step=note, device=device)
    steps = [late - early for early, late in zip(times, times[1:], strict=False)]
    found = {"ms": 1e3 * statistics.median(steps), "peak MiB": peak_memory(device) or 0.0}
    if point.axis != "data":
        # Linux counts a process's pages nearly exactly: its peak may seem to fall by a few
        return found | {"MiB": max(0.0, found["peak MiB"] - before)}
    return found | {"MiB": own_memory(device) - empty, "s to make": made}


def main(text: str) -> None:
    warnings.simplefilter("ignore")  # more prototypes than images are no news here
    point = Point(**json.loads(text))
    with memory_watched(point):
        print(json.dumps({"value": point.value, **measure(point)}), flush=True)


def as_text(point: Point) -> str:
    """What `main` takes."""
    return json.dumps(asdict(point))


if __name__ == "__main__":
    main(sys.argv[1])
