"""Results of trainings that are too long for a lesson, written to where lessons read them.

    python tests/benchmarks/measure.py tuning scenes simclr=FILE
    python tests/benchmarks/measure.py tuning FOLDER simclr=FILE
    python tests/benchmarks/measure.py ratios
    python tests/benchmarks/measure.py targets
    python tests/benchmarks/measure.py seeds

`tuning` takes the checkpoints that the course brings along and compares them with pixels, with
untrained encoders and with SimCLR, from the file that `pretrain simclr --seconds 600` saves: frozen
and fine-tuned, with 10, 100 and all labels of each class, on test images. Every learning rate is
chosen on validation images. `ratios` trains MAE on scenes with four mask ratios, `targets` BEiT
with blocks, with single patches, and on codes that are chosen from a patch alone; both are tested
on held-out training images, with three seeds. `seeds` repeats the short trainings of lessons 3 to 5
with eight seeds, to see how far luck reaches, and MoCo's with other settings and three seeds.

What a file already has is kept, so each command may be stopped and called again.
"""

import sys

from masked import RATIOS, changed_budget, try_out
from torch import nn

from sslcourse.budgets import budget
from sslcourse.build import build
from sslcourse.evaluate import frozen_scores, load_split, probe_few, tuned_scores
from sslcourse.hardware import keep_freed_memory
from sslcourse.pretrained import checkpoint
from sslcourse.results import FOLDER, Results
from sslcourse.train import load_checkpoint

SEEDS = (0, 1, 2)
# how wide the tokenizer looks when it chooses a code, and whether blocks are hidden
TARGETS = {"blocks": (3, True), "single": (3, False), "alone": (1, True)}
LONG_QUEUE = {"queue_size": 2_048, "momentum": 0.99}  # lesson 4's MoCo
TWO_VIEWS = {"augment": budget("simclr", "laptop").augment, "small": None, "small_views": 0}
# short trainings of lessons 3 to 5: the method, what differs from its budget, and the steps
LESSONS = {
    "SimCLR, lesson 3": ("simclr", {"batch_size": 64}, 100),
    "MoCo, lesson 4": ("moco", LONG_QUEUE, 64),
    "SwAV, lesson 5": ("swav", {"batch_size": 64, **TWO_VIEWS}, 80),
    "SimCLR, lesson 5": ("simclr", {"batch_size": 64}, 80),
}
MOCO = {
    "m = 0": {"momentum": 0.0},
    "m = 0.9": {"momentum": 0.9},
    "m = 0.999": {"momentum": 0.999},
    "m = 1": {"momentum": 1.0},
    "K = 256": {"queue_size": 256},
    "K = 16,384": {"queue_size": 16_384},
    "v2's head": {"head": None},
}


def add(results: Results, row: str, scores: dict[str, float]) -> None:
    """Write a row and say so."""
    print(f"{row}: {results.add(row, scores)}", flush=True)


def measure_tuning(data: str, *files: str) -> None:
    """Every row of the comparison, as it comes."""
    images, label = load_split(data), "scenes" if data == "scenes" else "photographs"
    results = Results(FOLDER / f"tuning-{label}.json")
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
        scores = dict(results.rows.get(name, {}))
        if "k-NN" not in scores:
            scores |= frozen_scores(encoder, images)
        for labels in (10, 100, None):
            column = f"probe, {labels or 'all'}"
            if column not in scores:
                scores[column] = probe_few(encoder, images, labels)
        if encoder is not None and "tuned, all" not in scores:
            scores |= tuned_scores(encoder, images)
        if scores != results.rows.get(name):
            add(results, name, scores)


def measure_ratios(steps: int = 3_000) -> None:
    """MAE on scenes, with four mask ratios."""
    images, results = load_split("scenes"), Results(FOLDER / "mask-ratios.json")
    for seed in SEEDS:
        for ratio in RATIOS:
            row = f"{ratio:.0%}, seed {seed}"
            if row not in results.rows:
                chosen = changed_budget("mae", {"mask_ratio": ratio})
                add(results, row, try_out("mae", chosen, images, steps, seed)[1])


def measure_targets(steps: int = 1_500) -> None:
    """BEiT on scenes: what is hidden, and how the codes were chosen."""
    images, results = load_split("scenes"), Results(FOLDER / "beit-targets.json")
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
                add(results, row, scores)


def measure_seeds() -> None:
    """Short trainings on scenes that differ in their seed only, and MoCo's with other settings."""
    images, results = load_split("scenes"), Results(FOLDER / "lesson-seeds.json")
    todo = [(row, *what, range(8)) for row, what in LESSONS.items()]
    todo += [(f"MoCo, {row}", "moco", LONG_QUEUE | new, 64, SEEDS) for row, new in MOCO.items()]
    for name, method, settings, steps, seeds in todo:
        for seed in seeds:
            row = f"{name}, seed {seed}"
            if row not in results.rows:
                chosen = changed_budget(method, settings)
                add(results, row, try_out(method, chosen, images, steps, seed)[1])


def main(what: str, *arguments: str) -> None:
    keep_freed_memory()
    jobs = {"tuning": measure_tuning, "ratios": measure_ratios, "targets": measure_targets}
    jobs["seeds"] = measure_seeds
    jobs[what](*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
