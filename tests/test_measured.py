"""Longer measurements that lessons read."""

import json

import pytest

from sslcourse.results import Results
from sslcourse.teach.measured import FOLDER, measured, over_seeds, summary

LESSONS = FOLDER.parents[2] / "notebooks"


def test_rows_are_read_and_seeds_gathered(tmp_path):
    rows = {
        "75%, seed 0": {"probe": 0.6, "k-NN": 0.2},
        "90%, seed 0": {"probe": 0.3, "k-NN": 0.1},
        "75%, seed 1": {"probe": 0.7, "k-NN": 0.3},
    }
    (tmp_path / "ratios.json").write_text(json.dumps({"rows": rows}))
    assert measured("ratios", tmp_path) == rows
    assert over_seeds(rows, "probe") == {"75%": [0.6, 0.7], "90%": [0.3]}


def test_a_table_grows_and_goes_on_only_as_it_began(tmp_path):
    path = tmp_path / "deep" / "table.json"
    results = Results(path, {"seconds": 90})
    assert results.add("a, seed 0", {"k-NN": 0.123456}) == {"k-NN": 0.1235}
    again = Results(path, {"seconds": 90})
    assert again.rows == {"a, seed 0": {"k-NN": 0.1235}}
    again.add("b, seed 0", {"k-NN": 0.5})
    again.drop(["a, seed 0", "unknown"])
    assert Results(path, {"seconds": 90}).rows == {"b, seed 0": {"k-NN": 0.5}}
    with pytest.raises(ValueError, match="was measured with seconds = 90, not 60; begin anew"):
        Results(path, {"seconds": 60})
    assert Results(path, {"seconds": 60}, fresh=True).rows == {}
    assert measured("table", path.parent) == {"b, seed 0": {"k-NN": 0.5}}, "still there"
    for text, words in (("{", "is damaged; delete it"), ("[]", "no rows"), ("{}", "no rows")):
        path.write_text(text)
        with pytest.raises(ValueError, match=words):
            Results(path)


def test_seeds_have_a_mean_and_a_spread():
    rows = {
        "mae, seed 0": {"k-NN": 0.2, "tuned, 1": 0.5},
        "pixels, seed 0": {"k-NN": 0.1},
        "mae, seed 1": {"k-NN": 0.4},
        "mae, seed 2": {"k-NN": 0.3, "tuned, 1": 0.7},
    }
    found = summary(rows)
    assert found["mae"]["k-NN"] == pytest.approx((0.3, 0.2, 0.4))
    assert found["mae"]["tuned, 1"] == pytest.approx((0.6, 0.5, 0.7))
    assert found["pixels"] == {"k-NN": (0.1, 0.1, 0.1)}
    assert over_seeds(rows, "tuned, 1") == {"mae": [0.5, 0.7]}


def test_a_missing_measurement_is_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="the course has: none yet"):
        measured("moon", tmp_path)
    (tmp_path / "sun.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="no measurement 'moon'; the course has: sun"):
        measured("moon", tmp_path)


SHARES = ("probe", "tuned", "k-NN", "accuracy", "pointing", "jaccard")


# while there is none, this shows as skipped
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_accuracies_are_shares(path):
    for row, scores in measured(path.stem).items():
        accuracies = [value for what, value in scores.items() if what.startswith(SHARES)]
        assert accuracies and all(0 <= value <= 1 for value in accuracies), row


def percent(shares):
    """Lowest and highest in whole percent."""
    return " to ".join(str(int(100 * share + 0.5)) for share in (min(shares), max(shares)))


@pytest.mark.parametrize(
    "lesson, row",
    [
        ("03_simclr", "SimCLR, lesson 3"),
        ("04_moco", "MoCo, lesson 4"),
        ("05_swav", "SwAV, lesson 5"),
        ("05_swav", "SimCLR, lesson 5"),
    ],
)
def test_a_lesson_tells_how_far_its_seeds_differ(lesson, row):
    shares = over_seeds(measured("lesson-seeds"), "probe, 10,000 labels")[row]
    assert len(shares) == 8, "the lessons say so"
    assert f"{percent(shares)} %" in (LESSONS / f"{lesson}.ipynb").read_text("utf-8")


def test_lesson_5_tells_how_far_simclr_is_ahead():
    shares = over_seeds(measured("lesson-seeds"), "probe, 10,000 labels")
    pairs = zip(shares["SimCLR, lesson 5"], shares["SwAV, lesson 5"], strict=True)
    sentence = (
        f"ahead of SwAV each time, by {percent([one - other for one, other in pairs])} points"
    )
    assert sentence in (LESSONS / "05_swav.ipynb").read_text("utf-8")
