"""Sliders that redraw a picture.

The picture is an output of its own that is replaced in place, so the last one stays in a saved
notebook, with or without a kernel behind it. Only the controls are widgets.
"""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from sslcourse.teach.figures import Picture
from sslcourse.teach.forms import Controls


def as_text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


class Explorer:
    """A picture and the controls that change it. Made by `explore`.

    Attributes:
        values: the controls' current values.
    """

    def __init__(
        self,
        draw: Callable[..., Picture],
        controls: Mapping[str, Sequence],
        start: Mapping[str, Any],
        labels: Mapping[str, str],
    ) -> None:
        self.draw = draw
        self.values = {name: start.get(name, values[0]) for name, values in controls.items()}
        self.drawn: dict[tuple, Picture] = {}  # going back to a value costs nothing
        self.picture = self.look(**self.values)
        self.handle = None
        self.caption = widgets.HTML()
        self.fields = {
            name: self.field(name, values, labels.get(name, name.replace("_", " ")))
            for name, values in controls.items()
        }
        ranges = "; ".join(
            f"{labels.get(name, name.replace('_', ' '))}: {', '.join(map(as_text, values))}"
            for name, values in controls.items()
        )
        self.controls = Controls(
            [*self.fields.values(), self.caption],
            f"(Controls for the picture above. {ranges}.)",
        )

    def field(self, name: str, values: Sequence, label: str) -> widgets.Widget:
        """A slider over numbers, buttons for anything else."""
        options = [(as_text(value), value) for value in values]
        shared = {"options": options, "value": self.values[name], "description": label}
        shared["style"] = {"description_width": "10em"}
        if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
            wide = widgets.Layout(width="36em")
            field = widgets.SelectionSlider(continuous_update=False, layout=wide, **shared)
        else:
            field = widgets.ToggleButtons(**shared)
        field.observe(self.change, names="value")
        return field

    def look(self, **values) -> Picture:
        """The picture for some values, drawn once."""
        key = tuple(values.items())
        if key not in self.drawn:
            self.drawn[key] = self.draw(**values)
        return self.drawn[key]

    def change(self, _) -> None:
        """A control was moved: draw and replace the picture."""
        self.values = {name: field.value for name, field in self.fields.items()}
        try:
            self.picture = self.look(**self.values)
        except Exception as error:  # the learner's own function may be behind it
            self.caption.value = html.escape(f"{type(error).__name__}: {error}")
            return
        self.caption.value = html.escape(self.picture.description)
        if self.handle is not None:
            self.handle.update(self.picture)

    def set(self, **values) -> Picture:
        """Set controls by code; returns the picture, for where widgets don't work.

        Raises:
            ValueError: no such control, or not one of its values.
        """
        for name, value in values.items():
            if name not in self.fields:
                raise ValueError(f"no control {name!r}; there are {', '.join(self.fields)}.")
            known = [option for _, option in self.fields[name].options]
            if value not in known:
                raise ValueError(f"{name} must be one of {known}, got {value!r}.")
            self.fields[name].value = value
        return self.picture

    def __repr__(self) -> str:
        return self.picture.description

    def _ipython_display_(self) -> None:
        self.handle = display(self.picture, display_id=True)
        display(self.controls)


def explore(
    draw: Callable[..., Picture],
    *,
    start: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    **controls: Sequence,
) -> Explorer:
    """Let the learner move through pictures.

    Args:
        draw: makes the `Picture` for one value of each control, within a third of a second.
        start: values to begin with; by default the first of each control.
        labels: what to call the controls, where their name with spaces won't do.
        controls: {name: values}; numbers become a slider over exactly these, others buttons.

    Returns:
        The explorer. As the last expression of a cell it shows itself.

    Raises:
        ValueError: a control without values, or a start that is none of them.
    """
    if not controls:
        raise ValueError("give at least one control, such as temperature=[0.1, 0.2, 0.5].")
    for name, values in controls.items():
        if not len(values):
            raise ValueError(f"{name} has no values to choose from.")
        if start and name in start and start[name] not in values:
            raise ValueError(f"{name} can't start at {start[name]!r}; it is one of {values}.")
    return Explorer(draw, controls, start or {}, labels or {})
