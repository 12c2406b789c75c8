"""`python -m sslcourse check-setup`: OK or FAIL for each thing that lessons need."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sslcourse.data.cache import cache_folder

FREE_GIGABYTES = 2


class Problem(Exception):
    """Something is not as lessons need it; the text says what to do."""


def check_python() -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):
        raise Problem(f"Python {version} is too old; install 3.11 or newer and run make lab again.")
    return f"{version} in {sys.prefix}"


def check_torch() -> str:
    import torch
    import torchvision  # a torchvision built for another torch fails in this very line

    pair = f"torch {torch.__version__}, torchvision {torchvision.__version__}"
    boxes = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]])
    torchvision.ops.nms(boxes, torch.tensor([1.0, 0.9]), 0.5)  # needs torchvision's compiled part
    return pair


def check_device() -> str:
    import torch

    from sslcourse.hardware import best_device, bfloat16_speedup, describe_device

    device = best_device()
    torch.ones(2, 2, device=device).matmul(torch.ones(2, 2, device=device)).sum().item()
    speedup = f"{bfloat16_speedup(device.type):.2g} times as fast"
    return f"{describe_device(device)}; bfloat16 is {speedup}"


def check_kernel() -> str:
    from jupyter_client.manager import start_new_kernel

    started = time.monotonic()
    manager, client = start_new_kernel(
        kernel_name="python3", startup_timeout=60, stderr=subprocess.DEVNULL
    )
    try:
        answers = []
        client.execute_interactive(
            "import sys; print(sys.prefix)",
            timeout=60,
            output_hook=lambda message: answers.append(message["content"].get("text", "")),
        )
        prefix = "".join(answers).strip()
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    if Path(prefix) != Path(sys.prefix):
        raise Problem(
            f"notebooks run in {prefix} and not in {sys.prefix}; remove the old kernel with "
            "'jupyter kernelspec remove python3'."
        )
    return f"answers after {time.monotonic() - started:.1f} s"


def check_widgets() -> str:
    import ipywidgets
    import jupyterlab

    extension = Path(sys.prefix) / "share/jupyter/labextensions/@jupyter-widgets/jupyterlab-manager"
    if not extension.is_dir():
        raise Problem(
            "JupyterLab lacks its widgets; run: pip install --force-reinstall jupyterlab_widgets"
        )
    return f"ipywidgets {ipywidgets.__version__} in JupyterLab {jupyterlab.__version__}"


def check_data() -> str:
    from sslcourse.data import load

    started = time.monotonic()
    images = load("scenes", limit=1_000)
    if images.masks is None or not 0.1 < images.masks.float().mean() < 0.3:
        raise Problem("the scenes look wrong; reinstall the course with pip install -e .")
    return f"drew {len(images):,} scenes in {time.monotonic() - started:.1f} s"


def check_disk() -> str:
    here, cache = Path.cwd(), cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    for folder in (here, cache):
        if not os.access(folder, os.W_OK):
            raise Problem(f"{folder} can't be written to; choose another folder.")
        free = shutil.disk_usage(folder).free / 1e9
        if free < FREE_GIGABYTES:
            raise Problem(f"only {free:.1f} GB free at {folder}; lessons want {FREE_GIGABYTES} GB.")
    return f"{shutil.disk_usage(here).free / 1e9:.0f} GB free; cache in {cache}"


CHECKS: dict[str, Callable[[], str]] = {
    "Python": check_python,
    "torch": check_torch,
    "device": check_device,
    "kernel": check_kernel,
    "widgets": check_widgets,
    "data": check_data,
    "disk": check_disk,
}


def check_setup(checks: dict[str, Callable[[], str]] = CHECKS, *, details: bool = True) -> int:
    """Print a line for each check; returns 0 when all are OK, otherwise 1.

    Args:
        checks: name and function of each check.
        details: whether a line that is OK says what was found.
    """
    failed = 0
    for name, check in checks.items():
        try:
            verdict, text = "OK", check()
        # whatever goes wrong in a check is what it was made to find
        except Exception as error:
            verdict, text = "FAIL", str(error).splitlines()[0] if str(error) else repr(error)
            failed += 1
        told = text if details or verdict == "FAIL" else ""
        print(f"{verdict:<5} {name:<8} {told}".rstrip(), flush=True)
    version = importlib.metadata.version("sslcourse")
    if failed:
        print(f"\n{failed} of {len(checks)} checks failed (sslcourse {version}).")
        return 1
    print(f"\nAll set (sslcourse {version}).")
    return 0
