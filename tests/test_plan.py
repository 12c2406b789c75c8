"""Plans for one GPU and for many: what is counted, their sums, and README's tables of them."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from sslcourse.budgets import budget
from sslcourse.results import read_results

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import gpu  # noqa: E402
import growth  # noqa: E402
import plan  # noqa: E402
from recipe_cost import Counted, count_step  # noqa: E402

COUNTED = Counted(work=(0, 1e9, 0), activations=(0, 2**20, 0), state=2**30, gradients=4 * 10**7)


class Tiny(nn.Module):
    """One matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Linear(3 * 32 * 32, 10, bias=False)

    def make_views(self, images, generator):
        return images.flatten(1) / 255

    def loss(self, views):
        return self.matrix(views).square().mean(), {}


def test_counting_finds_every_multiplication_and_every_kept_byte():
    work, kept = count_step(Tiny(), batch=8)
    product = 2 * 8 * (3 * 32 * 32) * 10
    assert work == 2 * product  # forward, and the weights' gradient
    assert kept == 4 * 8 * (3 * 32 * 32) + 4 * 8 * 10  # the images, and what is squared


def test_the_sums_of_a_plan():
    chosen = plan.scaled(budget("simclr", "full"), 8, grow=False)
    shared = {"counted": COUNTED, "processes": 8, "images": 50_000}
    made = plan.make_plan("simclr", chosen, **shared, step_seconds=0.1)
    assert (made.batch, made.each, made.rate) == (512, 64, 0.06)
    assert made.negatives.startswith("1,022")
    assert made.steps == 1_000 * 97
    assert made.memory == 2**30 + 64 * 2**20 and made.operations == 64e9
    assert made.hours == pytest.approx(97_000 * 0.1 / 3_600)
    assert plan.make_plan("simclr", chosen, **shared).hours is None
    guessed = plan.make_plan("simclr", chosen, **shared, tflops=10)
    assert guessed.hours == pytest.approx(97_000 * 0.0064 / 3_600)
    # 40 MB around a ring of 8 at 10 GB/s: 7 ms
    slower = plan.make_plan("simclr", chosen, **shared, step_seconds=0.1, exchange=10)
    assert slower.hours == pytest.approx(97_000 * 0.107 / 3_600)
    assert made.cells()[:4] == ["simclr", "512", "64", "0.06"]
    assert len(made.cells()) == len(plan.COLUMNS)


def test_a_batch_that_grows_takes_rate_and_queue_along():
    grown = plan.scaled(budget("moco", "full"), 16, grow=True)
    assert grown.training.batch_size == 8_192
    assert grown.training.learning_rate == pytest.approx(0.06 * 16)
    assert grown.method["queue_size"] == 16_384  # two keys of each image
    shared = {"processes": 16, "images": 50_000, "step_seconds": 1.0}
    assert plan.make_plan("moco", grown, COUNTED, **shared).steps == 800 * 6


def test_a_batch_must_be_shared_evenly(capsys):
    assert plan.main(["simclr", "--gpus", "7"]) == 2
    assert "can't be shared evenly by 7 GPUs" in capsys.readouterr().err


def test_measured_steps_go_into_the_plan(monkeypatch, capsys):
    monkeypatch.setattr(plan, "run", lambda point, seconds: {"ms": 2.0 * point.value, "MiB": 3.0})
    monkeypatch.setattr(plan, "pick_precision", lambda device: "float32")
    monkeypatch.setattr(plan, "count", lambda method, chosen: COUNTED)
    assert plan.main(["mae", "--measure", "--gpus", "4", "--nodes", "2"]) == 0
    said = capsys.readouterr().out
    assert "mae, 128 images: 256.0 ms, 3 MiB" in said
    hours = 800 * 48 * 0.256 / 3_600
    assert said.splitlines()[-1].endswith(f"| 38,400 | {hours:.3g} |")
    monkeypatch.setattr(plan, "run", lambda point, seconds: {"over s": seconds})
    assert plan.main(["mae", "--measure"]) == 2
    assert "mae: 128 images a step are too much here" in capsys.readouterr().err


def test_one_gpu_exchanges_nothing():
    alone = plan.make_plan(
        "mae", budget("mae", "full"), COUNTED, 1, images=50_000, step_seconds=1.0, exchange=1.0
    )
    assert alone.gradients == 0 and alone.hours == pytest.approx(alone.steps / 3_600)


def test_the_readme_has_the_recipes_of_today():
    """Counting all six takes minutes; batch, rate, negatives and steps are worked out at once."""
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    lines = readme.partition("## On 8 GPUs")[2].splitlines()
    for method in growth.SIX:
        chosen = plan.scaled(budget(method, "full"), 8, grow=False)
        wanted = plan.make_plan(method, chosen, COUNTED, 8, images=50_000).cells()
        written = next(line for line in lines if line.startswith(f"| {method} |"))
        cells = written.strip("| ").split(" | ")
        assert cells[:5] + cells[8:] == wanted[:5] + wanted[8:9]


def test_the_readme_tells_what_the_gpu_did():
    rows = read_results(Path(gpu.__file__).with_name("gpu-h100.json"))["rows"]
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    lines = readme.partition("## On one GPU")[2].splitlines()
    for method in growth.SIX:
        chosen = plan.scaled(budget(method, "full"), 1, grow=False)
        half = rows[f"{method}, bfloat16"]
        shared = {"images": 50_000, "step_seconds": half["ms"] / 1e3}
        made = plan.make_plan(method, chosen, COUNTED, 1, **shared)
        found = [rows.get(f"{method}, {mode}") for mode in ("float32", "bfloat16", "compiled")]
        speeds = [
            f"{r['images/s'] / 1e3:.1f} ({100 * r['busy']:.0f} %)" if r else "–" for r in found
        ]
        last = f"{half['MiB'] / 1_024:.1f}", f"{made.hours:.1f}"
        written = next(line for line in lines if line.startswith(f"| {method} |"))
        assert written.strip("| ").split(" | ") == [method, f"{made.batch:,}", *speeds, *last]


def test_the_readme_tells_what_compiling_brings_on_two_cores():
    rows = read_results(Path(gpu.__file__).with_name("compile-2-cores.json"))["rows"]
    readme = " ".join((Path(__file__).parents[1] / "README.md").read_text().split())
    plain, compiled = (
        {name: rows[f"{name}, {mode}"] for name in growth.SIX}
        for mode in ("float32", "float32 compiled")
    )
    names = dict(zip(growth.SIX, ("SimCLR", "MoCo", "SwAV", "MAE", "BEiT", "DINO"), strict=True))
    gains = (f"{names[m]} {plain[m]['ms'] / compiled[m]['ms']:.2f}" for m in growth.SIX)
    assert ", ".join(gains) in readme
    waits, begins = ([row["s to start"] for row in kind.values()] for kind in (compiled, plain))
    spans = f"{min(waits):.0f} to {max(waits):.0f} seconds instead of "
    assert f"{spans}{min(begins):.1f} to {max(begins):.1f}" in readme


def test_plans_are_counted(monkeypatch, capsys):
    """The whole command, on recipes that are small enough to count here."""
    monkeypatch.setattr(
        plan,
        "budget",
        lambda name, _: replace(
            budget(name, "laptop"),
            training=replace(budget(name, "laptop").training, seconds=None, epochs=1),
        ),
    )
    torch.manual_seed(0)
    assert plan.main(["simclr", "--gpus", "2", "--step-seconds", "simclr=0.5"]) == 0
    row = capsys.readouterr().out.splitlines()[-1].split(" | ")
    assert row[:3] == ["| simclr", "128", "64"] and float(row[7]) > 0
    assert float(row[-1].rstrip(" |")) == pytest.approx(390 * 0.5 / 3_600, rel=1e-2)
