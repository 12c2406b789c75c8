"""How costs grow, and plans for many GPUs: exponents, files that go on, and the plan's sums."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pictures import size
from PIL import Image
from torch import nn

from sslcourse.budgets import budget
from sslcourse.results import Results, read_results
from sslcourse.teach.figures import Picture

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import costs  # noqa: E402
import gpu  # noqa: E402
import growth  # noqa: E402
import plan  # noqa: E402
from one_cost import Point, chosen_budget, measure  # noqa: E402
from recipe_cost import Counted, count_step  # noqa: E402

COUNTED = Counted(work=(0, 1e9, 0), activations=(0, 2**20, 0), state=2**30, gradients=4 * 10**7)


def test_an_exponent_is_the_power():
    found = growth.fit_exponent({x: 3 * x**1.5 for x in (64, 16, 256)})
    assert found == pytest.approx((1.5, 1.5, 1.5, 16, 256))
    # a straight line through the logarithms 0, 1, 3 at 0, 1, 2 rises by 1.5
    bent = growth.fit_exponent({1: 1, 10: 10, 100: 1_000})
    assert bent[:3] == pytest.approx((1.5, 1, 2))
    assert str(bent) == "1.50 (1.00 to 2.00), from 1 to 100"


@pytest.mark.parametrize("points", [{}, {1: 2}, {1: 2, 2: 0}])
def test_no_exponent_without_two_points(points):
    with pytest.raises(ValueError, match="two points or more, all above 0"):
        growth.fit_exponent(points)


def test_what_is_measured_is_kept_and_what_was_too_much_is_named(tmp_path, monkeypatch, capsys):
    tried = []

    def fake(point, seconds):
        tried.append((point.line, point.value))
        needed = point.value / 1_024
        if needed > seconds:
            return {"over s": seconds}
        return {"value": point.value, "ms": 1e3 * needed, "MiB": 2.0, "peak MiB": 500.0}

    monkeypatch.setattr(costs, "run", fake)
    command = ["queue", "--precision", "float32", "--results", str(tmp_path)]
    assert costs.main([*command, "--seconds", "4"]) == 0
    said = capsys.readouterr().out
    assert tried == [("moco", 1_024), ("moco", 4_096), ("moco", 16_384)]
    assert "queue, moco, ms: exponent 1.00 (1.00 to 1.00), from 1024 to 4096" in said
    assert "queue, moco, MiB: exponent 0.00" in said
    assert "queue, moco, 16384: more than s 4" in said and "queue, moco, 65536: not tried" in said
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")

    monkeypatch.setattr(costs, "draw", lambda results: Picture(b"", ""))  # once is enough
    costs.main([*command, "--seconds", "4"])
    assert len(tried) == 3
    costs.main([*command, "--seconds", "20"])  # with more time, only what was too much
    assert tried[3:] == [("moco", 16_384), ("moco", 65_536)]
    assert "not tried" not in capsys.readouterr().out.partition("exponent")[0]
    with pytest.raises(ValueError, match="was measured with steps = 5, not 9"):
        costs.main([*command, "--steps", "9"])
    costs.main([*command, "--steps", "9", "--fresh"])
    assert tried[5:] == tried[:3] + tried[4:5]


@pytest.mark.parametrize(
    ("axis", "line", "value", "changed"),
    [
        ("batch", "moco", 48, {"batch_size": 48, "queue_size": 480}),
        ("side", "mae", 224, {"batch_size": 16}),
        ("queue", "moco", 1_024, {"batch_size": 128, "queue_size": 1_024}),
        ("crops", "swav", 10, {"batch_size": 128, "small_views": 8}),
        ("crops", "dino", 2, {"batch_size": 64, "small_views": 0}),
        ("data", "file", 1_000, {"batch_size": 128}),
    ],
)
def test_one_thing_grows(axis, line, value, changed):
    chosen = chosen_budget(Point(axis, line, value))
    found = {"batch_size": chosen.training.batch_size, **chosen.method}
    assert {name: found[name] for name in changed} == changed


def test_a_step_is_measured():
    row = measure(Point("side", "simclr", 16, steps=2))
    assert row["ms"] > 0 and row["peak MiB"] > row["MiB"] >= 0


def test_methods_are_timed_in_several_modes(tmp_path, capsys):
    shared = ["--budget", "laptop", "--seconds", "0", "--results", str(tmp_path)]
    assert gpu.main(["moco", "--batch", "8", "--modes", "float32", "bfloat16", *shared]) == 0
    rows = read_results(tmp_path / "gpu.json")["rows"]
    assert list(rows) == ["moco, float32", "moco, bfloat16"]
    for row in rows.values():
        assert row["images/s"] == pytest.approx(8e3 / row["ms"], rel=1e-3)
        assert 0 < row["busy"] <= 1.05 if torch.cuda.is_available() else "busy" not in row
    with pytest.raises(SystemExit):
        gpu.main(["byol", *shared])
    assert "unknown method byol" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what a process holds")
def test_too_much_memory_ends_a_process():
    assert costs.run(Point("side", "simclr", 16, most=1.0), seconds=60) == {"over MiB": 1.0}


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
    begins = [row["s to start"] for row in compiled.values()]
    assert f"{min(begins):.0f} to {max(begins):.0f} seconds later" in readme


def test_the_readme_tells_how_cost_grows():
    results = Results(Path(growth.__file__).with_name("costs-2-cores.json"))
    rows, slopes = results.rows, growth.exponents(results)
    picture, path = growth.draw(results), "sslcourse/teach/pictures/costs.png"
    top = Path(__file__).parents[1]
    readme = (top / "README.md").read_text()
    assert f"![{picture}]({path})" in readme
    assert Image.open(top / path).size == size(picture)

    def times(line: str, last: int, first: int) -> str:
        return f"{rows[f'{line}, {last}']['ms'] / rows[f'{line}, {first}']['ms']:.1f}"

    def between(axis: str, digits: int) -> str:
        found = [e.slope for (a, _, what), e in slopes.items() if (a, what) == (axis, "ms")]
        return f"{min(found):.{digits}f} to {max(found):.{digits}f}"

    text = " ".join(readme.split())
    assert f"(exponents {between('batch', 2)}), and to a power of {between('side', 1)}" in text
    assert rows["side, mae, 224"] == {"over MiB": 12_000}
    assert f"step {times('queue, moco', 65_536, 1_024)} times as long" in text
    swav, dino = (times(f"crops, {line}", 10, 2) for line in ("swav", "dino"))
    assert f"cost SwAV {swav} times the time and DINO {dino} times" in text
    for line in ("drawn", "file"):
        assert float(times(f"data, {line}", 1_000_000, 1_000)) == pytest.approx(1, abs=0.2)
    assert rows["data, drawn, 1000000"]["MiB"] > 3_000 > 500 > rows["data, file, 1000000"]["MiB"]


def test_numbers_at_an_axis_are_short():
    assert [growth.short(x) for x in (64, 1_024, 65_536, 16_000, 1_000_000)] == [
        "64",
        "1k",
        "64k",
        "16k",
        "1M",
    ]


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
