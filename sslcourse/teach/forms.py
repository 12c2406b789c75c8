"""The widgets under a question or a picture, and the plain text that stands for them elsewhere."""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

import ipywidgets as widgets

if TYPE_CHECKING:  # each of the two shows its form
    from sslcourse.teach.predict import Prediction
    from sslcourse.teach.quiz import Quiz


class Controls(widgets.VBox):
    """Widgets with a plain text (and HTML, if given) that stand for them in a static view."""

    def __init__(self, children: list[widgets.Widget], plain: str, markup: str = "") -> None:
        super().__init__(children)
        self.plain, self.markup = plain, markup

    def __repr__(self) -> str:
        return self.plain

    def _repr_mimebundle_(self, **kwargs) -> dict[str, str]:
        bundle = super()._repr_mimebundle_(**kwargs)
        bundle["text/plain"] = self.plain
        if self.markup:
            bundle["text/html"] = self.markup
        return bundle


def option_buttons(options: Sequence[str]) -> widgets.RadioButtons:
    """One of several answers, none of them chosen yet, each shown in full length."""
    return widgets.RadioButtons(
        options=options, value=None, layout=widgets.Layout(width="max-content")
    )


class PredictionForm(Controls):
    """Number fields or buttons, and a button that locks the guess in."""

    def __init__(self, prediction: "Prediction") -> None:
        self.prediction = prediction
        if prediction.choices:
            self.fields = [option_buttons(prediction.choices)]
            how = f'lock("{prediction.choices[0]}")'
        else:
            self.fields = [self.slider(name) for name in prediction.numbers]
            how = f"lock({', '.join(['…'] * len(self.fields))})"
        self.button = widgets.Button(description="Lock in", button_style="primary")
        self.state = widgets.HTML()
        self.button.on_click(self.lock)
        super().__init__(
            [*self.fields, widgets.HBox([self.button, self.state])],
            f"(A form for your guess. Without it, call {how} on the variable above, in a new "
            "cell.)",
        )
        self.show_state()

    def slider(self, name: str) -> widgets.FloatSlider:
        low, high, unit = self.prediction.low, self.prediction.high, self.prediction.unit
        return widgets.FloatSlider(
            value=low,
            min=low,
            max=high,
            step=(high - low) / 100,
            readout_format=".3g",
            description=f"{name}, {unit}" if unit else name,
            style={"description_width": "14em"},
            layout=widgets.Layout(width="36em"),
        )

    def lock(self, _) -> None:
        values = [field.value for field in self.fields]
        try:
            if None in values:
                raise ValueError("choose an answer first.")
            self.prediction.lock(*values)
        except ValueError as error:
            self.state.value = html.escape(str(error))

    def show_state(self) -> None:
        """Show what is locked in, and take no input then."""
        prediction = self.prediction
        closed = prediction.locked or prediction.revealed
        for field in [*self.fields, self.button]:
            field.disabled = closed
        if prediction.locked:
            guess = [prediction.choice] if prediction.choices else prediction.values.values()
            for field, value in zip(self.fields, guess, strict=True):
                field.value = value
            self.state.value = f"Locked in: <b>{html.escape(prediction.guess_text())}</b>"
        elif prediction.revealed:
            self.state.value = (
                "The result is out. <code>again()</code> on this prediction opens the form."
            )
        else:
            self.state.value = ""


class QuizForm(Controls):
    """Buttons for the options and the explanation of the one that was checked."""

    def __init__(self, asked: "Quiz") -> None:
        self.asked = asked
        self.choice = option_buttons(list(asked.options))
        self.button = widgets.Button(description="Check", button_style="primary")
        self.reply = widgets.HTML()
        self.button.on_click(self.check)
        folded = "".join(
            f"<details><summary>{html.escape(option)}</summary>"
            f"{'Right' if option == asked.right else 'Not yet'}. {html.escape(why)}</details>"
            for option, why in asked.options.items()
        )
        children = [self.choice, self.button, self.reply]
        super().__init__(children, "(Buttons for the answers.)", folded)

    def check(self, _) -> None:
        if self.choice.value is None:
            self.reply.value = "Choose an answer first."
        else:
            self.reply.value = self.asked.answer(self.choice.value)._repr_html_()
