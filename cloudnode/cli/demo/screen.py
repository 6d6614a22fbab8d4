"""The picture of the network: lines of text that fit the terminal. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from cloudnode.cli.demo.watching import Agreement, NodeView, Round
from cloudnode.cli.tables import GAP, Column, format_table
from cloudnode.cli.text import cut, printable, width

Paint = Callable[..., str]
"""A text and styles to the text in these styles; the text itself where there are no colours."""

_STATE_STYLE = {
    "serving": "green", "syncing": "yellow", "starting": "yellow", "waiting": "dim", "stopped": "yellow",
    "silent": "yellow", "dead": "red", "failed": "red", "corrupt": "red", "diverged": "red",
}  # fmt: skip
_ROOT_DIGITS = 12
_EVENTS = 3


@attrs.frozen
class Cell:
    """A column of the table, and what a node has in it."""

    column: Column
    text: Callable[[NodeView], str]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


_CELLS = (
    Cell(Column("NODE", right=True), lambda view: str(view.number)),
    Cell(Column("STATE"), lambda view: view.state),
    Cell(Column("ROLE"), lambda view: view.role),
    Cell(Column("HEIGHT", right=True), lambda view: _number(view.height)),
    Cell(Column("ROOT"), lambda view: view.root[:_ROOT_DIGITS]),
    Cell(Column("RECORDS", right=True), lambda view: _number(view.records)),
    Cell(Column("RATINGS SUM", right=True), lambda view: _number(view.ratings_sum)),
    Cell(Column("PEERS", right=True), lambda view: _number(view.peers)),
    Cell(Column("OP/S", right=True), lambda view: _number(view.rate)),
    Cell(Column("PID", right=True), lambda view: "" if view.pid is None else str(view.pid)),
)
_GIVEN_UP = ("PID", "ROLE", "PEERS", "RECORDS", "OP/S", "RATINGS SUM", "ROOT")
"""Columns that a narrow terminal does without, the first one first."""


@attrs.frozen
class Event:
    """Something that happened. :ivar seconds: When, as in :class:`Screen`."""

    seconds: float
    text: str

    def __str__(self) -> str:
        return f"{max(0.0, self.seconds):.1f} s: {self.text}"


@attrs.frozen
class Screen:
    """All that is shown.

    :ivar seconds: Since all nodes serve; negative before. :ivar place: Where the data directories are.
    :ivar load: What the writing load does, in words. :ivar asks: Whether the next key names the node to stop.
    :ivar events: What happened, the newest last.
    """

    round: Round
    seconds: float
    place: str
    load: str
    asks: bool = False
    events: tuple[Event, ...] = ()


def agreement_words(agreement: Agreement) -> tuple[str, str]:
    """What is to be said of the roots, and its style."""
    if agreement.is_equal is None or agreement.height is None:
        return "roots: no two nodes serve that could be compared", "yellow"
    if agreement.is_equal:
        (root,) = agreement.roots
        return f"roots EQUAL on {_count(agreement.nodes)} at height {agreement.height:,}: {root}", "green"
    parts = [
        f"{root[:_ROOT_DIGITS]} on {', '.join(map(str, numbers))}" for root, numbers in sorted(agreement.roots.items())
    ]
    return f"roots DIFFER at height {agreement.height:,}: {'; '.join(parts)}", "red"


def summary(round: Round) -> str:
    """The network in one line."""
    serving = [view for view in round.nodes if view.serves]
    heights = sorted(view.height for view in serving if view.height is not None)
    words = [f"{round.serving} of {len(round.nodes)} serving"]
    if heights:
        newest = max(serving, key=lambda view: view.height or 0)
        words.append(f"height {heights[0]:,}" + (f" to {heights[-1]:,}" if heights[0] != heights[-1] else ""))
        words.append(f"{_number(newest.records)} records, ratings sum {_number(newest.ratings_sum)}")
        words.append(f"{_number(newest.rate)} operations/s")
    others = [f"{view.number} {view.state}" for view in round.nodes if not view.serves]
    return "; ".join([*words, *others])


def draw(screen: Screen, columns: int, rows: int, paint: Paint) -> list[str]:
    """The picture, in at most so many columns and rows; what matters least is left out first."""
    words, style = agreement_words(screen.round.agreement)
    head = [paint(cut(f"cloudnode demo{GAP}{_clock(screen.seconds)}{GAP}{screen.place}", columns), "bold")]
    table = _table(screen.round.nodes, columns, paint)
    verdict = [paint(cut(words, columns), style)]
    notes = [f"node {view.number}: {printable(view.note)}" for view in screen.round.nodes if view.note]
    events = [printable(str(event)) for event in screen.events[-_EVENTS:]]
    below = [cut(text, columns) for text in (*notes, screen.load, *events)]
    keys = _keys(screen, columns, paint)
    room = rows - len(head) - len(table) - len(verdict) - len(keys)
    below = below[: max(0, room)]
    blank = [""] if room - len(below) >= 3 else []
    return [*head, *blank, *table, *blank, *verdict, *below, *blank, *keys][:rows]


def _table(views: Sequence[NodeView], columns: int, paint: Paint) -> list[str]:
    given_up = list(_GIVEN_UP)
    cells = list(_CELLS)
    while True:
        lines = format_table(
            [cell.column for cell in cells], [[cell.text(view) for cell in cells] for view in views], None
        )
        if not given_up or max(map(width, lines)) <= columns:
            break
        name = given_up.pop(0)
        cells = [cell for cell in cells if cell.column.title != name]
    titles, *body = [cut(line, columns) for line in lines]
    return [
        paint(titles, "bold"),
        # The state is the first word with that text: before it stands a number alone.
        *(line.replace(view.state, paint(view.state, _STATE_STYLE.get(view.state, "yellow")), 1)
          for line, view in zip(body, views, strict=True)),
    ]  # fmt: skip


def _keys(screen: Screen, columns: int, paint: Paint) -> list[str]:
    last = len(screen.round.nodes)
    if screen.asks:
        return [paint(cut(f"Stop or continue which node? 1-{last}, any other key: none", columns), "bold")]
    words = (f"1-{last} kill or revive", "s stop or continue", "w write", "q quit")
    text = "   ".join(words)
    if width(text) > columns:
        text = f"1-{last} kill  s stop  w write  q quit"
    return [paint(cut(text, columns), "dim")]


def _count(nodes: int) -> str:
    return "1 node" if nodes == 1 else f"{nodes} nodes"


def _clock(seconds: float) -> str:
    if seconds < 0:
        return "starting"
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes}:{seconds:02}"
