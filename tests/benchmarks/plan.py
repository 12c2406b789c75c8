"""Plan the published recipes on many GPUs: batch, rates, negatives, memory, exchange and hours.

    python tests/benchmarks/plan.py --gpus 8
    python tests/benchmarks/plan.py --gpus 8 --nodes 2 --grow --step-seconds simclr=0.05 mae=0.04
    python tests/benchmarks/plan.py --gpus 8 --measure --exchange 50

The steps of 32-pixel images are counted: operations, bytes kept for the backward pass (float32, the
attention's matrices included), bytes of gradients. Hours need the seconds of one GPU's part of a
step: measured elsewhere and given with `--step-seconds`, measured here with `--measure`, or guessed
by you as an achieved speed with `--tflops`. `--exchange` is your guess, too: how many GB a second
leave each GPU. Without it averaging gradients costs nothing, and hours are the least to expect.
BatchNorm's and the losses' small exchanges aren't counted.

The recipe's batch is shared out. With `--grow` every GPU takes the whole of it, and the learning
rate grows with the batch, as in the papers of MAE, DINO and MoCo (whose queue grows, too, where a
step has more keys than it has room for).
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from costs import run
from growth import SIX
from one_cost import Point
from recipe_cost import Counted, count

from sslcourse.budgets import Budget, budget
from sslcourse.build import fit_queue
from sslcourse.hardware import best_device, describe_device, pick_precision

MIB = 2**20
COLUMNS = ("", "batch", "on each", "rate", "negatives", "MiB", "gradients, MiB", "TFLOP")
COLUMNS += ("steps", "hours")


@dataclass(frozen=True)
class Plan:
    """One recipe on some GPUs.

    Attributes:
        method: its name.
        batch: images a step, of all GPUs together.
        each: images a step of one GPU.
        rate: the highest learning rate.
        negatives: where they come from.
        memory: bytes on each GPU.
        gradients: bytes that are averaged in each step.
        operations: of one GPU in a step.
        steps: of the whole training.
        hours: of the whole training; None where no seconds and no speed are known.
    """

    method: str
    batch: int
    each: int
    rate: float
    negatives: str
    memory: float
    gradients: int
    operations: float
    steps: int
    hours: float | None

    def cells(self) -> list[str]:
        """The row of a table, in the order of `COLUMNS`."""
        hours = "?" if self.hours is None else f"{self.hours:.3g}"
        numbers = [f"{self.batch:,}", f"{self.each:,}", f"{self.rate:g}", self.negatives]
        numbers += [f"{self.memory / MIB:,.0f}", f"{self.gradients / MIB:,.1f}"]
        numbers += [f"{self.operations / 1e12:.3g}", f"{self.steps:,}", hours]
        return [self.method, *numbers]


def scaled(chosen: Budget, processes: int, grow: bool) -> Budget:
    """The recipe for so many GPUs; see above.

    Raises:
        ValueError: a batch that can't be shared out evenly.
    """
    training = chosen.training
    if grow:
        rate = training.learning_rate * processes
        batch = training.batch_size * processes
        chosen = replace(chosen, training=replace(training, batch_size=batch, learning_rate=rate))
    if chosen.training.batch_size % processes:
        raise ValueError(
            f"a batch of {chosen.training.batch_size} images can't be shared evenly by {processes} "
            "GPUs; choose another number of them, or --grow."
        )
    return fit_queue(chosen, chosen.training.batch_size)


def negatives_of(method: str, chosen: Budget) -> str:
    """Where a method's negatives come from when several processes train as one."""
    if method == "simclr":
        return f"{2 * chosen.training.batch_size - 2:,}, all GPUs' views"
    if method == "moco":
        return f"{chosen.method['queue_size']:,}, one queue for all"
    shared = {"swav": "none; clusters balanced over all", "dino": "none; one centre for all"}
    return shared.get(method, "none")


def exchange_seconds(gradients: int, processes: int, gigabytes: float | None) -> float:
    """Seconds to average gradients in a ring: each process sends 2 (K - 1) / K of their bytes.

    (Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of
    workstations".) That is the least; what is hidden behind the backward pass isn't subtracted.
    """
    if gigabytes is None:
        return 0.0
    return 2 * (processes - 1) / processes * gradients / (gigabytes * 1e9)


def make_plan(
    method: str,
    chosen: Budget,
    counted: Counted,
    processes: int,
    *,
    images: int,
    step_seconds: float | None = None,
    tflops: float | None = None,
    exchange: float | None = None,
) -> Plan:
    """Work out a plan.

    Args:
        method: its name.
        chosen: the recipe, `scaled`.
        counted: what a step costs.
        processes: GPUs in all.
        images: in an epoch.
        step_seconds: measured, of one GPU's part of a step.
        tflops: where nothing was measured: 10^12 operations a second that a GPU achieves.
        exchange: GB a second that leave a GPU.
    """
    training = chosen.training
    each = training.batch_size // processes
    steps = max(1, round(training.epochs * (images // training.batch_size)))
    operations = counted.operations(each)
    seconds = step_seconds
    if seconds is None and tflops is not None:
        seconds = operations / (tflops * 1e12)
    if seconds is not None:
        seconds += exchange_seconds(counted.gradients, processes, exchange)
    return Plan(
        method=method,
        batch=training.batch_size,
        each=each,
        rate=training.learning_rate,
        negatives=negatives_of(method, chosen),
        memory=counted.memory(each),
        gradients=counted.gradients if processes > 1 else 0,
        operations=operations,
        steps=steps,
        hours=None if seconds is None else steps * seconds / 3_600,
    )


def measured(methods: Sequence[str], processes: int, grow: bool) -> dict[str, float]:
    """Seconds of one GPU's part of each method's step, on the device of this machine.

    Each is measured in a process of its own and printed, with its memory.

    Raises:
        ValueError: a step that this machine can't do, or not in ten minutes.
    """
    device, seconds = best_device(), {}
    precision = pick_precision(device)
    print(f"measured on {describe_device(device)}, {precision}:")
    for method in methods:
        each = scaled(budget(method, "full"), processes, grow).training.batch_size // processes
        point = Point("batch", method, each, "full", precision, device.type, most=1e9)
        row = run(point, seconds=600)
        if "ms" not in row:
            raise ValueError(f"{method}: {each} images a step are too much here: {row}.")
        print(f"{method}, {each} images: {row['ms']:.1f} ms, {row['MiB']:,.0f} MiB", flush=True)
        seconds[method] = row["ms"] / 1e3
    return seconds


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=f"of {', '.join(SIX)}")
    parser.add_argument("--gpus", type=int, default=8, help="of each node")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--grow", action="store_true", help="the recipe's batch on every GPU")
    parser.add_argument("--images", type=int, default=50_000, help="in an epoch")
    parser.add_argument("--step-seconds", nargs="+", default=[], metavar="METHOD=SECONDS")
    parser.add_argument("--measure", action="store_true", help="measure steps on this machine")
    parser.add_argument("--tflops", type=float, help="your guess: what a GPU achieves")
    parser.add_argument("--exchange", type=float, help="your guess: GB a second out of a GPU")
    options = parser.parse_args(arguments)
    if unknown := set(options.methods) - set(SIX):
        parser.error(f"unknown method {', '.join(unknown)}; choose of {', '.join(SIX)}.")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    processes, methods = options.gpus * options.nodes, options.methods or SIX
    guesses = {"tflops": options.tflops, "exchange": options.exchange, "images": options.images}
    try:
        seconds = dict(pair.split("=") for pair in options.step_seconds)
        if options.measure:
            missing = [method for method in methods if method not in seconds]
            seconds |= measured(missing, processes, options.grow)
        print("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS), flush=True)
        for method in methods:
            chosen = scaled(budget(method, "full"), processes, options.grow)
            step = float(seconds[method]) if method in seconds else None
            counted = count(method, chosen)
            plan = make_plan(method, chosen, counted, processes, step_seconds=step, **guesses)
            print("| " + " | ".join(plan.cells()) + " |", flush=True)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
