"""Predict, then run: a guess is locked in before an experiment and laid over its result.

The question and the result are plain outputs, which stay readable when a notebook is opened
without a kernel. Only the controls are widgets, and without them `guess.lock(...)` does the same.
"""

import html
from collections.abc import Mapping, Sequence

from IPython.display import display

from sslcourse.console import in_notebook
from sslcourse.teach import progress
from sslcourse.teach.bars import bars
from sslcourse.teach.figures import Picture
from sslcourse.teach.forms import PredictionForm
from sslcourse.teach.outputs import Text


class Prediction:
    """One question and the learner's guess. Made by `predict`.

    Attributes:
        values: the guess, {name: number}; empty while there is none or where it is a choice.
        choice: the guessed option, or None.
    """

    def __init__(
        self,
        key: str,
        question: str,
        numbers: Sequence[str],
        choices: Sequence[str],
        low: float,
        high: float,
        unit: str,
    ) -> None:
        self.key, self.question = key, question
        self.numbers, self.choices = tuple(numbers), tuple(choices)
        self.low, self.high, self.unit = low, high, unit
        self.values: dict[str, float] = {}
        self.choice: str | None = None
        self.revealed = False
        self.form: PredictionForm | None = None
        self.recall()

    def __repr__(self) -> str:
        state = self.guess_text() if self.locked else "no guess yet"
        return f"Prediction({self.key}: {state})"

    @property
    def locked(self) -> bool:
        return bool(self.values) or self.choice is not None

    @property
    def marks(self) -> dict[str, float]:
        """The guess as `bars` wants it: per cent become shares."""
        scale = 100 if self.unit == "%" else 1
        return {name: value / scale for name, value in self.values.items()}

    def guess_text(self) -> str:
        """The guess in words."""
        if self.choice is not None:
            return self.choice
        return ", ".join(f"{name} {value:g} {self.unit}" for name, value in self.values.items())

    def recall(self) -> None:
        """Take up a guess of an earlier sitting, if it still fits the question."""
        noted = progress.recall("predictions", self.key)
        guess = noted.get("guess") if isinstance(noted, dict) else None
        try:
            if guess:
                self.check(guess)
        except (ValueError, TypeError):  # the question has changed since
            return
        if guess:
            self.take(guess)

    def check(self, guess: Sequence) -> None:
        """Refuse a guess that does not fit the question."""
        if self.choices:
            if len(guess) != 1 or guess[0] not in self.choices:
                raise ValueError(f"choose one of {', '.join(self.choices)}; got {guess}.")
        elif len(guess) != len(self.numbers):
            raise ValueError(
                f"give {len(self.numbers)} numbers ({', '.join(self.numbers)}), got {len(guess)}."
            )
        elif not all(self.low <= value <= self.high for value in guess):
            raise ValueError(f"guesses lie between {self.low:g} and {self.high:g}; got {guess}.")

    def take(self, guess: Sequence) -> None:
        if self.choices:
            self.choice = guess[0]
        else:
            self.values = dict(zip(self.numbers, map(float, guess), strict=True))

    def lock(self, *guess: float | str) -> "Prediction":
        """Lock a guess in by code: `guess.lock(20, 60)` or `guess.lock("colour")`.

        Raises:
            ValueError: a guess that doesn't fit, a second one, or one after the result.
        """
        if self.locked or self.revealed:
            reason = "the result is out" if self.revealed else f"you locked in {self.guess_text()}"
            raise ValueError(f"{reason}; again() on this prediction starts anew.")
        self.check(guess)
        self.take(guess)
        progress.note("predictions", self.key, {"guess": list(guess), "unit": self.unit})
        if self.form:
            self.form.show_state()
        return self

    def again(self) -> "Prediction":
        """Forget the guess, to make another."""
        self.values, self.choice, self.revealed = {}, None, False
        progress.note("predictions", self.key, None)
        if self.form:
            self.form.show_state()
        return self

    def reveal(
        self,
        measured: Mapping[str, float] | str,
        description: str = "",
        *,
        chance: float | None = None,
        label: str | None = None,
    ) -> "Picture | Text":
        """Lay the guess over what was measured.

        Args:
            measured: {name: number} for a question of numbers (shares in [0, 1] where the unit is
                "%"), with names of your own added as you like; the option that came out for a
                choice.
            description: the picture's sentence, for numbers.
            chance: what guessing the class would reach, in units of `measured`.
            label: what the axis says; by default the unit.

        Returns:
            A picture of bars with the guesses as marks, or a sentence. Show it as the last
            expression of a cell.
        """
        self.revealed = True
        if isinstance(measured, str):
            outcome = [measured]
        else:
            scale = 100 if self.unit == "%" else 1
            outcome = [scale * measured[name] for name in self.numbers]
        if self.locked:
            guess = [self.choice] if self.choices else list(self.values.values())
            entry = {"guess": guess, "unit": self.unit, "measured": outcome}
            progress.note("predictions", self.key, entry)
        if self.form:
            self.form.show_state()
        if isinstance(measured, str):
            return Text(f"Measured: {measured}.", self.verdict(measured))
        return bars(
            measured,
            description,
            chance=chance,
            label=label or ("accuracy in %" if self.unit == "%" else self.unit),
            marks=self.marks,
            percent=self.unit == "%",
        )

    def verdict(self, measured: str) -> str:
        if self.choice is None:
            return ""
        said = html.escape(self.choice)
        if self.choice == measured:
            return f"You said <b>{said}</b>, and so it came out."
        return f"You said <b>{said}</b>. What made you think so? Find out where the two part ways."


def predict(
    key: str,
    question: str,
    *,
    numbers: Sequence[str] = (),
    choices: Sequence[str] = (),
    low: float = 0.0,
    high: float = 100.0,
    unit: str = "%",
) -> Prediction:
    """Ask for a guess and show a form for it; the notebook goes on whether or not one is given.

    Args:
        key: the lesson and a number, such as "03.1"; the guess is kept under it.
        question: one or two sentences.
        numbers: what each number to guess is called, or
        choices: the options to choose from; exactly one of the two.
        low: smallest number that makes sense.
        high: largest number that makes sense.
        unit: of the numbers; "%" for accuracies.

    Returns:
        The prediction; `guess.reveal(...)` lays it over the result.

    Raises:
        ValueError: both or neither of numbers and choices.
    """
    if bool(numbers) == bool(choices):
        raise ValueError("give either numbers to guess or choices to choose from.")
    prediction = Prediction(key, question, numbers, choices, low, high, unit)
    asked = Text(f"Predict: {question}", f"<b>Predict.</b> {html.escape(question)}", alone=True)
    if in_notebook():
        prediction.form = PredictionForm(prediction)
        display(asked, prediction.form)
    else:
        print(asked)
    return prediction
