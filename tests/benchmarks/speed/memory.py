"""Peak memory of a piece of work on the CPU, to the byte.

PyTorch's profiler notes every piece of memory that its CPU allocator hands out and gets back. Their
running sum is what the tensors hold, and its highest point is the peak. So nothing of Python, of
earlier work or of the allocator's reserve counts, and a busy machine changes nothing. What is not
counted is the scratch space that oneDNN and MKL keep for themselves, which is small beside the
tensors of a loss.
"""

import os
from collections.abc import Callable
from contextlib import contextmanager

from torch.profiler import ProfilerActivity, profile


@contextmanager
def quiet_errors():
    """Nothing reaches stderr: the profiler's own library reports there when it starts and stops."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def peak_bytes(work: Callable[[], object]) -> int:
    """The most bytes that tensors hold during `work`, beyond what they held before.

    Args:
        work: is done once to warm up, and a second time watched.
    """
    work()
    with quiet_errors(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()  # negative where memory is given back
        peak = max(peak, held)
    return peak
