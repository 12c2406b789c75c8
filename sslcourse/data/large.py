"""Sets that are larger than memory: pixels stay in a file, and only what is asked for is read.

The file is one of safetensors: a header, all pixels, all labels. Opened, it is mapped: the system
reads the pages that are touched, and takes them back when it needs the room.
"""

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import safetensors
import torch

from sslcourse.data.cache import write_whole
from sslcourse.data.images import ImageSet

# bytes kept free at the front: what the header says is known only when all pixels are written
HEADER = 2**16


def write_set(
    path: Path, parts: Iterable[ImageSet], notes: Mapping[str, str] | None = None
) -> None:
    """Write sets one after the other into one file; only one of them is in memory at a time.

    Images and labels are kept, masks and factors are not.

    Args:
        path: the file.
        parts: sets on the CPU with images of one size and the same classes.
        notes: texts that the file keeps, read when all parts have come.

    Raises:
        ValueError: no image, images of several sizes, or notes that are too long.
        OSError: the file could not be written.
    """
    try:
        write_whole(path, lambda file: write_parts(file, parts, {} if notes is None else notes))
    except OSError as error:
        if isinstance(error.__cause__, ValueError):  # what is wrong with a part, not with the file
            raise error.__cause__ from None
        raise


def write_parts(path: Path, parts: Iterable[ImageSet], notes: Mapping[str, str]) -> None:
    """`write_set`, into a file of its own."""
    labels, shape, checksum = [], None, 0
    with open(path, "wb") as file:
        file.seek(HEADER)
        for part in parts:
            part_shape = part.images.shape[1:]
            shape = shape or part_shape
            if part_shape != shape:
                first, now = (f"{height}x{width}" for _, height, width in (shape, part_shape))
                raise ValueError(
                    f"there are images of {first} and of {now}; pass size=64, say, to bring all "
                    "to 64x64."
                )
            pixels = part.images.contiguous().numpy()
            checksum = zlib.crc32(pixels, checksum)
            file.write(pixels)
            labels.append(part.labels)
        if not labels:
            raise ValueError("there is no image to write.")
        count = sum(map(len, labels))
        end = count * shape.numel()
        start = end + -end % 8  # labels lie where whole numbers may lie
        file.write(bytes(start - end))
        file.write(torch.cat(labels).numpy())
        tensors = {
            "images": ("U8", (count, *shape), (0, end)),
            "padding": ("U8", (start - end,), (end, start)),
            "labels": ("I64", (count,), (start, start + 8 * count)),
        }
        file.seek(0)
        file.write(header(tensors, {**notes, "checksum": f"{checksum:08x}"}))


def header(tensors: Mapping[str, tuple], notes: Mapping[str, str]) -> bytes:
    """The first `HEADER` bytes of a file of safetensors: a length, and JSON filled up with spaces.

    Args:
        tensors: {name: (kind, shape, (first byte, byte after the last))}, without gaps.
        notes: texts about the file.
    """
    named = {
        name: {"dtype": kind, "shape": shape, "data_offsets": span}
        for name, (kind, shape, span) in tensors.items()
    }
    text = json.dumps({"__metadata__": dict(notes), **named}).encode()
    if len(text) > HEADER - 8:
        raise ValueError(f"notes of {len(text):,} bytes are too long; write less than {HEADER:,}.")
    return (HEADER - 8).to_bytes(8, "little") + text.ljust(HEADER - 8)


def open_set(path: Path, classes: tuple[str, ...]) -> tuple[ImageSet, dict[str, str]]:
    """The images and labels of a file, and its notes. No pixel is read yet.

    Args:
        path: a file of `write_set`, or of safetensors with "images" and "labels".
        classes: the classes' names.

    Raises:
        safetensors.SafetensorError: a damaged file.
    """
    with safetensors.safe_open(path, "pt") as file:  # maps the file; tensors are parts of it
        notes = file.metadata() or {}
        images, labels = file.get_tensor("images"), file.get_tensor("labels")
    return ImageSet(images, labels.clone(), classes, checksum=notes.get("checksum")), notes
