"""`evaluate`: rows fill, what is there is kept, and each foreseen problem is one sentence."""

import json
from pathlib import Path

import pytest
from photographs import write_photographs

from sslcourse.__main__ import main
from sslcourse.comparison import equal_time, measuring, trainings
from sslcourse.comparison.trainings import Run
from sslcourse.evaluate import protocol
from sslcourse.results import read_results
from sslcourse.train import loop

FILE = Path("runs/comparison/equal-time-photographs.json")


def train_here(run: Run) -> dict[str, float]:
    """As `train`, without the seconds that another process takes to import PyTorch."""
    if not run.facts.is_file():
        trainings.train_here(run)
    return json.loads(run.facts.read_text())


@pytest.fixture
def evaluate(tmp_path, monkeypatch):
    """The command on 110 pictures, with fine-tuning of two steps, in this process."""
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(protocol, "STEPS", dict.fromkeys((1, 10, 100, None), 2))
    monkeypatch.setattr(equal_time, "train", train_here)
    write_photographs(tmp_path / "photographs", 110, 20)

    def run(*arguments):
        return main(["evaluate", "--data", "./photographs", *arguments])

    return run


def rows() -> dict[str, dict[str, float]]:
    return read_results(FILE)["rows"]


SHORT = ("--seconds", "0.2", "--seeds", "0")


def test_rows_fill_with_every_number_and_are_kept(evaluate, capfd, monkeypatch):
    chosen = ("--methods", "pixels", "beit", "supervised ResNet", "untrained ResNet")
    assert evaluate(*SHORT, *chosen) == 0
    output = capfd.readouterr().out
    found = rows()
    assert list(found) == [
        f"{name}, seed 0"
        for name in (
            "pixels",
            "untrained ResNet",
            "supervised ResNet",
            "beit",
        )
    ]
    frozen = {"probe, 110 labels", "k-NN"}
    few = {"probe, 1", "probe, 10"}
    tuned = {f"{what}, {n}" for what in ("tuned", "rate") for n in ("1", "10", "all")}
    signs, costs = {"feature std", "effective rank"}, {"steps", "ms a step", "MiB", "MiB before"}
    assert set(found["pixels, seed 0"]) == frozen | few
    assert set(found["untrained ResNet, seed 0"]) == frozen | few | tuned | signs
    assert set(found["supervised ResNet, seed 0"]) == frozen | signs | costs | {
        "tuned, all",
        "rate, all",
    }
    assert set(found["beit, seed 0"]) == frozen | few | tuned | signs | costs | {
        "tokenizer seconds",
        "tokenizer steps",
    }
    assert found["beit, seed 0"]["tokenizer seconds"] == pytest.approx(0.2 / 3, abs=1e-4)
    for row in found.values():
        shares = [v for k, v in row.items() if k.startswith(("probe", "tuned", "k-NN"))]
        assert all(0 <= value <= 1 for value in shares)
    table = output[output.index("Equal time: 0.2 s of training on photographs") :].splitlines()
    names = [line.strip().split("  ")[0] for line in table[3:]]
    assert names == [
        "pixels",
        "convolutional network",
        "untrained ResNet",
        "supervised ResNet",
        "transformer",
        "BEiT",
    ]

    before = FILE.read_bytes()
    monkeypatch.setattr(trainings, "train_here", None)
    monkeypatch.setattr(measuring, "frozen_scores", None)
    assert evaluate(*SHORT, *chosen) == 0, "nothing is trained or measured again"
    assert "4, of which 4 are there" in capfd.readouterr().out
    assert FILE.read_bytes() == before


def test_test_images_go_through_a_frozen_encoder_once(evaluate, monkeypatch):
    taken, take = [], protocol.extract_features
    monkeypatch.setattr(
        protocol, "extract_features", lambda *given: taken.append(len(given[1])) or take(*given)
    )
    assert evaluate(*SHORT, "--methods", "untrained ResNet") == 0
    # the test images, then what three probes learn from: all, and 1 and 10 of each class
    assert taken == [20, 110, 2, 20]


def test_fine_tuning_may_be_left_for_a_later_call(evaluate, monkeypatch):
    chosen = (*SHORT, "--methods", "supervised ResNet", "moco")
    assert evaluate(*chosen, "--frozen") == 0
    supervised, first = (rows()[f"{name}, seed 0"] for name in ("supervised ResNet", "moco"))
    assert "probe, 10" in first and not any(name.startswith("tuned") for name in first)
    assert "tuned, all" in supervised, "that is its training"
    assert evaluate("--checkpoints", "mae-scenes", "--seeds", "0", "--frozen") == 0
    file = FILE.with_name("checkpoints-photographs.json")
    assert "probe, 10" in read_results(file)["rows"]["mae-scenes, seed 0"]
    assert "tuned" not in file.read_text()
    monkeypatch.setattr(measuring, "frozen_scores", None)
    assert evaluate(*chosen) == 0
    whole = rows()["moco, seed 0"]
    assert {name: whole[name] for name in first} == first and "tuned, all" in whole
    assert rows()["supervised ResNet, seed 0"] == supervised


def test_a_row_that_was_interrupted_goes_on_where_it_was(evaluate, capfd, monkeypatch):
    tune, calls = measuring.tuned_accuracy, []

    def stop_at_ten(encoder, learn, test, labels, rate, seed):
        calls.append(labels)
        if labels == 10 and len(calls) == 2:
            raise KeyboardInterrupt
        return tune(encoder, learn, test, labels, rate, seed)

    monkeypatch.setattr(measuring, "tuned_accuracy", stop_at_ten)
    assert evaluate(*SHORT, "--methods", "simclr") == 130
    assert "Stopped in simclr, seed 0. The same command goes on." in capfd.readouterr().err
    partial = rows()["simclr, seed 0"]
    assert "tuned, 1" in partial and "tuned, 10" not in partial
    assert evaluate(*SHORT, "--methods", "simclr") == 0
    assert calls == [1, 10, 10, None]
    whole = rows()["simclr, seed 0"]
    assert {name: whole[name] for name in partial} == partial and "tuned, all" in whole


def a_step_takes(monkeypatch, seconds: float) -> None:
    """A clock that any machine reads alike: it says how far the training is, and so the rates."""
    clock = property(lambda training: training.step * seconds)
    monkeypatch.setattr(loop.Run, "elapsed", clock)


def test_another_machine_trains_as_many_steps_and_the_first_costs_stand(evaluate, monkeypatch):
    chosen = ("--seconds", "0.75", "--seeds", "0", "--methods", "beit")
    a_step_takes(monkeypatch, 0.125)  # two steps of the tokenizer and four of BEiT, to the bit
    assert evaluate(*chosen, "--frozen") == 0
    (first,) = rows().values()
    files = [*Path("runs/comparison/photographs-0.75-seconds").iterdir()]
    notes = {file.name: json.loads(file.read_text()) for file in files if file.suffix == ".json"}
    for file in files:  # they stay behind
        file.unlink()
    a_step_takes(monkeypatch, 0.5)  # the other machine is slower
    assert evaluate(*chosen) == 0
    (row,) = rows().values()
    assert {name: row[name] for name in first} == first and "tuned, all" in row
    again = {name: row[f"again, {name}"] for name in ("probe, 110 labels", "k-NN")}
    assert again == {name: first[name] for name in again}, "as many steps on one machine"
    for name, before in notes.items():
        facts = json.loads((files[0].parent / name).read_text())
        assert facts["steps"] == before["steps"]
        assert facts["ms a step"] > before["ms a step"], "it was trained again"


def test_the_first_seed_chooses_rates_for_the_others(evaluate, monkeypatch):
    chosen = []

    def choose(encoder, images, labels, seed):
        chosen.append((labels, seed))
        return 1e-3

    monkeypatch.setattr(measuring, "choose_rate", choose)
    assert evaluate("--seconds", "0.2", "--seeds", "0", "1", "--methods", "untrained ResNet") == 0
    assert chosen == [(1, 0), (10, 0)]
    first, second = rows().values()
    assert first["rate, all"] == second["rate, all"] == 1e-3
    assert first["probe, 110 labels"] != second["probe, 110 labels"], "other weights"


def test_fresh_measures_some_rows_anew_and_leaves_the_others(evaluate):
    assert evaluate(*SHORT, "--methods", "pixels", "untrained ResNet") == 0
    content = read_results(FILE)
    for row in content["rows"].values():
        row["k-NN"] = 0.123
    FILE.write_text(json.dumps(content))
    assert evaluate(*SHORT, "--methods", "pixels", "--fresh") == 0
    found = rows()
    assert found["pixels, seed 0"]["k-NN"] != 0.123
    assert found["untrained ResNet, seed 0"]["k-NN"] == 0.123


def test_checkpoints_are_measured_the_same_way(evaluate, capfd):
    arguments = ("--checkpoints", "mae-scenes", "--seeds", "0")
    assert evaluate(*arguments) == 0
    assert "  MAE, scenes " in capfd.readouterr().out
    found = read_results(FILE.with_name("checkpoints-photographs.json"))["rows"]
    row = found["mae-scenes, seed 0"]
    assert {"k-NN", "probe, 10", "tuned, all", "rate, all", "hours"} <= set(row)
    assert row["steps"] == 60_000 and row["million images"] == 60_000 * 64 / 1e6
    assert evaluate("--checkpoints", "tokenizer-scenes") == 2
    assert "tokenizer-scenes is a tokenizer, which is not compared" in capfd.readouterr().err
    assert evaluate("--checkpoints", "mae-mars") == 2
    assert "there is no checkpoint 'mae-mars'" in capfd.readouterr().err


def test_each_problem_is_one_sentence(evaluate, capfd, tmp_path):
    assert evaluate(*SHORT, "--methods", "pixels") == 0
    damaged = tmp_path / "damaged" / FILE.name
    damaged.parent.mkdir()
    damaged.write_text('{"rows": {')
    capfd.readouterr()
    for arguments, words in (
        ((), "say what to do: evaluate --all, --checkpoints or --picture FILE"),
        (("--methods", "byol"), "unknown method or row 'byol'; choose from pixels, untrained"),
        (("--all", "--seconds", "0"), "seconds must be greater than 0"),
        (("--all", "--seconds", "5"), "measured with seconds = 0.2, not 5.0; begin anew with --fr"),
        (
            ("--all", "--seconds", "0.2", "--results", "damaged"),
            "is damaged; delete it and measure",
        ),
        (("--picture", "x.png", "--results", "none"), "there is no table of photographs in none"),
    ):
        assert evaluate(*arguments) == 2, arguments
        errors = capfd.readouterr().err.strip().splitlines()
        assert words in errors[-1] and errors[-1].startswith("error: ")
        assert not any("Traceback" in line for line in errors)
    write_photographs(tmp_path / "photographs", 112, 20)
    assert evaluate(*SHORT, "--methods", "pixels") == 2
    assert "was measured with images = 110 (" in capfd.readouterr().err
    few = write_photographs(tmp_path / "few", 12, 8)
    assert main(["evaluate", "--all", "--data", str(few)]) == 2
    assert "vote with 20 training images, and there are only 12" in capfd.readouterr().err


def test_a_picture_is_drawn_of_what_is_there(evaluate, capfd, tmp_path):
    assert evaluate(*SHORT, "--methods", "pixels", "--picture", "table.png") == 0
    assert (tmp_path / "table.png").read_bytes().startswith(b"\x89PNG")
    assert "Linear probe: pixels " in capfd.readouterr().out
