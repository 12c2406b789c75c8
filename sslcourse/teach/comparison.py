"""The comparison of all methods as pictures: its tables, and what labels are worth to each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sslcourse.comparison.tables import (
    ACCURACIES,
    DASH,
    FAMILIES,
    Line,
    Table,
    cell_text,
    make_table,
    read_table,
)
from sslcourse.teach.figures import BLACK, BLUE, GREEN, TEXT, Picture, finish
from sslcourse.teach.plots import curves

QUIET = "#5a5a5a"  # for baselines and spreads: grey that is still easy to read
COLOURS = dict(zip(FAMILIES, (BLUE, GREEN), strict=True))
NAME_WIDTH, WIDTH, COST_WIDTH, HEIGHT = 2.6, 1.35, 0.9, 0.27  # inches
SPREAD_WIDTH = 0.62  # of "100–100"
TUNED = {"1 label": 1, "10 labels": 10, "100 labels": 100}


def picture_of_files(label: str, folder: Path) -> Picture:
    """Draw the tables that `python -m sslcourse evaluate` has written.

    Args:
        label: of the data, such as "scenes".
        folder: where the files lie.

    Raises:
        FileNotFoundError: there is no table yet.
        ValueError: a damaged file.
    """
    kinds = ("equal time", "checkpoints")
    tables = [read_table(kind, label, folder) for kind in kinds]
    tables = [table for table in tables if table is not None and table.lines]
    if not tables:
        raise FileNotFoundError(
            f"there is no table of {label} in {folder}; measure one with evaluate --all, or name "
            "its folder with --results."
        )
    return comparison_picture(tables)


def comparison_picture(tables: Sequence[Table]) -> Picture:
    """Tables below each other: baselines in grey, each family's best method in bold.

    Args:
        tables: see `sslcourse.comparison.tables`. What was not measured becomes a dash.
    """
    heights = [table_height(table) for table in tables]
    width = max(table_width(table) for table in tables)
    figure = Figure(figsize=(width, sum(heights)))
    grid = figure.subplots(len(tables), 1, squeeze=False, height_ratios=heights)
    figure.subplots_adjust(0, 0, 1, 1, hspace=0)
    for axes, table, height in zip(grid.flat, tables, heights, strict=True):
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        draw_table(axes, table)
    return finish(figure, " ".join(sentence(table) for table in tables))


def table_height(table: Table) -> float:
    """Inches: two lines of title, two of headings, one for each row and family, and some air."""
    families = {line.family for line in table.lines if line.family}
    return HEIGHT * (len(table.lines) + len(families) + 5)


def table_width(table: Table) -> float:
    costs = len(table.headings) - len(ACCURACIES)
    return NAME_WIDTH + WIDTH * len(ACCURACIES) + COST_WIDTH * costs


def draw_table(axes: Axes, table: Table) -> None:
    """Title, headings, then rows under the names of their families. Units are inches."""
    places = right_edges(table)
    axes.text(0, HEIGHT, table.title, fontsize=TEXT + 1, weight="bold", va="center")
    note = "accuracy on test images in %: mean, and lowest–highest if seeds differ"
    axes.text(0, 2 * HEIGHT, note, fontsize=TEXT, color=QUIET, va="center")
    first, last = (places[name] for name in (*TUNED, "all labels")[:: len(TUNED)])
    middle = (first - WIDTH + last) / 2 + 0.1
    above = "fine-tuned, labels of each class"
    axes.text(middle, 3 * HEIGHT, above, fontsize=TEXT, ha="center", va="center")
    axes.plot([first - WIDTH + 0.25, last], [3.45 * HEIGHT] * 2, color=QUIET, linewidth=0.6)
    for heading, place in places.items():
        text = heading.removesuffix(" labels").removesuffix(" label")
        axes.text(place, 4 * HEIGHT, text, fontsize=TEXT, ha="right", va="center")
    axes.plot([0, max(places.values())], [4.5 * HEIGHT] * 2, color=BLACK, linewidth=0.8)
    best, y, family = best_means(table), 5 * HEIGHT, ""
    for line in table.lines:
        if line.family != family:
            family = line.family
            colour = COLOURS[family]
            axes.text(
                0, y, FAMILIES[family], fontsize=TEXT, weight="bold", color=colour, va="center"
            )
            y += HEIGHT
        draw_line(axes, line, y, places, best)
        y += HEIGHT


def right_edges(table: Table) -> dict[str, float]:
    """Where each column ends."""
    places, x = {}, NAME_WIDTH
    for heading in table.headings:
        x += WIDTH if heading in ACCURACIES else COST_WIDTH
        places[heading] = x
    return places


def best_means(table: Table) -> dict[tuple[str, str], float]:
    """{(family, heading): the highest mean of its methods}, for accuracies."""
    best: dict[tuple[str, str], float] = {}
    for line in table.lines:
        for heading, spread in line.cells.items():
            if heading in ACCURACIES and not line.baseline:
                key = line.family, heading
                best[key] = max(best.get(key, 0.0), spread.mean)
    return best


def draw_line(
    axes: Axes,
    line: Line,
    y: float,
    places: Mapping[str, float],
    best: Mapping[tuple[str, str], float],
) -> None:
    """One row: a name, means, and beside each its spread."""
    colour = QUIET if line.baseline else BLACK
    indent = 0.15 if line.family else 0
    axes.text(indent, y, line.name, fontsize=TEXT, color=colour, va="center")
    for heading, place in places.items():
        spread = line.cells.get(heading)
        mean, _, beside = cell_text(heading, spread).partition(" ")
        is_best = (
            spread is not None
            and not line.baseline
            and spread.mean == best.get((line.family, heading))
        )
        shared = {"fontsize": TEXT, "va": "center", "ha": "right"}
        weight = "bold" if is_best else "normal"
        edge = place - (SPREAD_WIDTH if heading in ACCURACIES and mean != DASH else 0)
        axes.text(edge, y, mean, color=colour, weight=weight, **shared)
        if beside:
            axes.text(place, y, beside.strip("()"), color=QUIET, **shared | {"fontsize": TEXT - 1})


def sentence(table: Table) -> str:
    """The table's title and its linear probes in words."""
    probes = (
        f"{line.name} {line.cells['linear probe'].mean:.0%}"
        for line in table.lines
        if "linear probe" in line.cells
    )
    return f"{table.title}. Linear probe: {', '.join(probes)}."


def label_efficiency(
    rows: Mapping[str, Mapping[str, float]],
    description: str,
    *,
    all_labels: float,
    names: Sequence[str] | None = None,
    chance: float | None = None,
) -> Picture:
    """Accuracy of fine-tuning against labels of each class, one line for each encoder.

    Args:
        rows: of a file of results, see `sslcourse.results.measured`.
        description: the sentence.
        all_labels: images of each class in the whole training set.
        names: which encoders, as the table calls them ("SimCLR", "untrained ResNet"); by default
            all that were fine-tuned with several numbers of labels.
        chance: accuracy of guessing, drawn as a line.

    Raises:
        ValueError: an encoder that was not measured.
    """
    places = {**TUNED, "all labels": all_labels}
    lines, spread = {}, {}
    for line in make_table("equal time", "", dict(rows)).lines:
        cells = {heading: line.cells[heading] for heading in places if heading in line.cells}
        if len(cells) > 1:
            lines[line.name] = (
                [places[heading] for heading in cells],
                [cell.mean for cell in cells.values()],
            )
            spread[line.name] = ([c.low for c in cells.values()], [c.high for c in cells.values()])
    unknown = [name for name in names or () if name not in lines]
    if unknown:
        raise ValueError(f"{unknown[0]!r} was not fine-tuned; choose from {', '.join(lines)}.")
    return curves(
        {name: lines[name] for name in names or lines},
        description,
        x_label="labels of each class",
        y_label="accuracy in %",
        chance=chance,
        log_x=True,
        percent=True,
        spread=spread,
    )
