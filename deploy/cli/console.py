"""How the command line speaks: one console for people on stderr, plain JSON for scripts on stdout, one line for every failure.

Rich is imported with the first word for people: to import it takes as long as many a command.
"""

import sys
from functools import cache
from typing import TYPE_CHECKING, NoReturn

import msgspec
import typer

if TYPE_CHECKING:
    from rich.console import Console

EXIT_FAILURE = 1
EXIT_USAGE = 2


@cache
def people() -> "Console":
    """Return the console for what people read while a command works."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@cache
def output() -> "Console":
    """Return the console for what a command was asked for."""
    from rich.console import Console

    return Console(highlight=False)


def print_json(value: object) -> None:
    """Write a value as JSON to stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def fail(line: str, code: int = EXIT_FAILURE) -> NoReturn:
    """Say in one line what is wrong and what to do, and end."""
    people().print(f"[red]globetable:[/red] {line}", soft_wrap=True)
    raise typer.Exit(code)
