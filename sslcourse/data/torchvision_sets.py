"""CIFAR-10 and STL-10 through torchvision: its download, its checksums, our one-line errors."""

import errno
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sslcourse.data.cache import cache_folder
from sslcourse.data.images import ImageSet
from sslcourse.data.operations import resample

SPLITS = {"cifar10": ("train", "test"), "stl10": ("train", "test", "unlabeled")}


def load_torchvision(
    name: str,
    split: str,
    size: int | None,
    limit: int | None,
    seed: int,
    root: str | Path | None,
    download: bool,
) -> ImageSet:
    """Read one of torchvision's sets, see `sslcourse.data.load`.

    Raises:
        ValueError: an unknown split.
        FileNotFoundError: the set is missing and `download` is False.
        ConnectionError: the download failed.
    """
    if split not in SPLITS[name]:
        raise ValueError(f"{name} has no split {split!r}; it has {', '.join(SPLITS[name])}.")
    root = Path(root) if root is not None else cache_folder()
    try:
        dataset = open_set(name, split, root)
    except RuntimeError as missing:  # torchvision's word for "not found or corrupted"
        if not download:
            raise FileNotFoundError(
                f"{name} is not in {root}; allow the download, point root at a folder that "
                'holds it, or use load("scenes"), which needs none.'
            ) from missing
        fetch(name, split, root)
        dataset = open_set(name, split, root)
    labels = dataset.targets if name == "cifar10" else dataset.labels
    images = torch.from_numpy(np.asarray(dataset.data))
    if images.shape[-1] == 3:
        images = images.permute(0, 3, 1, 2)  # cifar10 is stored as (N, H, W, 3)
    labels = torch.as_tensor(np.asarray(labels)).long()
    whole = ImageSet(images.contiguous(), labels, tuple(dataset.classes))
    if limit is not None:
        whole = whole.subset(min(limit, len(whole)), seed)
    if size is not None and images.shape[-1] != size:
        whole = replace(whole, images=resize(whole.images, size))
    return whole


def open_set(name: str, split: str, root: Path, download: bool = False):
    """torchvision's own data set object; it checks the files' checksums before reading them."""
    import torchvision

    if name == "cifar10":
        return torchvision.datasets.CIFAR10(root, train=split == "train", download=download)
    return torchvision.datasets.STL10(root, split=split, download=download)


def fetch(name: str, split: str, root: Path) -> None:
    """Download into a folder of its own, then move what is whole into `root`."""
    is_new = not root.exists()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=f".{name}-") as folder:
            open_set(name, split, Path(folder), download=True)
            for entry in Path(folder).iterdir():
                if entry.is_dir():
                    shutil.rmtree(root / entry.name, ignore_errors=True)  # it was damaged
                    entry.rename(root / entry.name)
    except (
        OSError,
        RuntimeError,
    ) as error:  # URLError is an OSError; a bad checksum a RuntimeError
        if is_new and root.is_dir() and not any(root.iterdir()):
            root.rmdir()
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise OSError(
                f"the disk is full; free some space at {root}, then try again."
            ) from error
        raise ConnectionError(
            f"{name} could not be downloaded ({error}). Without a network use "
            'load("scenes"), or point root at a folder that already holds the set.'
        ) from error


def resize(images: Tensor, size: int) -> Tensor:
    """uint8 (N, 3, H, W) -> uint8 (N, 3, size, size), in parts, with anti-aliasing."""
    parts = [resample(part.float(), size=size) for part in images.split(1_000)]
    return torch.cat([part.round().clamp(0, 255).to(torch.uint8) for part in parts])
