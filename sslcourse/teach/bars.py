"""Bars: accuracies or other numbers beside each other, with chance and a guess."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sslcourse.teach.figures import BLACK, BLUE, GREY, ORANGE, TEXT, Picture, finish
from sslcourse.teach.plots import label_axes


def draw_bars(
    axes: Axes,
    scores: Mapping[str, float],
    chance: float | None,
    label: str,
    marks: Mapping[str, float] | None = None,
    *,
    percent: bool = True,
) -> None:
    """Horizontal bars, the last one in colour, with a line at chance and a mark at each guess."""
    scale, marks = (100 if percent else 1), marks or {}
    names = list(scores)
    top = 100 if percent else 1.15 * max([*scores.values(), *marks.values(), chance or 0])
    colours = [GREY] * (len(names) - 1) + [BLUE]
    axes.barh(names, [scale * score for score in scores.values()], color=colours)
    for row, (name, score) in enumerate(scores.items()):
        value, mark = scale * score, scale * marks.get(name, 0.0)
        if name in marks:
            axes.plot([mark] * 2, [row - 0.4, row + 0.4], color=BLACK, linewidth=2.5)
        beside = max(value, mark) if mark - value < 0.08 * top else value  # not under the mark
        text = f"{value:.0f}" if percent else f"{value:.3g}"
        axes.text(beside + 0.01 * top, row, text, va="center", fontsize=TEXT)
    if chance is not None:
        axes.axvline(scale * chance, color=ORANGE, linestyle="--", linewidth=1.2)
        axes.text(
            scale * chance + 0.01 * top, -0.75, "chance", color=ORANGE, fontsize=TEXT, va="center"
        )
    axes.invert_yaxis()
    axes.set_xlim(0, top)
    label_axes(axes, label, "")


def bars(
    scores: Mapping[str, float],
    description: str,
    *,
    chance: float | None = None,
    label: str = "accuracy in %",
    marks: Mapping[str, float] | None = None,
    percent: bool = True,
) -> Picture:
    """Compare numbers; the last is the one in question.

    Args:
        scores: name and value of each bar, from top to bottom: shares in [0, 1] where `percent`.
        description: the sentence.
        chance: what guessing would reach, drawn as a dashed line.
        label: what the axis says.
        marks: a guess for some of the names, drawn over their bars.
        percent: whether to show shares as per cent, on an axis from 0 to 100.
    """
    figure = Figure(figsize=(6.5, 0.5 * len(scores) + 0.9))
    axes = figure.subplots()
    draw_bars(axes, scores, chance, label, marks, percent=percent)
    if marks:
        axes.plot([], [], color=BLACK, linewidth=2.5, label="your guess")
        axes.legend(fontsize=TEXT, frameon=False, loc="lower right")
    return finish(figure, description)
