"""How costs grow: exponents, files that go on, and README's picture."""

import sys
from pathlib import Path

import pytest
import torch
from pictures import size
from PIL import Image

from sslcourse.results import Results, read_results
from sslcourse.teach.figures import Picture

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import costs  # noqa: E402
import gpu  # noqa: E402
import growth  # noqa: E402
from one_cost import Point, chosen_budget, measure  # noqa: E402


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
