"""Results of trainings that are too long for a lesson.

`tests/benchmarks/measure.py` writes them, row by row.
"""

import json
from pathlib import Path

FOLDER = Path(__file__).parent / "measured"


def measured(name: str, folder: Path = FOLDER) -> dict[str, dict[str, float]]:
    """Rows of one of the course's longer measurements.

    Args:
        name: of the file, without its ending.
        folder: where the files lie.

    Returns:
        {row: {what was measured: value}}; accuracies lie in [0, 1].

    Raises:
        FileNotFoundError: no such measurement.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.json"))) or "none yet"
        raise FileNotFoundError(f"there is no measurement {name!r}; the course has: {known}.")
    return json.loads(path.read_text())["rows"]


def over_seeds(rows: dict[str, dict[str, float]], what: str) -> dict[str, list[float]]:
    """Gather what was measured with several seeds: "75%, seed 1" joins "75%".

    Args:
        rows: see `measured`; their names end in ", seed N".
        what: the column.

    Returns:
        {name: values, one for each seed}.
    """
    gathered: dict[str, list[float]] = {}
    for row, scores in rows.items():
        gathered.setdefault(row.rpartition(", seed ")[0], []).append(scores[what])
    return gathered
