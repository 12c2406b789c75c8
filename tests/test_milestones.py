"""Milestones say one sentence and never stop a notebook."""

import pytest

from sslcourse.teach.practice import REACHED, milestone, reached


@pytest.fixture(autouse=True)
def none_reached():
    before = dict(REACHED)
    REACHED.clear()
    yield
    REACHED.clear()
    REACHED.update(before)


def stub():
    raise NotImplementedError()


def test_each_outcome_has_its_sentence(capsys):
    def says(work):
        with milestone(1, "seeds differ"):
            work()
        return capsys.readouterr().out.strip()

    def forgets():
        raise AssertionError("both seeds gave the same numbers.")

    def empty():
        raise AssertionError

    assert says(stub) == "Milestone 1 is not attempted yet: seeds differ."
    assert says(forgets) == "Milestone 1 is not reached: both seeds gave the same numbers."
    assert says(empty) == "Milestone 1 is not reached"
    assert (
        says(lambda: {}["full"]) == "Milestone 1 is not reached: the code raised KeyError: 'full'"
    )
    assert not REACHED
    assert says(lambda: None) == "Milestone 1 reached: seeds differ."
    assert says(forgets) and not REACHED, "what no longer holds is no longer reached"


def test_a_cell_waits_for_its_milestones(capsys):
    with milestone(1, "one"):
        pass
    capsys.readouterr()
    assert reached() and reached(1) and capsys.readouterr().out == ""
    assert not reached(1, 2)
    assert capsys.readouterr().out == "This cell waits for milestone 2.\n"
    assert not reached(3, 1, 2)
    assert capsys.readouterr().out == "This cell waits for milestones 3 and 2.\n"


def test_experiments_are_left_out_while_nbgrader_runs(monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert not reached()
    assert capsys.readouterr().out == "This cell is left out while nbgrader runs the notebook.\n"


def test_an_interrupt_goes_on():
    with pytest.raises(KeyboardInterrupt), milestone(1, "one"):
        raise KeyboardInterrupt
    assert not REACHED
