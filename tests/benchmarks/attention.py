"""Where a transformer's attention goes during DINO's training, and how its recipe came about.

    python tests/benchmarks/attention.py try 1500 learning_rate=1e-3 augment.jitter=0.2
    python tests/benchmarks/attention.py worlds 1500
    python tests/benchmarks/attention.py labels 2000

All look now and then at training images that were set aside: nearest neighbours, and how well the
best head finds the objects. Heads and the share of the mass are chosen on other images than those
that are scored. `try` trains with some settings changed; `variant="own"` is another world of
scenes. `worlds` trains the recipe as it is, in a world where each image has a background of its
own, without small crops, and in both worlds with views that are never grey, with three seeds, for
lesson 8. `labels` trains the recipe's network with labels, with three seeds, for lesson 11. Both
write rows to where the lessons read them; trainings whose last row the file has are left out, so
that they may be stopped and called again.
"""

import ast
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from masked import changed_budget
from torch import nn

from sslcourse.budgets import Budget, budget
from sslcourse.build import build
from sslcourse.data import load
from sslcourse.data.images import ImageSet
from sslcourse.evaluate import Split, extract_features, fine_tune, frozen_scores, knn_accuracy
from sslcourse.evaluate.attention import attention_maps
from sslcourse.evaluate.objects import best_head, best_head_and_share, score_maps
from sslcourse.evaluate.protocol import split_images
from sslcourse.hardware import describe_device, keep_freed_memory
from sslcourse.make_checkpoints import SHARES
from sslcourse.results import FOLDER, Results, Rows
from sslcourse.scores import kept_encoder
from sslcourse.train import History, fit

EVERY = 250  # steps
SEEDS = (0, 1, 2)
COLOURED = {"augment.grayscale": 0.0, "small.grayscale": 0.0}
TRAININGS = {
    "as it is": {},
    "own backgrounds": {"variant": "own"},
    "no small crops": {"small_views": 0},
    "in colour": COLOURED,
    "own backgrounds, in colour": COLOURED | {"variant": "own"},
}


def find_objects(encoder: nn.Module, choose: ImageSet, test: ImageSet) -> dict[str, float]:
    """Pointing accuracy and overlap of the best head and of the mean of all, in the last block.

    The best head's overlap is told for each block, too.
    """
    blocks = {}
    for block in range(len(encoder.blocks)):
        seen, maps = (attention_maps(encoder, part, block=block) for part in (choose, test))
        head, share = best_head_and_share(seen, choose.masks, SHARES)
        chosen = score_maps(maps[:, head], test.masks, share)
        blocks[f"jaccard, block {block}"] = chosen.jaccard
    usual = best_head(seen, choose.masks)
    mean = score_maps(maps.mean(dim=1), test.masks)
    return {
        "pointing": chosen.pointing,
        "jaccard, 60 %": score_maps(maps[:, usual], test.masks).jaccard,
        "jaccard, chosen": chosen.jaccard,
        "share": share,
        "pointing, mean": mean.pointing,
        "jaccard, mean, 60 %": mean.jaccard,
        **blocks,
    }


def neighbours(encoder: nn.Module, known: ImageSet, test: ImageSet) -> float:
    """k-NN of the class, from 4,000 labelled images."""
    h = [extract_features(encoder, part) for part in (known, test)]
    return knn_accuracy(h[0], known.labels, h[1], test.labels)


def world(variant: str) -> Split:
    """Scenes of one variant, split as always."""
    return split_images(*(load("scenes", part, variant=variant) for part in ("train", "test")))


def prepare(changes: Mapping[str, Any]) -> tuple[Budget, Split]:
    """The recipe with some settings changed, and the world to train it in."""
    changes = dict(changes)
    images = world(changes.pop("variant", "shared"))
    return changed_budget("dino", changes), images


def watch(
    chosen: Budget,
    images: Split,
    steps: int,
    seed: int,
    tell: Callable[[int, dict[str, float]], None],
) -> nn.Module:
    """Train, and tell every so many steps how far it is; returns the encoder to keep."""
    known, choose, test = images.learn[:4_000], images.choose[:1_000], images.choose[1_000:]
    method = build("dino", chosen, seed)

    def on_step(step: int, history: History | None) -> None:
        if step % EVERY == 0:
            encoder = kept_encoder(method)
            scores = find_objects(encoder, choose, test)
            scores |= {"k-NN": neighbours(encoder, known, test)}
            if history is not None:
                names = ("loss", "teacher_entropy", "kl", "kl_uniform")
                scores |= {name: history[name][-1] for name in names}
            tell(step, scores)

    on_step(0, None)
    training = replace(chosen.training, seconds=None, steps=steps, seed=seed)
    fit(method, images.learn, training, on_step=on_step)
    return kept_encoder(method)


def show(step: int, scores: dict[str, float]) -> None:
    """One line."""
    print(f"{step:6}", "  ".join(f"{k} {v:.3g}" for k, v in scores.items()), flush=True)


def try_out(steps: str, *settings: str) -> None:
    """One training with some settings changed."""
    print("; ".join(settings), flush=True)
    pairs = (setting.split("=", 1) for setting in settings)
    chosen, images = prepare({key: ast.literal_eval(value) for key, value in pairs})
    encoder = watch(chosen, images, int(steps), 0, show)
    scored = replace(images, train=images.learn, test=images.choose)
    print({name: round(value, 3) for name, value in frozen_scores(encoder, scored).items()})


def trace(name: str, steps: int, seed: int) -> Rows:
    """The rows of one training."""
    rows: Rows = {}

    def tell(step: int, scores: dict[str, float]) -> None:
        rows[f"{name}, step {step}, seed {seed}"] = scores
        show(step, scores)

    watch(*prepare(TRAININGS[name]), steps, seed, tell)
    return rows


def compare_worlds(steps: str) -> None:
    """The recipe in two worlds, and with small crops, for lesson 8."""
    results = Results(FOLDER / "attention-worlds.json", {"steps": int(steps)})
    for seed in SEEDS:
        for name in TRAININGS:
            if f"{name}, step {steps}, seed {seed}" not in results.rows:
                print(name, "seed", seed, flush=True)
                for row, scores in trace(name, int(steps), seed).items():
                    results.add(row, scores)


def train_with_labels(steps: str) -> None:
    """The recipe's network, trained with the labels of all scenes instead, for lesson 11."""
    results = Results(FOLDER / "attention-labels.json", {"steps": int(steps)})
    images = world("shared")
    choose, test = images.choose[:1_000], images.choose[1_000:]
    for seed in SEEDS:
        if f"with labels, seed {seed}" not in results.rows:
            untrained = build("dino", budget("dino", "laptop"), seed).encoder
            tuned = fine_tune(
                untrained, images.learn, test, steps=int(steps), precision="bfloat16", seed=seed
            )
            scores = {"accuracy": tuned.accuracy} | find_objects(tuned.encoder, choose, test)
            print(seed, results.add(f"with labels, seed {seed}", scores), flush=True)


def main(what: str, *arguments: str) -> None:
    print(describe_device(torch.device("cpu")), flush=True)
    keep_freed_memory()
    commands = {
        "try": try_out,
        "worlds": compare_worlds,
        "labels": train_with_labels,
    }
    commands[what](*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
