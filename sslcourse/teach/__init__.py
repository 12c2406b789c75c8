"""All that shows something to a person: figures, live plots, widgets, questions, progress."""

from sslcourse.teach.bars import bars
from sslcourse.teach.exercises import ready
from sslcourse.teach.figures import Picture, finish, image_grid, nearest_neighbours
from sslcourse.teach.live import fit_live
from sslcourse.teach.outputs import number_table
from sslcourse.teach.plots import curves, heat_table, scatter
from sslcourse.teach.predict import predict
from sslcourse.teach.progress import lesson_done, show_progress
from sslcourse.teach.quiz import quiz
from sslcourse.teach.widgets import explore

__all__ = [
    "Picture",
    "bars",
    "curves",
    "explore",
    "finish",
    "fit_live",
    "heat_table",
    "image_grid",
    "lesson_done",
    "nearest_neighbours",
    "number_table",
    "predict",
    "quiz",
    "ready",
    "scatter",
    "show_progress",
]
