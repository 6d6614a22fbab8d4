"""Blocks of the log: reading them with care, and putting true ones in the place of damaged ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from cloudnode.formats.block import Header, split_values
from cloudnode.formats.errors import RESULTS, LedgerError
from cloudnode.formats.nodes import decode_window_value
from cloudnode.formats.received import SignedBody
from cloudnode.ledger.positions import end_of, position
from cloudnode.ledger.reading import Block
from cloudnode.store.audit.log import block_is_sound
from cloudnode.store.checks import row_check
from cloudnode.store.repair.failure import MendingFailed


def read_block(connection: sqlite3.Connection, height: int) -> tuple[Block, list[SignedBody]]:
    """A block of the log with its operations, all of which must be what its header says.

    :raises MendingFailed: They are not.
    """
    row = connection.execute(
        'SELECT hash, header, finality, ids, validators, root_height, "check" FROM blocks WHERE height = ?', (height,)
    ).fetchone()
    if row is None:
        raise MendingFailed(f"block {height} is missing", [height])
    hashed, header, finality, ids, validators, root_height, check = row
    if row_check(height, hashed, header, finality, ids, validators, root_height) != check:
        raise MendingFailed(f"block {height} is damaged", [height])
    rows = connection.execute(
        'SELECT position, id, body, signature, result, "check" FROM operations WHERE position >= ? AND position < ?'
        " ORDER BY position",
        (position(height, 0), end_of(height)),
    ).fetchall()
    each = split_values(ids)
    if len(rows) != len(each) or not all(_is_sound(row, height, index, each[index]) for index, row in enumerate(rows)):
        raise MendingFailed(f"an operation of block {height} is damaged", [height])
    block = Block(height, hashed, header, finality, each, split_values(validators))
    return block, [(row[2], row[3]) for row in rows]


def _is_sound(row: tuple[Any, ...], height: int, index: int, operation_id: bytes) -> bool:
    at, named, body, signature, result, check = row
    return (
        at == position(height, index)
        and named == operation_id
        and isinstance(body, bytes)
        and sha256(body).digest() == operation_id
        and row_check(at, operation_id, signature, result) == check
    )


def replace_block(connection: sqlite3.Connection, block: Block, operations: Sequence[SignedBody]) -> int:
    """Put a block, which was checked, in the place of what is there, within the transaction that is open.

    What the block does not say is kept: the proof of its finality if that is one, and each operation's result as far
    as the checksums or the window of ids vouch for it.

    :return: How many rows were written.
    :raises MendingFailed: An operation's result can't be told any more.
    """
    written = 0
    header = Header.decode(block.header)
    ids, validators = b"".join(block.operation_ids), b"".join(block.validators)
    row = connection.execute("SELECT * FROM blocks WHERE height = ?", (block.height,)).fetchone()
    finality = block.finality
    if row is not None and block_is_sound(
        block.height, block.hash, block.header, row[3], ids, validators, header.parent, header.network
    ):
        finality = row[3]
    values = (block.height, block.hash, block.header, finality, ids, validators, header.root_height)
    true = (*values, row_check(*values))
    if row != true:
        connection.execute("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", true)
        written += 1
    for index, (body, signature) in enumerate(operations):
        written += _replace_operation(connection, block, index, body, signature)
    written += connection.execute(
        "DELETE FROM operations WHERE position >= ? AND position < ?",
        (position(block.height, len(operations)), end_of(block.height)),
    ).rowcount
    return written


def _replace_operation(
    connection: sqlite3.Connection, block: Block, index: int, body: bytes, signature: bytes
) -> int:
    at, operation_id = position(block.height, index), block.operation_ids[index]
    row = connection.execute(
        'SELECT id, body, signature, result, "check" FROM operations WHERE position = ?', (at,)
    ).fetchone()
    result = _find_result(connection, at, operation_id, signature, row)
    true = (operation_id, body, signature, result, row_check(at, operation_id, signature, result))
    if row == true:
        return 0
    connection.execute("INSERT OR REPLACE INTO operations VALUES (?, ?, ?, ?, ?, ?)", (at, *true))
    return 1


def _find_result(
    connection: sqlite3.Connection, at: int, operation_id: bytes, signature: bytes, row: tuple[object, ...] | None
) -> int:
    if row is not None:
        # The checksum is over the true id and signature: it says which result it was made of.
        for result in (row[3], *range(len(RESULTS))):
            if isinstance(result, int) and row_check(at, operation_id, signature, result) == row[4]:
                return result
    found = connection.execute(
        "SELECT value FROM window WHERE substr(key, 9) = ? LIMIT 1", (operation_id,)
    ).fetchone()
    if found is not None:
        try:
            return decode_window_value(found[0]).result
        except LedgerError:
            pass
    if row is not None and row[0] == operation_id and isinstance(row[3], int) and 0 <= row[3] < len(RESULTS):
        return row[3]
    raise MendingFailed(f"the result of operation {operation_id.hex()} is lost")
