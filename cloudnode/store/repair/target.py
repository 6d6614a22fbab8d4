"""Which heights a repair may go by: those whose state roots stand in final headers of this node's log."""

from __future__ import annotations

from contextlib import closing
from sqlite3 import Connection

import attrs

from cloudnode.formats.block import Header
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Genesis
from cloudnode.store.connection import connect
from cloudnode.store.epochs import Epochs
from cloudnode.store.pruning import lowest_height
from cloudnode.store.repair.failure import MendingFailed
from cloudnode.store.repair.log import read_block
from cloudnode.store.states import PASSED

TARGETS = 16
"""So many of the newest headers are looked at: other nodes may be a little behind."""


@attrs.frozen
class Target:
    """A height with the state root that the validators signed for it."""

    height: int
    root: bytes


def find_targets(path: str, genesis: Genesis) -> list[Target]:
    """The heights that a repair may go by, the newest first.

    :raises MendingFailed: The newest block is damaged, and has to be fetched first.
    :raises sqlite3.DatabaseError: The file can't be read.
    """
    found: dict[int, Target] = {}
    with closing(connect(path, read_only=True)) as connection:
        epochs = Epochs(connection, genesis)
        (head,) = connection.execute("SELECT max(height) FROM blocks").fetchone()
        if head is None:
            return []
        for height in _carriers(connection, head):
            block, _ = read_block(connection, height)
            try:
                header = Header.decode(block.header)
                epoch = epochs.get(header.epoch)
                if epoch is None:
                    raise LedgerError("header_epoch")
                epoch.verify(header, Finality.decode(block.finality))
            except LedgerError as error:
                raise MendingFailed(f"block {height} is not proven to be final: {error}", [height]) from None
            if header.root_height >= lowest_height(head):
                found.setdefault(header.root_height, Target(header.root_height, header.root))
    return list(found.values())


def _carriers(connection: Connection, head: int) -> list[int]:
    """The newest blocks but those that carry roots of heights that this node has no states of."""
    sql = (
        "SELECT height FROM blocks WHERE height <= ? AND root_height NOT IN (SELECT height FROM states WHERE root = ?)"
        " ORDER BY height DESC LIMIT ?"
    )
    return [height for (height,) in connection.execute(sql, (head, PASSED, TARGETS))]
