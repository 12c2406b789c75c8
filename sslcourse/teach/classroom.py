"""A page for teachers: what each exercise is for, how long it takes, what goes wrong in it.

    python -m sslcourse.teach.classroom      writes exercises/README.md

All of it is read from the notebooks in `exercises/` and from the checks' catalogue, so the page is
written again whenever one of them changes; a test compares.
"""

import html
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from sslcourse.authoring import CHECK
from sslcourse.data.cache import write_whole
from sslcourse.teach.checks.catalogue import TASKS

PAGE = "README.md"
ROW = re.compile(r"^\|(.*)\|\s*$", re.MULTILINE)
SECTION = re.compile(r"^## (?:[A-Z]\w+ )?(\d+)\. ", re.MULTILINE)  # "## Task 3. Shuffled keys"
MILESTONE = re.compile(r"^ *with milestone\((\d+),", re.MULTILINE)
RUBRIC = re.compile(r"^## Rubric$.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
INTRODUCTION = """\
# For teachers

<!-- written by python -m sslcourse.teach.classroom; changes here are lost -->

One exercise goes with each lesson, and four practices are open questions. What each of them is for,
how long it takes, and what usually goes wrong stands below.

**Hand out.** Give your class this folder's notebooks, together with the course itself: an exercise
imports `sslcourse`. It needs no network and no GPU. Answers are in `solutions/`; leave that folder
out if nobody shall look.

**What a check does.** Below each function stands a check. It says *not attempted yet*, *passed*, or
which mistake was made, with three hints from gentle to explicit. So most learners get on without
you. What is none of the known mistakes below is rebuilt where that can be done: the right formula
with one or two steps done wrongly, until the learner's numbers come out; otherwise the check says
what the result has to do with the right one. The practices have milestones instead: they don't know
the answer, but see whether a result can be trusted. *Run All* reaches the end of a notebook in any
state.

**Collect and grade.** By hand: open what you got, run all its cells, and count the checks that say
*passed*. For many learners use nbgrader; the README of the course has the commands. A check that is
passed gives its points, anything else none. What a learner writes in words you grade yourself, by
the rubric of the practice.

**Keep in mind.** The checks come with the course, so a learner can read them. They are made for
learning; points for an exam need tasks of your own.
"""


@dataclass
class Step:
    """One row of an exercise's table of tasks, and what stands in the notebook for it."""

    number: str
    title: str
    difficulty: str
    minutes: int
    checks: list[str] = field(default_factory=list)  # ids
    milestones: list[str] = field(default_factory=list)  # numbers
    points: int = 0  # of checks, and of answers in words

    @property
    def judged_by(self) -> str:
        """Its checks or milestones, in words."""
        asked = ", ".join(self.checks)
        if self.milestones:
            asked = f"milestone{'s' * bool(self.milestones[1:])} {', '.join(self.milestones)}"
        return asked or "–"


@dataclass
class Exercise:
    """What a teacher wants to know about one notebook. Made by `read_exercise`."""

    path: Path
    title: str
    aim: str
    steps: list[Step]
    rubric: str  # Markdown; empty where there is none

    @property
    def minutes(self) -> int:
        return sum(step.minutes for step in self.steps)

    @property
    def points(self) -> int:
        return sum(step.points for step in self.steps)

    @property
    def keys(self) -> list[str]:
        """Ids of its checks, each once, in the order of the notebook."""
        return list(dict.fromkeys(key for step in self.steps for key in step.checks))


def table_of_tasks(text: str) -> list[dict[str, str]]:
    """The rows of the first Markdown table with a column "minutes": {column: cell}.

    The first column is called "number" here, the second "title"; the others keep their names.
    """
    lines = [[cell.strip() for cell in row.split("|")] for row in ROW.findall(text)]
    for place, head in enumerate(lines):
        if "minutes" in head:
            names = ["number", "title", *head[2:]]
            below = (row for row in lines[place + 2 :] if len(row) == len(names))
            found = [dict(zip(names, row, strict=True)) for row in below]
            return [row for row in found if row["minutes"].isdigit()]
    return []


def read_exercise(path: Path) -> Exercise:
    """Title, aim, tasks and checks of a notebook file.

    Raises:
        ValueError: no title with a paragraph below it, or no table of tasks with their minutes.
    """
    cells = nbformat.read(path, as_version=4).cells
    prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    parts, rows = prose.split("\n\n"), table_of_tasks(prose)
    if not parts[0].startswith("# ") or len(parts) < 2 or not rows:
        raise ValueError(
            f"{path} needs a title, a paragraph about its aim below it, and a table of tasks with "
            "a column 'minutes'."
        )
    steps = [
        Step(row["number"], row["title"], row.get("difficulty", ""), int(row["minutes"]))
        for row in rows
    ]
    at = steps[0]
    for cell in cells:
        if cell.cell_type == "markdown":
            for number in SECTION.findall(cell.source):
                at = next((step for step in steps if step.number == number), at)
        else:
            at.milestones += MILESTONE.findall(cell.source)
            if asked := CHECK.match(cell.source.strip()):
                at.checks.append(asked[1])
        at.points += cell.metadata.get("nbgrader", {}).get("points", 0)
    title, aim, rubric = parts[0].removeprefix("# "), " ".join(parts[1].split()), ""
    if found := RUBRIC.search(prose):
        rubric = found[0].removeprefix("## Rubric").strip()
    return Exercise(path, title, aim, steps, rubric)


def overview(exercises: list[Exercise]) -> str:
    """One row for each exercise, and how much all of them are."""
    lines = ["| exercise | tasks | minutes | points |", "| --- | --- | --- | --- |"]
    for one in exercises:
        link = f"[{one.title}]({one.path.name})"
        lines.append(f"| {link} | {len(one.steps)} | {one.minutes} | {one.points} |")
    hours = sum(one.minutes for one in exercises) / 60
    points = sum(one.points for one in exercises)
    return "\n".join(lines) + f"\n\nTogether about {hours:.0f} hours and {points} points.\n"


def task_table(exercise: Exercise) -> str:
    """Its tasks with their minutes, what judges them, and points."""
    rated = any(step.difficulty for step in exercise.steps)
    lines = []
    for step in exercise.steps:
        cells = [step.number, step.title, *[step.difficulty] * rated, step.minutes]
        lines.append([*cells, step.judged_by, step.points or "–"])
    head = ["task", "", *["difficulty"] * rated, "minutes", "judged by", "points"]
    table = [head, ["---"] * len(head), *lines]
    return "".join("| " + " | ".join(map(str, row)) + " |\n" for row in table)


def folded(head: str, body: str) -> str:
    return f"<details><summary>{html.escape(head)}</summary>\n\n{body}\n\n</details>\n"


def mistakes_of(key: str) -> str:
    """What a check recognises, folded: the id of each mistake and what it says to the learner."""
    task = TASKS[key]
    head = f"Check {key}, {task.title}: {len(task.mistakes)} known mistakes"
    lines = [f"- `{mistake.id}`: {mistake.diagnosis}" for mistake in task.mistakes]
    return folded(head, "\n".join(lines))


def section(exercise: Exercise) -> str:
    """All about one exercise."""
    name = exercise.path.name
    links = f"[Notebook]({name}) · [answers](../solutions/{name})"
    much = f"{exercise.minutes} minutes"
    if exercise.points:
        much += f", {exercise.points} points"
    parts = [f"## {exercise.title}\n", f"{exercise.aim}\n", f"*{much}.* {links}\n"]
    parts.append(task_table(exercise))
    if exercise.keys:
        parts += ["**Common mistakes**, as its checks name them:\n"]
        parts += [mistakes_of(key) for key in exercise.keys]
    if exercise.rubric:
        parts.append(folded("Rubric: what earns points, and what usually doesn't", exercise.rubric))
    return "\n".join(parts)


def page(folder: Path) -> str:
    """The page about all exercises of a folder, in Markdown.

    Raises:
        ValueError: an exercise without title, aim or table of tasks.
    """
    # the exercises of the lessons by their numbers, then the practices
    exercises = [read_exercise(path) for path in sorted(folder.glob("*.ipynb"))]
    return "\n".join([INTRODUCTION, overview(exercises), *map(section, exercises)])


def main(arguments: list[str]) -> int:
    """Write the page into a folder of exercises, by default `exercises`; returns the exit code."""
    folder = Path(arguments[0] if arguments else "exercises")
    try:
        if not folder.is_dir():
            raise ValueError(f"there is no folder {folder}; run this beside exercises/.")
        text = page(folder)
        write_whole(folder / PAGE, lambda file: file.write_text(text, "utf-8"))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"wrote {folder / PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
