"""The tables as of a height: a few SQL phrases that everything that reads shares.

At the head a table is itself. At a lower height it is the rows of its present and its old table that held then
(see :mod:`cloudnode.store.schema`). Parameters are named: ``:end`` is the first position after the height,
``:height`` the height, ``:height_key`` the height as eight bytes.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

import attrs

from cloudnode.ledger.positions import end_of
from cloudnode.store.schema import RECORD_COLUMNS
from cloudnode.store.state import first_window_key

_height = Struct(">Q")

_HELD = {"records": "position < :end", "scores": "since <= :height"}

_SCORE_COLUMNS = "created, hash, account, collection, ref, live, sum, count, rank"


@attrs.frozen
class AsOf:
    """Where the rows of a height are.

    :ivar height: The height. :ivar is_head: Whether it is the newest, so that old rows do not matter.
    :ivar parameters: The named parameters that the phrases use.
    """

    height: int
    is_head: bool
    parameters: dict[str, Any] = attrs.field(init=False)

    @parameters.default
    def _parameters(self) -> dict[str, Any]:
        return {
            "end": end_of(self.height),
            "height": self.height,
            "height_key": _height.pack(self.height),
            "window": first_window_key(self.height),
        }

    def records(self, where: str = "1") -> str:
        """A parenthesized select of record rows; ``where`` goes into each part, so that its indexes serve."""
        return self._select(RECORD_COLUMNS, "records", where, _HELD["records"])

    def scores(self, where: str = "1") -> str:
        """The same for scores."""
        return self._select(_SCORE_COLUMNS, "scores", where, _HELD["scores"])

    def totals(self, where: str = "1") -> str:
        """The same for accounts' totals."""
        return self._select("key, records, ratings, stars", "totals", where, "since <= :height")

    def ratings(self, where: str = "1") -> str:
        """The same for ratings."""
        return self._select("key, value", "ratings", where, "substr(value, 2, 8) <= :height_key")

    def trie(self, where: str = "1") -> str:
        """The same for inner nodes."""
        return self._select("slot, node", "trie", where, "since <= :height")

    def accounts(self, where: str = "1") -> str:
        """The same for accounts, which are never removed."""
        return self._grown("key, value", "accounts", where, "substr(value, 65, 8) <= :height_key")

    def window(self, where: str = "1") -> str:
        """The same for ids, whose rows say themselves from when to when they are in the state."""
        return (
            f"(SELECT key, value FROM window WHERE ({where}) AND key >= :window AND substr(value, 1, 8) <= :height_key)"
        )

    def system(self, where: str = "1") -> str:
        """The same for the system table."""
        return self._select("key, value, name, content", "system", where, "since <= :height")

    def join(self, table: str, alias: str, key: str, equals: str) -> str:
        """A join with the one row of ``records`` or ``scores`` that held, found by an index.

        SQLite looks into both parts of a parenthesized select row by row; two joins it does by their keys.

        :param key: The column that ``equals``, an expression of tables to the left, selects by.
        """
        if self.is_head:
            return f" CROSS JOIN {table} AS {alias} ON {alias}.{key} = {equals}"
        held = _HELD[table]
        return (
            f" LEFT JOIN {table} AS {alias} ON {alias}.{key} = {equals} AND {alias}.{held}"
            f" LEFT JOIN {table}_old AS {alias}_old ON {alias}.{key} IS NULL AND {alias}_old.{key} = {equals}"
            f" AND {alias}_old.{held} AND {alias}_old.until > :height"
        )

    def column(self, alias: str, name: str) -> str:
        """A column of what :meth:`join` joined."""
        return f"{alias}.{name}" if self.is_head else f"coalesce({alias}.{name}, {alias}_old.{name})"

    def _grown(self, columns: str, table: str, where: str, held: str) -> str:
        condition = f"({where})" if self.is_head else f"({where}) AND {held}"
        return f"(SELECT {columns} FROM {table} WHERE {condition})"

    def _select(self, columns: str, table: str, where: str, held: str) -> str:
        if self.is_head:
            return f"(SELECT {columns} FROM {table} WHERE {where})"
        return (
            f"(SELECT {columns} FROM {table} WHERE ({where}) AND {held}"
            f" UNION ALL SELECT {columns} FROM {table}_old WHERE ({where}) AND {held} AND until > :height)"
        )
