"""Milestones of open practice: what a learner's own results must obey, whatever they are."""

from collections.abc import Iterator
from contextlib import contextmanager

from IPython.display import display

from sslcourse.teach import progress
from sslcourse.teach.outputs import Text

REACHED: dict[int, str] = {}  # number and title of the milestones that were reached


@contextmanager
def milestone(number: int, title: str) -> Iterator[None]:
    """Look at a learner's work with plain asserts, and say in one sentence what came of it.

        with milestone(2, "one change at a time"):
            for name, setting in my_settings().items():
                assert setting != full, f"{name!r} changes nothing."

    Nothing inside stops the notebook: a stub that wasn't filled in, an assert that doesn't hold and
    any other error each become a sentence. Only an interrupt goes on.

    Args:
        number: of the milestone in its notebook.
        title: what holds once it is reached.
    """
    REACHED.pop(number, None)
    try:
        yield
    except NotImplementedError:
        said = "is not attempted yet"
    except AssertionError as error:
        said = f"is not reached: {error}" if str(error) else "is not reached"
    except Exception as error:  # whatever a learner's code may raise
        said = f"is not reached: the code raised {type(error).__name__}: {error}"
    else:
        REACHED[number] = title
        said = "reached"
    end = f": {title}." if said in ("reached", "is not attempted yet") else ""
    display(Text(f"Milestone {number} {said}{end}"))


def reached(*numbers: int) -> bool:
    """Whether a cell can go on; if not, one sentence says which milestones it waits for.

    While nbgrader grades, such cells are left out: a person reads what they showed.

    Args:
        numbers: of the milestones that must have been reached since this Python started, and not
            lost since.
    """
    if progress.grading():
        display(Text("This cell is left out while nbgrader runs the notebook."))
        return False
    waiting = [str(number) for number in numbers if number not in REACHED]
    if waiting:
        plural = "s" if waiting[1:] else ""
        display(Text(f"This cell waits for milestone{plural} {' and '.join(waiting)}."))
    return not waiting
