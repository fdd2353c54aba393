"""The lives of a disk: the value that names one."""

from typing import NamedTuple


class Life(NamedTuple):
    """One life of a node: its number on this disk, from 1, and its mark."""

    number: int
    mark: str
