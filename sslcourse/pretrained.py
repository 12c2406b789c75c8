"""The course's own checkpoints: trained by this repository, half precision, with a card each.

Those of the papers' authors come by `official`.

A checkpoint is two files in `sslcourse/checkpoints`: NAME.safetensors holds the weights, NAME.json
the card: what it was trained on, how and for how long, and what it scored.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor, nn

from sslcourse.budgets import Budget, budget
from sslcourse.build import build
from sslcourse.data.cache import write_whole
from sslcourse.methods import DINO, DVAE, BEiT, MoCo
from sslcourse.networks import ImageTokenizer
from sslcourse.official import official

__all__ = [
    "card",
    "checkpoint",
    "checkpoint_names",
    "find_tokenizer",
    "official",
    "save_pretrained",
    "tokenizer_for",
]

FOLDER = Path(__file__).parent / "checkpoints"
FORMAT = 1
CARD = {"sha256", "method", "network", "encoder", "arguments", "image_size"}  # what loading needs
# What a file does not hold: networks that start again from another one, and what training refills.
# Of DINO the teacher is kept, of MoCo the encoder that learns.
COPIES = {
    DINO: {"encoder": "teacher_encoder", "head": "teacher_head"},
    MoCo: {"key_encoder": "encoder", "key_head": "head"},
}
REFILLED = {BEiT: ("tokenizer.",), MoCo: ("queue", "born", "step")}


def checkpoint_names(folder: Path = FOLDER) -> list[str]:
    """Names of the checkpoints that the course brings along."""
    return sorted(path.stem for path in folder.glob("*.json"))


def card(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """What a checkpoint was trained on, how, and what it scored.

    Raises:
        FileNotFoundError: no such checkpoint.
        ValueError: a card that is damaged, or of another version of the course.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        known = ", ".join(checkpoint_names(folder)) or "none yet"
        raise FileNotFoundError(f"there is no checkpoint {name!r}; the course has: {known}.")
    repair = "restore it, or install the course again."
    try:
        about = json.loads(path.read_text())
    except ValueError as error:  # of JSON, or of the letters' coding
        raise ValueError(f"{path} is damaged; {repair}") from error
    if not isinstance(about, dict) or "format" not in about:
        raise ValueError(f"{path} is not the card of a checkpoint; {repair}")
    if about["format"] != FORMAT:
        raise ValueError(
            f"{path} has format {about['format']}, this version of the course reads {FORMAT}; "
            "update the course."
        )
    if not about.keys() >= CARD:
        missing = ", ".join(sorted(CARD - about.keys()))
        raise ValueError(f"{path} is a card without {missing}; {repair}")
    return about


def checkpoint(name: str, folder: Path = FOLDER) -> nn.Module:
    """Load one of the course's checkpoints, in evaluation mode and float32.

    Args:
        name: a method and its data, such as "mae-scenes" or "tokenizer-photographs"; see
            `checkpoint_names`.
        folder: where the files lie.

    Returns:
        The method; for a tokenizer the `ImageTokenizer`.

    Raises:
        FileNotFoundError: no such checkpoint.
        ValueError: a file that is damaged, or does not fit its card.
    """
    about = card(name, folder)
    path = folder / f"{name}.safetensors"
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != about["sha256"]:
        raise ValueError(f"{path} is missing or damaged; restore it, or install the course again.")
    tokenizer = checkpoint(about["tokenizer"], folder) if about.get("tokenizer") else None
    method = build(
        about["method"],
        budget_of(about),
        seed=0,
        image_size=about["image_size"],
        tokenizer=tokenizer,
    )
    load_weights(method, {key: value.float() for key, value in load(data).items()}, path)
    method.eval()
    return method.encoder if isinstance(method, DVAE) else method


def budget_of(about: dict[str, Any]) -> Budget:
    """The laptop budget of a card's method, with the sizes that the card names."""
    return replace(
        budget(about["method"], "laptop"),
        network=about["network"],
        encoder=about["encoder"],
        method=about["arguments"],
    )


def load_weights(method: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Put weights into a method; those of a tokenizer inside BEiT come from its own file."""
    expected = set(weights_of(method))
    if expected != set(weights):
        raise ValueError(f"{path} does not hold the weights that its card describes.")
    method.load_state_dict(weights, strict=False)
    for copy, source in COPIES.get(type(method), {}).items():
        method.get_submodule(copy).load_state_dict(method.get_submodule(source).state_dict())


def weights_of(method: nn.Module) -> dict[str, Tensor]:
    """What a checkpoint holds of a method: see `COPIES` and `REFILLED` for what it does not."""
    kind = type(method)
    copies = (f"{name}." for name in COPIES.get(kind, {}))
    left_out = (*copies, *REFILLED.get(kind, ()))
    return {
        name: value
        for name, value in method.state_dict().items()
        if not name.endswith("_extra_state") and not name.startswith(left_out)
    }


def save_pretrained(
    name: str, method: nn.Module, about: dict[str, Any], folder: Path = FOLDER
) -> None:
    """Write a method's weights in half precision, and its card.

    Args:
        name: of the two files.
        method: what was trained.
        about: the card: "method", "network", "encoder", "arguments", "image_size", "tokenizer" (its
            name, for BEiT) and whatever else a reader should know.
        folder: where they go.

    Raises:
        ValueError: weights that half precision can't hold.
    """
    weights = {
        key: value.detach().cpu().half().contiguous() for key, value in weights_of(method).items()
    }
    for key, value in weights.items():
        if not value.isfinite().all():
            raise ValueError(f"{key} of {name} does not fit into half precision.")
    data = save(weights)
    about = {"format": FORMAT, "sha256": hashlib.sha256(data).hexdigest(), **about}
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{name}.safetensors", lambda file: file.write_bytes(data))
    text = json.dumps(about, indent=2) + "\n"
    write_whole(folder / f"{name}.json", lambda file: file.write_text(text))


def tokenizer_for(data: str) -> str:
    """Which of the course's tokenizers suits some data: drawn scenes, or photographs."""
    return "tokenizer-scenes" if data == "scenes" else "tokenizer-photographs"


def find_tokenizer(name: str, folder: Path = FOLDER) -> ImageTokenizer:
    """A tokenizer by the name of a checkpoint; any other is refused with a sentence.

    Raises:
        FileNotFoundError: no such checkpoint.
        ValueError: one that is no tokenizer.
    """
    found = checkpoint(name, folder)
    if not isinstance(found, ImageTokenizer):
        raise ValueError(f"{name} is a {type(found).__name__}, not a tokenizer.")
    return found
