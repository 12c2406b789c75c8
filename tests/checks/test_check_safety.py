"""A check survives whatever a learner's function does."""

import importlib
import threading
import time

import numpy as np
import pytest
import torch

from sslcourse.methods import nt_xent_loss
from sslcourse.teach.checks import check, limits
from sslcourse.teach.checks.examine import SECONDS
from sslcourse.teach.checks.limits import PATIENCE, TimeUp, run_limited


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    monkeypatch.setenv("SSLCOURSE_PROGRESS", "off")


def endless(z1, z2, *, temperature):
    while True:
        pass


def endless_catching(z1, z2, *, temperature):
    while True:
        try:
            torch.ones(2).sum()
        except Exception:
            continue


def endless_catching_everything(z1, z2, *, temperature):
    while True:
        try:
            torch.ones(2).sum()
        except BaseException:
            continue


def sleeping(z1, z2, *, temperature):
    time.sleep(3)


def endless_on_the_second_call():
    calls = []

    def loss(z1, z2, *, temperature):
        calls.append(1)
        while len(calls) > 5:
            pass
        return nt_xent_loss(z1, z2, temperature=temperature)

    return loss


@pytest.mark.parametrize(
    "function",
    [
        endless,
        endless_catching,
        endless_catching_everything,
        sleeping,
        endless_on_the_second_call(),
    ],
)
def test_an_endless_loop_ends(function, monkeypatch):
    if function is sleeping:
        monkeypatch.setattr(limits, "PATIENCE", 1)  # nobody wants to wait for half a minute
    threads, start = threading.active_count(), time.perf_counter()
    report = check("03.1", function)
    assert time.perf_counter() - start < PATIENCE * SECONDS + 2  # 2 s where nothing else runs
    assert not report.passed and "did not come to an end" in report.problem
    wait_for_workers(threads, 6)


def wait_for_workers(before, seconds):
    """No loop of a learner's goes on after its check."""
    end = time.perf_counter() + seconds
    while threading.active_count() > before and time.perf_counter() < end:
        time.sleep(0.02)
    assert threading.active_count() <= before


def test_a_check_works_in_another_thread():
    reports = []
    thread = threading.Thread(target=lambda: reports.append(check("03.1", endless)))
    thread.start()
    thread.join(PATIENCE * SECONDS + 2)
    assert "did not come to an end" in reports[0].problem


def test_first_imports_are_not_counted(tmp_path, monkeypatch):
    """As torchvision does, which takes 1.5 s: many modules, none of which takes long."""
    spin = "import time\nend = time.process_time() + 0.02\nwhile time.process_time() < end: pass\n"
    names = [f"slow_to_load_{number}" for number in range(50)]
    for name in names:
        (tmp_path / f"{name}.py").write_text(spin)
    monkeypatch.syspath_prepend(tmp_path)
    assert run_limited(lambda: [importlib.import_module(name) for name in names], 0.5)[0]


def test_a_library_that_is_slow_to_load_is_not_counted(tmp_path, monkeypatch):
    """A single module, such as a compiled one, shows no other while it is loaded."""
    spin = "import time\nend = time.process_time() + 1\nwhile time.process_time() < end: pass\n"
    (tmp_path / "slow_and_alone.py").write_text(spin)
    monkeypatch.syspath_prepend(tmp_path)
    assert run_limited(lambda: importlib.import_module("slow_and_alone"), 0.5)[0]


def test_a_machine_that_stands_still_is_not_the_learners_fault(monkeypatch):
    """A virtual machine that was paused finds its clocks, the processor's too, seconds later."""
    stalls = iter([0.0] + 1000 * [3.0])  # from the second look on
    passed = {name: getattr(time, name)() for name in ("monotonic", "process_time")}

    def stalled(name):
        def look():
            passed[name] += next(stalls, 0.0)
            return passed[name]

        return look

    for name in passed:
        monkeypatch.setattr(time, name, stalled(name))
    assert run_limited(lambda: threading.Event().wait(0.05), 2.0)[0]


def test_a_mistake_is_named_though_it_is_slow_to_look_for():
    """What is known when the time is up is not lost."""

    def slow(z1, z2, *, temperature):
        time.sleep(0.15)
        return 0 * z1.sum()

    report = check("03.1", slow)
    assert report.stage == "value" and "expected" in report.problem


def test_what_is_not_finite_shows_no_dependence():
    """nan differs from everything, and so it seems to depend on everything."""

    def loss(queries, keys, negatives, *, temperature):
        return (queries * torch.inf * 0).sum()

    for key, function in (("04.1", loss), ("02.1", lambda z: z.sum() * torch.nan)):
        report = check(key, function)
        assert report.mistake == "result-not-finite" and report.hints, report


@pytest.mark.parametrize(
    "result",
    [
        None,
        3,
        "loss",
        [1, 2],
        [[1.0, 2.0], [3.0]],
        np.zeros((2, 2)),
        (torch.zeros(2), torch.zeros(2)),
        {},
        torch.zeros(3, 4, 5),
        torch.tensor(float("nan")),
        torch.tensor(1, dtype=torch.int64),
        torch.tensor(1 + 2j),
        object(),
        float("inf"),
        torch.zeros(0),
        [],
        (),
    ],
    # an object's address would differ between processes that share the tests
    ids=lambda result: "an object" if type(result) is object else str(result),
)
@pytest.mark.parametrize("key", ["03.1", "05.1", "06.3", "09.1", "01.3", "04.3"])
def test_any_result_gets_a_report(key, result):
    if key == "04.3" and result is None:
        pytest.skip("an update in place returns None")
    report = check(key, lambda *args, **kwargs: result)
    assert not report.passed and report.stage and report.problem
    assert "Traceback" not in repr(report)


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(3), AssertionError(), MemoryError()]
)
def test_an_error_shows_the_learners_own_line(error):
    def helper():
        raise error  # here it happens

    def loss(z1, z2, *, temperature):
        return helper()

    report = check("03.1", loss)
    assert report.stage == "exists" and not report.passed
    assert f"your function raised {type(error).__name__}" in report.problem
    assert "raise error  # here it happens" in report.problem
    line = helper.__code__.co_firstlineno + 1
    assert f"in line {line}:" in report.problem


def test_a_lost_dimension_is_asked_for():
    def normalise(z, *, temperature):
        return z / z.norm(dim=1) @ z.T / temperature

    problem = check("02.4", normalise).problem
    assert "in line" in problem and "Does `norm` need keepdim=True there" in problem


def test_an_error_inside_torch_shows_the_line_that_led_there():
    def loss(z1, z2, *, temperature):
        return z1 @ z2  # shapes don't fit

    assert "return z1 @ z2  # shapes don't fit" in check("03.1", loss).problem


def test_inputs_may_be_changed_without_spoiling_the_check():
    def careless(z1, z2, *, temperature):
        z1 /= z1.norm(dim=1, keepdim=True)
        return nt_xent_loss(z1, z2, temperature=temperature)

    first, second = check("03.1", careless), check("03.1", careless)
    assert first.mistake == second.mistake == "changes-its-inputs"
    assert check("03.1", nt_xent_loss).passed


def test_a_number_has_no_gradient():
    def loss(z1, z2, *, temperature):
        return nt_xent_loss(z1, z2, temperature=temperature).item()

    report = check("03.1", loss)
    assert report.stage == "gradient" and report.mistake == "loses-the-gradient"


def test_the_time_limit_is_no_exception():
    assert not issubclass(TimeUp, Exception)
