"""Tables for people: aligned columns that fit the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from cloudnode.cli.text import cut, pad, printable, width

GAP = "  "
LEAST = 8
"""A column that gives way keeps so many columns."""


@attrs.frozen
class Column:
    """A column.

    :ivar right: Aligned to the right, as numbers are. :ivar gives_way: Cut when the table is too wide.
    """

    title: str
    right: bool = False
    gives_way: bool = False


def format_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], total: int | None) -> list[str]:
    """Lines of a table, the first one its titles; no line ends in spaces.

    :param total: The terminal's columns; None for as many as it takes.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [
        max([width(column.title), *(width(row[index]) for row in cells)])
        for index, column in enumerate(columns)
    ]
    if total is not None:
        _shrink(widths, columns, total - len(GAP) * (len(columns) - 1))
    lines = [[column.title for column in columns], *cells]
    return [
        GAP.join(
            pad(cut(cell, size), size, column.right)
            for cell, size, column in zip(line, widths, columns, strict=True)
        ).rstrip()
        for line in lines
    ]


def _shrink(widths: list[int], columns: Sequence[Column], room: int) -> None:
    """Take columns from the widest of those that give way until all fit, or nothing is left to take."""
    giving = [index for index, column in enumerate(columns) if column.gives_way]
    for index in giving:
        widths[index] = min(widths[index], max(room, LEAST))
    while giving and sum(widths) > room:
        widest = max(giving, key=widths.__getitem__)
        if widths[widest] <= LEAST:
            return
        widths[widest] -= 1


def format_pairs(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """``name  value`` lines with the values in one column."""
    longest = max((width(name) for name, _ in pairs), default=0)
    return [f"{pad(name, longest)}{GAP}{printable(value)}".rstrip() for name, value in pairs]
