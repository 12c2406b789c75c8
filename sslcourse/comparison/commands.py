"""`python -m sslcourse evaluate`: fill the tables, row by row, and print them."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sslcourse.comparison.equal_time import PLACE, EqualTime, data_label, image_size
from sslcourse.comparison.measuring import complete, describe_images, fill, place_like
from sslcourse.comparison.rows import chosen_rows, seeded
from sslcourse.comparison.tables import (
    fitting_checkpoints,
    print_comparison,
    read_table,
    table_file,
)
from sslcourse.console import clock
from sslcourse.evaluate import Split, load_split
from sslcourse.evaluate.protocol import label_counts
from sslcourse.hardware import keep_freed_memory
from sslcourse.pretrain import pick_device
from sslcourse.pretrained import card, checkpoint
from sslcourse.results import Results
from sslcourse.scores import kept_encoder

SECONDS = 90.0
SEEDS = (0, 1, 2)


def evaluate_all(
    data: str = "scenes",
    *,
    seconds: float = SECONDS,
    tuned: bool = True,
    seeds: Sequence[int] = SEEDS,
    methods: Sequence[str] | None = None,
    device: str | None = None,
    folder: Path = PLACE,
    fresh: bool = False,
) -> int:
    """Fill the table of equal time and print it; returns the exit code.

    Args:
        data: a name or a folder, see `sslcourse.data.load`.
        seconds: wall-clock time of each training.
        tuned: whether encoders are fine-tuned, too, which takes most of the time. A later call
            adds what this one leaves out.
        seeds: one training each; the first chooses the learning rates of fine-tuning.
        methods: see `chosen_rows`.
        device: "cpu" or "cuda"; by default CUDA where there is one.
        folder: where the table is written, `equal-time-DATA.json`.
        fresh: measure the rows anew that are there.

    Raises:
        ValueError: an unknown row, images that are too few, or a table that was measured otherwise.
    """
    rows = chosen_rows(methods)
    if not seconds > 0:
        raise ValueError(f"seconds must be greater than 0, got {seconds}.")
    table = EqualTime(data, seconds, pick_device(device), folder, tuned=tuned)
    table.open(fresh=fresh and not methods)
    todo = [(row, seed) for seed in seeds for row in rows]
    if fresh:
        table.forget(todo)
    table.announce()
    stopped = go_through(
        {seeded(row.name, seed): (row, seed) for row, seed in todo}, table.is_complete, table.fill
    )
    shown = read_table("equal time", table.label, folder)
    if shown:
        print_comparison(shown)
    return stopped


def evaluate_checkpoints(
    data: str = "scenes",
    names: Sequence[str] = (),
    *,
    tuned: bool = True,
    seeds: Sequence[int] = SEEDS,
    device: str | None = None,
    folder: Path = PLACE,
    fresh: bool = False,
) -> int:
    """Measure the course's long checkpoints as `evaluate_all` measures short trainings.

    There is one training of each; the seeds draw few labels and the batches of fine-tuning only.

    Args:
        data: see `evaluate_all`.
        names: of checkpoints; by default all that were trained on drawn scenes, or on
            photographs, as `data` is. Others show what is kept on images of another kind.
        tuned: see `evaluate_all`.
        seeds: see above.
        device: see `evaluate_all`.
        folder: where the table is written, `checkpoints-DATA.json`.
        fresh: measure the rows anew that are there.

    Raises:
        FileNotFoundError: no such checkpoint.
        ValueError: a tokenizer, images of another size, or a table of other images.
    """
    place, label = pick_device(device), data_label(data)
    asked, names = names, names or fitting_checkpoints(label)
    if not names:
        raise FileNotFoundError(f"the course has no checkpoints for {label}; name some.")
    abouts = {name: card(name) for name in names}
    images = load_split(data, image_size(data)).to(place)
    check_cards(abouts, images)
    counts = label_counts(images)
    path = table_file("checkpoints", label, folder)
    results = Results(path, describe_images(label, images), fresh=fresh and not asked)
    if fresh:
        results.drop(seeded(name, seed) for name in names for seed in seeds)
    print(f"data    {data}: {images.train}\ntable   {results.path}")

    def is_done(name: str, seed: int) -> bool:
        return complete(results.rows.get(seeded(name, seed), {}), counts, tuned=tuned)

    def measure_one(name: str, seed: int) -> None:
        encoder = place_like(kept_encoder(checkpoint(name)), images)
        found = costs(abouts[name]) | results.rows.get(seeded(name, seed), {})
        fill(results, name, seed, encoder, images, counts, found, tuned=tuned)

    todo = {seeded(name, seed): (name, seed) for seed in seeds for name in names}
    stopped = go_through(todo, is_done, measure_one)
    shown = read_table("checkpoints", label, folder)
    if shown:
        print_comparison(shown)
    return stopped


def costs(about: dict) -> dict[str, float]:
    """What a checkpoint's card tells of its training. Hours are of the machine that it ran on."""
    training = about.get("training", {})
    found = {what: float(training[what]) for what in ("steps", "hours") if what in training}
    if {"steps", "batch_size"} <= set(training):
        found["million images"] = training["steps"] * training["batch_size"] / 1e6
    return found


def check_cards(abouts: dict[str, dict], images: Split) -> None:
    """Refuse checkpoints that can't be compared on these images."""
    size = images.train.images.shape[2]
    for name, about in abouts.items():
        if about["method"] == "tokenizer":
            raise ValueError(f"{name} is a tokenizer, which is not compared; name a method's.")
        if about["image_size"] != size:
            raise ValueError(
                f"{name} was trained on images of {about['image_size']} pixels, these have {size}."
            )


def go_through(
    todo: dict[str, tuple], is_done: Callable[..., bool], measure_one: Callable[..., None]
) -> int:
    """Measure what is not there yet, row by row; returns the exit code."""
    keep_freed_memory()
    left = {name: what for name, what in todo.items() if not is_done(*what)}
    print(f"rows    {len(todo)}, of which {len(todo) - len(left)} are there", flush=True)
    started = time.monotonic()
    for number, (name, what) in enumerate(left.items()):
        elapsed = time.monotonic() - started
        rest = f", about {clock(elapsed / number * (len(left) - number))} left" if number else ""
        print(f"[{number + 1} of {len(left)}] {name}{rest}", flush=True)
        try:
            measure_one(*what)
        except KeyboardInterrupt:
            print(f"\nStopped in {name}. The same command goes on.", file=sys.stderr)
            return 130
    return 0
