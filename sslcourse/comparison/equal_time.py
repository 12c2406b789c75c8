"""The table of equal time: its images, its trainings, its file."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from sslcourse.budgets import budget
from sslcourse.build import build
from sslcourse.comparison.measuring import (
    describe_images,
    fill,
    is_complete,
    is_tuned,
    known_rates,
    place_like,
    say,
)
from sslcourse.comparison.rows import Row, seeded
from sslcourse.comparison.tables import table_file
from sslcourse.comparison.trainings import Run, train, trained_encoder
from sslcourse.data.images import NAMES
from sslcourse.evaluate import Split, frozen_scores, load_split
from sslcourse.evaluate.protocol import label_counts
from sslcourse.hardware import bfloat16_speedup, describe_device, pick_precision
from sslcourse.results import Results, read_results
from sslcourse.scores import kept_encoder

PLACE = Path("runs/comparison")  # where trainings go, and tables by default
TOKENIZER_SHARE = 1 / 3  # of BEiT's time


class EqualTime:
    """The table: what it holds is read and written with `open`, `forget` and `fill`.

    Args:
        data: see `sslcourse.data.load`.
        seconds: wall-clock time of each training.
        device: where all is trained and measured.
        folder: where the table is written.
        tuned: whether encoders are fine-tuned, too.
    """

    def __init__(
        self,
        data: str,
        seconds: float,
        device: torch.device,
        folder: Path,
        *,
        tuned: bool = True,
    ) -> None:
        self.data, self.label, self.seconds = data, data_label(data), seconds
        self.device, self.size, self.tuned = device, image_size(data), tuned
        self.path = table_file("equal time", self.label, folder)
        self.images = load_split(data, self.size).to(device)
        self.counts = label_counts(self.images)
        self.trainings = PLACE / f"{self.label}-{seconds:g}-seconds"

    def open(self, *, fresh: bool) -> None:
        """Read the file, or begin a new one."""
        before = {} if fresh or not self.path.is_file() else read_results(self.path)
        self.precision = before.get("precision") or pick_precision(self.device)
        about = {
            **describe_images(self.label, self.images),
            "seconds": self.seconds,
            "device": describe_device(self.device),
            "precision": self.precision,
        }
        self.results = Results(self.path, about, fresh=fresh)

    def forget(self, todo: Sequence[tuple[Row, int]]) -> None:
        """Drop rows and delete their trainings."""
        for row, seed in todo:
            run = self.run_of(row, seed)
            for part in filter(None, (run, run and run.tokenizer)):
                part.checkpoint.unlink(missing_ok=True)
                part.facts.unlink(missing_ok=True)
        self.results.drop(seeded(row.name, seed) for row, seed in todo)

    def announce(self) -> None:
        print(f"data    {self.data}: {self.images.train}")
        set_aside = len(self.images.train) - len(self.images.learn)
        print(
            f"        {set_aside:,} of them set aside, {len(self.images.choose):,} to choose rates "
            f"on; {len(self.images.test):,} to test on"
        )
        speedup = f"{bfloat16_speedup(self.device.type):.2g} times as fast as float32"
        print(f"device  {describe_device(self.device)}; bfloat16 trains {speedup}")
        share = TOKENIZER_SHARE * self.seconds
        print(f"time    {self.seconds:g} s of training; {share:.3g} s of BEiT's for its tokenizer")
        print(f"table   {self.path}")

    def is_complete(self, row: Row, seed: int) -> bool:
        found = self.results.rows.get(seeded(row.name, seed), {})
        return is_complete(row, found, self.counts, tuned=self.tuned)

    def run_of(self, row: Row, seed: int) -> Run | None:
        """The training behind a row; None where nothing is trained."""
        if row.kind in ("pixels", "untrained"):
            return None

        known = self.results.rows.get(seeded(row.name, seed), {})

        def run(method: str, name: str, seconds: float, steps: float | None, **more) -> Run:
            path = self.trainings / f"{name.replace(' ', '-')}-seed-{seed}.pt"
            shared = (self.data, self.size, seconds, seed, self.precision, self.device.type)
            return Run(method, *shared, path, steps=None if steps is None else int(steps), **more)

        if row.method == "beit":
            share = TOKENIZER_SHARE * self.seconds
            tokenizer = run("tokenizer", "tokenizer", share, known.get("tokenizer steps"))
            seconds = self.seconds - share
            return run("beit", row.name, seconds, known.get("steps"), tokenizer=tokenizer)
        if row.kind == "supervised":
            rate = known_rates(self.results.rows, row.name).get("rate, all")
            return run(row.method, row.name, self.seconds, None, supervised=True, rate=rate)
        return run(row.method, row.name, self.seconds, known.get("steps"))

    def fill(self, row: Row, seed: int) -> None:
        """Train where that is needed, then measure what the row lacks.

        A row that was begun on another machine, and so without its training here, is trained again
        for as many steps as it had there. What it cost there stands. The second encoder's frozen
        scores are noted beside the first one's, as "again, k-NN" and so on.
        """
        found = dict(self.results.rows.get(seeded(row.name, seed), {}))
        run, encoder = self.run_of(row, seed), None
        if run is not None:
            facts = train_all(run)
            say(facts)
            encoder = trained_encoder(run, self.images.train)
            if run.steps is None or round(facts["ms a step"], 4) == found["ms a step"]:
                found |= facts
            elif "again, k-NN" not in found:
                scores = frozen_scores(encoder, self.images)
                again = {f"again, {name}": value for name, value in scores.items()}
                say(again)
                found |= again
        elif row.method is not None:
            encoder = untrained_encoder(row.method, seed, self.images)
        counts = () if row.kind == "supervised" else self.counts
        tuned = self.tuned and is_tuned(row)
        fill(self.results, row.name, seed, encoder, self.images, counts, found, tuned=tuned)


def train_all(run: Run) -> dict[str, float]:
    """What a row's training cost; its tokenizer is trained before it."""
    found = {}
    if run.tokenizer is not None:
        found["tokenizer steps"] = train(run.tokenizer)["steps"]
        found["tokenizer seconds"] = run.tokenizer.seconds
    return found | train(run)


def untrained_encoder(method: str, seed: int, images: Split) -> nn.Module:
    """A method's encoder with the weights that its training begins with."""
    parts = {}
    if method == "beit":  # whatever it is that the targets come from
        parts["tokenizer"] = build("tokenizer", budget("tokenizer", "laptop"), seed).encoder
    size = images.train.images.shape[2]
    made = build(method, budget(method, "laptop"), seed, size, **parts)
    return place_like(kept_encoder(made), images)


def data_label(data: str) -> str:
    """What files and titles call some data: its name, or that of its folder."""
    return data if data in NAMES else Path(data).expanduser().resolve().name


def image_size(data: str) -> int | None:
    """Height and width that images are brought to; None keeps theirs."""
    return None if data in NAMES else budget("simclr", "laptop").image_size
