"""Results of trainings that are too long for a lesson, written to where lessons read them.

    python tests/benchmarks/measure.py tuning scenes simclr=FILE
    python tests/benchmarks/measure.py tuning FOLDER simclr=FILE
    python tests/benchmarks/measure.py ratios
    python tests/benchmarks/measure.py targets

`tuning` takes the checkpoints that the course brings along and compares them with pixels, with
untrained encoders and with SimCLR, from the file that `pretrain simclr --seconds 600` saves: frozen
and fine-tuned, with 10, 100 and all labels of each class, on test images. Every learning rate is
chosen on validation images. `ratios` trains MAE on scenes with four mask ratios, `targets` BEiT
with blocks, with single patches, and on codes that are chosen from a patch alone; both are tested
on held-out training images, with three seeds.

Rows that a file already has are kept, so each command may be stopped and called again.
"""

import json
import sys

import torch
from masked import RATIOS, Split, changed_budget, frozen_scores, split, try_out
from torch import nn

from sslcourse.budgets import budget
from sslcourse.build import build
from sslcourse.data.cache import write_whole
from sslcourse.data.images import ImageSet
from sslcourse.evaluate import extract_features, fine_tune, linear_probe, pixels
from sslcourse.evaluate.fine_tune import few_labels
from sslcourse.hardware import keep_freed_memory
from sslcourse.pretrained import checkpoint
from sslcourse.teach.measured import FOLDER, measured
from sslcourse.train import load_checkpoint

RATES = (3e-4, 1e-3, 3e-3)
STEPS = {10: 200, 100: 400, None: 1_000}  # of fine-tuning, for labels of each class
SEEDS = (0, 1, 2)
# how wide the tokenizer looks when it chooses a code, and whether blocks are hidden
TARGETS = {"blocks": (3, True), "single": (3, False), "alone": (1, True)}


class Results:
    """A file of rows that grows."""

    def __init__(self, name: str) -> None:
        self.path = FOLDER / f"{name}.json"
        self.rows = measured(name) if self.path.is_file() else {}

    def add(self, row: str, scores: dict[str, float]) -> None:
        self.rows[row] = {name: round(value, 4) for name, value in scores.items()}
        print(f"{row}: {self.rows[row]}", flush=True)
        text = json.dumps({"torch": torch.__version__, "rows": self.rows}, indent=2) + "\n"
        FOLDER.mkdir(exist_ok=True)
        write_whole(self.path, lambda file: file.write_text(text))


def probe_few(encoder: nn.Module | None, images: Split, labels: int) -> float:
    """Linear probe of frozen features, with the very labels that fine-tuning gets."""
    few = images.train[few_labels(images.train.labels, labels)]
    both = (few, images.test)
    h = [extract_features(encoder, part) if encoder else pixels(part) for part in both]
    return linear_probe(h[0], few.labels, h[1], images.test.labels).accuracy


def tuned_scores(encoder: nn.Module, images: Split) -> dict[str, float]:
    """Fine-tuning with few and with all labels.

    The rate is the one that does best on validation images; with all labels that takes long, so
    there it is the rate for 100.
    """

    def tuned(learn: ImageSet, test: ImageSet, labels: int | None, rate: float) -> float:
        shared = {"labels_per_class": labels, "steps": STEPS[labels], "learning_rate": rate}
        # half the time
        return fine_tune(encoder, learn, test, precision="bfloat16", **shared).accuracy

    found, rate = {}, RATES[0]
    for labels in STEPS:
        if labels is not None:
            on_held_out = {r: tuned(images.learn, images.choose, labels, r) for r in RATES}
            rate = max(on_held_out, key=on_held_out.get)
        found[f"tuned, {labels or 'all'}"] = tuned(images.train, images.test, labels, rate)
    return found


def measure_tuning(data: str, *files: str) -> None:
    """Every row of the comparison, as it comes."""
    images, label = split(data), "scenes" if data == "scenes" else "photographs"
    results = Results(f"tuning-{label}")
    encoders: dict[str, nn.Module | None] = {"pixels": None}
    encoders["untrained transformer"] = build("mae", budget("mae", "laptop"), seed=0).encoder
    for method in ("mae", "beit"):
        encoders[method] = checkpoint(f"{method}-{label}").encoder
    encoders["untrained ResNet"] = build("simclr", budget("simclr", "laptop"), seed=0).encoder
    for file in files:
        name, path = file.split("=")
        method = build(name, budget(name, "laptop"), seed=0)
        load_checkpoint(path, method)
        encoders[name] = method.encoder
    for name, encoder in encoders.items():
        if name in results.rows:
            continue
        scores = frozen_scores(encoder, images)
        scores |= {f"probe, {n}": probe_few(encoder, images, n) for n in (10, 100)}
        results.add(name, scores | (tuned_scores(encoder, images) if encoder else {}))


def measure_ratios(steps: int = 3_000) -> None:
    """MAE on scenes, with four mask ratios."""
    images, results = split("scenes"), Results("mask-ratios")
    for seed in SEEDS:
        for ratio in RATIOS:
            row = f"{ratio:.0%}, seed {seed}"
            if row not in results.rows:
                chosen = changed_budget("mae", {"mask_ratio": ratio})
                results.add(row, try_out("mae", chosen, images, steps, seed)[1])


def measure_targets(steps: int = 1_500) -> None:
    """BEiT on scenes: what is hidden, and how the codes were chosen."""
    images, results = split("scenes"), Results("beit-targets")
    for seed in SEEDS:
        rows = {f"{name}, seed {seed}": choice for name, choice in TARGETS.items()}
        for kernel in (3, 1):
            missing = [row for row, choice in rows.items() if choice[0] == kernel]
            missing = [row for row in missing if row not in results.rows]
            if not missing:
                continue
            chosen = changed_budget("tokenizer", {"kernel": kernel})
            maker, _ = try_out("tokenizer", chosen, images, 1_000, seed)
            for row in missing:
                chosen = changed_budget("beit", {"blocks": rows[row][1]})
                _, scores = try_out("beit", chosen, images, steps, seed, tokenizer=maker.encoder)
                results.add(row, scores)


def main(what: str, *arguments: str) -> None:
    keep_freed_memory()
    {"tuning": measure_tuning, "ratios": measure_ratios, "targets": measure_targets}[what](
        *arguments
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
