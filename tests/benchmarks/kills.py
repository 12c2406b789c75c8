"""Kill trainings at random moments and see that they end as if nothing had happened.

    python tests/benchmarks/kills.py                          20 kills over all seven trainings
    python tests/benchmarks/kills.py --kills 50 --steps 300 --seed 1 --methods moco dino

Each training is `python -m sslcourse pretrain` in a process of its own, which saves many times a
second. It gets SIGKILL at random moments (while it loads, trains or writes its checkpoint) and is
started again until it is done. Then weights, optimiser and losses must equal an undisturbed
training's, bit for bit. Exits with 1 where they do not.
"""

import argparse
import itertools
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from sslcourse.__main__ import main as command
from sslcourse.budgets import BUDGETS
from sslcourse.build import METHODS
from sslcourse.pretrain import pretrain  # noqa: F401  imported before the forks, for their sake
from sslcourse.train.checkpoint import read_checkpoint

# Forks of a process that has the slow imports behind it and has computed nothing: threads of its
# own would not live on in a fork.
FORK = get_context("fork")
EVERY = 0.02  # seconds between two saves


def run_command(arguments: list[str], batch_size: int | None, said: Path) -> None:
    """In a fork: one command; what it says goes to a file."""
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    for budgets in BUDGETS.values():
        # the choice of a precision measures speeds, so two trainings might choose differently
        often: dict[str, Any] = {"checkpoint_seconds": EVERY, "precision": "float32"}
        laptop = budgets["laptop"]
        often["batch_size"] = batch_size or laptop.training.batch_size
        budgets["laptop"] = replace(laptop, training=replace(laptop.training, **often))
    os._exit(command(arguments))


def in_fork(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns that computes with tensors, which this process must not."""
    queue = FORK.SimpleQueue()
    process = FORK.Process(target=lambda: queue.put(function(*arguments)))
    process.start()
    result = queue.get()
    process.join()
    return result


def state_of(path: Path) -> dict[str, Any]:
    """Everything in a checkpoint that must not depend on kills: {name: tensor or number}."""
    state = read_checkpoint(path, torch.device("cpu"))
    progress = state["progress"]
    found: dict[str, Any] = {"step": progress["step"], "recipe": progress["recipe"]}
    for name, values in progress["history"]["columns"].items():
        if name != "seconds":
            found[f"history of {name}"] = values
    found |= {f"collapse: {name}": v for name, v in progress["history"]["collapse"].items()}
    found |= {f"weights: {name}": value for name, value in state["method"].items()}
    for number, moments in state["optimizer"]["state"].items():
        found |= {f"optimiser: {name} of {number}": value for name, value in moments.items()}
    return found


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    return repr(a) == repr(b)  # nan equals nan


def difference(whole: Path, killed: Path) -> str | None:
    """Name the first thing in which two checkpoints differ; None where they agree."""
    a, b = state_of(whole), state_of(killed)
    return next((name for name in [*a, *b] if not same(a.get(name), b.get(name))), None)


def saved_step(path: Path) -> int:
    """How far a checkpoint is; 0 where there is none. A damaged one raises."""
    return read_checkpoint(path, torch.device("cpu"))["progress"]["step"] if path.exists() else 0


class Training:
    """One method's command, undisturbed and killed."""

    def __init__(self, method: str, options: argparse.Namespace, folder: Path) -> None:
        self.method, self.folder, self.batch_size = method, folder, options.batch_size
        self.arguments = ["pretrain", method, "--data", options.data]
        self.arguments += ["--steps", str(options.steps)]
        if method == "beit":
            self.arguments += ["--tokenizer", "tokenizer-scenes"]
        self.whole = folder / f"{method}-whole.pt"
        self.seconds = 0.0

    def start(self, checkpoint: Path) -> BaseProcess:
        said = self.folder / f"{checkpoint.stem}.txt"
        arguments = [*self.arguments, "--checkpoint", str(checkpoint)]
        process = FORK.Process(target=run_command, args=(arguments, self.batch_size, said))
        process.start()
        return process

    def finish(self, checkpoint: Path) -> None:
        """Run to the end.

        Raises:
            RuntimeError: the command failed, with what it said.
        """
        process = self.start(checkpoint)
        process.join()
        if process.exitcode != 0:
            said = (self.folder / f"{checkpoint.stem}.txt").read_text()
            raise RuntimeError(f"{self.method} ended with {process.exitcode}:\n{said}")

    def undisturbed(self) -> None:
        """The training to compare with; it also says how long one takes."""
        started = time.monotonic()
        self.finish(self.whole)
        self.seconds = time.monotonic() - started

    def disturbed(self, kills: int, number: int, chance: random.Random) -> tuple[int, str | None]:
        """Kill, start again, and compare: how many kills came in time, and the first difference."""
        path, landed = self.folder / f"{self.method}-killed-{number}.pt", 0
        for _ in range(kills):
            process = self.start(path)
            moment = chance.uniform(0, self.seconds)
            process.join(moment)
            if process.exitcode is not None:
                break  # it was done before
            process.kill()
            process.join()
            landed += 1
            step = in_fork(saved_step, path)
            print(f"  {self.method}: killed after {moment:.2f} s, step {step} is saved", flush=True)
        self.finish(path)
        return landed, in_fork(difference, self.whole, path)


def disturb(options: argparse.Namespace, folder: Path) -> int:
    """All trainings in turn, until enough kills came in time; returns the exit code."""
    chance = random.Random(options.seed)
    trainings = []
    for method in options.methods:
        trainings.append(Training(method, options, folder))
        trainings[-1].undisturbed()
        print(f"{method}: undisturbed in {trainings[-1].seconds:.1f} s", flush=True)
    share = -(-options.kills // len(trainings))
    total = exact = resumed = 0
    for number, training in enumerate(itertools.cycle(trainings)):
        if total >= options.kills:
            break
        landed, different = training.disturbed(min(share, options.kills - total), number, chance)
        if not landed:
            continue
        total, resumed, exact = total + landed, resumed + 1, exact + (different is None)
        verdict = "ends as undisturbed, bit for bit" if different is None else different
        print(f"{training.method}: {landed} kills, {verdict}", flush=True)
    print(f"{total} kills in {resumed} trainings, {exact} of which end as undisturbed")
    return int(exact != resumed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch-size", type=int, help="default: the laptop budget's")
    parser.add_argument("--data", default="scenes", help="scenes, or a folder of class folders")
    parser.add_argument("--seed", type=int, default=0, help="draws the moments")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return disturb(options, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
