"""Two processes on this machine that train together, for tests: each is a fresh Python."""

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def begin(rank: int, count: int, port: int, function: Callable, folder: str, given: Any) -> None:
    """In a new process: join the others, call the function, keep what it returns."""
    sys.path.insert(0, str(Path(__file__).parent))
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo")
    try:
        torch.save(function(rank, given), Path(folder) / f"{rank}.pt")
    finally:
        dist.destroy_process_group()


def together(function: Callable[[int, Any], Any], folder: Path, given: Any = None) -> list[Any]:
    """Call `function(rank, given)` in two processes that are joined; what each returned."""
    arguments = (2, free_port(), function, str(folder), given)
    multiprocessing.spawn(begin, arguments, nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]
