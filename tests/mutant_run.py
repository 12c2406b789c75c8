"""Runs some tests on a copy of the package, in a process that has the slow imports behind it.

A server imports what the tests need, except the package itself, and forks for each run. This module
must not import sslcourse: the fork shall find the copy.
"""

import multiprocessing
import os
import sys
from pathlib import Path

import pytest

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["mutant_run", "torchvision", "matplotlib.figure", "sklearn.linear_model", "ipywidgets"]
)


def run_here(folder: Path, tests: list[str]) -> None:
    """Turn this process into pytest on the copy in `folder`; what it says goes to a file there."""
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)  # for the processes that tests start
    file = os.open(folder / "said.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests])
    sys.exit(int(code))


def exit_code(folder: Path, tests: list[str]) -> int:
    """Pytest's exit code."""
    process = SERVER.Process(target=run_here, args=(folder, tests))
    process.start()
    process.join()
    return process.exitcode
