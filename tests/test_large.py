"""Sets larger than memory: the same images as in memory, and only what is asked for is read."""

import subprocess
import sys
import warnings
import zlib
from dataclasses import replace

import pytest
import torch
from photographs import write_photographs
from PIL import Image

from sslcourse.__main__ import main
from sslcourse.budgets import budget
from sslcourse.data import ImageSet, folders, load
from sslcourse.data.large import open_set, write_set
from sslcourse.methods import SimCLR
from sslcourse.networks import resnet
from sslcourse.pretrain import load_both
from sslcourse.train import TrainConfig, fit

CLASSES = ("cat", "dog")

# what a process holds for itself, in MiB: pages of a mapped file can be taken from it at any time
BATCHES = """
import re, sys
from pathlib import Path
import torch
from sslcourse.data.large import open_set

def own():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

torch.zeros(8, 3, 32, 32)[torch.arange(4)].float().mean()
before = own()
images, _ = open_set(Path(sys.argv[1]), ("cat", "dog"))
images.fingerprint()
for order in torch.randperm(len(images)).split(64):
    images.images[order].float().mean()
print(own() - before)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "folders"


def random_set(count, seed=0, size=8):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (count, 3, size, size), dtype=torch.uint8, generator=generator)
    return ImageSet(images, torch.randint(2, (count,), generator=generator), CLASSES)


@pytest.fixture
def photographs(tmp_path):
    write_photographs(tmp_path / "photographs", 48, 8)
    return tmp_path / "photographs"


@pytest.mark.parametrize("size", [7, 8])  # 3·7·7·13 bytes end where no whole number may begin
def test_a_file_holds_its_parts(tmp_path, size):
    whole, path = random_set(13, size=size), tmp_path / "set.safetensors"
    write_set(path, (whole[start : start + 5] for start in (0, 5, 10)), {"from": "a test"})
    opened, notes = open_set(path, CLASSES)
    assert torch.equal(opened.images, whole.images) and torch.equal(opened.labels, whole.labels)
    assert notes["from"] == "a test"
    assert opened.fingerprint() == whole.fingerprint()


def test_what_changes_has_another_fingerprint(tmp_path, monkeypatch):
    write_set(tmp_path / "set", [random_set(13)])
    opened, _ = open_set(tmp_path / "set", CLASSES)
    assert opened[:12].fingerprint() == random_set(13)[:12].fingerprint()
    monkeypatch.setattr(zlib, "crc32", None)  # whoever reads all pixels fails
    assert opened.fingerprint()
    with pytest.raises(TypeError):
        opened[:12].fingerprint()


def test_writing_into_an_opened_set_leaves_the_file(tmp_path):
    write_set(tmp_path / "set", [random_set(13)])
    open_set(tmp_path / "set", CLASSES)[0].images.zero_()
    assert torch.equal(open_set(tmp_path / "set", CLASSES)[0].images, random_set(13).images)


def test_what_makes_no_set_says_why(tmp_path):
    parts = [random_set(3), random_set(3, size=9)]
    with pytest.raises(ValueError, match="images of 8x8 and of 9x9"):
        write_set(tmp_path / "set", parts)
    with pytest.raises(ValueError, match="no image"):
        write_set(tmp_path / "set", [])
    with pytest.raises(ValueError, match="too long"):
        write_set(tmp_path / "set", parts[:1], {"told": "much " * 20_000})
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="scenes fits into memory"):
        load("scenes", lazy=True)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what a process holds")
def test_memory_stays_small(tmp_path):
    part = random_set(512, size=64)  # 6 MiB
    write_set(tmp_path / "set", (part for _ in range(16)))
    arguments = [sys.executable, "-c", BATCHES, str(tmp_path / "set")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert (tmp_path / "set").stat().st_size > 96 * 2**20
    assert float(done.stdout) < 24


def test_a_lazy_folder_is_the_folder(photographs, cache, monkeypatch):
    usual = load(photographs)
    monkeypatch.setattr(folders, "PART", 10)
    lazy = load(photographs, lazy=True)
    assert lazy.classes == usual.classes and torch.equal(lazy.labels, usual.labels)
    order = torch.randperm(len(lazy))[:16]
    assert torch.equal(lazy.images[order], usual.images[order])
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(folders, "read_image", None)  # whoever reads a photograph fails
    assert torch.equal(load(photographs, lazy=True).images, usual.images)


def test_files_that_are_no_images_are_named_every_time(photographs):
    broken = sorted(photographs.glob("train/*/*"))[:2]
    for path in broken:
        path.write_bytes(b"no image")
    with pytest.warns(UserWarning, match="skipped 2 of"):
        usual = load(photographs)
    for _ in range(2):
        with pytest.warns(UserWarning, match=f"skipped 2 of .*{broken[0].name}"):
            lazy = load(photographs, lazy=True)
        assert torch.equal(lazy.images, usual.images) and torch.equal(lazy.labels, usual.labels)


def test_a_lazy_folder_of_several_sizes_needs_one(photographs):
    path = sorted(photographs.glob("train/*/*"))[-1]
    Image.new("RGB", (50, 40)).save(path)
    with pytest.raises(ValueError, match="differ in size.*size=64"):
        load(photographs, lazy=True)
    assert load(photographs, lazy=True, size=16).images.shape[1:] == (3, 16, 16)


def test_training_from_a_file_is_training_from_memory(photographs, tmp_path):
    config = TrainConfig(steps=3, batch_size=16, precision="float32")

    def trained(images, **options):
        torch.manual_seed(0)
        method = SimCLR(resnet(8, (1, 1)))
        fit(method, images, config, **options)
        return method.state_dict()

    usual = trained(load(photographs))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lazy = trained(load(photographs, lazy=True), device="cpu")
    assert all(torch.equal(value, lazy[name]) for name, value in usual.items())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_come_to_the_gpu(photographs):
    method, lazy = SimCLR(resnet(8, (1, 1))), load(photographs, lazy=True)
    fit(method, lazy, TrainConfig(steps=2, batch_size=16), device="cuda")
    assert next(method.parameters()).is_cuda and not lazy.images.is_cuda


def test_the_command_takes_all_photographs(photographs, monkeypatch):
    few = replace(budget("simclr"), images=10, test_images=4)
    shared = {"size": None, "variant": None, "seed": 0}
    train, test = load_both(str(photographs), few, **shared, lazy=True)
    assert (len(train), len(test)) == (48, 4) and train.checksum
    assert len(load_both(str(photographs), few, **shared)[0]) == 10
    asked = {}
    monkeypatch.setattr("sslcourse.pretrain.pretrain", lambda *_, **options: asked.update(options))
    main(["pretrain", "simclr", "--data", str(photographs), "--lazy"])
    assert asked["lazy"]
