"""What all phases of an audit share."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from cloudnode.formats.genesis import Genesis
from cloudnode.ledger.reading import Place

FINDINGS_MAX = 20
"""Findings that are told; damage is rarely one byte, and the rest is one sentence."""

HEIGHTS_MAX = 10_000
"""Damaged blocks that are remembered; more are for a later audit."""

PLACES_MAX = 100
"""Damaged places that are remembered; if there are more, all of the state is to be looked at."""


@attrs.define
class Audit:
    """An audit on one connection.

    Every step reads within one short transaction, so that it sees a whole block, pins nothing for long, and may be
    taken while the node writes.

    :ivar rows: Rows checked so far. :ivar findings: One sentence each for what is wrong.
    :ivar heights: Blocks of the log that are damaged. :ivar is_torn: Whether SQLite's own pages or indexes are.
    :ivar is_log_only: Whether all that was found is of these blocks.
    :ivar places: Where in the state something is wrong. :ivar indexes: Indexes whose entries are wrong.
    :ivar is_local: Whether it is said of all that was found where it is: in these blocks, places and indexes.
    """

    connection: sqlite3.Connection
    genesis: Genesis
    rows: int = 0
    findings: list[str] = attrs.Factory(list)
    heights: set[int] = attrs.Factory(set)
    is_torn: bool = False
    is_log_only: bool = True
    places: set[Place] = attrs.Factory(set)
    indexes: set[str] = attrs.Factory(set)
    is_local: bool = True

    def found(
        self,
        sentence: str,
        *,
        height: int | None = None,
        is_torn: bool = False,
        place: Place | None = None,
        index: str | None = None,
    ) -> None:
        """Note something that is wrong.

        :param height: The block of the log that it is wrong with. :param is_torn: Whether it is SQLite's own structure.
        :param place: Where in the state it is, or what of the state it follows from. :param index: Whose entries it is.
        """
        self.is_local = self.is_local and len(self.places) < PLACES_MAX and (height, place, index) != (None,) * 3
        if place is not None:
            self.places.add(place)
        if index is not None:
            self.indexes.add(index)
        self.is_torn = self.is_torn or is_torn
        self.is_log_only = self.is_log_only and height is not None and not is_torn
        if height is not None and len(self.heights) < HEIGHTS_MAX:
            self.heights.add(height)
        if len(self.findings) < FINDINGS_MAX and sentence not in self.findings:
            self.findings.append(sentence)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """One transaction to read in."""
        self.connection.execute("BEGIN")
        try:
            yield self.connection
        finally:
            self.connection.execute("ROLLBACK")


Phase = Callable[[Audit], Iterator[float]]
"""A part of the audit: yields after each step how much of it is done, 0 to 1."""
