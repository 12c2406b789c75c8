"""Fill a row, one number after the other, and write each as it comes."""

import zlib
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from sslcourse.comparison.rows import Row, seeded
from sslcourse.data.images import ImageSet
from sslcourse.evaluate import (
    Split,
    effective_rank,
    feature_std,
    frozen_scores,
    probe_few,
    tuned_accuracy,
)
from sslcourse.evaluate.protocol import choose_rate, features_of
from sslcourse.results import Results, Rows

Numbers = dict[str, float]


def complete(found: Numbers, counts: Sequence[int], *, tuned: bool) -> bool:
    """Whether a row has all its numbers.

    Args:
        found: what it has.
        counts: for which numbers of labels of each class.
        tuned: whether its encoder is fine-tuned.
    """
    wanted = ["k-NN", *(f"probe, {count}" for count in counts)]
    if tuned:
        wanted += [f"tuned, {count or 'all'}" for count in (*counts, None)]
    return set(wanted) <= set(found)


def fill(
    results: Results,
    name: str,
    seed: int,
    encoder: nn.Module | None,
    images: Split,
    counts: Sequence[int],
    found: Numbers,
    *,
    tuned: bool = True,
) -> None:
    """Measure what a row lacks; a row that is interrupted keeps what it has.

    Args:
        results: the table.
        name: of the row, without its seed.
        seed: draws few labels, and the batches of fine-tuning.
        encoder: what is measured; None for pixels.
        images: on the encoder's device.
        counts: labels of each class to learn from.
        found: what is known already.
        tuned: whether the encoder is fine-tuned, too.
    """
    rates = known_rates(results.rows, name) if tuned else None
    for more in measure(encoder, images, counts, seed, found, rates):
        say(more)
        found = found | more
        results.add(seeded(name, seed), found)


def measure(
    encoder: nn.Module | None,
    images: Split,
    counts: Sequence[int],
    seed: int,
    found: Numbers,
    rates: Numbers | None,
) -> Iterator[Numbers]:
    """What is not found yet, in the order of the protocol; without rates nothing is tuned."""
    if not complete(found, counts, tuned=False):
        tested = features_of(encoder, images.test)
        if "k-NN" not in found:
            signs = {} if encoder is None else collapse_signs(tested)
            yield frozen_scores(encoder, images, tested) | signs
        for count in counts:
            if f"probe, {count}" not in found:
                yield {f"probe, {count}": probe_few(encoder, images, count, seed, tested)}
    if encoder is None or rates is None:
        return
    rate = 0.0  # all labels take the rate of the largest count before
    for count in (*counts, None):
        what = str(count or "all")
        if f"tuned, {what}" in found:
            rate = found[f"rate, {what}"]
            continue
        if count is not None:
            rate = rates.get(f"rate, {what}") or choose_rate(encoder, images, count, seed)
        accuracy = tuned_accuracy(encoder, images.train, images.test, count, rate, seed)
        yield {f"tuned, {what}": accuracy, f"rate, {what}": rate}


def collapse_signs(features: Tensor) -> Numbers:
    """Spread and rank of the test images' features (N, D)."""
    return {
        "feature std": float(feature_std(features)),
        "effective rank": float(effective_rank(features)),
    }


def known_rates(rows: Rows, name: str) -> Numbers:
    """The learning rates that were chosen for the first seed of this row."""
    found: Numbers = {}
    for row, scores in rows.items():
        if row.rpartition(", seed ")[0] == name:
            rates = {what: value for what, value in scores.items() if what.startswith("rate, ")}
            found = rates | found
    return found


def is_tuned(row: Row) -> bool:
    """Whether there is something to fine-tune; supervised training is that already."""
    return row.kind not in ("pixels", "supervised")


def is_complete(row: Row, found: Numbers, counts: Sequence[int], *, tuned: bool = True) -> bool:
    """Whether a row of the table of equal time lacks nothing; see `complete`."""
    counts = () if row.kind == "supervised" else counts
    return complete(found, counts, tuned=tuned and is_tuned(row))


def describe_images(label: str, images: Split) -> dict[str, str]:
    """What a table must agree in to go on: {"data": …, "images": …}."""
    parts = (f"{len(part):,} ({fingerprint(part)})" for part in (images.train, images.test))
    return {"data": label, "images": " and ".join(parts)}


def fingerprint(images: ImageSet) -> str:
    """What tells images apart: a check sum of all pixels, or, of scenes, of what was drawn.

    The sine of one processor differs from another's in the last digit, so a few of a million
    pixels differ by one level. Their mean still shows whether they were drawn in another way.
    """
    if not images.factors:
        return images.fingerprint()
    kinds = [kind for kind in images.factors.values() if kind.dtype == torch.int64]
    drawn = zlib.crc32(torch.stack(kinds).cpu().numpy())
    return f"{drawn:08x}, mean {float(images.images.float().mean()):.2f}"


def say(numbers: Mapping[str, float]) -> None:
    """Print a row's next numbers."""
    accuracies = ("probe", "k-NN", "tuned", "again")
    texts = (
        f"{name} {value:.1%}" if name.startswith(accuracies) else f"{name} {value:.4g}"
        for name, value in numbers.items()
    )
    print(f"    {'; '.join(texts)}", flush=True)


def place_like(encoder: nn.Module, images: Split) -> nn.Module:
    """The encoder on the images' device, in the layout that trainings use."""
    return encoder.to(images.train.device, memory_format=torch.channels_last)
