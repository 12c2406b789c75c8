"""Right formulas whose steps can be done wrongly, by the id of their check.

Where no known mistake shows, a wrong result is rebuilt: one wrong step after the other is tried,
and every two of them together.
"""

from importlib import import_module

from sslcourse.teach.checks.formulas.formula import Formula, Rebuilt, rebuilt

SUBJECTS = [
    "codes",
    "cosines",
    "forces",
    "frequencies",
    "gaps",
    "heads",
    "hidden",
    "info_nce",
    "lengths",
    "maps",
    "momentum",
    "nt_xent",
    "overlaps",
    "patch_losses",
    "patch_scales",
    "pixels",
    "prototypes",
    "rank",
    "rows",
    "sinkhorn",
    "standard",
    "swapped",
    "teacher",
    "visible",
    "votes",
]
FORMULAS: dict[str, Formula] = {
    key: formula
    for subject in SUBJECTS
    for key, formula in import_module(f"{__name__}.{subject}").FORMULAS.items()
}
__all__ = ["FORMULAS", "Formula", "Rebuilt", "rebuilt"]
