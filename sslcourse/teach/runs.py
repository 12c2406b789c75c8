"""A small set of trainings: some settings, several seeds, one file that keeps what is done."""

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from IPython.display import display
from matplotlib.figure import Figure
from torch import nn

from sslcourse.console import in_notebook
from sslcourse.data.images import ImageSet
from sslcourse.pretrain import fit_shown
from sslcourse.results import Results, Rows, over_seeds, read_results, summary
from sslcourse.teach import progress
from sslcourse.teach.figures import BLACK, BLUE, Picture, finish
from sslcourse.teach.outputs import Text, number_table
from sslcourse.teach.plots import label_axes
from sslcourse.train import History, TrainConfig

Measure = Callable[[Any, int], float | Mapping[str, float]]


@dataclass(frozen=True)
class Runs:
    """What all runs gave.

    Attributes:
        rows: {"setting, seed N": {what was measured: value}}.
    """

    rows: Rows

    def scores(self, what: str = "score") -> dict[str, list[float]]:
        """{setting: one value for each seed} of one thing that was measured."""
        return over_seeds(self.rows, what)

    def table(self, description: str, *, form: str = ".3f") -> Text:
        """Mean, lowest and highest of the seeds, one line for each setting.

        Args:
            description: the sentence that stands for it; it holds no measured number.
            form: how to write a number, see `number_table`.
        """
        lines = {
            name: {
                f"{column}, {which}": getattr(spread, which)
                for column, spread in columns.items()
                for which in spread._fields
            }
            for name, columns in summary(self.rows).items()
        }
        return number_table(lines, description, form=form)

    def picture(
        self, description: str, what: str = "score", *, label: str = "accuracy in %"
    ) -> Picture:
        """Every run as a mark, one line for each setting, with a bar at the mean of its seeds.

        Args:
            description: the sentence.
            what: which of the things that were measured, shares in [0, 1].
            label: what the axis says.
        """
        scores = self.scores(what)
        figure = Figure(figsize=(6.5, 0.45 * len(scores) + 0.9))
        axes = figure.subplots()
        for row, values in enumerate(scores.values()):
            percent = [100 * value for value in values]
            axes.plot(percent, [row] * len(values), "o", color=BLUE, alpha=0.6, markersize=7)
            mean = sum(percent) / len(percent)
            axes.plot([mean] * 2, [row - 0.3, row + 0.3], color=BLACK, linewidth=2)
        axes.set_yticks(range(len(scores)), list(scores))
        axes.invert_yaxis()
        axes.margins(y=0.2)
        axes.grid(axis="x", alpha=0.3)
        label_axes(axes, label, "")
        return finish(figure, description)


def run_all(
    settings: Mapping[str, Any],
    seeds: Sequence[int],
    measure: Measure,
    *,
    file: str | Path | None = None,
    about: Mapping[str, Any] | None = None,
) -> Runs:
    """Measure every setting with every seed, or go on where an earlier call stopped.

    All settings come with the first seed, then all with the next, so that whatever is done when
    you stop can be compared. Each result is written to `file` as it comes, and what stands there
    isn't measured again. Where progress is switched off (see `sslcourse.teach.progress`) nothing is
    read or written.

    Args:
        settings: {name: what `measure` needs to know about it}.
        seeds: whole numbers.
        measure: called with a setting and a seed; returns a number ("score"), or several by name.
        file: a JSON file, such as "practice_1.json"; without it nothing is kept.
        about: what all runs share, such as the steps: plain values. A file of others is refused.

    Returns:
        The runs asked for, setting by setting; others that the file may hold are left out.

    Raises:
        ValueError: no setting or seed, or a file whose settings or `about` were others.
        KeyboardInterrupt: of Ctrl-C or the notebook's stop button; what is done is kept.
    """
    if not settings or not seeds:
        raise ValueError(f"need settings and seeds, got {list(settings)} and {list(seeds)}.")
    about = json.loads(json.dumps(dict(about or {})))  # as it will be read: tuples become lists
    kept = open_file(file, settings, about)
    rows = dict(kept.rows) if kept else {}
    asked = [(name, seed) for seed in seeds for name in settings]
    done, line = sum(row_of(*run) in rows for run in asked), RunLine(len(asked))
    try:
        for name, seed in asked:
            if (row := row_of(name, seed)) in rows:
                continue
            line.show(done + 1, row)
            found = measure(settings[name], seed)
            scores = found if isinstance(found, Mapping) else {"score": found}
            rows[row] = {what: round(float(value), 4) for what, value in scores.items()}
            if kept:
                kept.add(row, rows[row])
            done += 1
    except KeyboardInterrupt:
        where = f" and kept in {kept.path}" if kept else ""
        print(f"Stopped: {done} of {len(asked)} runs are done{where}.")
        raise
    finally:
        line.close()
    return Runs(
        {row_of(name, seed): rows[row_of(name, seed)] for name in settings for seed in seeds}
    )


def row_of(name: str, seed: int) -> str:
    return f"{name}, seed {seed}"


def open_file(file: str | Path | None, settings: Mapping[str, Any], about: dict) -> Results | None:
    """The file, with a note of what all settings were; None where nothing is kept.

    Raises:
        ValueError: see `run_all`.
    """
    now = {name: described(setting) for name, setting in settings.items()}
    if file is None or progress.progress_file() is None:
        return None
    path, known = Path(file), {}
    if path.is_file():
        before = read_results(path)
        known = before.get("settings", {})
        same = {**now, **known}  # where both know a setting, as it was
        changed = [f"{name!r} was {same[name]}" for name in now if same[name] != now[name]]
        changed += [
            f"{name} was {before.get(name)}, not {value}"
            for name, value in about.items()
            if before.get(name) != value
        ]
        if changed:
            raise ValueError(
                f"{path} holds other runs: {changed[0]}. Name another file to keep both, or delete "
                "it to begin anew."
            )
    kept = Results(path, about)
    kept.about = {**about, "settings": {**known, **now}}
    return kept


def described(setting: Any) -> str:
    """A setting as text that is the same in the next session."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(setting))


class RunLine:
    """Which run of how many, above the progress of the run itself. It leaves at the end."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.handle = None
        if in_notebook():
            self.handle = display(self.bundle(""), raw=True, display_id=True)

    @staticmethod
    def bundle(text: str) -> dict[str, str]:
        return {"text/plain": "(runs)", "text/html": html.escape(text)}

    def show(self, number: int, name: str) -> None:
        text = f"Run {number} of {self.count}: {name}"
        if self.handle is not None:
            self.handle.update(self.bundle(text), raw=True)

    def close(self) -> None:
        if self.handle is not None:
            self.handle.update(self.bundle(""), raw=True)


def fit_whole(method: nn.Module, images: ImageSet, config: TrainConfig) -> History:
    """`fit` with a line that says how far it is; half a training counts as none.

    Raises:
        KeyboardInterrupt: where it was stopped, so that `run_all` keeps no result of it.
    """
    history = fit_shown(method, images, config)
    if history.interrupted:
        raise KeyboardInterrupt
    return history
