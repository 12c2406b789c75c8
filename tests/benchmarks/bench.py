"""How fast the course's package is beside other libraries that do the same.

    make bench
    python tests/benchmarks/bench.py                        all groups
    python tests/benchmarks/bench.py losses probes          some of them
    python tests/benchmarks/bench.py --quick                every group at small sizes, once

The groups are the files in `speed/`; each says at its top what it compares. Both sides of a
comparison take turns in one run. It needs lightly, timm and kornia (`make bench` installs them) and
two quiet cores for ten to fifteen minutes. Figures of `--quick` only show that everything works.
"""

import argparse
import importlib
import importlib.metadata
import time

import torch
from speed.timing import QUICK, Effort, heading

from sslcourse.hardware import bfloat16_speedup, describe_device

GROUPS = ("training", "steps", "views", "losses", "transformers", "probes")
PEERS = ("lightly", "timm", "kornia")


def version(name: str) -> str:
    """Of an installed library; without it there is one sentence and the end."""
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit(f"{name} is not installed; `make bench` installs it.") from None


def describe_machine() -> str:
    """Device, threads, versions, and what half precision is worth."""
    peers = [version(name) for name in ("torch", "torchvision", "scikit-learn", *PEERS)]
    device = describe_device(torch.device("cpu"))
    return f"{device}; bfloat16 {bfloat16_speedup('cpu'):.2f} times as fast; {', '.join(peers)}"


def run(groups: list[str], effort: Effort) -> None:
    """Print each group's table, row by row as they come."""
    for name in groups:
        module = importlib.import_module(f"speed.{name}")
        print(heading(module.__doc__.splitlines()[0]), flush=True)
        for row in module.rows(effort):
            print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast we are beside other libraries.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    given = parser.parse_args()
    unknown = [name for name in given.groups if name not in GROUPS]
    if unknown:
        parser.error(f"unknown group {unknown[0]!r}; choose from {', '.join(GROUPS)}")
    begun = time.perf_counter()
    print(describe_machine())
    run(given.groups or list(GROUPS), QUICK if given.quick else Effort())
    print(f"\n{(time.perf_counter() - begun) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
