"""Cells of an exercise that wait until the learner has written what they use."""

from IPython.display import display

from sslcourse.teach import progress
from sslcourse.teach.checks.examine import PASSED, find
from sslcourse.teach.outputs import Text


def ready(*keys: str) -> bool:
    """Whether a cell can go on; if not, one sentence says which checks it waits for.

        if ready("03.1", "03.2"):
            ...  # uses functions that the learner wrote

    So "Run All" reaches the end of an exercise in any state. While nbgrader grades, these cells are
    left out: what they show earns no points, and they take most of the time.

    Args:
        keys: of the checks whose functions the cell uses, such as "03.1".

    Returns:
        True once all of them were passed since this Python started.

    Raises:
        ValueError: no such check.
    """
    waiting = [f"{key} ({find(key).title})" for key in keys if key not in PASSED]
    if progress.grading():
        display(Text("This cell is left out while nbgrader runs the notebook."))
        return False
    if waiting:
        names = " and ".join([", ".join(waiting[:-1]), waiting[-1]] if waiting[1:] else waiting)
        checks = "checks" if waiting[1:] else "check"
        display(Text(f"This cell waits for {checks} {names}."))
    return not waiting
