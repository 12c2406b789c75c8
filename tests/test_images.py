"""`ImageSet` and `load`: what fits together, what is refused and with which words.

torchvision's sets are replaced by small ones, so no test needs a network.
"""

import urllib.error
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
import torchvision.transforms.v2.functional as reference

from sslcourse.data import ImageSet, load

CLASSES = ("cat", "dog", "owl")


def image_set(count=12, **changes):
    """A set whose every image is filled with its own position, so that each can be told."""
    images = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 3, 4, 5)
    parts = {
        "images": images.clone(),
        "labels": torch.arange(count) % 3,
        "classes": CLASSES,
        "masks": torch.arange(count)[:, None, None].expand(count, 4, 5) % 2 == 0,
        "factors": {"position": torch.arange(count), "half": torch.arange(count) / 2},
    }
    return ImageSet(**parts | changes)


def positions(images):
    """Which images these are; also asserts that labels, masks and factors came along."""
    found = images.images[:, 0, 0, 0].long()
    assert torch.equal(images.labels, found % 3)
    assert torch.equal(images.masks[:, 0, 0], found % 2 == 0)
    assert torch.equal(images.factors["position"], found)
    assert torch.equal(images.factors["half"], found / 2)
    return found.tolist()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": torch.rand(12, 3, 4, 5)}, "uint8.*float32"),
        ({"images": torch.zeros(12, 4, 5, 3).byte()}, r"\(N, 3, H, W\).*\(12, 4, 5, 3\)"),
        ({"images": torch.zeros(3, 4, 5).byte()}, r"\(3, 4, 5\)"),
        ({"images": torch.zeros(11, 3, 4, 5).byte()}, "11 images but 12 labels"),
        ({"labels": torch.full((12,), 3)}, "3 to 3.*3 classes"),
        ({"labels": torch.full((12,), -2)}, "-2"),
        ({"labels": torch.zeros(12)}, "labels"),
        ({"labels": torch.zeros(12, 1).long()}, "labels"),
        ({"masks": torch.zeros(12, 5, 4).bool()}, r"\(12, 4, 5\).*\(12, 5, 4\)"),
        ({"masks": torch.zeros(12, 1, 4, 5).bool()}, "masks"),
        ({"masks": torch.rand(12, 4, 5)}, "masks"),
        ({"factors": {"x": torch.zeros(5)}}, "'x' has 5 values for 12"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        image_set(**changes)


def test_images_may_lack_labels_masks_and_factors():
    images = image_set(labels=torch.full((12,), -1), masks=None, factors=None)
    part = images[:5].to("cpu")
    assert len(part) == 5 and part.masks is None and part.factors is None
    assert images[0][1] == -1


def test_indexing():
    images = image_set()
    image, label = images[7]
    assert image.shape == (3, 4, 5) and image.unique().tolist() == [7]
    assert label == 1 and isinstance(label, int)
    assert images[-1][0].unique().tolist() == [11]
    assert positions(images[2:9:3]) == [2, 5, 8]
    assert positions(images[torch.tensor([4, 4, 0])]) == [4, 4, 0]
    assert positions(images[[3, 1]]) == [3, 1]
    assert positions(images[images.labels == 2]) == [2, 5, 8, 11]
    assert [label for _, label in images] == [0, 1, 2] * 4  # iterating ends
    with pytest.raises(IndexError):
        images[12]


@pytest.mark.parametrize("seven", [torch.tensor(7), np.int64(7)])
def test_any_integer_picks_one_image(seven):
    image, label = image_set()[seven]
    assert image.shape == (3, 4, 5) and image.unique().tolist() == [7] and label == 1


def test_split_is_complete_disjoint_and_reproducible():
    images = image_set()
    chosen, rest = images.split(5, seed=1)
    assert len(chosen) == 5 and len(rest) == 7
    assert sorted(positions(chosen) + positions(rest)) == list(range(12))
    assert positions(images.split(5, seed=1)[0]) == positions(chosen)
    assert positions(images.split(5, seed=2)[0]) != positions(chosen)
    assert positions(images.subset(5, seed=1)) == positions(chosen)
    assert [len(part) for part in images.split(12)] == [12, 0]


@pytest.mark.parametrize("n", [0, -1, 13])
def test_a_subset_of_an_impossible_size_is_refused(n):
    for draw in (image_set().split, image_set().subset):
        with pytest.raises(ValueError, match=f"draw {n} images.*1 to 12"):
            draw(n)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_everything_moves_to_the_device_and_back():
    moved = image_set().to("cuda")
    tensors = [moved.images, moved.labels, moved.masks, *moved.factors.values()]
    assert {tensor.device.type for tensor in tensors} == {moved.device.type} == {"cuda"}
    assert sorted(positions(moved.subset(12).to("cpu"))) == list(range(12))


def test_representation():
    every = "ImageSet(12 images of 4x5, 3 classes, masks, factors position, half)"
    assert repr(image_set().to("cpu")) == every
    assert repr(image_set(masks=None, factors=None)) == "ImageSet(12 images of 4x5, 3 classes)"


@pytest.mark.parametrize(
    ("name", "arguments", "error", "words"),
    [
        ("cifar", {}, ValueError, "'cifar'.*scenes, cifar10, stl10"),
        ("no/such/folder", {}, FileNotFoundError, "no/such/folder"),
        (Path("photographs"), {}, FileNotFoundError, "photographs"),
        ("cifar10", {"variant": "grey"}, ValueError, "only scenes"),
        (Path.cwd(), {"variant": "own"}, ValueError, "only scenes"),
        ("cifar10", {"split": "unlabeled"}, ValueError, "'unlabeled'.*train, test"),
        ("stl10", {"split": "validation"}, ValueError, "train, test, unlabeled"),
        ("scenes", {"limit": 0}, ValueError, "limit must be at least 1, got 0"),
        ("cifar10", {"limit": -3}, ValueError, "limit must be at least 1, got -3"),
        ("stl10", {"size": 0}, ValueError, "size must be at least 1, got 0"),
    ],
)
def test_load_says_what_it_knows(name, arguments, error, words):
    with pytest.raises(error, match=words):
        load(name, **arguments)


@pytest.mark.parametrize("name", ["cifar10", "stl10"])
def test_what_is_missing_and_may_not_be_downloaded(name, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'root.*load\("scenes"\)'):
        load(name, root=tmp_path / "nowhere", download=False)
    assert not (tmp_path / "nowhere").exists()


class Store:
    """Stands in for torchvision's data sets: 20 images in a folder that a download fills."""

    failure = None  # raised in the middle of a download
    classes = list(CLASSES)

    def __init__(self, root, folder, download):
        target = Path(root) / folder
        if download:
            target.mkdir(parents=True)
            (target / "batch").write_text("half")
            if self.failure is not None:
                raise self.failure
            (target / "batch").write_text("whole")
        if not target.is_dir() or (target / "batch").read_text() != "whole":
            raise RuntimeError("Dataset not found or corrupted. You can use download=True")


class SmallCIFAR10(Store):
    def __init__(self, root, train=True, download=False):
        super().__init__(root, "cifar-10-batches-py", download)
        generator = np.random.default_rng(int(train))
        self.data = generator.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)  # (N, H, W, 3)
        self.targets = [position % 3 for position in range(20)]


class SmallSTL10(Store):
    def __init__(self, root, split="train", download=False):
        super().__init__(root, "stl10_binary", download)
        self.data = np.random.default_rng(2).integers(0, 256, (20, 3, 24, 24), dtype=np.uint8)
        labels = np.full(20, -1) if split == "unlabeled" else np.arange(20) % 3
        self.labels = labels.astype(np.uint8 if split != "unlabeled" else np.int64)


@pytest.fixture
def small_sets(monkeypatch):
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", SmallCIFAR10)
    monkeypatch.setattr(torchvision.datasets, "STL10", SmallSTL10)
    return lambda failure: monkeypatch.setattr(Store, "failure", failure)


def test_cifar10_is_turned_to_channels_first(small_sets, tmp_path):
    train = load("cifar10", root=tmp_path)
    pixels = torch.from_numpy(SmallCIFAR10(tmp_path).data)
    assert torch.equal(train.images, pixels.permute(0, 3, 1, 2)) and train.images.is_contiguous()
    assert train.labels.dtype == torch.int64 and train.labels.tolist() == [0, 1, 2] * 6 + [0, 1]
    assert train.classes == CLASSES
    test = load("cifar10", "test", root=str(tmp_path), download=False)
    assert not torch.equal(test.images, train.images)
    assert [entry.name for entry in tmp_path.iterdir()] == ["cifar-10-batches-py"]


def test_stl10_keeps_its_layout_and_may_be_unlabelled(small_sets, tmp_path):
    train = load("stl10", root=tmp_path)
    assert torch.equal(train.images, torch.from_numpy(SmallSTL10(tmp_path).data))
    assert train.labels.tolist() == [0, 1, 2] * 6 + [0, 1]
    assert load("stl10", "unlabeled", root=tmp_path).labels.unique().tolist() == [-1]


@pytest.mark.parametrize("size", [12, 40])
def test_size_and_limit_of_a_downloaded_set(small_sets, tmp_path, size):
    every = load("cifar10", root=tmp_path)
    resized = load("cifar10", root=tmp_path, size=size)
    expected = reference.resize(every.images, [size, size], antialias=True)
    assert resized.images.shape == (20, 3, size, size)
    assert (resized.images.int() - expected.int()).abs().max() <= 1
    few = load("cifar10", root=tmp_path, limit=6, seed=3)
    assert torch.equal(few.images, every.subset(6, seed=3).images)
    assert len(load("cifar10", root=tmp_path, limit=500)) == 20


@pytest.mark.parametrize(
    "failure",
    [
        urllib.error.URLError("Temporary failure in name resolution"),
        RuntimeError("File not found or corrupted."),
    ],
)
def test_a_failed_download_says_what_to_do_and_leaves_nothing(small_sets, tmp_path, failure):
    small_sets(failure)
    with pytest.raises(ConnectionError, match=r'cifar10.*load\("scenes"\).*root') as caught:
        load("cifar10", root=tmp_path)
    assert "\n" not in str(caught.value) and str(caught.value).count(". ") <= 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_not_blamed_on_the_network(small_sets, tmp_path):
    small_sets(OSError(28, "No space left on device"))
    root = tmp_path / "new"
    with pytest.raises(OSError, match="the disk is full; free some space at"):
        load("cifar10", root=root)
    assert not root.exists()


def test_an_interrupted_download_leaves_nothing(small_sets, tmp_path):
    small_sets(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        load("stl10", root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_set_is_downloaded_again(small_sets, tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "batch").write_text("half")
    assert len(load("cifar10", root=tmp_path)) == 20


def test_sets_compare_by_identity_and_name_what_is_no_tensor():
    scenes = load("scenes", limit=10)
    assert scenes == scenes and scenes != load("scenes", limit=10) and hash(scenes)
    with pytest.raises(ValueError, match="labels must be a torch.Tensor, got ndarray"):
        ImageSet(scenes.images, scenes.labels.numpy(), scenes.classes)


def test_a_fingerprint_tells_pixels_and_their_order_apart():
    scenes = load("scenes", limit=20)
    known = scenes.fingerprint()
    assert len(known) == 8 and int(known, 16) >= 0
    assert scenes[torch.arange(20)].fingerprint() == known
    assert scenes.images.to(memory_format=torch.channels_last).is_contiguous() is False
    last = replace(scenes, images=scenes.images.to(memory_format=torch.channels_last))
    assert last.fingerprint() == known, "the layout in memory does not count"
    assert scenes[torch.arange(20).flip(0)].fingerprint() != known
    other = scenes.images.clone()
    other[19, 2, 31, 31] ^= 1
    assert replace(scenes, images=other).fingerprint() != known
    assert replace(scenes, labels=scenes.labels.flip(0)).fingerprint() == known
