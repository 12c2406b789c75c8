"""Wrong results are rebuilt from right formulas: every wrong step is tried as a learner's."""

import time
from itertools import islice

import pytest

from sslcourse.teach.checks import check
from sslcourse.teach.checks.catalogue import TASKS
from sslcourse.teach.checks.formulas import FORMULAS
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.task import converted

HARMLESS_ALONE = {  # right by itself, and wrong together with another step
    "06.4": {"predictions-hidden-only", "targets-hidden-only"},
    "07.5": {"visible-logits-zeroed"},
}


@pytest.fixture(autouse=True, scope="module")
def no_progress():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSLCOURSE_PROGRESS", "off")
        yield


def spread_over(choices: list, count: int) -> list:
    """So many of them, at even distances."""
    return choices[:: max(1, len(choices) // count)][:count]


@pytest.mark.parametrize("key", FORMULAS)
def test_the_formula_is_right_where_no_step_is_wrong(key):
    beside = next(case.beside for case in TASKS[key].cases if case.beside)
    right = TASKS[key].adapt(FORMULAS[key].made(()))
    for call in beside.calls:
        assert close(converted(right(*call.args, **call.kwargs)), beside.right.result(call))


@pytest.mark.parametrize("key", FORMULAS)
def test_each_wrong_step_is_named(key):
    astray = []
    for chosen in FORMULAS[key].wrong(1):
        if chosen[0][1] in HARMLESS_ALONE.get(key, ()):
            continue
        report = check(key, FORMULAS[key].made(chosen))
        if report.passed or report.mistake is None:
            astray.append((chosen, report.stage, report.problem))
    assert not astray


def test_two_wrong_steps_at_once(capsys):
    """Caught all of them, and at least nine in ten with words for it."""
    named, unnamed = 0, []
    for key, formula in FORMULAS.items():
        for chosen in spread_over(list(formula.wrong(2)), 6):
            if equal_to_right(key, chosen):
                continue
            report = check(key, formula.made(chosen))
            assert not report.passed, (key, chosen)
            named += report.mistake is not None
            unnamed += [] if report.mistake else [(key, chosen)]
    with capsys.disabled():
        print(f"\ntwo wrong steps at once: {named} named, {len(unnamed)} caught without a name")
    assert named >= 9 * len(unnamed), unnamed


def equal_to_right(key: str, chosen: tuple) -> bool:
    """Whether two wrong steps undo each other, or fail before they give anything."""
    beside = next(case.beside for case in TASKS[key].cases if case.beside)
    wrong = TASKS[key].adapt(FORMULAS[key].made(chosen))
    for call in beside.calls:
        if not close(converted(wrong(*call.args, **call.kwargs)), beside.right.result(call)):
            return False
    return True


@pytest.mark.parametrize("key", [k for k, f in FORMULAS.items() if len(f.ways) > 2])
def test_more_wrong_steps_than_are_looked_for_end_in_time(key):
    chosen = spread_over(list(islice(FORMULAS[key].wrong(3), 2_000)), 2)
    for three in chosen:
        begun = time.process_time()
        report = check(key, FORMULAS[key].made(three))
        assert not report.passed or equal_to_right(key, three)
        assert time.process_time() - begun < 3


def test_a_rebuilt_result_says_how():
    def root_forgotten(q, k):
        return (q @ k.transpose(2, 3) / q.shape[1] ** 0.5).softmax(dim=3)

    report = check("11.1", root_forgotten)
    assert report.mistake == "scale:root-of-the-heads" and len(report.hints) == 3
    assert report.diagnosis == (
        "Your result is the one that comes out if the scores are divided by the root of the number "
        "of heads."
    )


def test_two_mistakes_are_named_together():
    def loss(predictions, targets, mask):
        errors = (predictions - targets).abs().sum(dim=2)
        return (errors * mask).sum() / mask.numel()

    def scaled(train, test):
        low, high = train.amin(dim=0), train.amax(dim=0)
        return (train - low) / (high - low), (test - low) / (high - low)

    assert check("06.4", loss).mistake is not None
    report = check("01.2", scaled)
    assert report.mistake == "mean:smallest + deviation:range", report
    assert "and if largest minus smallest stands for the deviation" in report.diagnosis
