"""A learner's own photographs: a folder of class folders, read once into one tensor."""

import hashlib
import json
import os
import random
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from PIL import Image, ImageOps
from torch import Tensor

from sslcourse.console import ProgressLine
from sslcourse.data.cache import cache_folder, write_whole
from sslcourse.data.images import ImageSet
from sslcourse.data.large import open_set, write_set

SPLITS = ("train", "validation", "test")
ENDINGS = {".jpg", ".jpeg", ".png"}
WORTH_CACHING = 2.0  # seconds of reading
PART = 512  # photographs that are in memory at a time where a set is lazy


def load_folder(
    folder: Path,
    split: str,
    size: int | None,
    limit: int | None,
    seed: int,
    *,
    lazy: bool = False,
) -> ImageSet:
    """Read `folder/split/class/*` (or `folder/class/*`), see `sslcourse.data.load`.

    Files that are no image are named in a warning and left out.

    Raises:
        FileNotFoundError: no such split, or no image in it.
        ValueError: one class only, nothing readable, or images of different sizes without `size`.
    """
    classes, files = list_images(folder, split)
    if limit is not None and limit < len(files):
        files = sorted(random.Random(seed).sample(files, limit))
    stored = cache_folder() / "folders" / f"{fingerprint(folder, files, size)}.safetensors"
    where = f"{folder} for {split!r}"
    if stored.is_file():
        try:
            return open_cached(stored, classes, where)
        except safetensors.SafetensorError:
            stored.unlink()  # a damaged cache is read anew
    if lazy:
        write_photographs(stored, classes, files, size, folder)
        return open_cached(stored, classes, where)

    started = time.monotonic()
    images, readable = read_images([path for path, _ in files], size, folder)
    labels = torch.tensor([label for _, label in files])[readable]
    check_classes(labels, classes, where)
    # a set with unreadable files is not cached, so that they are named every time
    if time.monotonic() - started > WORTH_CACHING and len(readable) == len(files):
        tensors = {"images": images, "labels": labels}
        try:
            write_whole(stored, lambda path: safetensors.torch.save_file(tensors, path))
        except OSError as error:
            warnings.warn(f"reading goes on without a cache: {error}", stacklevel=2)
    return ImageSet(images, labels, classes)


def list_images(folder: Path, split: str) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """The classes of a folder and (file, label) of each image in one split, in a fixed order."""
    try:
        layout = {entry.name: class_folders(entry) for entry in sub_folders(folder)}
        splits = {name: classes for name, classes in layout.items() if classes}
        if splits and (splits.keys() & {split, *SPLITS} or not class_folders(folder)):
            if split not in splits:
                raise FileNotFoundError(
                    f"{folder} has no split {split!r}; it has {', '.join(splits)}."
                )
            # labels count over the classes of all splits, so they mean the same in each
            names = sorted({path.name for classes in splits.values() for path in classes})
            files = [
                (path, names.index(group.name))
                for group in splits[split]
                for path in image_files(group)
            ]
        else:
            names = sorted(path.name for path in class_folders(folder))
            if split not in ("train", "test"):
                raise FileNotFoundError(f"{folder} has no split {split!r}; use train or test.")
            files = [
                (path, label)
                for label, name in enumerate(names)
                for position, path in enumerate(image_files(folder / name))
                if (position % 5 == 4) == (split == "test")
            ]
    except PermissionError as error:
        raise FileNotFoundError(
            f"{error.filename} may not be read; change its permissions or choose another folder."
        ) from error
    if not files:
        raise FileNotFoundError(
            f"{folder} holds no images for {split!r}; expected {split}/CLASS/*.jpg or *.png, "
            "or CLASS/*.jpg with at least five images a class."
        )
    if len(names) < 2:
        raise ValueError(
            f"{folder} holds one class only ({names[0]}); a probe needs at least two class folders."
        )
    return tuple(names), files


def sub_folders(folder: Path) -> list[Path]:
    """Folders inside, without hidden ones and what a Mac's zip files add."""
    inside = (p for p in folder.iterdir() if p.is_dir())
    return sorted(p for p in inside if not p.name.startswith(".") and p.name != "__MACOSX")


def image_files(folder: Path) -> list[Path]:
    named = (p for p in folder.iterdir() if p.suffix.lower() in ENDINGS)
    return sorted(p for p in named if not p.name.startswith(".") and p.is_file())


def class_folders(folder: Path) -> list[Path]:
    return [path for path in sub_folders(folder) if image_files(path)]


def fingerprint(folder: Path, files: list[tuple[Path, int]], size: int | None) -> str:
    """Changes whenever a file is added, removed, renamed or rewritten."""
    digest = hashlib.sha256(json.dumps([str(folder.resolve()), size]).encode())
    for path, label in files:
        status = os.stat(path)
        digest.update(os.fsencode(path.relative_to(folder)))
        digest.update(f" {label} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


def read_image(path: Path, size: int | None) -> np.ndarray | None:
    """One photograph as uint8 (H, W, 3), or None where the file is no readable image."""
    try:
        with Image.open(path) as image:
            if image.mode.startswith("I"):  # 16 bits; convert() would clip them to white
                image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
            image = ImageOps.exif_transpose(image).convert("RGB")
            if size is not None:
                image = ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR)
            return np.array(image)
    except Exception:  # Pillow's decoders fail in every way there is: struct.error, IndexError, …
        return None


def decode(paths: list[Path], size: int | None) -> Iterator[np.ndarray | None]:
    """`read_image` of many files, in their order; at most `PART` wait until they are taken."""
    line = ProgressLine(f"reading {len(paths):,} photographs")
    try:
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(paths), PART):
                part = paths[start : start + PART]
                read = pool.map(lambda path: read_image(path, size), part)
                for number, array in enumerate(read, start + 1):
                    yield array
                    line.show(number / len(paths))
    finally:
        line.close()


def stack(arrays: list[np.ndarray], folder: Path) -> Tensor:
    """Photographs of one size as uint8 (N, 3, H, W)."""
    shapes = {array.shape[:2] for array in arrays}
    if len(shapes) > 1:
        (h1, w1), (h2, w2) = sorted(shapes)[:: len(shapes) - 1]
        raise ValueError(
            f"the images in {folder} differ in size (from {h1}x{w1} to {h2}x{w2}); "
            "pass size=64, say, to bring all to 64x64."
        )
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous()


def name_skipped(skipped: list[Path], paths: list[Path], folder: Path) -> str:
    """Say which of the files are no images; "" where all are.

    Raises:
        ValueError: none of them is one.
    """
    if len(skipped) == len(paths):
        raise ValueError(f"none of the {len(paths)} files in {folder} is a readable image.")
    if not skipped:
        return ""
    named = ", ".join(str(path.relative_to(folder)) for path in skipped[:3])
    more = ", …" if len(skipped) > 3 else ""
    return f"skipped {len(skipped)} of {len(paths)} files that are no readable image: {named}{more}"


def check_classes(labels: Tensor, classes: tuple[str, ...], where: str) -> None:
    """Refuse many images of one class, which no probe can learn from."""
    if len(labels) > len(classes) and len(labels.unique()) < 2:
        raise ValueError(
            f"the {len(labels)} images of {where} show one class only "
            f"({classes[labels[0]]}); a probe needs at least two."
        )


def read_images(paths: list[Path], size: int | None, folder: Path) -> tuple[Tensor, list[int]]:
    """Read many files: uint8 (N, 3, H, W), and the positions of those that could be read."""
    arrays = list(decode(paths, size))
    readable = [position for position, array in enumerate(arrays) if array is not None]
    skipped = [path for path, array in zip(paths, arrays, strict=True) if array is None]
    if told := name_skipped(skipped, paths, folder):
        warnings.warn(told, stacklevel=3)
    return stack([arrays[position] for position in readable], folder), readable


def write_photographs(
    stored: Path,
    classes: tuple[str, ...],
    files: list[tuple[Path, int]],
    size: int | None,
    folder: Path,
) -> None:
    """Read many files into one, with a part of the images in memory at a time."""
    paths, skipped, notes = [path for path, _ in files], [], {}

    def parts() -> Iterator[ImageSet]:
        arrays = decode(paths, size)
        for start in range(0, len(files), PART):
            read = list(zip(files[start : start + PART], arrays, strict=False))
            skipped.extend(path for (path, _), array in read if array is None)
            kept = [(array, label) for (_, label), array in read if array is not None]
            if kept:
                labels = torch.tensor([label for _, label in kept])
                yield ImageSet(stack([array for array, _ in kept], folder), labels, classes)
        notes["skipped"] = name_skipped(skipped, paths, folder)

    write_set(stored, parts(), notes)


def open_cached(stored: Path, classes: tuple[str, ...], where: str) -> ImageSet:
    """What was read before; files that were no images are named again."""
    images, notes = open_set(stored, classes)
    if notes.get("skipped"):
        warnings.warn(notes["skipped"], stacklevel=4)
    check_classes(images.labels, classes, where)
    return images
