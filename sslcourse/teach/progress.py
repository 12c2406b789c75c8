"""What a learner has done so far, kept in one small file of theirs.

The file is `SSLCOURSE_PROGRESS` where that is set, otherwise `.sslcourse/progress.json` in the home
folder. `SSLCOURSE_PROGRESS=off` keeps nothing; the notebooks are tested that way.
"""

import html
import json
import os
import re
import warnings
from pathlib import Path
from typing import Any

from sslcourse.data.cache import write_whole

KINDS = ("predictions", "quizzes", "checks", "lessons")
CALLS = {"predictions": "predict", "quizzes": "quiz", "checks": "check"}  # what asks for them
SUCCESS = {"quizzes": "right", "checks": "passed"}  # where a try alone is not enough


def progress_file() -> Path | None:
    """Where progress is kept, or None where it is switched off."""
    chosen = os.environ.get("SSLCOURSE_PROGRESS")
    if chosen == "off":
        return None
    return Path(chosen) if chosen else Path.home() / ".sslcourse" / "progress.json"


def read_all() -> dict[str, dict[str, Any]]:
    """Everything noted so far: {kind: {id: what was noted}}.

    A damaged file is moved aside under another name, with a warning, and a new one is begun.
    """
    path, kept = progress_file(), {kind: {} for kind in KINDS}
    if path is None or not path.is_file():
        return kept
    try:
        found = json.loads(path.read_text("utf-8"))
        return {kind: dict(found.get(kind, {})) for kind in KINDS}
    except (ValueError, AttributeError, TypeError):  # not JSON, or JSON of another form
        aside = path.with_suffix(".damaged.json")
        path.replace(aside)
        warnings.warn(
            f"{path} can't be read; it was moved to {aside.name} and a new one begun.", stacklevel=3
        )
        return kept


def recall(kind: str, key: str) -> Any:
    """What was noted for one prediction, quiz, check or lesson; None where nothing was."""
    return read_all()[kind].get(key)


def note(kind: str, key: str, value: Any) -> None:
    """Write down one thing. Where the file can't be written, a warning says so and work goes on.

    Args:
        kind: one of `KINDS`.
        key: such as "03.1", or "03" for a lesson.
        value: numbers, strings, lists and dictionaries of them; None forgets the key.
    """
    path = progress_file()
    if path is None:
        return
    known = read_all()
    known[kind][key] = value
    if value is None:
        del known[kind][key]
    text = json.dumps(known, indent=1, sort_keys=True)
    try:
        write_whole(path, lambda file: file.write_text(text + "\n", "utf-8"))
    except OSError as error:
        warnings.warn(f"your progress was not kept: {error}", stacklevel=3)


def questions(notebook: Path) -> dict[str, set[str]]:
    """Ids of the predictions, quizzes and checks that a notebook asks for: {kind: ids}."""
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return {
        kind: set(re.findall(rf'\b{call}\(\s*"(\d\d\.\w+)"', code)) for kind, call in CALLS.items()
    }


def finished(kind: str, noted: dict[str, Any]) -> set[str]:
    """Ids that are done: predictions made, quizzes answered rightly, checks passed."""
    needed = SUCCESS.get(kind)
    return {
        key
        for key, entry in noted.items()
        if needed is None or (isinstance(entry, dict) and entry.get(needed) is True)
    }


def calibration(predictions: dict[str, Any]) -> str:
    """One sentence on how far guesses in per cent were from what was measured."""
    distances = [
        abs(guess - measured)
        for entry in predictions.values()
        if entry.get("unit") == "%" and entry.get("measured")
        for guess, measured in zip(entry["guess"], entry["measured"], strict=True)
    ]
    if not distances:
        return "Guesses that you lock in will be compared with what you measure."
    mean = sum(distances) / len(distances)
    return f"Your {len(distances)} guesses in per cent were off by {mean:.0f} points on average."


class ProgressTable:
    """A table of lessons: what is asked in each and what the learner has done."""

    def __init__(self, folder: str | Path = ".") -> None:
        self.lessons = sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))

    def __repr__(self) -> str:
        return f"Your progress in {len(self.lessons)} lessons: predictions, quizzes and checks."

    def _repr_html_(self) -> str:
        done = read_all()
        rows = []
        for path in self.lessons:
            cells = [f'<a href="{path.name}">{html.escape(path.stem.replace("_", " "))}</a>']
            for kind, asked in questions(path).items():
                count = len(asked & finished(kind, done[kind]))
                cells.append(f"{count} of {len(asked)}" if asked else "")
            cells.append("done" if path.name[:2] in done["lessons"] else "")
            rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        head = "".join(f"<th>{name}</th>" for name in ("lesson", *CALLS, ""))
        table = f'<table class="progress"><tr>{head}</tr>{"".join(rows)}</table>'
        return f"{table}<p>{calibration(done['predictions'])}</p>"


def show_progress(folder: str | Path = ".") -> ProgressTable:
    """The lessons of a folder and what the learner has done in each."""
    return ProgressTable(folder)


class LessonDone:
    """What is still open in a lesson, and that it is done."""

    def __init__(self, lesson: str, missing: list[str]) -> None:
        self.lesson, self.missing = lesson, missing

    def __repr__(self) -> str:
        return f"Lesson {self.lesson} is done."

    def _repr_html_(self) -> str:
        if not self.missing:
            return f"<p>{self!r}</p>"
        return f"<p>{self!r} Still open, if you like: {', '.join(self.missing)}.</p>"


def lesson_done(lesson: str, folder: str | Path = ".") -> LessonDone:
    """Note that a lesson is done; shows which predictions, quizzes and checks are still open.

    Args:
        lesson: its number, such as "03".
        folder: where the notebooks lie; in a notebook that is its own folder.
    """
    note("lessons", lesson, True)
    done, missing = read_all(), []
    for path in sorted(Path(folder).glob(f"{lesson}_*.ipynb")):
        for kind, asked in questions(path).items():
            open_ones = sorted(asked - finished(kind, done[kind]))
            missing += [f"{CALLS[kind]} {key}" for key in open_ones]
    return LessonDone(lesson, missing if progress_file() else [])
