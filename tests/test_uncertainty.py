"""Intervals against closed forms, an exact count, scipy's own Welch test, and simulation."""

import math
from statistics import NormalDist

import pytest
import torch
from scipy import stats

from sslcourse.evaluate import (
    Difference,
    Interval,
    paired_difference,
    seed_difference,
    wilson_interval,
)


def coverage(confidence=0.95, n=20, p=0.3):
    """How often Wilson's interval holds the true accuracy, summed over all outcomes."""
    total = 0.0
    for correct in range(n + 1):
        low, high = wilson_interval(correct, n, confidence=confidence)
        if low <= p <= high:
            total += math.comb(n, correct) * p**correct * (1 - p) ** (n - correct)
    return total


# one accuracy


def test_wilson_is_what_a_score_test_does_not_refuse():
    """Its ends are the accuracies whose distance to p is exactly z of their own errors."""
    z = NormalDist().inv_cdf(0.975)
    for correct, n in ((3, 10), (180, 300), (999, 1_000)):
        for end in wilson_interval(correct, n):
            assert abs(correct / n - end) == pytest.approx(z * math.sqrt(end * (1 - end) / n))


@pytest.mark.parametrize(("correct", "n"), [(0, 5), (2, 5), (5, 5), (611, 2_000)])
def test_wilson_agrees_with_scipy(correct, n):
    for confidence in (0.8, 0.95):
        theirs = stats.binomtest(correct, n).proportion_ci(confidence, method="wilson")
        ours = wilson_interval(correct, n, confidence=confidence)
        assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_holds_the_truth_about_as_often_as_it_says():
    for p in (0.1, 0.3, 0.5):
        assert 0.92 < coverage(0.95, n=40, p=p) < 0.98


def test_wilson_stays_in_the_unit_interval_and_has_a_width():
    nothing, everything = wilson_interval(0, 30), wilson_interval(30, 30)
    assert nothing.low == 0.0 < nothing.high < 0.2
    assert everything == pytest.approx((1 - nothing.high, 1.0))
    assert isinstance(nothing, Interval)
    wide, narrow = wilson_interval(60, 100), wilson_interval(2_400, 4_000)
    assert wide.high - wide.low > 5 * (narrow.high - narrow.low)


@pytest.mark.parametrize(("correct", "n"), [(-1, 5), (6, 5), (0, 0), (0.6, 5)])
def test_wilson_refuses_impossible_counts(correct, n):
    with pytest.raises(ValueError, match=r"round\(accuracy \* images\)"):
        wilson_interval(correct, n)


# two encoders, the same test images


def predictions(both, only_a, only_b, neither):
    """Labels of 0, and predictions with so many images in each of the four cells."""
    right, wrong = 0, 1
    a = [right] * (both + only_a) + [wrong] * (only_b + neither)
    b = [right] * both + [wrong] * only_a + [right] * only_b + [wrong] * neither
    return torch.tensor(a), torch.tensor(b), torch.zeros(len(a), dtype=torch.long)


def test_paired_difference_by_hand():
    found = paired_difference(*predictions(50, 20, 10, 20))
    # half an image more in each cell: 102 images, of which 20.5 and 10.5 count
    error = math.sqrt((20.5 + 10.5) - (20.5 - 10.5) ** 2 / 102) / 102
    assert found.value == pytest.approx(0.1)
    assert found.error == pytest.approx(error)
    assert found[2:] == pytest.approx(
        (10 / 102 - 1.959963985 * error, 10 / 102 + 1.959963985 * error)
    )
    assert not found.clear


def test_paired_difference_has_the_error_of_the_differences():
    """With many images: the sample deviation of (a right) - (b right), over the root of N."""
    a, b, labels = predictions(5_000, 2_000, 1_500, 1_500)
    each = (a == labels).double() - (b == labels).double()
    found = paired_difference(a, b, labels)
    assert found.error == pytest.approx(each.std().item() / math.sqrt(len(each)), rel=1e-3)
    assert found.value == pytest.approx(each.mean().item()) and found.clear


def test_paired_difference_is_turned_by_a_swap_and_not_by_the_order():
    a, b, labels = predictions(30, 12, 5, 13)
    ab, ba = paired_difference(a, b, labels), paired_difference(b, a, labels)
    assert ba == pytest.approx((-ab.value, ab.error, -ab.high, -ab.low))
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    assert paired_difference(a[order], b[order], labels[order]) == ab
    assert paired_difference(a.tolist(), b.tolist(), labels.tolist()) == ab


def test_equal_predictions_on_few_images_are_not_certain():
    found = paired_difference(*predictions(6, 0, 0, 4))
    assert found.value == 0 and found.error > 0.05 and found.low < 0 < found.high
    assert paired_difference(*predictions(0, 1, 0, 0)).high <= 1


def test_pairing_tells_more_than_two_intervals():
    """Encoders that err on the same images: what they share doesn't blur the difference."""
    alike = paired_difference(*predictions(600, 60, 20, 320))
    unlike = paired_difference(*predictions(380, 280, 240, 100))
    assert alike.value == unlike.value == pytest.approx(0.04)
    assert alike.clear and not unlike.clear


def test_paired_interval_holds_the_truth_about_as_often_as_it_says():
    generator = torch.Generator().manual_seed(0)
    cells = torch.multinomial(
        torch.tensor([0.5, 0.2, 0.1, 0.2]), 400 * 100, True, generator=generator
    )
    held = 0
    for cell in cells.view(400, 100):
        a, b = (cell >= 2).long(), ((cell == 1) | (cell == 3)).long()
        found = paired_difference(a, b, torch.zeros(100, dtype=torch.long))
        held += found.low <= 0.1 <= found.high
    assert 0.92 < held / 400 < 0.985


def test_paired_difference_refuses_what_does_not_belong_together():
    a, b, labels = predictions(3, 1, 1, 1)
    for broken in ((a[:3], b, labels), (a, b, labels[:0]), (a[:0], b[:0], labels[:0])):
        with pytest.raises(ValueError, match="of the same images, got"):
            paired_difference(*broken)


# two settings, several seeds


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([0.50, 0.54], [0.44, 0.47]),
        ([0.50, 0.54, 0.49], [0.44, 0.44, 0.45]),
        ([0.61, 0.52, 0.57, 0.60], [0.55, 0.56]),
    ],
)
def test_seed_difference_agrees_with_scipys_welch(a, b):
    for confidence in (0.8, 0.95):
        found = seed_difference(a, b, confidence=confidence)
        test = stats.ttest_ind(a, b, equal_var=False)
        theirs = test.confidence_interval(confidence)
        assert found[2:] == pytest.approx((theirs.low, theirs.high))
        assert found.value / found.error == pytest.approx(test.statistic)
        assert found.clear == (test.pvalue < 1 - confidence)


def test_two_points_by_two_seeds_mean_little():
    """What the practice notebooks are about: the same two points with few and with many seeds."""
    few = seed_difference([0.55, 0.57], [0.53, 0.55])
    many = seed_difference([0.55, 0.57] * 10, [0.53, 0.55] * 10)
    assert (few.value, many.value) == pytest.approx((0.02, 0.02))
    assert many.clear and not few.clear


def test_seeds_without_any_spread():
    assert seed_difference([0.5, 0.5], [0.4, 0.4]) == pytest.approx((0.1, 0.0, 0.1, 0.1))


def test_one_seed_has_no_spread():
    with pytest.raises(ValueError, match="at least two scores of each, got 1 and 2"):
        seed_difference([0.5], [0.4, 0.5])


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_is_a_share(confidence):
    for call in (
        lambda: wilson_interval(3, 5, confidence=confidence),
        lambda: paired_difference([0, 1], [0, 0], [0, 1], confidence=confidence),
        lambda: seed_difference([0.5, 0.6], [0.4, 0.5], confidence=confidence),
    ):
        with pytest.raises(ValueError, match="such as 0.95"):
            call()


def test_clear_asks_for_zero():
    assert Difference(0.1, 0.01, 0.08, 0.12).clear and Difference(-0.1, 0.01, -0.12, -0.08).clear
    assert not Difference(0.1, 0.1, -0.1, 0.3).clear
