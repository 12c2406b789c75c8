"""Sides of a comparison that each have a process of their own, and work when it is their turn."""

from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

Turn = Callable[[], object]


def serve(connection: Connection, make: Callable[..., Turn], *given: Any) -> None:
    """Take a turn whenever asked to, until nobody asks any more."""
    turn = make(*given)
    try:
        while connection.recv():
            turn()
            connection.send(True)
    except EOFError:
        return


def apart(stack: ExitStack, make: Callable[..., Turn], *given: Any) -> Callable[[], None]:
    """A turn in a process of its own, which ends with the stack.

    Args:
        stack: of the comparison.
        make: a function of a module; makes the turn, in that process.
        given: its arguments.

    Returns:
        What takes a turn there and waits for its end. An error there is printed, and is an
        `EOFError` here.
    """
    context = get_context("spawn")  # a fork would take over this process's memory settings
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, make, *given))
    process.start()
    there.close()
    stack.callback(process.join)
    stack.callback(here.close)

    def turn() -> None:
        here.send(True)
        here.recv()

    return turn
