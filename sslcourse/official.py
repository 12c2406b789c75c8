"""The weights that the authors of DINO and MAE have published, in our `VisionTransformer`.

Weights and networks belong to their authors: DINO's are under the Apache licence 2.0, MAE's under
CC BY-NC 4.0. Nothing of them is part of this course; they are downloaded when they are asked for.

Each file is recognised by the start of its MD5 sum. MAE's stands in the README of the authors'
repository (facebookresearch/mae). DINO's authors name none; those here are the records of the
open-metric-learning project for the same addresses.
"""

import hashlib
import http.client
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

from sslcourse.console import ProgressLine
from sslcourse.data.cache import cache_folder, write_whole
from sslcourse.networks.vit import VisionTransformer
from sslcourse.train.checkpoint import first_difference

PIECE = 1 << 20  # bytes that are read at once
PATIENCE = 30.0  # seconds without a byte before a download is given up


@dataclass(frozen=True)
class Weights:
    """One published file.

    Attributes:
        url: where it lies.
        md5: first digits of its MD5 sum.
        sizes: patch size, width, depth and heads of the network.
        key: where in the file the weights are; None when they are all that it holds.
    """

    url: str
    md5: str
    sizes: tuple[int, int, int, int]
    key: str | None = None


HOST = "https://dl.fbaipublicfiles.com"
OFFICIAL = {
    "dino_vits16": Weights(
        f"{HOST}/dino/dino_deitsmall16_pretrain/dino_deitsmall16_pretrain.pth",
        "cf0f22",
        (16, 384, 12, 6),
    ),
    "dino_vits8": Weights(
        f"{HOST}/dino/dino_deitsmall8_pretrain/dino_deitsmall8_pretrain.pth",
        "230cd5",
        (8, 384, 12, 6),
    ),
    "dino_vitb16": Weights(
        f"{HOST}/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth",
        "552daf",
        (16, 768, 12, 12),
    ),
    "mae_vitb16": Weights(
        f"{HOST}/mae/pretrain/mae_pretrain_vit_base.pth", "8cad7c", (16, 768, 12, 12), "model"
    ),
}
# their names for the parts of a transformer, and ours
NAMES = {
    "cls_token": "class_token",
    "pos_embed": "positions",
    "patch_embed.proj.": "embedding.",
    ".attn.": ".attention.",
    ".mlp.fc1.": ".mlp.0.",
    ".mlp.fc2.": ".mlp.2.",
}


def official(name: str, folder: str | Path | None = None) -> VisionTransformer:
    """Published weights, downloaded once (85 to 350 MB) and kept.

    The network takes normalised RGB images of 224 pixels and of any other size that its patches
    fill. It stands for an image by its class token.

    Args:
        name: "dino_vits16", "dino_vits8", "dino_vitb16" or "mae_vitb16".
        folder: where the file is kept; by default the cache folder, see `SSLCOURSE_CACHE`.

    Returns:
        The network, in evaluation mode and float32.

    Raises:
        ValueError: an unknown name, or a file that is damaged or holds something else.
        ConnectionError: the download failed, or what came is not the published file.
        OSError: the file could not be written.
    """
    if name not in OFFICIAL:
        raise ValueError(f"unknown weights {name!r}; choose one of {', '.join(OFFICIAL)}.")
    source = OFFICIAL[name]
    folder = Path(folder) if folder is not None else cache_folder() / "official"
    path = folder / source.url.rsplit("/", 1)[1]
    if not path.is_file():
        write_whole(path, lambda file: download(name, source, path, file))
    with open(path, "rb") as file:
        if not hashlib.file_digest(file, fingerprint).hexdigest().startswith(source.md5):
            raise ValueError(f"{path} is damaged; delete it, and the next call downloads it again.")
    patch_size, width, depth, heads = source.sizes
    network = VisionTransformer(
        224, patch_size, width, depth, heads, positions="learned", pool="class"
    )
    load_official(network, read_weights(path, source.key), path)
    return network.eval()


def fingerprint():
    """An MD5 sum: it tells files apart, and is no guard against a forger."""
    return hashlib.md5(usedforsecurity=False)


def download(name: str, source: Weights, path: Path, file: Path) -> None:
    """Write to `file` what belongs to `path`, and say how far it is.

    Raises:
        ConnectionError: no network, an end too early, or another file than the published one.
    """
    digest, line = fingerprint(), ProgressLine(f"downloading {name}")
    try:
        with open(file, "wb") as output:
            for piece, done, total in pieces(source.url, path):
                digest.update(piece)
                output.write(piece)
                line.show(done / total, f"{done / 1e6:.0f} of {total / 1e6:.0f} MB")
    finally:
        line.close()
    if not digest.hexdigest().startswith(source.md5):
        raise ConnectionError(
            f"what came from {source.url} is not the published file: its MD5 sum starts with "
            f"{digest.hexdigest()[:6]}, not {source.md5}. Nothing was kept; try again, perhaps "
            "from another network."
        )


def pieces(url: str, path: Path) -> Iterator[tuple[bytes, int, int]]:
    """A file's bytes piece by piece, with how many have come and how many there are."""
    done = total = 0
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            while piece := answer.read(PIECE):
                done += len(piece)
                yield piece, done, max(total, done)
        if done < total:
            raise ConnectionError(f"it ended after {done:,} of {total:,} bytes")
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        raise ConnectionError(
            f"{url} could not be downloaded ({error}). Without a network, bring the file here as "
            f"{path}, or use the course's own checkpoints."
        ) from error


def read_weights(path: Path, key: str | None) -> dict[str, Tensor]:
    """The tensors of a published file, read without running any code that it may hold."""
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
        return dict(held if key is None else held[key])
    # torch reports a file that it can't read, or won't, as one of many kinds
    except Exception as error:
        raise ValueError(f"{path} holds no weights that can be read without code.") from error


def load_official(network: VisionTransformer, weights: dict[str, Tensor], path: Path) -> None:
    """Put published weights into a network of ours: only names change, no value does.

    Raises:
        ValueError: weights that are missing, too many, or of another shape.
    """
    ours = {}
    for name, value in weights.items():
        for their_part, our_part in NAMES.items():
            name = name.replace(their_part, our_part)
        if name == "embedding.weight" and value.ndim == 4:
            # a convolution over whole patches is a linear layer on their pixels
            value = rearrange(value, "d c rows columns -> d (rows columns c)")
        ours[name] = value
    difference = first_difference(network.state_dict(), ours)
    if difference:
        raise ValueError(f"{path} does not hold the weights that were expected: {difference}.")
    network.load_state_dict(ours)
