"""Right formulas whose steps can be done wrongly, by the id of their check.

Where no known mistake shows, a wrong result is rebuilt: one wrong step after the other is tried,
and every two of them together.
"""

from sslcourse.teach.checks.formulas import (
    cosines,
    forces,
    frequencies,
    gaps,
    hidden,
    info_nce,
    lengths,
    momentum,
    nt_xent,
    overlaps,
    patch_losses,
    patch_scales,
    pixels,
    prototypes,
    rank,
    sinkhorn,
    standard,
    swapped,
    teacher,
    visible,
    votes,
)
from sslcourse.teach.checks.formulas.formula import HINTS, Formula, rebuilt

SUBJECTS = (
    cosines,
    forces,
    frequencies,
    gaps,
    hidden,
    info_nce,
    lengths,
    momentum,
    nt_xent,
    overlaps,
    patch_losses,
    patch_scales,
    pixels,
    prototypes,
    rank,
    sinkhorn,
    standard,
    swapped,
    teacher,
    visible,
    votes,
)
FORMULAS: dict[str, Formula] = {
    key: formula for subject in SUBJECTS for key, formula in subject.FORMULAS.items()
}
__all__ = ["FORMULAS", "HINTS", "Formula", "rebuilt"]
