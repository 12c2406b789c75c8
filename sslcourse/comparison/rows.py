"""What the table of equal time compares, in the order in which it is measured and shown."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        name: "simclr", "untrained ResNet", …
        kind: "pixels", "untrained" or "supervised", or the method.
        method: whose encoder it is; None for pixels.
        family: "convolutional" or "transformer"; empty for pixels.
    """

    name: str
    kind: str
    method: str | None = None
    family: str = ""


def methods_of(family: str, *names: str) -> tuple[Row, ...]:
    return tuple(Row(name, name, name, family) for name in names)


CONVOLUTIONAL, TRANSFORMER = "convolutional", "transformer"
ROWS = (
    Row("pixels", "pixels"),
    Row("untrained ResNet", "untrained", "simclr", CONVOLUTIONAL),
    Row("supervised ResNet", "supervised", "simclr", CONVOLUTIONAL),
    *methods_of(CONVOLUTIONAL, "simclr", "moco", "swav"),
    # each transformer differs: BEiT's has LayerScale; DINO's is smaller, begins with convolutions
    # and gives its class token
    Row("untrained transformer", "untrained", "mae", TRANSFORMER),
    Row("untrained transformer, BEiT's", "untrained", "beit", TRANSFORMER),
    Row("untrained transformer, DINO's", "untrained", "dino", TRANSFORMER),
    Row("supervised transformer", "supervised", "mae", TRANSFORMER),
    *methods_of(TRANSFORMER, "mae", "beit", "dino"),
)
KINDS = tuple(dict.fromkeys(row.kind for row in ROWS))


def chosen_rows(names: Sequence[str] | None = None) -> list[Row]:
    """The rows that were asked for, by name or kind; all of them by default.

    Raises:
        ValueError: an unknown method or row.
    """
    known = {*KINDS, *(row.name for row in ROWS)}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ValueError(
            f"unknown method or row {unknown[0]!r}; choose from {', '.join(KINDS)}, or name one "
            f"row, such as {ROWS[1].name!r}."
        )
    return [row for row in ROWS if not names or row.kind in names or row.name in names]


def seeded(name: str, seed: int) -> str:
    """A row's name in a file of results."""
    return f"{name}, seed {seed}"
