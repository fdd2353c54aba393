"""How the command line speaks: one console for people on stderr, plain JSON for scripts on stdout, one line for every failure."""

import sys
from typing import NoReturn

import msgspec
import typer
from rich.console import Console

people = Console(stderr=True, highlight=False)
output = Console(highlight=False)

EXIT_FAILURE = 1
EXIT_USAGE = 2


def print_json(value: object) -> None:
    """Write a value as JSON to stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def fail(line: str, code: int = EXIT_FAILURE) -> NoReturn:
    """Say in one line what is wrong and what to do, and end."""
    people.print(f"[red]globetable:[/red] {line}", soft_wrap=True)
    raise typer.Exit(code)
