"""Small inputs with known properties, comparisons that forgive rounding, and numbers to look at."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

RELATIVE, ABSOLUTE = 1e-3, 1e-4  # another order of float32 sums stays far below


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Normally distributed float32 of any shape, the same ones for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def one_hot(*places: int, width: int) -> Tensor:
    """Orthonormal rows (N, width): row i is 1 at places[i]."""
    return torch.eye(width)[list(places)]


def mask_of(*rows: str) -> Tensor:
    """Bool (N, L) from strings: "x" is hidden, "." is visible."""
    return torch.tensor([[letter == "x" for letter in row] for row in rows])


def close(first: Any, second: Any) -> bool:
    """Whether two results agree in shape and, but for rounding, in every number.

    What is not finite agrees with nothing.
    """
    if isinstance(first, tuple) or isinstance(second, tuple):
        both = isinstance(first, tuple) and isinstance(second, tuple) and len(first) == len(second)
        return both and all(close(a, b) for a, b in zip(first, second, strict=True))
    a, b = (torch.as_tensor(x).detach().cpu().to(torch.float64) for x in (first, second))
    if a.shape != b.shape or not a.isfinite().all():
        return False
    return torch.allclose(a, b, rtol=RELATIVE, atol=ABSOLUTE)


def differ(first: Any, second: Any) -> bool:
    """Whether two results of one shape, all of them finite, are not the same.

    So a function that returns nan shows no dependence on anything.
    """
    finite = close(first, first) and close(second, second)
    return finite and shape_of(first) == shape_of(second) and not close(first, second)


def shape_of(value: Any) -> tuple:
    """Of a number or tensor its shape, of a tuple the shapes of its parts."""
    if isinstance(value, tuple):
        return tuple(shape_of(part) for part in value)
    return tuple(torch.as_tensor(value).shape)


def constant_ratio(pairs: list[tuple[Any, Any]]) -> float | None:
    """first / second, where that is one number for all pairs of numbers; None where it is not.

    Stricter than `close`: something small that is added must not pass for a factor.
    """
    if any(not math.isfinite(float(a)) or abs(float(b)) < 1e-6 for a, b in pairs):
        return None
    ratios = [float(a) / float(b) for a, b in pairs]
    return ratios[0] if all(math.isclose(r, ratios[0], rel_tol=1e-4) for r in ratios) else None


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors of nested lists and tuples, in order."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [tensor for part in value for tensor in tensors_in(part)]
    return []


def mapped(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Nested lists and tuples with every tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, (list, tuple)):
        return type(value)(mapped(change, part) for part in value)
    return value


def shown(value: Any) -> str:
    """A result as a short text, the same on every machine: four digits, at most a few rows."""
    if isinstance(value, tuple):
        return "; ".join(shown(part) for part in value)
    if not isinstance(value, Tensor):
        return f"{value:.4g}" if isinstance(value, float) else str(value)
    value = value.detach().cpu()
    if value.ndim == 0:
        return number(value.item())
    if value.numel() <= 48:
        return nested(value.tolist())
    first = ", ".join(number(x) for x in value.flatten()[:6].tolist())
    return f"{tuple(value.shape)}, it begins {first}, …"


def nested(values: Any) -> str:
    if isinstance(values, list):
        return f"[{', '.join(nested(part) for part in values)}]"
    return number(values)


def number(value: float | int | bool) -> str:
    """Four digits; -0 and 0 look the same."""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) > 1e-6 or not math.isfinite(value) else "0"
    return str(value)


def named(args: tuple, kwargs: dict, names: list[str]) -> Iterator[str]:
    """One line for each input: its name and its numbers."""
    for name, value in [*zip(names, args), *kwargs.items()]:
        if isinstance(value, (list, tuple)):
            value = tuple(value)
        yield f"{name} = {shown(value)}"
