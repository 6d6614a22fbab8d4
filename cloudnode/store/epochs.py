"""The epochs: how each one that is over ended, and the one that goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import attrs

from cloudnode.formats.block import split_values
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.genesis import Genesis
from cloudnode.ledger.reading import Block
from cloudnode.store.checks import row_check

_AT_ONCE = 20
"""Each end can have some hundred kilobytes."""


@attrs.frozen
class EpochEnd:
    """The block that ended an epoch.

    :ivar number: The epoch that is over. :ivar last_height: The height of its last block. :ivar hash: That block's.
    :ivar header: The exact bytes. :ivar finality: What proves it final. :ivar validators: Of the next epoch.
    """

    number: int
    last_height: int
    hash: bytes
    header: bytes
    finality: bytes
    validators: tuple[bytes, ...]


def epoch_end(number: int, block: Block) -> EpochEnd:
    """What is kept of the block that ends an epoch."""
    return EpochEnd(number, block.height, block.hash, block.header, block.finality, block.validators)


def store_epoch_end(connection: sqlite3.Connection, end: EpochEnd) -> None:
    """Keep how an epoch ended, within the transaction that is open."""
    values = (end.number, end.last_height, end.hash, end.header, end.finality, b"".join(end.validators))
    connection.execute("INSERT INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?)", (*values, row_check(*values)))


class Epochs:
    """Reads the epochs of one database."""

    def __init__(self, connection: sqlite3.Connection, genesis: Genesis) -> None:
        self._connection = connection
        self._genesis = genesis

    def ends(self, first: int = 0) -> Iterator[EpochEnd]:
        """How epochs ended, from the one with number ``first`` on. No read outlives a step of it."""
        while found := self.some_ends(first, _AT_ONCE):
            yield from found
            first = found[-1].number + 1

    def some_ends(self, first: int, limit: int) -> list[EpochEnd]:
        """The same, at most so many."""
        rows = self._connection.execute(
            "SELECT number, last_height, hash, header, finality, validators FROM epochs"
            " WHERE number >= ? ORDER BY number LIMIT ?",
            (first, limit),
        )
        return [_read(row) for row in rows]

    def present(self) -> Epoch:
        """The epoch that goes on."""
        row = self._connection.execute("SELECT max(number) FROM epochs").fetchone()
        epoch = self.get(0 if row[0] is None else row[0] + 1)
        assert epoch is not None
        return epoch

    def get(self, number: int) -> Epoch | None:
        """An epoch by its number; None if it has not begun."""
        if number < 0:
            return None
        ends = {end.number: end for end in self.some_ends(max(number - 1, 0), 2)}
        last = ends[number].last_height if number in ends else None
        if number == 0:
            return attrs.evolve(Epoch.of_genesis(self._genesis), last=last)
        before = ends.get(number - 1)
        if before is None:
            return None
        return Epoch(self._genesis.network, number, before.validators, before.last_height, last)


def _read(row: tuple[Any, ...]) -> EpochEnd:
    number, last_height, hashed, header, finality, validators = row
    return EpochEnd(number, last_height, hashed, header, finality, split_values(validators))
