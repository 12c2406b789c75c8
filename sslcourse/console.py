"""Progress that a person sees: in a terminal one line, in a notebook one bar, in a log a few lines.

In a notebook the bar's plain text never changes and the bar leaves at the end, so a stored output
is what the next run prints.
"""

import html
import math
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

PATIENCE = 0.5  # seconds of work before a terminal shows a line
LOG_PATIENCE = 2.0  # seconds of work before a file or a pipe gets a line
LOG_INTERVAL = 10.0  # seconds between lines there
PLAIN = "(progress)"  # what a notebook stores


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel."""
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def clock(seconds: float) -> str:
    """12 -> "12 s", 75 -> "1:15"."""
    seconds = max(0, round(seconds))
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60}:{seconds % 60:02d}"


class ProgressLine:
    """One line that is redrawn in place. Call `show` as often as you like, then `close`.

    Args:
        description: what is done.
        begun: the share of the work that was done before this line, such as in an earlier sitting.
    """

    def __init__(self, description: str, begun: float = 0.0) -> None:
        self.description, self.begun = description, begun
        self.started = time.monotonic()
        self.drawn = 0.0  # when the line was last drawn; 0 = never
        self.width = 0
        self.handle = cell_display() if in_notebook() else None

    def show(self, fraction: float, detail: str = "") -> None:
        """Draw the line for a share of the work in [0, 1] that is done."""
        now = time.monotonic()
        elapsed, since = now - self.started, now - (self.drawn or -math.inf)
        watched = self.handle is not None or sys.stderr.isatty()
        patience, interval = (PATIENCE, 0.1) if watched else (LOG_PATIENCE, LOG_INTERVAL)
        if elapsed < patience or since < interval:
            return
        self.drawn = now
        left = ""
        if self.begun < fraction < 1:
            seconds = elapsed * (1 - fraction) / (fraction - self.begun)
            left = f", {clock(seconds)} left"
        text = f"{self.description}  {fraction:4.0%}{left}  {detail}".rstrip()
        if self.handle is not None:
            bar = f'<progress value="{fraction:.3f}" max="1"></progress> {html.escape(text)}'
            self.handle.update({"text/plain": PLAIN, "text/html": bar}, raw=True)
        elif watched:
            text = text[: shutil.get_terminal_size().columns - 1]  # a wrapped line can't be redrawn
            sys.stderr.write("\r" + text.ljust(self.width))
            self.width = len(text)
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Take the line away."""
        if self.handle is not None:
            self.handle.update({"text/plain": PLAIN, "text/html": ""}, raw=True)
        elif self.width:
            sys.stderr.write("\r" + " " * self.width + "\r")
            sys.stderr.flush()


def cell_display():
    """The one place in a cell's output where all its progress is shown, one line after another."""
    from IPython import get_ipython
    from IPython.display import display

    # not the cell's number: a front end that keeps no history gives every cell the same one
    cell = get_ipython().kernel.get_parent()["header"]["msg_id"]
    if _display.get("cell") != cell:
        handle = display({"text/plain": PLAIN, "text/html": ""}, raw=True, display_id=True)
        _display.update(cell=cell, handle=handle)
    return _display["handle"]


_display: dict = {}  # the cell that shows progress now, and its handle


class Progress:
    """Iterate over a sequence and show how far it is."""

    def __init__(self, items: Sequence[Item], description: str) -> None:
        self.items = items
        self.description = description

    def __iter__(self) -> Iterator[Item]:
        line = ProgressLine(self.description)
        try:
            for done, item in enumerate(self.items, start=1):
                yield item
                line.show(done / len(self.items))
        finally:
            line.close()
