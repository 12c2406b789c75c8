"""Does the seed decide that is handed in, or the randomness that the whole program shares?"""

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import seed_decides
from sslcourse.teach.checks.cases import holds
from sslcourse.teach.checks.limits import seed_everything
from sslcourse.teach.checks.numbers import close, mapped
from sslcourse.teach.checks.task import Attempt, Case, Mistake, converted


def with_state(f: Attempt, state: int, args: tuple) -> tuple[Any, bool]:
    """The result where the global generators begin like this, and whether they moved."""
    seed_everything(state)
    before = global_states()
    result = converted(f.function(*mapped(Tensor.clone, args)))
    return result, before != global_states()


def global_states() -> tuple[Any, ...]:
    """Of torch, NumPy and Python, as something that can be compared."""
    numpy_state = np.random.get_state()  # noqa: NPY002
    return (
        torch.get_rng_state().tolist(),
        numpy_state[1].tolist(),
        numpy_state[2],
        random.getstate(),
    )


def global_decides(f: Attempt, *args: Any) -> bool:
    """The same inputs give something else, and finite, where the generators stand elsewhere."""
    first, second = (with_state(f, state, args)[0] for state in (0, 7))
    return close(first, first) and close(second, second) and not close(first, second)


def moves_global(f: Attempt, *args: Any) -> bool:
    """Random numbers that others draw afterwards are others than without this call."""
    return with_state(f, 0, args)[1]


def repeatable(draw: Any, *args: Any) -> tuple[Case, ...]:
    """Two cases of a function whose last input is a seed.

    Args:
        draw: (attempt, seed) -> what is compared, such as sorted positions.
        args: of one call, with the seed.
    """
    return (
        holds(
            "invariance",
            "one seed must give the same every time, and another seed something else.",
            lambda f: seed_decides(lambda seed: draw(f, seed)) and not global_decides(f, *args),
        ),
        holds(
            "invariance",
            "the global random numbers must go on as if your function had not been called.",
            lambda f: not moves_global(f, *args),
        ),
        holds(
            "invariance",
            "your function changed the tensor that it was given.",
            lambda f: not f.changes_inputs(*args),
        ),
    )


def about_seeds(draw: Any, *args: Any) -> tuple[Mistake, ...]:
    """Mistakes with seeds; see `repeatable`."""
    own = "generator = torch.Generator().manual_seed(seed); torch.randperm(n, generator=generator)"
    return (
        Mistake(
            "seed-decides-nothing",
            "Every seed gives the same.",
            (
                "Call your function with the seeds 0 and 1.",
                "The seed that is handed in should start the generator.",
                own,
            ),
            lambda f: (
                all(close(draw(f, 0), draw(f, seed)) for seed in range(1, 8))
                and not global_decides(f, *args)
            ),
        ),
        Mistake(
            "draw-not-repeatable",
            "The same seed gives something else when other random numbers were drawn before: the "
            "global randomness decides.",
            (
                "Draw torch.rand(1) between two calls with the same seed.",
                "Every method must get the very same images, whatever was computed in between.",
                own,
            ),
            lambda f: global_decides(f, *args),
        ),
        Mistake(
            "global-randomness-moved",
            "What you draw is right, but after your call all other random numbers of the program "
            "are others, too.",
            (
                "Which generator does torch.manual_seed start anew?",
                "Whoever trains after your call trains with other numbers than without it.",
                own,
            ),
            lambda f: moves_global(f, *args),
        ),
    )
