"""What the machine can do: its device, the faster number format, and memory that stays warm."""

import ctypes
import functools
import platform
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

# Names of glibc's mallopt settings (malloc.h)
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def best_device() -> torch.device:
    """The first CUDA device where there is one, otherwise the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def describe_device(device: torch.device) -> str:
    """One line for a person: "CPU, 2 threads" or the GPU's name and memory."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads != 1 else ''}"


@functools.cache
def keep_freed_memory() -> bool:
    """Let this process keep the memory it frees, for its own next tensors.

    By default Linux gets every tensor over 32 MB back when it dies and hands out zeroed pages for
    the next one. A training step makes dozens of such tensors; keeping the pages made the step of
    the laptop encoder about 1.5 times as fast at batch 256. The price: memory once used stays with
    the process.

    Returns:
        Whether the setting took effect (only where the C library is glibc).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(M_MMAP_MAX, 0) and library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1))


def peak_memory(device: torch.device) -> float | None:
    """The most memory that this process has held so far, in MiB.

    On CUDA it is what PyTorch's tensors took of the GPU at their peak. On a CPU it is the peak
    resident size of the whole process: Python, PyTorch and the images count too, several hundred
    MiB before the first step. None where the operating system doesn't tell.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status")
    if status.is_file():  # Linux's getrusage would count what the parent process held before
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2 ** (20 if sys.platform == "darwin" else 10)


@contextmanager
def one_thread():
    """For work on small tensors, which several threads make slower, above all on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def time_step(network: nn.Module, images: torch.Tensor, dtype: torch.dtype) -> float:
    """Best of three seconds for one forward and backward pass under autocast to `dtype`."""
    device = images.device.type
    seconds = []
    for _ in range(4):  # the first pass only warms up
        start = time.perf_counter()
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            output = network(images)
        output.float().square().mean().backward()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


@functools.cache
def bfloat16_speedup(kind: str) -> float:
    """How many times as fast a small convolutional network trains with bfloat16, measured once.

    Args:
        kind: "cpu" or "cuda", for which the current GPU stands.
    """
    # on a GPU small work measures how long it takes to start it, and nothing else
    count, width = (512, 64) if kind == "cuda" else (32, 16)
    with torch.random.fork_rng(devices=[]):  # measuring must not shift anybody's random numbers
        network = nn.Sequential(
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 3),
        )
    network = network.to(kind, memory_format=torch.channels_last)
    images = torch.zeros(count, width, 32, 32, device=kind)
    images = images.contiguous(memory_format=torch.channels_last)
    return time_step(network, images, torch.float32) / time_step(network, images, torch.bfloat16)


def pick_precision(device: torch.device) -> str:
    """Pick "bfloat16" where that is at least a tenth faster on this device, otherwise "float32"."""
    return "bfloat16" if bfloat16_speedup(device.type) > 1.1 else "float32"
