"""Notebooks as files: execute, clean, measure, and cut exercises from solutions.

    python -m sslcourse.authoring                   executes all, then writes exercises/
    python -m sslcourse.authoring notebooks/03*     executes these
    python -m sslcourse.authoring --report          how long lessons are

A second run writes the same bytes. A notebook that fails is named and stays as it was.
"""

import os
import re
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from sslcourse.data.cache import write_whole

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
CELL_SECONDS = 300  # a lesson's own limit is 90; a busy machine may take longer
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# nbgrader's markers and stub, so that nbgrader can take the same files
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
# the same for answers in prose: comments, which a reader of the solution doesn't see
TEXT_BEGIN, TEXT_END = "<!-- BEGIN SOLUTION -->", "<!-- END SOLUTION -->"
TEXT_STUB = ("YOUR ANSWER HERE",)
CUTS = {"code": (BEGIN, END, STUB), "markdown": (TEXT_BEGIN, TEXT_END, TEXT_STUB)}
# check("03.1", nt_xent_loss)  # 3 points
CHECK = re.compile(r'^check\("(\d\d\.\d+)", (\w+)\)(?:  # (\d+) points?)?$')
QUIZ = re.compile(r"^quiz\(", re.MULTILINE)
POINTS = re.compile(r"\((\d+) points?\)")  # ## Your plan (3 points)


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run every cell in a fresh kernel, with `folder` as working directory, without progress kept.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute(env={**os.environ, "SSLCOURSE_PROGRESS": "off"})


def clean(notebook: NotebookNode) -> NotebookNode:
    """Drop what changes from run to run or from machine to machine, in place."""
    notebook.metadata = NotebookNode(
        kernelspec=KERNEL, language_info={"name": "python", "file_extension": ".py"}
    )
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number:02}"
        kept = {key: cell.metadata[key] for key in ("tags", "nbgrader") if key in cell.metadata}
        if QUIZ.search(cell.source):  # the code names the right answer
            kept["jupyter"] = {"source_hidden": True}
        cell.metadata = NotebookNode(kept)
        for output in cell.get("outputs", ()):
            # a stored widget has no kernel behind it; its picture and text stay
            if "data" in output:
                output.data.pop(WIDGET_VIEW, None)
            if output.output_type == "error":  # the rest of a traceback names files of this machine
                output.traceback = [f"{output.ename}: {output.evalue}"]
            output.get("metadata", {}).pop("transient", None)
    nbformat.validate(notebook)
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    write_whole(path, lambda file: file.write_text(nbformat.writes(notebook) + "\n", "utf-8"))


def mark_for_nbgrader(notebook: NotebookNode) -> NotebookNode:
    """Tell nbgrader, in place, which cells hold a solution and which a check with points.

    A solution cell has the markers, a check's cell the one line of `CHECK`. An answer in prose
    brings points too, which a person gives. Lessons have none of them.
    """
    answers = texts = 0
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)
        prose, asked = cell.cell_type == "markdown", CHECK.match(cell.source.strip())
        if asked and not prose:
            name = f"check-{asked[1].replace('.', '-')}"
            marks = {"grade_id": name, "points": int(asked[3] or 1)}
        elif prose and TEXT_BEGIN in cell.source:
            texts += 1
            points = POINTS.search(cell.source)
            marks = {"grade_id": f"text-{texts}", "points": int(points[1]) if points else 1}
        elif not prose and BEGIN in cell.source:
            answers += 1
            marks = {"grade_id": f"answer-{answers}"}
        else:
            continue
        kinds = {"grade": "points" in marks, "solution": not asked, "locked": bool(asked)}
        cell.metadata["nbgrader"] = NotebookNode(schema_version=3, task=False, **kinds, **marks)
    return notebook


def rebuild(path: Path) -> None:
    """Execute and clean one notebook file.

    Raises:
        RuntimeError: a cell failed; the file is as it was.
    """
    notebook = nbformat.read(path, as_version=4)
    try:
        execute(notebook, path.parent)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        done = [cell for cell in notebook.cells if cell.get("execution_count")]
        last = f"cell {notebook.cells.index(done[-1]) + 1}" if done else "no cell"
        reason = getattr(error, "ename", type(error).__name__)
        said = getattr(error, "evalue", "") or str(error).strip().splitlines()[-1]
        raise RuntimeError(f"{path} stopped at {last}: {reason}: {said}") from error
    write(clean(mark_for_nbgrader(notebook)), path)


def cut_solutions(source: str, kind: str = "code") -> str:
    """The stub in place of each region between the solution markers, indented as it was.

    Args:
        source: of a cell.
        kind: "code" or "markdown", whose markers and stub differ.

    Raises:
        ValueError: a marker without its partner.
    """
    (begin, end, stub), kept, inside = CUTS[kind], [], False
    for line in source.split("\n"):
        word = line.strip()
        if word in (begin, end):
            if inside == (word == begin):
                raise ValueError(f"{word!r} without its partner in the cell:\n{source}")
            inside = not inside
            if inside:
                indent = line[: len(line) - len(line.lstrip())]
                kept += [indent + text for text in stub]
        elif not inside:
            kept.append(line)
    if inside:
        raise ValueError(f"{begin!r} without its partner in the cell:\n{source}")
    return "\n".join(kept)


def exercise_from(solution: NotebookNode) -> NotebookNode:
    """A learner's copy of a solution: stubs instead of answers, no outputs, no counts."""
    exercise = clean(mark_for_nbgrader(nbformat.from_dict(solution)))
    for cell in exercise.cells:
        if cell.cell_type in CUTS:
            cell.source = cut_solutions(cell.source, cell.cell_type)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return exercise


def has_run(path: Path) -> bool:
    """Whether a cell of a notebook file was ever run."""
    return any(cell.get("execution_count") for cell in nbformat.read(path, as_version=4).cells)


def generate_exercises(solutions: Path, exercises: Path) -> list[Path]:
    """Write an exercise for each solution; one whose solution is gone goes too.

    Raises:
        ValueError: somebody has worked in an exercise; nothing is written.
    """
    if used := [path.name for path in sorted(exercises.glob("*.ipynb")) if has_run(path)]:
        raise ValueError(
            f"somebody has worked in {', '.join(used)} in {exercises}; move that elsewhere first, "
            "so that no work is lost."
        )
    written = []
    for path in sorted(solutions.glob("*.ipynb")):
        written.append(exercises / path.name)
        write(exercise_from(nbformat.read(path, as_version=4)), written[-1])
    for path in set(exercises.glob("*.ipynb")) - set(written):
        path.unlink()
    return written


@dataclass(frozen=True)
class Measures:
    """How long a lesson is; the ranges are DESIGN.md's."""

    cells: int  # 40 to 60
    words: int  # of prose, 1,800 to 2,800
    figures: int  # 5 to 8
    longest: int  # lines of the longest code cell, at most 25
    median: float  # lines of a code cell, at most 8
    kilobytes: int  # of the file, at most 1,000


def measure(path: Path) -> Measures:
    """Count cells, words, figures and lines of a notebook file."""
    cells = nbformat.read(path, as_version=4).cells
    prose = " ".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = [cell for cell in cells if cell.cell_type == "code"]
    lines = [len(cell.source.splitlines()) for cell in code] or [0]
    pictures = ["image/png" in output.get("data", {}) for cell in code for output in cell.outputs]
    return Measures(
        cells=len(cells),
        words=len(re.findall(r"\w[\w'’-]*", re.sub(r"\]\([^)]*\)", "]", prose))),
        figures=sum(pictures),
        longest=max(lines),
        median=statistics.median(lines),
        kilobytes=round(path.stat().st_size / 1000),
    )


def report(paths: list[Path]) -> None:
    """Print how long each lesson is."""
    for path in paths:
        print(f"{path.stem:28}", measure(path))


def main(arguments: list[str]) -> int:
    """Rebuild the notebooks named, or all of them and the exercises; returns the exit code."""
    names = [argument for argument in arguments if argument != "--report"]
    paths = [Path(name) for name in names]
    if not paths:
        paths = [*sorted(Path("notebooks").glob("*.ipynb")), *Path("solutions").glob("*.ipynb")]
    if "--report" in arguments:
        report(paths)
        return 0
    try:
        for path in paths:
            print(f"executing {path}", flush=True)
            rebuild(path)
        if not names and Path("solutions").is_dir():
            written = generate_exercises(Path("solutions"), Path("exercises"))
            print(f"wrote {len(written)} exercises")
    except (RuntimeError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
