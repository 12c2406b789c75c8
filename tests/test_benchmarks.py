"""Taking turns, medians, ratios and the table of `tests/benchmarks/bench.py`; peak memory.

What the comparisons themselves say needs other libraries and a quiet machine: `make bench`.
"""

import importlib
import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import torch
from benchmarks.speed.apart import apart
from benchmarks.speed.memory import peak_bytes
from benchmarks.speed.timing import Row, alternate, heading, medians


class Clock:
    """A clock that moves only when somebody works."""

    def __init__(self) -> None:
        self.now, self.worked = 0.0, []

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, *seconds: float):
        """A part that takes these seconds, one after the other, the last one for ever."""
        rest = list(seconds)

        def part() -> None:
            self.worked.append(name)
            self.now += rest.pop(0) if len(rest) > 1 else rest[0]

        return part


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("benchmarks.speed.timing.time.perf_counter", clock)
    return clock


def test_parts_take_turns_and_nobody_is_always_first(clock):
    times = alternate({"a": clock.work("a", 9, 1, 2, 3), "b": clock.work("b", 5)}, 0, fewest=3)
    assert clock.worked == list("ab" + "ab" + "ba" + "ab")  # the first two only warm up
    assert times == {"a": [1, 2, 3], "b": [5, 5, 5]}


def test_no_turn_begins_after_the_time_is_up(clock):
    parts = {"a": clock.work("a", 2), "b": clock.work("b", 1)}
    assert len(alternate(parts, 10, fewest=1)["a"]) == 4  # begun at 0, 3, 6 and 9 seconds
    assert len(alternate(parts, 10, fewest=6)["a"]) == 6
    assert len(alternate(parts, 10, fewest=1, most=2)["a"]) == 2


def test_warming_up_costs_no_turns(clock):
    slow_start = clock.work("a", 100, 1)
    assert len(alternate({"a": slow_start}, 3, fewest=1)["a"]) == 3
    assert alternate({"a": clock.work("a", 7)}, 0, fewest=1, warmup=0) == {"a": [7]}


def test_medians_keep_the_order_of_parts_that_need_each_other(clock):
    parts = {"make": clock.work("make", 1), "use": clock.work("use", *[50] * 5, 2, 3, 4)}
    assert medians(parts, 3) == {"make": 1, "use": 3}
    assert clock.worked == ["make", "use"] * 8


def test_ratio_is_of_the_medians_and_says_which_way_is_good():
    faster = Row("", ours=[1.0, 2.0, 90.0], theirs=[4.0, 5.0, 6.0], asked=2.5)
    assert (faster.ratio, faster.verdict) == (2.5, "met")
    dearer = Row("", ours=[1.2], theirs=[1.0], asked=1.15, kind="cost")
    assert (dearer.ratio, dearer.verdict) == (1.2, "missed")
    assert Row("", ours=[1.0], theirs=[1.0]).verdict == ""


def test_verdict_does_not_round():
    assert Row("", ours=[1.001], theirs=[1.0], asked=1).verdict == "missed"
    assert Row("", ours=[1.1501], theirs=[1.0], asked=1.15, kind="cost").verdict == "missed"


def test_middle_half_is_of_the_turns():
    row = Row("", ours=[1.0] * 5, theirs=[1.0, 2.0, 3.0, 4.0, 50.0])
    assert row.middle_half == (2.0, 4.0)
    assert Row("", ours=[2.0], theirs=[3.0]).middle_half == (1.5, 1.5)


@pytest.mark.parametrize(
    ("unit", "values", "shown"),
    [
        ("ms", [0.0123], "12.3 ms"),
        ("ms", [1.5], "1,500 ms"),
        ("s", [1.5], "1.50 s"),
        ("MiB", [3 * 2**20], "3.00 MiB"),
        ("images/s", [0.1], "2,560 images/s"),
    ],
)
def test_units(unit, values, shown):
    assert Row("", values, values, unit=unit, images=256).show(values) == shown


def test_table_has_columns_below_each_other():
    row = Row("two of a kind, 8 x 3", [1.0, 1.0], [2.5, 2.5], 2.2, note="equal")
    line, note = str(row).splitlines()
    assert note.strip() == "equal"
    _, group, names, _ = heading("(x) a group").splitlines()
    assert group == "(x) a group"
    ends = {"ours": "1,000 ms", "theirs": "2,500 ms", "ratio": "2.50", "asked": ">= 2.2"}
    for name, cell in ends.items():
        assert line[: names.index(name) + len(name)].endswith(cell)
    assert line.endswith(" met")


def test_peak_memory_counts_what_is_held_at_once():
    def work() -> None:
        first = torch.zeros(2**18)  # 1 MiB of float32
        second = first.repeat(2)  # 3 MiB held
        del first
        second.repeat(2)  # 2 + 4 MiB

    assert peak_bytes(work) == pytest.approx(6 * 2**20, abs=4_096)


def test_peak_memory_leaves_out_what_was_there_before():
    kept = torch.zeros(2**20)
    assert peak_bytes(kept.exp_) < 4_096


def test_a_side_lives_apart_and_ends_with_the_comparison(tmp_path):
    with ExitStack() as stack:
        turn = apart(stack, partial, os.rmdir, str(tmp_path))
        turn()
        assert not tmp_path.exists()
        leave = apart(stack, partial, os._exit, 0)  # would take this process with it
        with pytest.raises(EOFError):
            leave()
    with pytest.raises(OSError, match="closed"):
        turn()


def test_unknown_group_gets_a_sentence(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "benchmarks"))
    monkeypatch.setattr("sys.argv", ["bench.py", "colours"])
    with pytest.raises(SystemExit):
        importlib.import_module("bench").main()
    assert "unknown group 'colours'; choose from training," in capsys.readouterr().err
