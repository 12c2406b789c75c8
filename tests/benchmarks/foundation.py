"""The figures on which the course rests: what the laptop budget reaches, and what things cost.

    python tests/benchmarks/foundation.py costs
    python tests/benchmarks/foundation.py supervised scenes
    python tests/benchmarks/foundation.py simclr scenes 90      seconds of a method on some data
    python tests/benchmarks/foundation.py moco FOLDER 90 600
    python tests/benchmarks/foundation.py swav scenes held-out 1000steps grayscale=0.2

`held-out` tests on a fifth of the training images, which is where budgets are chosen. A setting
like `grayscale=0.2` replaces that part of the budget's `Augment`.

Let nothing else run meanwhile: the budgets are wall-clock time. Where that can't be had,
`5000steps` instead of a number of seconds trains that many steps.
"""

import copy
import subprocess
import sys
import time
from dataclasses import replace

import torch
from speed.timing import medians

from sslcourse.budgets import budget
from sslcourse.data import load
from sslcourse.data.images import ImageSet
from sslcourse.evaluate import fine_tune
from sslcourse.hardware import describe_device, keep_freed_memory
from sslcourse.methods import MoCo, nt_xent_loss
from sslcourse.pretrain import build, compare, load_both, print_table
from sslcourse.train import fit

LAPTOP = budget("simclr", "laptop")


def report_method(
    name: str,
    train: ImageSet,
    test: ImageSet,
    length: dict[str, float],
    views: dict[str, float],
    seed: int = 0,
) -> None:
    """Train a method for a while and print the table that `pretrain` prints."""
    chosen = budget(name, "laptop")
    chosen = replace(chosen, augment=replace(chosen.augment, **views))
    method = build(name, chosen, seed)
    untrained = copy.deepcopy(method.encoder)
    history = fit(method, train, replace(chosen.training, **{"seconds": None, **length}, seed=seed))
    print(f"\n{name}, seed {seed}: {history}, {history.images_per_second:.0f} images/s")
    probe = train.subset(min(chosen.probe_images, len(train)), seed)
    print_table(compare(method, untrained, probe, test), probe, test)
    sys.stdout.flush()


def report_supervised(train: ImageSet, test: ImageSet, seconds: float) -> None:
    """Train the same encoder with all labels."""
    encoder = build("simclr", LAPTOP, seed=0).encoder
    result = fine_tune(encoder, train, test, seconds=seconds, learning_rate=2e-3)
    print(f"\nsupervised, {seconds:.0f} s: {result}", flush=True)


def report_drawing_and_import() -> ImageSet:
    """Seconds to draw the scenes, and to import the package once torch is there."""
    start = time.perf_counter()
    scenes = load("scenes")
    print(f"drawing {len(scenes):,} scenes of 32x32: {time.perf_counter() - start:.2f} s")
    code = "import time, torch; s = time.perf_counter(); import sslcourse; "
    code += "print(time.perf_counter() - s)"
    seconds = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    print(f"import sslcourse after torch: {float(seconds):.4f} s")
    return scenes


def report_simclr_step(scenes: ImageSet) -> None:
    """The share of views and loss in SimCLR's training step."""
    method = build("simclr", LAPTOP, seed=0).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(method.parameters(), 1e-3, fused=True)
    now: dict[str, torch.Tensor | tuple] = {}

    def loss() -> None:
        now["cut"] = now["z"].detach().requires_grad_()  # so that the loss is timed apart
        nt_xent_loss(*now["cut"].chunk(2), temperature=0.2).backward()

    def update() -> None:
        optimizer.zero_grad()
        now["z"].backward(now["cut"].grad)
        optimizer.step()

    parts = {
        "views": lambda: now.update(views=method.make_views(scenes.images[:128])),
        "encoder": lambda: now.update(z=method(torch.cat(now["views"]))),
        "loss": loss,
        "encoder's gradient and update": update,
    }
    seconds = medians(parts, 20)
    whole = sum(seconds.values())
    shares = ", ".join(f"{name} {part / whole:.1%}" for name, part in seconds.items())
    print(f"SimCLR's step of 128 images, {whole * 1e3:.0f} ms: {shares}")
    print(f"views and loss: {(seconds['views'] + seconds['loss']) / whole:.1%} of a step")


def report_moco_step(scenes: ImageSet) -> None:
    """The share of the momentum encoder's update and the queue in MoCo's training step."""
    method = build("moco", budget("moco", "laptop"), seed=0).to(memory_format=torch.channels_last)
    assert isinstance(method, MoCo)
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], fused=True)

    def learn() -> None:
        loss, _ = method.loss(method.make_views(scenes.images[:128]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    parts = {"views, loss and update": learn, "EMA and queue": lambda: method.after_step(0.5)}
    seconds = medians(parts, 20)
    whole = sum(seconds.values())
    print(f"MoCo's step of 128 images, {whole * 1e3:.0f} ms")
    print(f"EMA and queue: {seconds['EMA and queue'] / whole:.1%} of a step")
    print(f"queue: {len(method.queue):,} keys in {method.queue_bytes / 2**20:.1f} MiB")


def main(what: str, data: str | None = None, *lengths: str) -> None:
    print(describe_device(torch.device("cpu")), flush=True)
    if what == "costs":
        scenes = report_drawing_and_import()
        keep_freed_memory()
        report_simclr_step(scenes)
        report_moco_step(scenes)
        return
    train, test = load_both(data, LAPTOP, size=None, variant=None, seed=0)
    print(train, test, sep="\n")
    if what == "supervised":
        report_supervised(train, test, float(lengths[0]) if lengths else 180.0)
        return
    views = dict(argument.split("=") for argument in lengths if "=" in argument)
    views = {part: float(value) for part, value in views.items()}
    if "held-out" in lengths:
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
        test, train = train[order[: len(train) // 5]], train[order[len(train) // 5 :]]
        print(f"tested on {len(test):,} of the training images, held out")
    lengths = tuple(a for a in lengths if "=" not in a and a != "held-out")
    for length in lengths or ("90",):
        if length.endswith("steps"):
            report_method(what, train, test, {"steps": int(length.removesuffix("steps"))}, views)
        else:
            report_method(what, train, test, {"seconds": float(length)}, views)


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["costs"]))
