"""Cost as work grows: time and memory of a step against batch, pictures, queue, crops and data.

    python tests/benchmarks/costs.py                      all axes, about a quarter of an hour
    python tests/benchmarks/costs.py queue crops --results runs/costs
    python tests/benchmarks/costs.py --all --seconds 900 --memory 12000

Each point is measured in a process of its own, so that its memory is its own. A point that takes
longer than --seconds, or more memory than --memory, is left out and named, and so are larger ones
of its line; `--all` asks for larger ones at all. What the file has is kept, so the command may be
stopped and called again, with higher limits too. Let nothing else run meanwhile.

The exponents that it prints are explained in `growth.py`.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from growth import AXES, draw, exponents
from one_cost import Point, as_text

from sslcourse.hardware import best_device, describe_device, pick_precision
from sslcourse.results import Results, read_results

SCRIPT = Path(__file__).with_name("one_cost.py")


def run(point: Point, seconds: float) -> dict[str, float]:
    """Measure one point in a fresh process: its row, or which limit it broke.

    Raises:
        RuntimeError: the process failed, with what it said.
    """
    call = [sys.executable, str(SCRIPT), as_text(point)]
    try:
        done = subprocess.run(call, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return {"over s": seconds}
    if done.returncode or not done.stdout.strip():
        raise RuntimeError(f"{point} ended with {done.returncode}:\n{done.stderr[-2_000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def is_done(row: Mapping[str, float], options: argparse.Namespace) -> bool:
    """Whether a row need not be measured: it was, or it broke limits that are no lower than now."""
    return (
        "ms" in row
        or row.get("over s", 0) >= options.seconds
        or row.get("over MiB", 0) >= options.memory
    )


def measure_line(
    results: Results, axis: str, line: str, options: argparse.Namespace, shared: dict
) -> list[str]:
    """Measure what is missing of one line; returns a sentence for each point that is left out."""
    values = AXES[axis].values + (AXES[axis].more if options.all else ())
    left_out: list[str] = []
    for value in values:
        name = f"{axis}, {line}, {value}"
        row = results.rows.get(name, {})
        if not is_done(row, options):
            if left_out:
                left_out.append(f"{name}: not tried, after what was left out before it")
                continue
            with tempfile.TemporaryDirectory(dir=results.path.parent) as folder:
                if line == "file" and 1.1 * value * 3_072 > shutil.disk_usage(folder).free:
                    left_out.append(f"{name}: the disk has no room for the file")
                    continue
                point = Point(axis, line, value, folder=folder, most=options.memory, **shared)
                row = results.add(name, run(point, options.seconds))
            print(f"{name}: {row}", flush=True)
        broken = [f"{kind[5:]} {limit:g}" for kind, limit in row.items() if kind[:5] == "over "]
        left_out += [f"{name}: more than {limit}" for limit in broken]
    return left_out


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("axes", nargs="*", metavar="AXIS", help=f"of {', '.join(AXES)}")
    parser.add_argument("--all", action="store_true", help="larger points, too")
    parser.add_argument("--seconds", type=float, default=60, help="most time for one point")
    parser.add_argument("--memory", type=float, default=4_096, help="most MiB for one, on a CPU")
    parser.add_argument("--steps", type=int, default=5, help="of each; the first isn't timed")
    parser.add_argument("--budget", default="laptop", choices=("laptop", "full"))
    parser.add_argument("--precision", choices=("float32", "bfloat16"), help="default: the faster")
    parser.add_argument("--results", type=Path, default=Path("runs/costs"), metavar="FOLDER")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    options = parser.parse_args(arguments)
    if unknown := set(options.axes) - AXES.keys():
        parser.error(f"unknown axis {', '.join(unknown)}; choose of {', '.join(AXES)}.")
    return measure(options)


def measure(options: argparse.Namespace) -> int:
    """All lines that were asked for, then the exponents and the picture."""
    device, path = best_device(), options.results / "costs.json"
    options.results.mkdir(parents=True, exist_ok=True)
    before = read_results(path) if path.is_file() and not options.fresh else {}
    precision = options.precision or before.get("precision") or pick_precision(device)
    about = {"budget": options.budget, "precision": precision, "steps": options.steps}
    results = Results(path, {"device": describe_device(device), **about}, fresh=options.fresh)
    print(f"{describe_device(device)}; {about}", flush=True)
    left_out = []
    for axis in options.axes or AXES:
        for line in AXES[axis].lines:
            left_out += measure_line(results, axis, line, options, {"device": device.type, **about})
    for (axis, line, what), found in exponents(results).items():
        print(f"{axis}, {line}, {what}: exponent {found}")
    print("left out:", *left_out or ["nothing"], sep="\n  ")
    if exponents(results):
        draw(results).save(options.results / "costs.png")
        print(f"picture {options.results / 'costs.png'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
