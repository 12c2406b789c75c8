"""Sets of runs: every setting with every seed, kept as they come, continued where they stopped."""

import json

import pytest
import torch

from sslcourse.data import load
from sslcourse.evaluate import seed_difference
from sslcourse.methods import SimCLR
from sslcourse.networks import resnet
from sslcourse.teach import finish, runs
from sslcourse.teach.runs import Runs, fit_whole, run_all
from sslcourse.train import TrainConfig

SETTINGS = {"full": {"hue": 0.1}, "no colour": {"hue": None}}


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.chdir(tmp_path)


class Measured:
    """Counts its calls; a run can be made to fail."""

    def __init__(self, fails_at=None, error=KeyboardInterrupt):
        self.calls, self.fails_at, self.error = [], fails_at, error

    def __call__(self, setting, seed):
        if len(self.calls) == self.fails_at:
            raise self.error
        self.calls.append((setting["hue"], seed))
        return {"choose": 0.5 + 0.1 * seed, "rank": 3}


def test_every_setting_with_every_seed_and_seeds_go_outside():
    measure = Measured()
    found = run_all(SETTINGS, [0, 1], measure)
    assert measure.calls == [(0.1, 0), (None, 0), (0.1, 1), (None, 1)]
    assert list(found.rows) == [f"{name}, seed {seed}" for name in SETTINGS for seed in (0, 1)]
    assert found.scores("choose") == {"full": [0.5, 0.6], "no colour": [0.5, 0.6]}
    assert seed_difference(*found.scores("choose").values()).value == 0


def test_a_number_alone_is_the_score():
    found = run_all({"a": 1, "b": 2}, (5,), lambda setting, seed: torch.tensor(setting + seed))
    assert found.scores() == {"a": [6.0], "b": [7.0]}
    assert all(type(value) is float for row in found.rows.values() for value in row.values())


def test_what_was_done_when_it_stopped_is_not_done_again(capsys):
    stopped = Measured(fails_at=3)
    with pytest.raises(KeyboardInterrupt):
        run_all(SETTINGS, [0, 1], stopped, file="a.json", about={"steps": 100})
    assert capsys.readouterr().out == "Stopped: 3 of 4 runs are done and kept in a.json.\n"
    rest = Measured()
    found = run_all(SETTINGS, [0, 1], rest, file="a.json", about={"steps": 100})
    assert rest.calls == [(None, 1)]
    assert found == run_all(
        SETTINGS, [0, 1], Measured(fails_at=0), file="a.json", about={"steps": 100}
    )
    assert found.rows == run_all(SETTINGS, [0, 1], Measured()).rows


def test_a_run_that_fails_costs_only_itself(tmp_path):
    with pytest.raises(FloatingPointError):
        run_all(SETTINGS, [0], Measured(1, FloatingPointError), file="a.json")
    assert list(json.loads((tmp_path / "a.json").read_text())["rows"]) == ["full, seed 0"]


def test_more_seeds_and_settings_join_the_file(tmp_path):
    run_all(SETTINGS, [0], Measured(), file="a.json")
    measure, more = Measured(), {"full": SETTINGS["full"], "any hue": {"hue": 0.5}}
    found = run_all(more, [0, 1], measure, file="a.json")
    assert measure.calls == [(0.5, 0), (0.1, 1), (0.5, 1)]
    assert set(found.scores("choose")) == set(more), "only what was asked for"
    kept = json.loads((tmp_path / "a.json").read_text())
    assert len(kept["rows"]) == 5 and set(kept["settings"]) == {*SETTINGS, *more}


def test_other_runs_are_not_mixed_in():
    run_all(SETTINGS, [0], Measured(), file="a.json", about={"steps": 100})
    with pytest.raises(ValueError, match="a.json holds other runs: steps was 100, not 200. Name"):
        run_all(SETTINGS, [0], Measured(), file="a.json", about={"steps": 200})
    with pytest.raises(ValueError, match=r"'full' was \{'hue': 0.1\}. Name another file"):
        run_all({"full": {"hue": 0.2}}, [0], Measured(), file="a.json", about={"steps": 100})


def test_a_setting_may_be_a_function():
    def measure(setting, seed):
        return setting(seed)

    run_all({"double": lambda x: 2 * x}, [1], measure, file="a.json")
    found = run_all({"double": lambda x: 2 * x}, [1, 2], measure, file="a.json")
    assert found.scores() == {"double": [2.0, 4.0]}


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match="a.json is damaged; delete it"):
        run_all(SETTINGS, [0], Measured(), file="a.json")


def test_nothing_is_kept_where_progress_is_switched_off(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLCOURSE_PROGRESS", "off")
    for _ in range(2):
        measure = Measured()
        run_all(SETTINGS, [0], measure, file="a.json")
        assert len(measure.calls) == 2
    assert not (tmp_path / "a.json").exists()


def test_nothing_to_run():
    for settings, seeds in (({}, [0]), (SETTINGS, [])):
        with pytest.raises(ValueError, match="need settings and seeds"):
            run_all(settings, seeds, Measured())


def test_the_table_holds_mean_and_ends():
    rows = {
        "a, seed 0": {"choose": 0.4},
        "a, seed 1": {"choose": 0.6},
        "b, seed 0": {"choose": 0.1},
    }
    table = Runs(rows).table("What three runs gave.")
    assert repr(table) == "What three runs gave."
    shown = table._repr_html_()
    assert "<th>choose, mean</th><th>choose, low</th><th>choose, high</th>" in shown
    cells = ['<td class="measured">' + value + "</td>" for value in ("0.500", "0.400", "0.600")]
    assert "<tr><th>a</th>" + "".join(cells) + "</tr>" in shown


def test_the_picture_marks_every_run_and_the_mean(monkeypatch):
    drawn = []

    def keep(figure, description):
        drawn.append(figure.axes[0])
        return finish(figure, description)

    monkeypatch.setattr(runs, "finish", keep)
    rows = {"a, seed 0": {"score": 0.4}, "a, seed 1": {"score": 0.6}, "b, seed 0": {"score": 0.1}}
    picture = Runs(rows).picture("Three runs.")
    assert repr(picture) == "Three runs." and picture.png[:4] == b"\x89PNG"
    marks, mean, *_ = (list(line.get_xdata()) for line in drawn[0].lines)
    assert marks == pytest.approx([40, 60]) and mean == pytest.approx([50, 50])
    assert [label.get_text() for label in drawn[0].get_yticklabels()] == ["a", "b"]


def test_what_runs_share_may_be_a_tuple():
    for _ in range(2):
        run_all(SETTINGS, [0], Measured(), file="a.json", about={"counts": (10, 100)})


def test_the_line_in_a_notebook_ends_as_it_began(monkeypatch):
    shown = []

    class Handle:
        def update(self, bundle, raw):
            shown.append(bundle)

    def display(bundle, raw, display_id):
        shown.append(bundle)
        return Handle()

    monkeypatch.setattr(runs, "in_notebook", lambda: True)
    monkeypatch.setattr(runs, "display", display)
    run_all(SETTINGS, [0], Measured())
    texts = [bundle["text/html"] for bundle in shown]
    assert texts == ["", "Run 1 of 2: full, seed 0", "Run 2 of 2: no colour, seed 0", ""]
    assert {bundle["text/plain"] for bundle in shown} == {"(runs)"}


def small_training(**more):
    method = SimCLR(resnet(8, (1,)))
    return method, load("scenes", limit=16, size=16), TrainConfig(steps=2, batch_size=8, **more)


def test_half_a_training_counts_as_none(monkeypatch):
    assert len(fit_whole(*small_training())) == 2
    history = fit_whole(*small_training())
    history.interrupted = True
    monkeypatch.setattr(runs, "fit_shown", lambda *parts: history)
    with pytest.raises(KeyboardInterrupt):
        fit_whole(*small_training())
