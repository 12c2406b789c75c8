"""The commands as a person types them: the whole job on a small folder, every foreseen error."""

import os
import re
import resource
import signal
import subprocess
import sys
import urllib.error

import pytest
import torch
from photographs import write_photographs
from PIL import Image

from sslcourse.__main__ import main
from sslcourse.check_setup import CHECKS, Problem, check_setup
from sslcourse.pretrain import TrainingLine


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """A folder of 40 training and 20 test pictures in two classes, and a quiet cache."""
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return write_photographs(tmp_path / "photographs", 40, 20)


def test_pretrain_runs_the_whole_job_and_goes_on(photographs, tmp_path, capfd):
    command = ["pretrain", "simclr", "--data", str(photographs), "--steps", "3"]
    assert main(command) == 0
    output = capfd.readouterr().out
    assert "40 images of 32x32" in output
    assert re.search(r"trained 3 steps of 40 images in \d+ s, (float32|bfloat16)", output)
    assert re.search(r"bfloat16 trains \S+ times as fast as float32", output)
    table = output[output.index("Accuracy on") :]
    assert "20 test images, 40 training images labelled, chance 50.0%" in table
    for row in ("pixels", "untrained encoder, h", "SimCLR, h", "SimCLR, z"):
        assert re.search(rf"^{row} +\d+\.\d% +\d+\.\d%$", table, re.MULTILINE), row
    checkpoint = tmp_path / "runs" / "simclr-photographs-laptop-3-steps.pt"
    assert [entry for entry in checkpoint.parent.iterdir()] == [checkpoint]

    assert main(command) == 0
    again = capfd.readouterr().out
    assert "going on from there" in again and "trained 3 steps" in again
    assert again[again.index("Accuracy on") :] == table, "the same weights, the same table"

    longer = [*command[:-1], "4"]
    assert main([*longer, "--checkpoint", str(checkpoint)]) == 2
    problem = capfd.readouterr().err
    assert "was trained with steps = 3, not 4" in problem and "--fresh" in problem
    assert main([*longer, "--checkpoint", str(checkpoint), "--fresh"]) == 0
    assert "trained 4 steps" in capfd.readouterr().out
    assert main(longer) == 0, "another length is another file"
    assert checkpoint.with_name("simclr-photographs-laptop-4-steps.pt").is_file()


METHODS = {"moco": "MoCo", "swav": "SwAV", "mae": "MAE", "tokenizer": "DVAE", "beit": "BEiT"}
METHODS["dino"] = "DINO teacher"


@pytest.mark.parametrize(("method", "name"), METHODS.items())
@pytest.mark.parametrize("budget", ["laptop", "full"])
def test_every_method_runs_on_few_photographs(photographs, capfd, method, name, budget):
    shared = ["--data", str(photographs), "--steps", "2", "--budget", budget]
    command = ["pretrain", method, *shared]
    if method == "beit":
        assert main(["pretrain", "tokenizer", *shared]) == 0
        capfd.readouterr()
        command += ["--tokenizer", f"runs/tokenizer-photographs-{budget}-2-steps.pt"]
    assert main(command) == 0
    output = capfd.readouterr().out
    assert re.search(r"trained 2 steps of 40 images", output)
    table = output[output.index("Accuracy on") :]
    rows = ["pixels", "untrained encoder, h", f"{name}, h"]
    predicts = method in ("mae", "tokenizer", "beit")  # pixels or tokens, so there is no z
    for row in rows if predicts else [*rows, f"{name}, z"]:
        assert re.search(rf"^{row} +\d+\.\d% +\d+\.\d%$", table, re.MULTILINE), row
    assert predicts == ("Its own task, on test images:" in table)
    assert main(command) == 0
    again = capfd.readouterr().out
    assert again[again.index("Accuracy on") :] == table, "the same weights, the same table"


def test_beit_takes_a_tokenizer_of_the_learners_own(photographs, monkeypatch, capfd):
    shared = ["--data", str(photographs), "--steps", "2"]
    assert main(["pretrain", "tokenizer", *shared]) == 0
    mine = "runs/tokenizer-photographs-laptop-2-steps.pt"
    assert main(["pretrain", "beit", *shared, "--tokenizer", mine]) == 0
    assert "BEiT, h" in capfd.readouterr().out
    for tokenizer, words in (
        ("runs/nothing.pt", "there is no checkpoint runs/nothing.pt"),
        ("tokenizer-mars", "there is no checkpoint 'tokenizer-mars'; the course has:"),
    ):
        assert main(["pretrain", "beit", *shared, "--fresh", "--tokenizer", tokenizer]) == 2
        assert words in capfd.readouterr().err
    monkeypatch.setattr("sslcourse.pretrain.checkpoint_names", list)
    assert main(["pretrain", "beit", *shared]) == 2
    assert "BEiT needs a tokenizer for these images; train one with" in capfd.readouterr().err


def test_control_c_saves_and_the_same_command_goes_on(photographs, capfd, monkeypatch):
    command = ["pretrain", "simclr", "--data", str(photographs), "--steps", "6"]
    show = TrainingLine.__call__

    def press_control_c(line, step, history):
        show(line, step, history)
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(TrainingLine, "__call__", press_control_c)
    assert main(command) == 130
    errors = capfd.readouterr().err
    assert "Stopped after 2 steps. The same command goes on from runs" in errors
    assert main(command) == 0
    assert "trained 6 steps" in capfd.readouterr().out


def test_a_full_disk_costs_the_checkpoint_but_not_the_result(photographs, tmp_path):
    def fill_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    command = [sys.executable, "-m", "sslcourse", "pretrain", "simclr", "--steps", "2"]
    full = subprocess.Popen(
        [*command, "--data", str(photographs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=fill_disk,
    )
    output, errors = full.communicate(timeout=120)
    assert full.returncode == 1
    assert "SimCLR, h" in output
    assert re.search(r"^error: could not write .*Free some disk space", errors, re.MULTILINE)
    assert "Traceback" not in errors
    assert list((tmp_path / "runs").iterdir()) == []


def offline(url, *_):
    raise urllib.error.URLError("no network")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["simclr", "--data", "imagenet"], "use scenes, cifar10, stl10, or the path of a folder"),
        (["simclr", "--data", "no/such/folder"], "there is no folder 'no/such/folder'"),
        (["byol"], "unknown method 'byol'; choose one of simclr"),
        (["simclr", "--budget", "huge"], "choose one of laptop, full"),
        (["beit", "--tokenizer", "nothing.pt"], "there is no checkpoint nothing.pt"),
        (["simclr", "--variant", "winter"], "choose one of shared, own, camouflage"),
        (["simclr", "--data", "empty"], "holds no images"),
        (["simclr", "--data", "lonely"], "one class only (cats)"),
        (["simclr", "--seconds", "-1"], "greater than 0"),
        (["simclr", "--data", "cifar10"], "could not be downloaded"),
    ],
)
def test_errors_are_one_sentence(photographs, tmp_path, monkeypatch, capfd, arguments, words):
    import torchvision

    monkeypatch.setattr(torchvision.datasets.utils, "_urlretrieve", offline)
    (tmp_path / "empty").mkdir()
    (tmp_path / "lonely/train/cats").mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(tmp_path / "lonely/train/cats/1.png")
    assert main(["pretrain", *arguments]) == 2
    errors = capfd.readouterr().err.strip().splitlines()
    assert words in errors[-1] and errors[-1].startswith("error: ")
    assert not any("Traceback" in line for line in errors)
    assert not (tmp_path / "runs").exists()


def test_a_corrupt_photograph_is_named_and_skipped(photographs, capfd):
    (photographs / "train/disc/001.png").write_bytes(b"\x89PNG nonsense")
    assert main(["pretrain", "simclr", "--data", str(photographs), "--steps", "1"]) == 0
    output = capfd.readouterr()
    skipped = "skipped 1 of 40 files that are no readable image: train/disc/001.png"
    assert f"note: {skipped}" in output.err
    assert "39 images" in output.out


def test_check_setup_says_ok_line_by_line(capfd, monkeypatch, tmp_path):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path))
    assert check_setup() == 0
    lines = capfd.readouterr().out.splitlines()
    names = [line.split()[1] for line in lines if line.startswith("OK")]
    assert names == ["Python", "torch", "device", "kernel", "widgets", "data", "disk"]
    assert lines[-1].startswith("All set")


def test_check_setup_says_fail_and_goes_on(capfd):
    def broken() -> str:
        raise Problem("the widget is loose; tighten it.")

    def missing() -> str:
        raise ImportError("No module named 'nothing'")

    checks = {"first": broken, "second": missing, "Python": CHECKS["Python"]}
    assert check_setup(checks) == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=2) == ["FAIL", "first", "the widget is loose; tighten it."]
    assert lines[1].startswith("FAIL") and lines[2].startswith("OK")
    assert "2 of 3 checks failed" in lines[-1]


def test_check_setup_notices_a_full_disk(monkeypatch, capfd):
    monkeypatch.setattr("sslcourse.check_setup.shutil.disk_usage", FakeUsage)
    assert check_setup({"disk": CHECKS["disk"]}) == 1
    assert "only 0.5 GB free" in capfd.readouterr().out


class FakeUsage:
    def __init__(self, folder) -> None:
        self.free = 0.5e9


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_one_sentence(capfd):
    assert main(["pretrain", "simclr", "--device", "cuda"]) == 2
    errors = capfd.readouterr().err.splitlines()  # the last; drawing says how far it is, if slow
    assert errors[-1] == (
        "error: PyTorch finds no CUDA device here; leave --device out, or say cpu."
    )


def test_a_folder_that_changed_is_noticed_when_a_training_goes_on(photographs, capfd):
    command = ["pretrain", "simclr", "--data", str(photographs), "--steps", "2"]
    assert main(command) == 0
    picture = photographs / "train/disc/003.png"
    Image.new("RGB", (32, 32), "red").save(picture)
    assert main(command) == 2
    errors = capfd.readouterr().err.splitlines()
    assert re.search(r"^error: runs.*was trained with .*: the data has changed since", errors[-1])
    picture.unlink()
    assert main(command) == 2
    errors = capfd.readouterr().err.splitlines()
    assert re.search(r"images = 40 with .*, not 39 with .*: the data has changed", errors[-1])
    assert main([*command, "--fresh"]) == 0


def test_a_checkpoint_of_a_newer_course_is_named(photographs, capfd):
    torch.save({"format": 2}, "new.pt")
    command = ["pretrain", "simclr", "--data", str(photographs), "--steps", "2"]
    assert main([*command, "--checkpoint", "new.pt"]) == 2
    assert "error: new.pt comes from a newer version" in capfd.readouterr().err
