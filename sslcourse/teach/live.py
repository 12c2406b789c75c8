"""A training that can be watched: loss against its chance line, and the signs of collapse."""

import time

from IPython.display import display
from matplotlib.figure import Figure

from sslcourse.console import clock, in_notebook
from sslcourse.data.images import ImageSet
from sslcourse.pretrain import TrainingLine
from sslcourse.teach.figures import BLUE, Picture, finish
from sslcourse.teach.plots import chance_line, label_axes
from sslcourse.train import History, TrainConfig, fit
from sslcourse.train.loop import Method

SHARE = 0.04  # of the training's time that may go into drawing


def draw_training(history: History | None, steps: int | None, title: str = "") -> Figure:
    """Three panels against the training step: loss, feature std, effective rank."""
    figure = Figure(figsize=(9, 2.5), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=10)
    loss, spread, rank = figure.subplots(1, 3, width_ratios=(2, 1, 1))
    label_axes(loss, "training step", "loss")
    label_axes(spread, "training step", "feature std")
    label_axes(rank, "training step", "effective rank")
    if history is not None and len(history):
        loss.plot(history["step"], history["loss"], color=BLUE, linewidth=1.3)
        if "chance" in history.columns:
            chance_line(loss, history["chance"][-1])
        if "unigram" in history.columns:  # BEiT: what frequencies alone are worth
            chance_line(loss, history["unigram"][-1], "unigram entropy", below=True)
        for axes, name in ((spread, "feature_std"), (rank, "effective_rank")):
            values = history.collapse.get(name, [])
            axes.plot(history.collapse.get("step", []), values, color=BLUE, marker="o", ms=4)
            axes.set_ylim(0, 1.25 * max(values, default=1.0) or 1.0)
    for axes in (loss, spread, rank):
        if steps:
            axes.set_xlim(0, steps)
    return figure


class LivePlot:
    """`on_step` for `fit`: a picture in the cell that grows with the training."""

    def __init__(self, config: TrainConfig, images: int, description: str) -> None:
        self.config, self.description = config, description
        self.steps = config.steps
        if config.epochs:
            self.steps = max(1, round(config.epochs * (images // config.batch_size)))
        self.history: History | None = None
        self.handle = display(self.picture("starting"), display_id=True)
        self.due = time.monotonic()  # when to draw again

    def picture(self, title: str = "") -> Picture:
        return finish(draw_training(self.history, self.steps, title), self.description)

    def __call__(self, step: int, history: History) -> None:
        self.history = history
        started = time.monotonic()
        if started < self.due:
            return
        elapsed = history["seconds"][-1]
        done = step / self.steps if self.steps else elapsed / self.config.seconds
        self.handle.update(self.picture(f"step {step}, {clock(elapsed / done - elapsed)} left"))
        now = time.monotonic()
        self.due = now + max(1.0, (now - started) / SHARE)

    def close(self) -> None:
        """Draw the whole training once more, without the clock."""
        stopped = self.history is not None and self.history.interrupted
        self.handle.update(self.picture("stopped early" if stopped else ""))


def fit_live(method: Method, images: ImageSet, config: TrainConfig, description: str) -> History:
    """Train as `sslcourse.train.fit` does and show it as it goes.

    In a notebook a picture grows: the loss with its chance line, and beside it the collapse
    dashboard (see `sslcourse.evaluate.collapse`). In a terminal it is one line.

    Args:
        method: see `sslcourse.train.Method`; trained in place.
        images: the training images.
        config: how to train.
        description: the picture's sentence.

    Returns:
        The history; what was learned so far where the training was stopped.
    """
    if in_notebook():
        watch = LivePlot(config, len(images), description)
    else:
        watch = TrainingLine(config, len(images) // config.batch_size)
    try:
        return fit(method, images, config, on_step=watch)
    finally:
        watch.close()
