"""Quizzes: one question, several options, and an explanation for every one of them."""

import html
from collections.abc import Mapping

from IPython.display import display

from sslcourse.teach import progress
from sslcourse.teach.forms import QuizForm
from sslcourse.teach.outputs import Text


class Quiz:
    """One question. Made by `quiz`; shows itself as the last expression of a cell."""

    def __init__(self, key: str, question: str, options: Mapping[str, str], right: str) -> None:
        self.key, self.question, self.options, self.right = key, question, dict(options), right

    def __repr__(self) -> str:
        return "\n".join([f"Quiz: {self.question}", *(f"- {option}" for option in self.options)])

    def _ipython_display_(self) -> None:
        question = html.escape(self.question)
        display(Text(repr(self), f"<b>Quiz.</b> {question}", alone=True), QuizForm(self))

    def answer(self, option: str) -> Text:
        """What to say to an answer; `quiz(...).answer("option")` works without widgets too.

        Raises:
            ValueError: no such option.
        """
        if option not in self.options:
            raise ValueError(f"choose one of {', '.join(self.options)}; got {option!r}.")
        noted = progress.recall("quizzes", self.key)
        tries = noted.get("tries", 0) if isinstance(noted, dict) else 0
        is_right = option == self.right
        already = isinstance(noted, dict) and noted.get("right", False)
        entry = {"tries": tries + (not already), "right": already or is_right}
        progress.note("quizzes", self.key, entry)
        return Text(f"{'Right' if is_right else 'Not yet'}. {self.options[option]}")


def quiz(key: str, question: str, options: Mapping[str, str], *, right: str) -> Quiz:
    """Ask a question whose every option is explained.

    Args:
        key: the lesson and a name, such as "02.q1"; answers are kept under it.
        question: one or two sentences.
        options: {option: what to say to someone who chose it}.
        right: the right option.

    Raises:
        ValueError: `right` is no option, or an option has no explanation.
    """
    if right not in options:
        raise ValueError(f"right must be one of {', '.join(options)}; got {right!r}.")
    for option, why in options.items():
        if not why.strip():
            raise ValueError(f"the option {option!r} has no explanation.")
    return Quiz(key, question, options, right)
