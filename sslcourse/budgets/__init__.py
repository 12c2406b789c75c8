"""What `laptop` and `full` mean for each method.

`laptop` is what two CPU cores do within a lesson. `full` is the published recipe for one GPU.
"""

import os

from sslcourse.budgets.budget import Budget
from sslcourse.budgets.convolutional import CONVOLUTIONAL
from sslcourse.budgets.transformers import TRANSFORMERS

__all__ = ["BUDGETS", "Budget", "NAMES", "budget"]

NAMES = ("laptop", "full")
BUDGETS = {**CONVOLUTIONAL, **TRANSFORMERS}


def budget(method: str, name: str | None = None) -> Budget:
    """The budget of a method, by name or as `SSLCOURSE_BUDGET` says ("laptop" by default).

    Raises:
        ValueError: an unknown method or budget.
    """
    name = name or os.environ.get("SSLCOURSE_BUDGET") or "laptop"
    if method not in BUDGETS:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(BUDGETS)}.")
    if name not in NAMES:
        raise ValueError(f"unknown budget {name!r}; choose one of {', '.join(NAMES)}.")
    return BUDGETS[method][name]
