"""Train, measure and write the checkpoints that the course brings along.

    python -m sslcourse checkpoints --photographs FOLDER           all of them, hours on two cores
    python -m sslcourse checkpoints mae-scenes tokenizer-scenes    some of them

Each training may be stopped at any time; the same command goes on.
"""

import copy
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sslcourse.budgets import Budget, budget
from sslcourse.build import build
from sslcourse.data.images import ImageSet, load
from sslcourse.evaluate import attention_maps, object_scores, score_maps
from sslcourse.methods import DVAE
from sslcourse.networks import ImageTokenizer
from sslcourse.pretrain import fit_shown, print_training
from sslcourse.pretrained import FOLDER, checkpoint, save_pretrained, tokenizer_for
from sslcourse.scores import compare, kept_encoder, pretext_scores, print_pretext, print_table
from sslcourse.train import History, TrainConfig

PHOTOGRAPHS = "photographs"  # stands for the folder that the learner names
SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)  # of a map's mass, to choose from


@dataclass(frozen=True)
class Recipe:
    """One checkpoint: a method's laptop budget on some data, for longer.

    Attributes:
        method: see `sslcourse.build.METHODS`.
        data: "scenes" or "photographs".
        steps: of training.
        changes: arguments of the method that differ from the budget's.
    """

    method: str
    data: str
    steps: int
    changes: Mapping[str, Any] = field(default_factory=dict)


# a long training has use for a decoder that would only cost time in a short one
LARGE_DECODER = {"decoder_width": 96, "decoder_depth": 2, "decoder_heads": 3}
# a tokenizer stands before the BEiT that needs it
RECIPES = {
    "simclr-scenes": Recipe("simclr", "scenes", 3_000),
    "simclr-photographs": Recipe("simclr", PHOTOGRAPHS, 8_000),
    "moco-scenes": Recipe("moco", "scenes", 3_000),
    "moco-photographs": Recipe("moco", PHOTOGRAPHS, 8_000),
    "swav-scenes": Recipe("swav", "scenes", 3_000),
    "swav-photographs": Recipe("swav", PHOTOGRAPHS, 8_000),
    "tokenizer-scenes": Recipe("tokenizer", "scenes", 5_000),
    "tokenizer-photographs": Recipe("tokenizer", PHOTOGRAPHS, 5_000),
    "mae-scenes": Recipe("mae", "scenes", 60_000, LARGE_DECODER),
    "mae-photographs": Recipe("mae", PHOTOGRAPHS, 60_000, LARGE_DECODER),
    "beit-scenes": Recipe("beit", "scenes", 10_000),
    "beit-photographs": Recipe("beit", PHOTOGRAPHS, 10_000),
    "dino-scenes": Recipe("dino", "scenes", 10_000),
    "dino-photographs": Recipe("dino", PHOTOGRAPHS, 10_000),
}


def make_checkpoints(
    names: list[str], photographs: str | None = None, runs: Path = Path("runs/checkpoints")
) -> int:
    """Train what is named (everything by default) and write it; returns the exit code.

    Args:
        names: of `RECIPES`.
        photographs: folder of CIFAR-10 as `train/CLASS/*.jpg` and `test/CLASS/*.jpg`.
        runs: where trainings are kept, to go on from.

    Raises:
        ValueError: an unknown name, or photographs that are needed and not named.
    """
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        raise ValueError(f"unknown checkpoint {unknown[0]!r}; choose from {', '.join(RECIPES)}.")
    chosen = {name: RECIPES[name] for name in (names or RECIPES)}
    needy = [name for name, recipe in chosen.items() if recipe.data == PHOTOGRAPHS]
    if needy and photographs is None:
        raise ValueError(f"{needy[0]} needs --photographs, a folder of CIFAR-10's classes.")
    for name, recipe in chosen.items():
        data = photographs if recipe.data == PHOTOGRAPHS else recipe.data
        if not make(name, recipe, load(data, "train"), load(data, "test"), runs):
            print(f"\nStopped in {name}. The same command goes on.", file=sys.stderr)
            return 130
    return 0


def make(
    name: str,
    recipe: Recipe,
    train: ImageSet,
    test: ImageSet,
    runs: Path,
    folder: Path = FOLDER,
) -> bool:
    """Train, write and measure one checkpoint; whether the training came to its end."""
    chosen = budget(recipe.method, "laptop")
    chosen = replace(chosen, method=chosen.method | recipe.changes)
    size = train.images.shape[2]
    parts: dict[str, Any] = {}
    if recipe.method == "beit":
        parts["tokenizer"] = checkpoint(tokenizer_for(recipe.data), folder)
    method = build(recipe.method, chosen, 0, size, **parts)
    untrained = copy.deepcopy(method.encoder)
    training = replace(
        chosen.training, seconds=None, steps=recipe.steps, checkpoint=runs / f"{name}.pt"
    )
    print(f"{name}: {train}", flush=True)
    history = fit_shown(method, train, training)
    if history.interrupted:
        return False
    print_training(history)
    about = describe(recipe, chosen, train, training, history)
    save_pretrained(name, method, about, folder)
    # what is measured is what others will load
    probe = train.subset(min(chosen.probe_images, len(train)), 0)
    about |= measure(name, untrained, probe, test, folder)
    if recipe.method == "dino" and recipe.data == "scenes":
        about["measured"]["attention"] = measure_attention(name, untrained, test, folder)
    save_pretrained(name, method, about, folder)
    return True


def describe(
    recipe: Recipe, chosen: Budget, train: ImageSet, training: TrainConfig, history: History
) -> dict[str, Any]:
    """The card, but for what is measured."""
    return {
        "method": recipe.method,
        "data": f"{len(train):,} {recipe.data}, {train.images.shape[2]} pixels",
        "classes": list(train.classes),
        "network": chosen.network,
        "encoder": chosen.encoder,
        "arguments": chosen.method,
        "image_size": train.images.shape[2],
        "tokenizer": tokenizer_for(recipe.data) if recipe.method == "beit" else None,
        "views": asdict(chosen.augment),
        "training": {
            "steps": recipe.steps,
            "batch_size": training.batch_size,
            "learning_rate": training.learning_rate,
            "weight_decay": training.weight_decay,
            "betas": list(training.betas),
            "warmup": training.warmup,
            "seed": training.seed,
            "precision": history.precision,
            "hours": round(history["seconds"][-1] / 3600, 2),
            "torch": torch.__version__,
        },
    }


def measure(
    name: str, untrained: nn.Module, probe: ImageSet, test: ImageSet, folder: Path
) -> dict[str, Any]:
    """What a written checkpoint scores on test images, beside pixels and an untrained encoder."""
    method = checkpoint(name, folder)
    if isinstance(method, ImageTokenizer):
        method = DVAE(method)
    table, pretext = compare(method, untrained, probe, test), pretext_scores(method, test)
    print_table(table, probe, test)
    print_pretext(pretext)
    return {
        "measured": {
            "labels": len(probe),
            "test images": len(test),
            "linear probe": {row: round(linear, 4) for row, (linear, _) in table.items()},
            "k-NN": {row: round(neighbours, 4) for row, (_, neighbours) in table.items()},
            "its own task": {row: round(value, 5) for row, value in pretext.items()},
        }
    }


def measure_attention(
    name: str, untrained: nn.Module, test: ImageSet, folder: Path
) -> dict[str, dict[str, float]]:
    """How well maps find the objects: DINO's, an untrained encoder's, and what has seen nothing.

    Head and share of the mass are chosen on validation scenes; "mean of the heads" keeps 60 %.
    """
    encoder, validation = kept_encoder(checkpoint(name, folder)), load("scenes", "validation")
    networks = {"untrained encoder": untrained, "DINO teacher": encoder}
    found = object_scores(networks, validation, test, share=SHARES)
    mean = attention_maps(encoder, test).mean(dim=1)
    found["DINO teacher, mean of the heads"] = score_maps(mean, test.masks)
    rows = {}
    print(f"\nObjects found in {len(test):,} test images:\n{'':34}{'pointing':>10}{'overlap':>10}")
    for row, score in found.items():
        print(f"{row:34}{score.pointing:>10.1%}{score.jaccard:>10.2f}")
        rows[row] = {key: round(v, 4) for key, v in asdict(score).items() if v is not None}
    return rows
