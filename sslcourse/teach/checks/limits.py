"""Call a learner's function without trusting it: limits of time and words, random states put back.

Why a thread of its own? A signal (`signal.setitimer`) only works in the main thread, and a loop
that catches every exception swallows it. `sys.settrace` slows each line and takes the place of a
debugger. Another process can't be given a function that was written in a notebook. But a thread can
be waited for with a limit, from any thread, whatever the function catches. Afterwards an exception
is raised in it again and again, so that an endless loop does not go on using the processor.
"""

import ctypes
import io
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any

import numpy as np
import torch

PATIENCE = 15  # times the limit that may pass on the clock of a busy machine
TICK = 0.02  # seconds between two looks at the clock
STALL = 10  # ticks that one may count as; one that took longer was the machine's fault
LETTERS = 2000  # of what a function prints


class TimeUp(BaseException):
    """Stops an endless loop; no Exception, so that `except Exception` does not catch it."""


def run_limited(function: Callable[[], Any], seconds: float) -> tuple[bool, Any]:
    """Call a function and wait for it, but not for ever.

    On a busy machine a right function may have to wait for the processor or the disk, so what
    counts is the processor's time; only for a function that sleeps it is the clock.

    Args:
        function: called without arguments, in a thread of its own.
        seconds: of the processor's time, by all threads of this process; on the clock at most
            `PATIENCE` times as many. Not counted: loading libraries for the first time, and
            moments in which the whole machine stood still.

    Returns:
        (True, what it returned), or (False, None) where the time was up.

    Raises:
        BaseException: what the function raised.
    """
    outcome: dict[str, Any] = {}
    over = threading.Event()

    def work() -> None:
        with suppress(TimeUp):  # one that comes late
            try:
                outcome["result"] = function()
            except TimeUp:
                pass
            except BaseException as error:  # SystemExit too: it belongs to the caller
                outcome["error"] = error
            over.set()

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        wait_for(worker, seconds)
    finally:  # the person who waits may interrupt
        if worker.is_alive():
            threading.Thread(target=stop, args=(worker, over), daemon=True).start()
            worker.join(0.2)  # most loops end at once
    if "error" in outcome:
        raise outcome["error"]
    return "result" in outcome, outcome.get("result")


def wait_for(worker: threading.Thread, seconds: float) -> None:
    """Wait until a thread ends or has had its time. While libraries are loaded, it stands still."""
    passed = used = 0.0
    while worker.is_alive():
        clock, processor, libraries = time.monotonic(), time.process_time(), len(sys.modules)
        began = importing(worker)
        worker.join(TICK)
        if began or importing(worker) or len(sys.modules) > libraries:
            continue  # there is an end to first imports
        passed += min(time.monotonic() - clock, STALL * TICK)
        used += min(time.process_time() - processor, STALL * TICK)
        if used > seconds or passed > PATIENCE * seconds:
            return


def importing(worker: threading.Thread) -> bool:
    """Whether a thread is loading a library for the first time."""
    frame = sys._current_frames().get(worker.ident)
    while frame is not None:
        if frame.f_code.co_name == "_find_and_load" and "importlib" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


def stop(worker: threading.Thread, over: threading.Event) -> None:
    """Raise TimeUp in a thread until it ends; a loop that catches everything takes several."""
    pause = threading.Event()
    while worker.is_alive() and not over.is_set():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(worker.ident), ctypes.py_object(TimeUp)
        )
        pause.wait(0.01)


class FirstWords(io.StringIO):
    """Keeps what is written during the first call, and no more than fits on a page."""

    def __init__(self, calls: Callable[[], int]) -> None:
        super().__init__()
        self.calls = calls

    def write(self, text: str) -> int:
        return super().write(text) if self.calls() < 2 and self.tell() < LETTERS else len(text)


@contextmanager
def first_words(calls: Callable[[], int]) -> Iterator[None]:
    """Show what is printed during the first call only; a check calls a function a hundred times.

    Put around the one who waits, not into the thread: then a function that can't be stopped does
    not keep the notebook's own prints.

    Args:
        calls: how many calls have begun.
    """
    said = FirstWords(calls)
    try:
        with redirect_stdout(said):
            yield
    finally:
        print(said.getvalue()[:LETTERS], end="")


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Put the global random states of torch, NumPy and Python back as they were."""
    state, python_state = torch.get_rng_state(), random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002
    on_gpu = torch.cuda.is_initialized()
    gpu_states = torch.cuda.get_rng_state_all() if on_gpu else []
    try:
        yield
    finally:
        torch.set_rng_state(state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
        if on_gpu:
            torch.cuda.set_rng_state_all(gpu_states)


def seed_everything(seed: int) -> None:
    """The same draws in every check, so that its report is the same every time."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
