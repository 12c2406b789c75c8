"""Longer measurements that lessons read."""

import json

import pytest

from sslcourse.teach.measured import FOLDER, measured, over_seeds


def test_rows_are_read_and_seeds_gathered(tmp_path):
    rows = {
        "75%, seed 0": {"probe": 0.6, "k-NN": 0.2},
        "90%, seed 0": {"probe": 0.3, "k-NN": 0.1},
        "75%, seed 1": {"probe": 0.7, "k-NN": 0.3},
    }
    (tmp_path / "ratios.json").write_text(json.dumps({"rows": rows}))
    assert measured("ratios", tmp_path) == rows
    assert over_seeds(rows, "probe") == {"75%": [0.6, 0.7], "90%": [0.3]}


def test_a_missing_measurement_is_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match="the course has: none yet"):
        measured("moon", tmp_path)
    (tmp_path / "sun.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="no measurement 'moon'; the course has: sun"):
        measured("moon", tmp_path)


# while there is none, this shows as skipped
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_accuracies_are_shares(path):
    for row, scores in measured(path.stem).items():
        accuracies = [v for k, v in scores.items() if k.startswith(("probe", "tuned", "k-NN"))]
        assert accuracies and all(0 <= value <= 1 for value in accuracies), row
