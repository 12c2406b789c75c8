"""No training step asks the device for a number: the answer would make the GPU wait.

On the meta device tensors have shapes but no numbers, so asking for one is an error there; and code
takes the ways that it takes on a GPU, as the device is not a CPU. Where there is a GPU, PyTorch's
profiler counts what really happens.
"""

from contextlib import nullcontext

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from trainings import SCENES, run_of

from sslcourse.build import METHODS
from sslcourse.train import loop

WAITS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero", "aten::item"}
COPIES_BACK = "Memcpy DtoH"


@pytest.fixture
def without_numbers(monkeypatch):
    """What the meta device lacks: generators and autocast."""
    monkeypatch.setattr(loop, "step_generator", lambda *_: None)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())


@pytest.mark.parametrize("name", METHODS)
def test_a_step_needs_no_number(name, without_numbers):
    run = run_of(name, "meta", optimizer="sgd")  # fused AdamW knows no meta device
    run.take_step()
    run.take_step()
    assert len(run.history.pending) == 2  # nothing was read
    with pytest.raises(RuntimeError, match="meta"):
        run.history.collect()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", METHODS)
def test_a_step_copies_nothing_back(name):
    run = run_of(name, "cuda")
    run.images = SCENES.to("cuda")
    for _ in range(3):
        run.take_step()
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        run.take_step()
    names = [event.name for event in seen.events()]
    assert not [name for name in names if name in WAITS or COPIES_BACK in name]
