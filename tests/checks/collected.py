"""Where wrong and right implementations are collected: {(check, mistake): function}."""

from collections.abc import Callable

WRONG: dict[tuple[str, str], Callable] = {}  # one for each mistake of the catalogue
UNSEEN: list[tuple[str, str, Callable]] = []  # written in another way, after the detectors
RIGHT: list[tuple[str, str, Callable]] = []  # (check, how it is written, function)


def wrong(key: str, mistake: str) -> Callable:
    """Collect a function that makes one mistake and no other."""

    def collect(function: Callable) -> Callable:
        assert (key, mistake) not in WRONG, f"{key} {mistake} is there twice"
        WRONG[key, mistake] = function
        return function

    return collect


def unseen(key: str, mistake: str) -> Callable:
    """Collect another function that makes a mistake; an empty name is one nobody knows."""

    def collect(function: Callable) -> Callable:
        UNSEEN.append((key, mistake, function))
        return function

    return collect


def right(key: str, style: str) -> Callable:
    """Collect a function that is right."""

    def collect(function: Callable) -> Callable:
        RIGHT.append((key, style, function))
        return function

    return collect
