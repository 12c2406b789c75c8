"""A check leaves nothing behind: no random state, and hardly anything that is printed."""

import importlib.util
import random

import numpy as np
import pytest
import torch
from test_check_safety import endless

from sslcourse.methods import mae_loss
from sslcourse.teach.checks import check
from sslcourse.teach.checks.catalogue import SUBJECTS
from sslcourse.teach.checks.limits import LETTERS


@pytest.fixture(autouse=True)
def no_progress(monkeypatch):
    monkeypatch.setenv("SSLCOURSE_PROGRESS", "off")


@pytest.fixture
def random_states_stay():
    """Fails where a test leaves one of the three global generators in another state."""
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    states = torch.get_rng_state(), numpy_state, random.getstate()
    yield
    assert torch.equal(states[0], torch.get_rng_state())
    assert (states[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert states[2] == random.getstate()


def test_random_states_are_left_alone(random_states_stay):
    def seeded(predictions, targets, mask):
        torch.manual_seed(0)
        torch.rand(3)
        np.random.rand(3)  # noqa: NPY002
        random.random()
        return mae_loss(predictions, targets, mask)

    assert check("06.4", seeded).passed
    check("03.1", endless)


def test_importing_the_checks_draws_and_seeds_nothing(random_states_stay):
    for subject in SUBJECTS:
        spec = importlib.util.find_spec(f"sslcourse.teach.checks.{subject}")
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_only_the_first_call_is_heard(capsys):
    def talking(z1, z2, *, temperature):
        print("shape", tuple(z1.shape))
        return 0 * z1.sum()

    report = check("03.1", talking)
    assert not report.passed
    assert capsys.readouterr().out == "shape (2, 3)\n"


def test_endless_talk_is_cut_short_and_later_prints_are_heard(capsys):
    def chattering(z1, z2, *, temperature):
        while True:
            print("x" * 100)

    check("03.1", chattering)
    print("here I am")
    said = capsys.readouterr().out
    assert said.endswith("here I am\n") and len(said) < LETTERS + 20


def test_a_function_that_calls_itself_for_ever_shows_its_line():
    def loss(z1, z2, *, temperature):
        return loss(z1, z2, temperature=temperature)  # no end

    report = check("03.1", loss)
    assert report.stage == "exists" and "raised RecursionError" in report.problem
    assert "# no end" in report.problem
