"""Files of measured rows that grow: a measurement may be stopped after any row and goes on.

The course's own lie in `FOLDER`; lessons read them.
"""

import json
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from sslcourse.data.cache import write_whole

FOLDER = Path(__file__).parent / "teach" / "measured"

Rows = dict[str, dict[str, float]]


def measured(name: str, folder: Path = FOLDER) -> Rows:
    """Rows of one of the course's longer measurements.

    Args:
        name: of the file, without its ending.
        folder: where the files lie.

    Returns:
        {row: {what was measured: value}}; accuracies lie in [0, 1].

    Raises:
        FileNotFoundError: no such measurement.
        ValueError: a file that is damaged.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.json"))) or "none yet"
        raise FileNotFoundError(f"there is no measurement {name!r}; the course has: {known}.")
    return read_results(path)["rows"]


def read_results(path: Path) -> dict[str, Any]:
    """What a file of results holds: "rows", and what else was noted.

    Raises:
        ValueError: a file that is damaged or holds something else.
    """
    try:
        content = json.loads(path.read_text())
    except ValueError as error:  # of JSON, or of the letters' coding
        raise ValueError(f"{path} is damaged; delete it and measure again.") from error
    if not isinstance(content, dict) or not isinstance(content.get("rows"), dict):
        raise ValueError(f"{path} holds no rows of a measurement; name another file.")
    return content


class Results:
    """A file of rows that grows; each row is written as it comes.

    Args:
        path: the file; rows that it has are read.
        about: what holds for all rows, such as the data; it must agree with the file's.
        fresh: begin with no row; the first one that is added replaces the file.

    Attributes:
        rows: {row: {column: number}}, numbers rounded to four decimals.

    Raises:
        ValueError: a damaged file, or one that was measured in another way.
    """

    def __init__(
        self, path: Path, about: Mapping[str, Any] | None = None, *, fresh: bool = False
    ) -> None:
        self.path, self.about, self.rows = path, dict(about or {}), {}
        if fresh or not path.is_file():
            return
        content = read_results(path)
        for name, value in self.about.items():
            if content.get(name) != value:
                raise ValueError(
                    f"{path} was measured with {name} = {content.get(name)}, not {value}; begin "
                    "anew with --fresh, or name another folder with --results."
                )
        self.rows = content["rows"]

    def add(self, row: str, scores: Mapping[str, float]) -> dict[str, float]:
        """Put a row in place of an older one and write the file; returns the rounded row."""
        self.rows[row] = {name: round(value, 4) for name, value in scores.items()}
        self.write()
        return self.rows[row]

    def drop(self, rows: Iterable[str]) -> None:
        """Forget rows, where they are there, and write the file."""
        kept = set(rows)
        self.rows = {name: scores for name, scores in self.rows.items() if name not in kept}
        self.write()

    def write(self) -> None:
        content = {"torch": torch.__version__, **self.about, "rows": self.rows}
        text = json.dumps(content, indent=2) + "\n"
        write_whole(self.path, lambda file: file.write_text(text))


def over_seeds(rows: Mapping[str, Mapping[str, float]], what: str) -> dict[str, list[float]]:
    """Gather what was measured with several seeds: "75%, seed 1" joins "75%".

    Args:
        rows: see `measured`; their names end in ", seed N".
        what: the column; rows without it are left out.

    Returns:
        {name: values, one for each seed}.
    """
    gathered: dict[str, list[float]] = {}
    for row, scores in rows.items():
        if what in scores:
            gathered.setdefault(row.rpartition(", seed ")[0], []).append(scores[what])
    return gathered


class Spread(NamedTuple):
    """What several seeds gave.

    Attributes:
        mean: of all.
        low: the lowest.
        high: the highest.
    """

    mean: float
    low: float
    high: float


def summary(rows: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, Spread]]:
    """Mean, lowest and highest of all seeds.

    Args:
        rows: see `over_seeds`.

    Returns:
        {name without seed: {column: Spread}}; a column that a row lacks is missing there too.
    """
    columns = dict.fromkeys(column for scores in rows.values() for column in scores)
    names = dict.fromkeys(row.rpartition(", seed ")[0] for row in rows)
    found: dict[str, dict[str, Spread]] = {name: {} for name in names}
    for column in columns:
        for name, values in over_seeds(rows, column).items():
            found[name][column] = Spread(statistics.fmean(values), min(values), max(values))
    return found
