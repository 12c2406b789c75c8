"""Checkpoints: whole or not at all, refused where they do not fit, and never code."""

import os
import pickle
import resource
import subprocess
import sys

import pytest
import torch
from torch import nn

from sslcourse.methods import SimCLR
from sslcourse.networks import resnet
from sslcourse.train import load_checkpoint, save_checkpoint


def method(width: int = 8) -> SimCLR:
    return SimCLR(resnet(width, (1,)))


def test_round_trip_with_optimiser_and_progress(tmp_path):
    first, second = method(), method()
    optimizers = [torch.optim.AdamW(m.parameters(), 0.01) for m in (first, second)]
    first(torch.randn(4, 3, 8, 8)).square().sum().backward()
    optimizers[0].step()
    path = tmp_path / "deep" / "run.pt"
    save_checkpoint(path, first, optimizers[0], step=7, history={"loss": [1.0, 0.5]})
    assert load_checkpoint(path, second, optimizers[1]) == {
        "step": 7,
        "history": {"loss": [1.0, 0.5]},
    }
    for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert str(optimizers[0].state_dict()) == str(optimizers[1].state_dict())
    assert [entry.name for entry in path.parent.iterdir()] == ["run.pt"]


def test_refuses_another_architecture_and_leaves_the_method_alone(tmp_path):
    path = tmp_path / "run.pt"
    save_checkpoint(path, method(8))
    wider = method(12)
    before = {name: value.clone() for name, value in wider.state_dict().items()}
    with pytest.raises(ValueError, match=r"stem.0.weight has shape \(8, 3, 3, 3\) there and \(12,"):
        load_checkpoint(path, wider)
    assert all(torch.equal(before[name], value) for name, value in wider.state_dict().items())
    with pytest.raises(ValueError, match="SimCLR of another architecture: it has no 0.weight"):
        load_checkpoint(path, nn.Sequential(nn.Linear(2, 2)))


def test_names_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        load_checkpoint(tmp_path / "none.pt", method())


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", pickle.dumps({"a": 1}, 2)])
def test_refuses_a_damaged_file(tmp_path, content):
    path = tmp_path / "run.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a readable checkpoint|not a checkpoint"):
        load_checkpoint(path, method())


def test_refuses_a_file_cut_short(tmp_path):
    path = tmp_path / "run.pt"
    save_checkpoint(path, method())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        load_checkpoint(path, method())


class Trap:
    """Unpickling this would create a file."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_never_runs_code_from_a_file(tmp_path):
    path, sprung = tmp_path / "run.pt", tmp_path / "sprung"
    torch.save({"format": 1, "method": Trap(sprung)}, path)
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        load_checkpoint(path, method())
    assert not sprung.exists()


FULL_DISK = """
import signal, sys, torch
from sslcourse.methods import SimCLR
from sslcourse.networks import resnet
from sslcourse.train import save_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing fails as on a full disk
try:
    save_checkpoint(sys.argv[1], SimCLR(resnet(8, (1, 1))))
except OSError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_old_checkpoint_and_no_rest(tmp_path):
    path = tmp_path / "run.pt"
    save_checkpoint(path, method(), step=1)
    limit = 20_000  # bytes; the operating system refuses to write more
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert f"could not write {path}" in done.stdout and "Free some disk space" in done.stdout
    assert load_checkpoint(path, method()) == {"step": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.pt"]


def test_changed_bytes_are_noticed(tmp_path):
    path = tmp_path / "run.pt"
    save_checkpoint(path, method())
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    for position in range(middle, middle + 128):  # longer than any padding in the file
        content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        load_checkpoint(path, method())


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"format": 2, "weights": {}}, "comes from a newer version of the course .format 2, this"),
        ({"format": 1, "model": {}}, "is not a checkpoint of this course"),
        ({"state_dict": {"0.weight": torch.zeros(2)}}, "is not a checkpoint of this course"),
        ([torch.zeros(2)], "is not a checkpoint of this course"),
    ],
)
def test_newer_and_foreign_files_are_named(tmp_path, state, words):
    path = tmp_path / "run.pt"
    torch.save(state, path)
    with pytest.raises(ValueError, match=words):
        load_checkpoint(path, method())


def test_what_could_not_be_read_back_is_not_written(tmp_path):
    path = tmp_path / "run.pt"
    with pytest.raises(ValueError, match="save numbers, strings and tensors only, got .'where'"):
        save_checkpoint(path, method(), where=path)
    assert not path.exists()


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(ValueError, match="is a folder; name a checkpoint file in it"):
        load_checkpoint(tmp_path, method())


def test_remains_of_a_killed_process_are_removed(tmp_path):
    old, young = tmp_path / ".run.pt-abc.part", tmp_path / ".run.pt-def.part"
    other = tmp_path / ".other.pt-abc.part"
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (1, 1))
    save_checkpoint(tmp_path / "run.pt", method())
    assert not old.exists() and young.exists() and other.exists()
