"""A learner's own photographs: any layout and kind of file, some of them broken, and the cache."""

import errno
import os
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sslcourse.data import folders, load
from sslcourse.data.cache import write_whole

PHOTOGRAPHS = os.environ.get("SSLCOURSE_PHOTOGRAPHS")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SSLCOURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "folders"


def save(path, picture=(0, 0, 0), size=(8, 8), **options):
    """A picture, or a plain one of a colour (width before height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(picture, tuple):
        picture = Image.new("RGB", size, picture)
    picture.save(path, **options)
    return path


def colours(images):
    """The colour (r, g, b) of the middle pixel of each image."""
    height, width = images.images.shape[2:]
    return [tuple(image[:, height // 2, width // 2].tolist()) for image in images.images]


@pytest.fixture
def photographs(tmp_path):
    """Two classes of ten: red numbers the class, green the file."""
    folder = tmp_path / "photographs"
    for label, number in np.ndindex(2, 10):
        path = folder / ("cats", "dogs")[label] / f"{number:02d}.png"
        save(path, (label, number, 0), compress_level=0)
    return folder


def test_splits_with_classes(tmp_path):
    for split, red in (("train", 10), ("test", 20)):
        save(tmp_path / split / "dog" / "1.png", (red, 1, 0))
        save(tmp_path / split / "cat" / "1.png", (red, 0, 0))
        save(tmp_path / split / "cat" / "2.png", (red, 0, 9))
    train, test = load(tmp_path), load(str(tmp_path), "test")
    assert train.classes == test.classes == ("cat", "dog")
    assert train.images.dtype == torch.uint8 and train.images.shape == (3, 3, 8, 8)
    assert train.labels.tolist() == test.labels.tolist() == [0, 0, 1]
    assert colours(train) == [(10, 0, 0), (10, 0, 9), (10, 1, 0)]
    assert colours(test) == [(20, 0, 0), (20, 0, 9), (20, 1, 0)]
    with pytest.raises(FileNotFoundError, match="'validation'.*test, train"):
        load(tmp_path, "validation")


def test_labels_agree_where_a_split_lacks_a_class(tmp_path):
    for name in ("ant", "bee", "cow"):
        save(tmp_path / "train" / name / "1.png")
        if name != "ant":
            save(tmp_path / "test" / name / "1.png")
    train, test = load(tmp_path), load(tmp_path, "test")
    assert train.classes == test.classes == ("ant", "bee", "cow")
    assert test.labels.tolist() == [1, 2]


def test_every_fifth_of_class_folders_is_for_testing(photographs):
    train, test = load(photographs), load(photographs, "test")
    assert train.classes == test.classes == ("cats", "dogs")
    assert colours(test) == [(label, number, 0) for label in (0, 1) for number in (4, 9)]
    assert not set(colours(train)) & set(colours(test))
    assert len(set(colours(train) + colours(test))) == 20
    assert train.labels.tolist() == [red for red, _, _ in colours(train)]
    with pytest.raises(FileNotFoundError, match="'unlabeled'.*train or test"):
        load(photographs, "unlabeled")


def test_endings_and_what_is_no_photograph(tmp_path):
    for name in ("1.jpg", "2.jpeg", "3.JPG", "4.JPEG", "5.png", "6.PNG"):
        save(tmp_path / "train" / "cat" / name)
    save(tmp_path / "train" / "dog" / "1.png")
    (tmp_path / "train" / "cat" / "notes.txt").write_text("none of these is read")
    (tmp_path / "train" / ".hidden").mkdir()
    (tmp_path / "train" / "empty").mkdir()
    images = load(tmp_path)
    assert images.classes == ("cat", "dog") and images.labels.tolist() == [0] * 6 + [1]


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.png", "L"), ("a.png", "RGBA"), ("a.png", "P"), ("a.jpg", "L"), ("a.jpg", "CMYK")],
)
def test_every_kind_of_file_gives_three_channels(tmp_path, name, mode):
    for value in (60, 200):
        plain = Image.new("RGB", (8, 8), (value,) * 3)
        picture = plain.quantize(4) if mode == "P" else plain.convert(mode)
        save(tmp_path / "train" / str(value) / name, picture)
    found = torch.tensor(colours(load(tmp_path)))
    assert (found - torch.tensor([[200], [60]])).abs().max() <= 2  # "200" sorts before "60"


def test_sixteen_bits_become_eight(tmp_path):
    for name, value in (("dark", 60), ("light", 200)):
        pixels = np.full((8, 8), value * 257, dtype=np.uint16)
        save(tmp_path / "train" / name / "1.png", Image.fromarray(pixels))
    assert colours(load(tmp_path)) == [(60, 60, 60), (200, 200, 200)]


def test_a_camera_held_upright(tmp_path):
    picture, exif = Image.new("RGB", (24, 16), "red"), Image.Exif()
    picture.paste("blue", (12, 0, 24, 16))  # the right half, which is below once upright
    exif[0x0112] = 6  # orientation: turn a quarter clockwise to see it upright
    for name in ("one", "two"):
        save(tmp_path / "train" / name / "1.jpg", picture, exif=exif, quality=95)
    images = load(tmp_path).images.float()
    top, bottom = images[0, :, :8].mean((1, 2)), images[0, :, 16:].mean((1, 2))
    assert top[0] > 240 > 20 > top[2] and bottom[2] > 240 > 20 > bottom[0]


def test_different_sizes_need_a_size(tmp_path):
    banner = Image.new("RGB", (40, 20), "red")
    banner.paste("blue", (10, 0, 30, 20))  # the centre square
    save(tmp_path / "train" / "cat" / "1.png", banner)
    save(tmp_path / "train" / "dog" / "1.png", banner.rotate(90, expand=True))
    with pytest.raises(ValueError, match="differ in size.*20x40.*40x20.*size="):
        load(tmp_path)
    inner = load(tmp_path, size=10).images[:, :, 1:-1, 1:-1]  # without the seam
    assert inner.shape == (2, 3, 8, 8) and inner[:, 2].min() == 255 and inner[:, 0].max() == 0


def test_broken_files_are_named_and_left_out(photographs):
    (photographs / "cats" / "00.png").write_bytes(b"no image at all")
    (photographs / "cats" / "01.png").write_bytes(b"")
    half = save(photographs / "dogs" / "half.jpg", size=(64, 64))
    half.write_bytes(half.read_bytes()[:-300])
    with pytest.warns(UserWarning, match="skipped 3 of 17 files.*00.png, .*01.png, .*half.jpg"):
        images = load(photographs)
    assert len(images) == 14
    assert images.labels.tolist() == [red for red, _, _ in colours(images)]


def test_what_cannot_be_used_says_why(photographs, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"no images for 'train'.*CLASS"):
        load(tmp_path / "photographs" / "cats")
    save(tmp_path / "lonely" / "train" / "cat" / "1.png")
    with pytest.raises(ValueError, match=r"one class only \(cat\)"):
        load(tmp_path / "lonely")
    for path in photographs.glob("*/*.png"):
        path.write_text("no image")
    with pytest.raises(ValueError, match="none of the 16 files"):
        load(photographs)

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(FileNotFoundError, match="photographs may not be read"):
        load(photographs)


def test_a_limit_reads_only_that_many_files(photographs, monkeypatch):
    opened, open_image = [], Image.open
    monkeypatch.setattr(Image, "open", lambda path: opened.append(path) or open_image(path))
    few = load(photographs, limit=6, seed=1)
    assert len(few) == len(opened) == 6
    assert few.labels.tolist() == [red for red, _, _ in colours(few)]
    assert colours(load(photographs, limit=6, seed=1)) == colours(few)
    assert colours(load(photographs, limit=6, seed=2)) != colours(few)
    assert len(load(photographs, limit=1_000)) == 16


def test_the_cache_spares_reading_until_a_file_changes(photographs, cache, monkeypatch):
    load(photographs)
    assert not cache.exists()  # what is read in a moment is not worth a file
    monkeypatch.setattr(folders, "WORTH_CACHING", 0)
    first = load(photographs)
    assert [path.suffix for path in cache.iterdir()] == [".safetensors"]
    with monkeypatch.context() as patched:
        patched.setattr(folders, "read_images", None)  # whoever reads an image fails
        again = load(photographs)
        for other in ({"split": "test"}, {"size": 4}, {"limit": 3}):
            with pytest.raises(TypeError, match="not callable"):
                load(photographs, **other)
    assert again.classes == first.classes
    assert torch.equal(again.images, first.images) and torch.equal(again.labels, first.labels)
    changed = save(photographs / "dogs" / "00.png", (1, 0, 77), compress_level=0)  # as many bytes
    os.utime(changed, ns=(1, 1))  # at another time, however coarse the clock
    assert (1, 0, 77) in colours(load(photographs))
    changed.unlink()
    assert len(load(photographs)) == 16  # 19 files, of which 1 + 2 are for testing


def test_a_damaged_cache_is_read_anew(photographs, cache, monkeypatch):
    monkeypatch.setattr(folders, "WORTH_CACHING", 0)
    first = load(photographs)
    for path in cache.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    assert torch.equal(load(photographs).images, first.images)


def test_a_full_disk_costs_only_the_cache(photographs, monkeypatch):
    def full(path, write):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(folders, "WORTH_CACHING", 0)
    monkeypatch.setattr(folders, "write_whole", full)
    with pytest.warns(UserWarning, match="without a cache.*No space left"):
        assert len(load(photographs)) == 16


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), OSError),
        (RuntimeError("could not\nwrite"), OSError),
        (MemoryError(), OSError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (ConnectionError("no network"), ConnectionError),
    ],
    ids=repr,
)
def test_a_failing_writer_leaves_the_old_content(tmp_path, failure, raised):
    target = tmp_path / "deep" / "file.bin"
    for content in (b"first", b"old"):
        write_whole(target, lambda path, content=content: path.write_bytes(content))

    def half(path):
        path.write_bytes(b"hal")
        raise failure

    with pytest.raises(raised) as caught:
        write_whole(target, half)
    assert (raised is OSError) == (str(target) in str(caught.value))
    assert target.read_bytes() == b"old" and list(target.parent.iterdir()) == [target]


@pytest.mark.photographs
@pytest.mark.skipif(not PHOTOGRAPHS, reason="SSLCOURSE_PHOTOGRAPHS is not set")
def test_real_photographs():
    images = load(PHOTOGRAPHS, limit=500)
    assert images.images.shape == (500, 3, 32, 32) and len(images.classes) == 10
    assert images.labels.unique().tolist() == list(range(10))
    means = images.images.float().mean((0, 2, 3)) / 255
    assert (means - torch.tensor([0.491, 0.482, 0.447])).abs().max() < 0.03


def test_what_a_mac_adds_is_no_image_and_no_split(photographs):
    before = load(photographs)
    save(photographs / "__MACOSX" / "cats" / "00.png", (0, 0, 0))
    (photographs / "cats" / "._00.png").write_bytes(b"resource fork")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        after = load(photographs)
    assert after.classes == before.classes and len(after) == len(before)


def test_a_folder_inside_a_class_is_no_split(photographs):
    before = load(photographs)
    save(photographs / "cats" / "old" / "00.png", (0, 0, 0))
    assert len(load(photographs)) == len(before)


def test_a_link_to_nowhere_is_left_out(photographs):
    before = len(load(photographs))
    (photographs / "cats" / "zz.png").symlink_to(photographs / "gone.png")
    assert len(load(photographs)) == before


def test_a_decoder_that_fails_in_a_way_of_its_own(photographs, monkeypatch):
    def fail(image):
        raise struct.error("unpack requires a buffer of 2 bytes")

    monkeypatch.setattr(folders.ImageOps, "exif_transpose", fail)
    with pytest.raises(ValueError, match="none of the .* files in .* is a readable image"):
        load(photographs)


def test_one_class_left_is_found_before_training(photographs):
    for path in (photographs / "dogs").iterdir():
        path.write_bytes(b"damaged")
    with (
        pytest.warns(UserWarning, match="skipped"),
        pytest.raises(ValueError, match=r"show one class only \(cats\)"),
    ):
        load(photographs)
