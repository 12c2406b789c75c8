"""Trainings side by side: what became of their losses, their ranks and their prototypes."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.teach.figures import TEXT, Picture, finish
from sslcourse.teach.plots import COLOURS, DASHES, chance_line, label_axes
from sslcourse.train import History

AXES = {"step": "training step", "seconds": "seconds of training"}


def draw_lines(
    axes: Axes,
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    y_label: str,
    x_label: str = AXES["step"],
) -> None:
    """One line for each training over its steps, from zero up."""
    for index, (name, (x, y)) in enumerate(lines.items()):
        axes.plot(
            list(x),
            list(y),
            color=COLOURS[index % len(COLOURS)],
            linestyle=DASHES[index % len(DASHES)],
            linewidth=1.8,
            label=name,
        )
    axes.set_ylim(0, 1.15 * max(max(y) for _, y in lines.values()))
    label_axes(axes, x_label, y_label)


def track(history: History, name: str, over: str = "step") -> tuple[list[float], list[float]]:
    """Steps (or seconds) and values of a column of a history, or of its collapse dashboard."""
    if name not in history.collapse:
        return history[over], history[name]
    seconds = dict(zip(history["step"], history[over], strict=True))
    return [seconds[step] for step in history.collapse["step"]], history.collapse[name]


def draw_usage(axes: Axes, usage: Mapping[str, Tensor]) -> None:
    """How many images each prototype wins, the most used first; a scale for few and for all."""
    for index, (name, counts) in enumerate(usage.items()):
        heights = counts.detach().cpu().sort(descending=True).values.tolist()
        axes.stairs(
            heights,
            [place + 0.5 for place in range(len(heights) + 1)],
            color=COLOURS[index % len(COLOURS)],
            linestyle=DASHES[index % len(DASHES)],
            linewidth=1.8,
            label=name,
            baseline=None,
        )
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    label_axes(axes, "prototype, the most used first", "images that it wins")


def fates(
    runs: Mapping[str, History],
    panels: Mapping[str, str],
    description: str,
    *,
    usage: Mapping[str, Tensor] | None = None,
    over: str = "step",
) -> Picture:
    """Several trainings in comparison: one panel for each quantity, one line for each training.

    Args:
        runs: {training: its history}; the chance line of the first is drawn into "loss".
        panels: {name in the history, such as "loss": what the axis says}.
        description: the sentence.
        usage: {training: images that each prototype wins, whole numbers (K,)}, for a histogram in
            a last panel.
        over: "step", or "seconds" for trainings whose steps take differently long.
    """
    count = len(panels) + (usage is not None)
    figure = Figure(figsize=(3.0 * count, 2.9), layout="constrained")
    row = figure.subplots(1, count, squeeze=False)[0]
    if usage is not None:
        draw_usage(row[-1], usage)
    for axes, (name, label) in zip(row, panels.items()):
        lines = {run: track(history, name, over) for run, history in runs.items()}
        draw_lines(axes, lines, label, AXES[over])
        if name == "loss":
            chance_line(axes, next(iter(runs.values()))["chance"][0])
    handles, names = row[0].get_legend_handles_labels()
    shared = {"fontsize": TEXT, "frameon": False}
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), **shared)
    return finish(figure, description)
