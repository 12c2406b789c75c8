"""Results of trainings that are too long for a lesson, as lessons read them.

`tests/benchmarks/measure.py` and `python -m sslcourse evaluate` write them, row by row.
"""

from sslcourse.results import FOLDER, measured, over_seeds, summary

__all__ = ["FOLDER", "measured", "over_seeds", "summary"]
