"""Printing results: a table for people, each goal with whether it is met."""

from __future__ import annotations

from collections.abc import Sequence

import attrs


@attrs.frozen
class Goal:
    """A measured value and what it should be.

    :ivar what: What is measured. :ivar value: As measured. :ivar goal: As wished. :ivar unit: Of both.
    :ivar at_most: Whether smaller is better.
    """

    what: str
    value: float
    goal: float
    unit: str = ""
    at_most: bool = False

    def __str__(self) -> str:
        met = self.value <= self.goal if self.at_most else self.value >= self.goal
        bound = "at most" if self.at_most else "at least"
        return (
            f"{'met   ' if met else 'MISSED'}  {self.what}: {_number(self.value)}{self.unit} "
            f"({bound} {_number(self.goal)}{self.unit})"
        )


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]], goals: Sequence[Goal] = ()) -> None:
    """Print rows under headings, the first column to the left and the others to the right, then the goals."""
    texts = [list(headings)] + [[_text(value) for value in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(headings))]
    for number, row in enumerate(texts):
        cells = [
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
        if not number:
            print("  ".join("-" * width for width in widths))
    print()
    for goal in goals:
        print(goal)
    if goals:
        print(flush=True)


def _text(value: object) -> str:
    if value is None:
        return "-"
    return _number(value) if isinstance(value, int | float) else str(value)


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
