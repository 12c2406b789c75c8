"""Two ways of doing the same thing, side by side: taking turns, medians, ratios, a table.

Whatever else the machine does meanwhile slows both sides, because they take turns, and the order
changes from turn to turn. Each row also shows between which ratios the middle half of the turns
lies: where that is wide, the machine was not quiet.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

HEADINGS = ("", "ours", "theirs", "ratio", "middle half", "asked", "")
WIDTHS = (68, 14, 14, 6, 13, 8, 6)
SIGNS = {"speed": ">=", "cost": "<="}


@dataclass(frozen=True)
class Effort:
    """How much time a comparison may take.

    Attributes:
        seconds: after which a comparison begins no further turn.
        fewest: turns that are taken all the same.
        quick: whether groups leave out their largest sizes, to see that everything works.
    """

    seconds: float = 15.0
    fewest: int = 3
    quick: bool = False


QUICK = Effort(seconds=1.0, fewest=1, quick=True)


def alternate(
    parts: Mapping[str, Callable[[], object]],
    seconds: float,
    *,
    fewest: int = 3,
    most: int = 40,
    warmup: int = 1,
) -> dict[str, list[float]]:
    """Seconds that each part takes, turn by turn.

    In a turn every part runs once, in the given order in one turn and backwards in the next.

    Args:
        parts: what to time, by name.
        seconds: after which no further turn begins.
        fewest: turns that are taken all the same.
        most: turns that are enough.
        warmup: turns before that which are not timed.

    Returns:
        As many times for each part as there were turns.
    """
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(warmup):
        for part in parts.values():
            part()
    names, begun, turn = list(parts), time.perf_counter(), 0
    while turn < fewest or (turn < most and time.perf_counter() - begun < seconds):
        for name in names:
            start = time.perf_counter()
            parts[name]()
            times[name].append(time.perf_counter() - start)
        names.reverse()
        turn += 1
    return times


def medians(parts: Mapping[str, Callable[[], object]], turns: int) -> dict[str, float]:
    """Median seconds of each part over that many turns, after five to warm up.

    Here every turn keeps the given order, for parts that need each other's results.
    """
    times: dict[str, list[float]] = {name: [] for name in parts}
    for turn in range(turns + 5):
        for name, part in parts.items():
            start = time.perf_counter()
            part()
            if turn >= 5:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        what: is compared, with shapes.
        ours: what each turn took, in seconds or bytes: less is better.
        theirs: of the same turns.
        asked: what the ratio is to reach; None where nothing is asked.
        kind: "speed" for how many times as fast (or small) as theirs ours is, "cost" for how many
            times as long ours takes.
        unit: "ms", "s", "MiB", or "images/s".
        images: that a turn handles, for "images/s".
        note: further words, shown below.
    """

    what: str
    ours: Sequence[float]
    theirs: Sequence[float]
    asked: float | None = None
    kind: str = "speed"
    unit: str = "ms"
    images: int = 1
    note: str = ""

    def ratio_of(self, ours: float, theirs: float) -> float:
        return theirs / ours if self.kind == "speed" else ours / theirs

    @property
    def ratio(self) -> float:
        """Of the two medians."""
        return self.ratio_of(statistics.median(self.ours), statistics.median(self.theirs))

    @property
    def middle_half(self) -> tuple[float, float]:
        """Between which two ratios half of the turns lie."""
        ratios = [self.ratio_of(*pair) for pair in zip(self.ours, self.theirs, strict=True)]
        if len(ratios) < 2:
            return ratios[0], ratios[0]
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, high

    @property
    def verdict(self) -> str:
        """Whether the ratio is what was asked, by the figures before rounding."""
        if self.asked is None:
            return ""
        met = self.ratio >= self.asked if self.kind == "speed" else self.ratio <= self.asked
        return "met" if met else "missed"

    def show(self, values: Sequence[float]) -> str:
        """The median in the row's unit."""
        median = statistics.median(values)
        if self.unit == "images/s":
            return f"{self.images / median:,.0f} images/s"
        scale = {"ms": 1e-3, "s": 1.0, "MiB": 2.0**20}[self.unit]
        shown = median / scale
        return f"{shown:,.{0 if shown >= 100 else 1 if shown >= 10 else 2}f} {self.unit}"

    def __str__(self) -> str:
        low, high = self.middle_half
        asked = "" if self.asked is None else f"{SIGNS[self.kind]} {self.asked:g}"
        cells = self.what, self.show(self.ours), self.show(self.theirs), f"{self.ratio:.2f}"
        line = table_line(*cells, f"{low:.2f}-{high:.2f}", asked, self.verdict)
        return f"{line}\n    {self.note}" if self.note else line


def table_line(*cells: str) -> str:
    """One line of the table; the first column stands left, all others right."""
    first, *others = zip(cells, WIDTHS, strict=True)
    parts = [f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in others)]
    return "  ".join(parts).rstrip()


def heading(group: str) -> str:
    """What stands above a group's rows."""
    line = table_line(*HEADINGS)
    return f"\n{group}\n{line}\n{'-' * len(line)}"
