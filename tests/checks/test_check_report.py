"""What a check shows and what it notes."""

import re

import pytest
import torch
import torch.nn.functional as F

from sslcourse.methods import nt_xent_loss
from sslcourse.teach import progress
from sslcourse.teach.checks import check, describe
from sslcourse.teach.checks.catalogue import TASKS
from sslcourse.teach.checks.task import STAGES


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_PROGRESS", str(tmp_path / "progress.json"))


def zero_labels(z1, z2, *, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    logits = (z @ z.T / temperature)[~torch.eye(len(z)).bool()].view(len(z), -1)
    return F.cross_entropy(logits, torch.zeros(len(z), dtype=torch.long))


def stub(z1, z2, *, temperature):
    raise NotImplementedError("write me")


def test_a_pass():
    report = check("03.1", nt_xent_loss)
    assert report.passed and report.mistake is None and report.hints == ()
    assert repr(report) == "Check 03.1 passed: the NT-Xent loss."
    assert "<details>" not in report._repr_html_()


def test_a_known_mistake():
    report = check("03.1", zero_labels)
    assert not report.passed and report.mistake == "labels-all-zero" and report.stage == "value"
    text = repr(report)
    assert text.startswith("Check 03.1 not passed yet (value): the NT-Xent loss.\nRecognised: ")
    assert "Shuffling the second views doesn't change your loss" in text
    assert "z1 = [[1, 0, 0], [0, 1, 0]]" in text and "expected: 0.6691" in text
    assert not any(hint in text for hint in report.hints), "hints are for those who ask"
    markup = report._repr_html_()
    assert markup.count("<details>") == 3 and "Hint 3 of 3" in markup
    assert "column (i + N) % (2N)" in markup and "doesn&#x27;t change" in markup
    assert text == repr(check("03.1", zero_labels)), "the same every time"


def test_an_unknown_mistake_shows_small_numbers():
    def loss(z1, z2, *, temperature):
        return nt_xent_loss(z1, z2, temperature=temperature) ** 2 + z1.shape[1]

    report = check("03.1", loss)
    assert report.mistake is None and report.hints == ()
    assert "expected: 0.6691\nyours:    3.448" in repr(report)


def test_words_are_plain():
    """They are shown as they are: stars for emphasis would stay stars."""
    for task in TASKS.values():
        for mistake in task.mistakes:
            for words in (mistake.diagnosis, *mistake.hints):
                assert not re.search(r"(?<![\w*)\]])\*[a-z]+\*(?![\w*(])", words), words


def test_markup_is_escaped():
    def loss(z1, z2, *, temperature):
        raise ValueError("<b>&</b>")

    assert "&lt;b&gt;&amp;&lt;/b&gt;" in check("03.1", loss)._repr_html_()


def test_tries_are_noted_as_in_a_quiz():
    check("03.1", stub)
    assert progress.recall("checks", "03.1") is None, "not attempted is no try"
    check("03.1", zero_labels)
    assert progress.recall("checks", "03.1") == {"tries": 1, "passed": False}
    check("03.1", nt_xent_loss)
    check("03.1", zero_labels)
    assert progress.recall("checks", "03.1") == {"tries": 2, "passed": True}


def test_unknown_checks():
    for ask in (lambda: check("03.99", stub), lambda: describe("3")):
        with pytest.raises(ValueError, match="there is no check .*; the checks are 01.1, 01.2"):
            ask()


def test_what_is_no_function_and_what_has_other_inputs():
    report = check("03.1", 3)
    assert report.stage == "exists" and "expected a function, got int" in report.problem
    report = check("03.1", lambda z1: z1)
    assert "can't be called as my_nt_xent_loss(z1, z2, *, temperature)" in report.problem


def test_first_the_shape_then_the_value():
    report = check("05.1", lambda scores, *, epsilon, iterations: scores.T)
    assert report.stage == "shape"
    assert "expected (3, 2), your function returned (2, 3) for scores (3, 2)" in report.problem
    report = check("06.3", lambda n, length, ratio, *, generator=None: torch.zeros(n, length))
    assert report.stage == "dtype" and "bool" in report.problem


def test_ids_and_stages():
    for key, task in TASKS.items():
        assert len(key) == 4 and key[2] == "."
        assert {case.stage for case in task.cases} <= set(STAGES)
        assert task.mistakes


def test_a_return_that_may_be_skipped_is_none_in_the_loop():
    def sometimes(z):
        for row in z:
            if row.sum() > 0:
                return row
        return z

    def later(z):  # noqa: RET503
        for row in z:
            if row.sum() > 0:
                continue
            return row

    for function in (sometimes, later, lambda z: [row for row in z][0]):
        report = check("03.4", function)
        assert not report.passed and report.mistake != "return-in-the-loop"


def test_a_size_that_is_written_down_is_asked_for():
    def three_colours(patches, patch_size):
        side = int(patches.shape[1] ** 0.5)
        return patches.reshape(len(patches), side, side, patch_size, patch_size, 3)

    assert "Is the 3 there the number of colours?" in check("06.2", three_colours).problem
