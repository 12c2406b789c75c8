"""The two tables: seeds gathered, rows in groups, numbers as text."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sslcourse.comparison.rows import CONVOLUTIONAL, ROWS, TRANSFORMER
from sslcourse.pretrained import card, checkpoint_names
from sslcourse.results import Rows, Spread, read_results, summary

NAMES = {"simclr": "SimCLR", "moco": "MoCo", "swav": "SwAV", "mae": "MAE", "beit": "BEiT"}
NAMES["dino"] = "DINO"
FAMILIES = {CONVOLUTIONAL: "convolutional network", TRANSFORMER: "transformer"}
ACCURACIES = {
    "linear probe": "probe",
    "k-NN": "k-NN",
    "1 label": "tuned, 1",
    "10 labels": "tuned, 10",
    "100 labels": "tuned, 100",
    "all labels": "tuned, all",
}
COSTS = {
    "equal time": {"ms a step": "ms a step", "MiB": "MiB"},
    "checkpoints": {"steps": "steps", "images, M": "million images"},
}
FINE = ("images, M",)  # these have a digit behind the point
DASH = "–"


@dataclass(frozen=True)
class Line:
    """One row of a shown table.

    Attributes:
        name: as a person reads it.
        family: "convolutional", "transformer", or empty for pixels.
        baseline: whether it is no method: pixels, an untrained or a supervised network.
        cells: {heading: Spread}; what was not measured is missing.
    """

    name: str
    family: str
    baseline: bool
    cells: dict[str, Spread]


@dataclass(frozen=True)
class Table:
    """A table to show.

    Attributes:
        title: what all rows have in common.
        headings: of the columns: accuracies (shares in [0, 1]), then costs.
        lines: pixels, then the convolutional family, then the transformers; in each family
            baselines come first.
    """

    title: str
    headings: tuple[str, ...]
    lines: tuple[Line, ...]


def read_table(kind: str, label: str, folder: Path) -> Table | None:
    """The table in a file that `sslcourse.comparison.commands` wrote; None where there is none.

    Args:
        kind: "equal time" or "checkpoints".
        label: of the data, such as "scenes".
        folder: where the file lies.

    Raises:
        ValueError: a damaged file.
    """
    path = table_file(kind, label, folder)
    if not path.is_file():
        return None
    content = read_results(path)
    if kind == "equal time":
        title = f"Equal time: {content.get('seconds', 0):g} s of training on {label}"
        title += f", {content.get('device', 'some machine')}"
    else:
        title = f"Long checkpoints, measured on {label}"
    return make_table(kind, title, content["rows"])


def table_file(kind: str, label: str, folder: Path) -> Path:
    """Where a table is written."""
    return folder / f"{kind.replace(' ', '-')}-{label}.json"


def make_table(kind: str, title: str, rows: Rows) -> Table:
    """Gather the seeds of a file's rows and bring them into order.

    Args:
        kind: "equal time" or "checkpoints"; the latter's rows are named as checkpoints are.
        title: see `Table`.
        rows: {"simclr, seed 0": {column: number}}; a row may lack columns.
    """
    seeds = len({row.rpartition(", seed ")[2] for row in rows})
    found = summary(rows)
    known = {row.name: row for row in ROWS}
    lines = []
    for name, columns in found.items():
        row = known.get(name if kind == "equal time" else name.partition("-")[0])
        if row is not None:
            shown = NAMES.get(name, name) if kind == "equal time" else checkpoint_title(name)
            baseline = row.kind not in NAMES
            lines.append((ROWS.index(row), Line(shown, row.family, baseline, cells(kind, columns))))
    lines.sort(key=lambda pair: (pair[0], pair[1].name))
    plural = "seed" if seeds == 1 else "seeds"
    headings = (*ACCURACIES, *COSTS[kind])
    return Table(f"{title}, {seeds} {plural}", headings, tuple(line for _, line in lines))


def checkpoint_title(name: str) -> str:
    """ "mae-scenes" -> "MAE, scenes"."""
    method, _, data = name.partition("-")
    return f"{NAMES.get(method, method)}, {data}"


def cells(kind: str, columns: Mapping[str, Spread]) -> dict[str, Spread]:
    """{heading: Spread} of a row's columns. The probe's column names its number of labels."""
    probe = [name for name in columns if name.startswith("probe, ") and name.endswith(" labels")]
    wanted = {**ACCURACIES, **COSTS[kind]} | ({"linear probe": probe[0]} if probe else {})
    return {head: columns[name] for head, name in wanted.items() if name in columns}


def cell_text(heading: str, spread: Spread | None) -> str:
    """ "61 (59-62)" for accuracies, in per cent; "61" where there is one seed, or all agree.

    Costs are means only; what was not measured is a dash.
    """
    if spread is None:
        return DASH
    if heading not in ACCURACIES:
        return f"{spread.mean:,.{1 if heading in FINE else 0}f}"
    mean, low, high = (f"{100 * value:.0f}" for value in spread)
    return mean if low == high else f"{mean} ({low}–{high})"


def print_comparison(table: Table) -> None:
    """The whole table, aligned."""
    print(f"\n{table.title}. Accuracies in %: mean (lowest–highest, if seeds differ).")
    widths = {heading: 14 if heading in ACCURACIES else 10 for heading in table.headings}
    before = sum(widths[heading] for heading in ("linear probe", "k-NN"))
    print(f"{'':34}{'':{before}}  fine-tuned with labels of each class")
    print(f"{'':34}" + "".join(f"{heading:>{width}}" for heading, width in widths.items()))
    family = ""
    for line in table.lines:
        if line.family != family:
            family = line.family
            print(FAMILIES[family])
        print(f"{'  ' if family else ''}{line.name:{32 if family else 34}}", end="")
        for heading, width in widths.items():
            text = cell_text(heading, line.cells.get(heading))
            if heading in ACCURACIES:  # means below each other, with a spread beside or without
                mean, _, beside = text.partition(" ")
                text = f"{mean} {beside:9}"
            print(f"{text:>{width}}", end="")
        print()


def fitting_checkpoints(label: str) -> list[str]:
    """The course's checkpoints of methods that were trained on drawn scenes, or on photographs."""
    kind = "scenes" if label == "scenes" else "photographs"
    names = [name for name in checkpoint_names() if name.endswith(f"-{kind}")]
    order = [row.name for row in ROWS]
    names = [name for name in names if card(name)["method"] in order]
    return sorted(names, key=lambda name: order.index(card(name)["method"]))
