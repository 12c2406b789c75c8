"""The main job does what it is for: SimCLR's features beat the untrained encoder's on real input.

Short runs with wide margins; `tests/benchmarks/foundation.py` measures what the budgets reach.
"""

import copy
import os
from dataclasses import replace
from pathlib import Path

import pytest

from sslcourse.budgets import budget
from sslcourse.data import load
from sslcourse.pretrain import build, compare
from sslcourse.train import fit

LAPTOP = budget("simclr", "laptop")


def scores_after(train, test, steps: int) -> dict[str, float]:
    """Linear-probe accuracy of each row of the main job's table."""
    method = build("simclr", LAPTOP, seed=0)
    untrained = copy.deepcopy(method.encoder)
    history = fit(method, train, replace(LAPTOP.training, seconds=None, steps=steps))
    assert history["loss"][-1] < history["chance"][-1] - 1
    assert min(history.collapse["effective_rank"]) > 5, "the features have not collapsed"
    table = compare(method, untrained, train.subset(5_000), test)
    return {name: linear for name, (linear, _) in table.items()}


def test_simclr_learns_shapes_of_scenes():
    scores = scores_after(load("scenes", limit=10_000), load("scenes", "test"), steps=150)
    assert scores["pixels"] < 0.2
    assert scores["untrained encoder, h"] < 0.35
    assert scores["SimCLR, h"] > scores["untrained encoder, h"] + 0.1
    assert scores["SimCLR, h"] > scores["SimCLR, z"]


@pytest.mark.photographs
def test_simclr_learns_from_photographs():
    folder = os.environ.get("SSLCOURSE_PHOTOGRAPHS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SSLCOURSE_PHOTOGRAPHS names no folder of photographs")
    train, test = load(folder, limit=10_000), load(folder, "test", limit=4_000)
    scores = scores_after(train, test, steps=200)
    assert scores["SimCLR, h"] > scores["untrained encoder, h"] + 0.03
    assert scores["SimCLR, h"] > scores["pixels"] + 0.03
