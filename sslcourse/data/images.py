"""Images as one uint8 tensor: `ImageSet`, and `load`, which makes one from a name or a folder.

An epoch reads no file: all images lie in memory (or on the GPU) and are augmented there. Where they
are too many for that, `load(folder, lazy=True)` leaves them in a file.
"""

import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

NAMES = ("scenes", "cifar10", "stl10")


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A set of labelled images.

    Attributes:
        images: uint8 (N, 3, H, W).
        labels: int64 (N,), each an index into `classes`; -1 where there is no label.
        classes: the classes' names.
        masks: optional bool (N, H, W), True on the object.
        factors: optional ground truth {name: (N,)}: indices or measures.
        checksum: of all pixels, where it is known already; see `fingerprint`.

    Raises:
        ValueError: when shapes, types or label values do not fit together.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    masks: Tensor | None = None
    factors: dict[str, Tensor] | None = None
    checksum: str | None = None

    def __post_init__(self) -> None:
        for name in ("images", "labels"):
            value = getattr(self, name)
            if not isinstance(value, Tensor):
                raise ValueError(
                    f"{name} must be a torch.Tensor, got {type(value).__name__}; convert it with "
                    "torch.as_tensor."
                )
        shape, count = tuple(self.images.shape), len(self.labels)
        if self.images.dtype != torch.uint8 or len(shape) != 4 or shape[1] != 3:
            raise ValueError(
                f"images must be uint8 (N, 3, H, W), got {self.images.dtype} {shape}. "
                "Scale floats in [0, 1] by 255 and call .to(torch.uint8)."
            )
        if self.labels.dtype != torch.int64 or self.labels.ndim != 1:
            raise ValueError(
                f"labels must be int64 (N,), got {self.labels.dtype} {tuple(self.labels.shape)}."
            )
        if shape[0] != count:
            raise ValueError(f"{shape[0]} images but {count} labels; there must be one label each.")
        if count and not -1 <= int(self.labels.min()) <= int(self.labels.max()) < len(self.classes):
            raise ValueError(
                f"labels run from {int(self.labels.min())} to {int(self.labels.max())}, but must "
                f"be indices of the {len(self.classes)} classes (or -1 for no label)."
            )
        if self.masks is not None and (
            self.masks.dtype != torch.bool or self.masks.shape != (count, *shape[2:])
        ):
            raise ValueError(
                f"masks must be bool {(count, *shape[2:])}, got {self.masks.dtype} "
                f"{tuple(self.masks.shape)}."
            )
        for name, values in (self.factors or {}).items():
            if len(values) != count:
                raise ValueError(f"factor {name!r} has {len(values)} values for {count} images.")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index):
        """`set[7]` is (image, label); `set[:100]` and `set[indices]` are smaller sets."""
        if getattr(index, "ndim", None) == 0:  # a number in a tensor or an array
            index = int(index)
        if isinstance(index, int):
            return self.images[index], int(self.labels[index])
        return replace(
            self,
            images=self.images[index],
            labels=self.labels[index],
            masks=None if self.masks is None else self.masks[index],
            factors=self.factors and {name: f[index] for name, f in self.factors.items()},
            checksum=None,
        )

    def __repr__(self) -> str:
        height, width = self.images.shape[2:]
        extras = [f"{len(self.classes)} classes"]
        extras += ["masks"] if self.masks is not None else []
        extras += [f"factors {', '.join(self.factors)}"] if self.factors else []
        return f"ImageSet({len(self):,} images of {height}x{width}, {', '.join(extras)})"

    @property
    def device(self) -> torch.device:
        return self.images.device

    def to(self, device: torch.device | str) -> "ImageSet":
        """The same set on another device."""
        return replace(
            self,
            images=self.images.to(device),
            labels=self.labels.to(device),
            masks=None if self.masks is None else self.masks.to(device),
            factors=self.factors and {name: f.to(device) for name, f in self.factors.items()},
        )

    def fingerprint(self) -> str:
        """Eight hexadecimal digits that tell other images, or another order, apart.

        A check sum of all pixels; labels do not count.
        """
        return self.checksum or f"{zlib.crc32(self.images.cpu().contiguous().numpy()):08x}"

    def subset(self, n: int, seed: int = 0) -> "ImageSet":
        """`n` images drawn without replacement; the same seed draws the same ones."""
        return self.split(n, seed)[0]

    def split(self, n: int, seed: int = 0) -> tuple["ImageSet", "ImageSet"]:
        """Two sets that share no image: `n` drawn at random, and the rest.

        Raises:
            ValueError: when `n` is not between 1 and the number of images.
        """
        if not 1 <= n <= len(self):
            raise ValueError(f"cannot draw {n} images from {len(self)}; choose 1 to {len(self)}.")
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        order = order.to(self.device)
        return self[order[:n]], self[order[n:]]


def load(
    name_or_folder: str | Path,
    split: str = "train",
    *,
    size: int | None = None,
    limit: int | None = None,
    seed: int = 0,
    variant: str | None = None,
    root: str | Path | None = None,
    download: bool = True,
    lazy: bool = False,
) -> ImageSet:
    """Load images by name, or from a folder, as one `ImageSet`.

    Args:
        name_or_folder: "scenes", "cifar10" or "stl10", or a folder that holds
            `split/class/*.jpg|png`. Where it holds class folders only, every fifth image of a
            class is the test split and the others are the training split.
        split: "train" or "test"; scenes has "validation" and stl10 "unlabeled" too.
        size: height and width in pixels. Photographs are resized (shorter side) and cut to the
            centre square. By default scenes are 32x32 and photographs stay as they are.
        limit: keep this many images, drawn at random with `seed`.
        seed: draws the scenes, and the `limit` images of the other sets.
        variant: another world of scenes, see `sslcourse.data.scenes.VARIANTS`.
        root: where torchvision's sets lie or are downloaded to; by default the cache folder.
        download: whether torchvision may download a set that is missing.
        lazy: for folders that are too large for memory: the images go into a file of the cache
            folder, one after the other, and stay there; what is asked for is read. Training moves
            them batch by batch, see `device` of `sslcourse.train.fit`.

    Returns:
        The images on the CPU; `.to(device)` moves them.

    Raises:
        ValueError: an unknown name, split or variant, or images that do not fit together.
        FileNotFoundError: a folder that does not exist or holds no readable image.
        ConnectionError: a download that failed.
    """
    from sslcourse.data import folders, scenes, torchvision_sets

    for argument, value in (("size", size), ("limit", limit)):
        if value is not None and value < 1:
            raise ValueError(f"{argument} must be at least 1, got {value}.")
    if lazy and name_or_folder in NAMES:
        raise ValueError(f"{name_or_folder} fits into memory; only folders can be lazy.")
    if name_or_folder == "scenes":
        return scenes.draw_scenes(
            split, size=size or 32, limit=limit, seed=seed, variant=variant or "shared"
        )
    if variant is not None:
        raise ValueError(f"only scenes have variants; drop variant={variant!r}.")
    if name_or_folder in NAMES:
        return torchvision_sets.load_torchvision(
            name_or_folder, split, size, limit, seed, root, download
        )
    folder = Path(name_or_folder).expanduser()
    if folder.is_dir():
        return folders.load_folder(folder, split, size, limit, seed, lazy=lazy)
    if isinstance(name_or_folder, Path) or "/" in name_or_folder or "\\" in name_or_folder:
        raise FileNotFoundError(
            f"there is no folder {str(name_or_folder)!r}; give a folder of class folders, "
            f"or one of the names {', '.join(NAMES)}."
        )
    raise ValueError(
        f"unknown data {name_or_folder!r}; use {', '.join(NAMES)}, or the path of a folder "
        "that holds split/class/*.jpg."
    )
