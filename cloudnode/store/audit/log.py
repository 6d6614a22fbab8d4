"""The log and the old rows: hashes where there are some, checksums elsewhere."""

from __future__ import annotations

import sqlite3
import struct
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import chain

from cloudnode.formats.block import Header, check_contents, signatures_hash, split_values
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.ledger.positions import cursor, end_of, position
from cloudnode.store.audit.phase import Audit
from cloudnode.store.checks import row_check, row_checks
from cloudnode.store.schema import RECORD_COLUMNS, SCORE_COLUMNS

_ROWS_A_STEP = 1000

_STRETCH_BITS = 4
"""So many blocks, as a power of two, are a stretch."""

CHECKED = {
    "meta": ("name", "name, value"),
    "states": ("height", "height, root, preimage"),
    "records_old": ("position", f"{RECORD_COLUMNS}, until"),
    "ratings_old": ("key, until", "key, until, value"),
    "trie_old": ("slot, until", "slot, until, since, node"),
    "trie": ("slot", "slot, since"),
    "scores": ("created", SCORE_COLUMNS),
    "scores_old": ("until, created", f"{SCORE_COLUMNS}, until"),
    "system": ("key", "name, since"),
    "system_old": ("key, until", "key, until, value, name, content, since"),
    "epochs": ("number", "number, last_height, hash, header, finality, validators"),
    "totals": ("key", "key, since, records, ratings, stars"),
    "totals_old": ("key, until", "key, until, since, records, ratings, stars"),
}
"""Tables whose rows carry a checksum: their primary key, and the columns that it is over."""


def check_checksums(audit: Audit) -> Iterator[float]:
    """Every row of the tables that nothing else vouches for."""
    for number, (table, (key, columns)) in enumerate(CHECKED.items()):
        size = len(key.split(","))
        last: tuple[object, ...] | None = None
        while True:
            where = f"WHERE ({key}) > ({', '.join('?' * size)})" if last else ""
            with audit.snapshot() as connection:
                rows = connection.execute(
                    f'SELECT {key}, "check", {columns} FROM {table} {where} ORDER BY {key} LIMIT ?',
                    (*(last or ()), _ROWS_A_STEP),
                ).fetchall()
            for row in rows:
                if row_check(*row[size + 1 :]) != row[size]:
                    name = ", ".join(_text(part) for part in row[:size])
                    audit.found(f"table {table}: row {name} is altered")
            audit.rows += len(rows)
            yield number / len(CHECKED)
            if not rows:
                break
            last = rows[-1][:size]


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def check_system(audit: Audit) -> Iterator[float]:
    """What governs the network, against its hashes and the genesis."""
    with audit.snapshot() as connection:
        rows = connection.execute("SELECT key, value, name, content FROM system").fetchall()
        for key, value, name, content in rows:
            if sha256(str(name).encode()).digest() != key or sha256(content).digest() != value:
                audit.found(f"table system: row {name} is altered")
        audit.rows += len(rows)
        (network,) = connection.execute("SELECT value FROM meta WHERE name = 'network'").fetchone()
        if network != audit.genesis.network:
            audit.found("table meta: the network is not that of the genesis")
    yield 1.0


def check_blocks(audit: Audit) -> Iterator[float]:
    """Each block's hash, its place in the chain, its contents and what proves it final; signatures not again."""
    height, parent = 0, None
    while True:
        with audit.snapshot() as connection:
            rows = connection.execute(
                'SELECT height, hash, header, finality, ids, validators, root_height, "check" FROM blocks'
                " WHERE height > ? ORDER BY height LIMIT ?",
                (height, _ROWS_A_STEP),
            ).fetchall()
            (newest,) = connection.execute("SELECT max(height) FROM blocks").fetchone()
        for at, hashed, header, finality, ids, validators, root_height, check in rows:
            if parent is None:
                # Below the first block that is kept, only the genesis can be known.
                parent = audit.genesis.network if at == 1 else Header.decode(header).parent
                height = at - 1
            if at != height + 1:
                for missing in range(height + 1, at):
                    audit.found(f"table blocks: block {missing} is missing", height=missing)
            if row_check(at, hashed, header, finality, ids, validators, root_height) != check or not block_is_sound(
                at, hashed, header, finality, ids, validators, parent, audit.genesis.network
            ):
                audit.found(f"table blocks: block {at} is altered", height=at)
            height, parent = at, hashed
        audit.rows += len(rows)
        if not rows:
            return
        yield height / newest


def block_is_sound(
    at: int,
    hashed: bytes,
    header: bytes,
    finality: bytes,
    ids: bytes,
    validators: bytes,
    parent: bytes,
    network: bytes,
) -> bool:
    """Whether a block is what its hash, its place in the chain and its own header say."""
    try:
        decoded = Header.decode(header)
        check_contents(decoded, split_values(ids), split_values(validators))
        Finality.decode(finality).check_block(decoded)
    except (LedgerError, TypeError, ValueError, struct.error):
        # A flipped byte in a row's header turns a value into one of another type.
        return False
    return (decoded.height, decoded.hash, decoded.parent, decoded.network) == (at, hashed, parent, network)


def check_operations(audit: Audit) -> Iterator[float]:
    """Each operation's body against its id, the ids against the blocks, and the rest against the checksum."""
    yield from _check_operations(audit)


def check_a_fifth_of_operations(audit: Audit) -> Iterator[float]:
    """Those of one stretch of blocks out of five, whichever block is the newest."""
    yield from _check_operations(audit, f"(height >> {_STRETCH_BITS}) % 5 = 0")


def check_most_operations(audit: Audit) -> Iterator[float]:
    """The other four."""
    yield from _check_operations(audit, f"(height >> {_STRETCH_BITS}) % 5 != 0")


def _check_operations(audit: Audit, which: str = "true") -> Iterator[float]:
    """:param which: Of which blocks, in SQL."""
    height = 0
    while True:
        with audit.snapshot() as connection:
            blocks = _some_blocks(connection, height, which)
            if not blocks:
                return
            rows = _operations_of(connection, [height for height, _, _ in blocks])
            (newest,) = connection.execute("SELECT max(height) FROM blocks").fetchone()
        positions, ids, _, signatures, _, _ = columns = _columns(rows)
        altered: set[int] = set()
        for at, what in _altered(rows, columns):
            audit.found(f"table operations: the {what} of {_place(at)} is altered", height=cursor(at).height)
            altered.add(cursor(at).height)
        for at in _misplaced(blocks, positions, ids):
            audit.found(f"table operations: {_place(at)} is not what the block lists there", height=cursor(at).height)
            altered.add(cursor(at).height)
        for at in _signed_otherwise(blocks, positions, signatures):
            if at not in altered:  # where it is said already what is wrong
                what = f"the signatures of block {at} are not those that its header names"
                audit.found(f"table operations: {what}", height=at)
        audit.rows += len(rows)
        height = blocks[-1][0]
        yield height / newest


_Block = tuple[int, bytes, bytes]
_Operation = tuple[int, bytes, bytes, bytes, int, int]
_Positions = Sequence[int]
_Columns = tuple[_Positions, Sequence[bytes], Sequence[bytes], Sequence[bytes], Sequence[int], Sequence[int]]


def _columns(rows: list[_Operation]) -> _Columns:
    """The same, column by column: what is done with a whole column at once takes less time."""
    return tuple(zip(*rows, strict=True)) if rows else ((),) * 6  # type: ignore[return-value]


def _altered(rows: list[_Operation], columns: _Columns) -> Iterator[tuple[int, str]]:
    """The positions of operations that are not what their ids or checksums say, with what it is that is not."""
    if _are_sound(columns):
        return
    for row in rows:
        # A flipped byte in a row's header turns a value into one of another type.
        if not isinstance(row[2], bytes) or sha256(row[2]).digest() != row[1]:
            yield row[0], "body"
        elif not _are_sound(_columns([row])):
            yield row[0], "row"


def _are_sound(columns: _Columns) -> bool:
    """All of them at once: list against list, in less time than one by one."""
    positions, ids, bodies, signatures, results, checks = columns
    try:
        return [sha256(body).digest() for body in bodies] == list(ids) and row_checks(
            zip(positions, ids, signatures, results, strict=True)
        ) == list(checks)
    except TypeError:
        return False


def _signed_otherwise(blocks: list[_Block], positions: _Positions, signatures: Sequence[bytes]) -> list[int]:
    """The heights of blocks whose operations have other signatures; both in order."""
    found, begin = [], 0
    for height, header, _ in blocks:
        end = bisect_left(positions, end_of(height), begin)
        try:
            is_so = Header.decode(header).signatures_hash == signatures_hash(signatures[begin:end])
        except (LedgerError, TypeError):
            is_so = False
        if not is_so:
            found.append(height)
        begin = end
    return found


def _misplaced(blocks: list[_Block], positions: _Positions, ids: Sequence[bytes]) -> list[int]:
    """The positions at which operations are not what the blocks list there; both in order."""
    places = chain.from_iterable(range(start := position(at, 0), start + len(ids) // 32) for at, _, ids in blocks)
    ids_listed = b"".join([ids for _, _, ids in blocks])
    if list(positions) == list(places) and b"".join(ids) == ids_listed:
        return []
    expected = {
        position(at, index): each for at, _, ids in blocks for index, each in enumerate(split_values(ids))
    }
    return sorted(dict(dict(zip(positions, ids, strict=True)).items() ^ expected.items()))


def _operations_of(connection: sqlite3.Connection, heights: Sequence[int]) -> list[_Operation]:
    """All that lies where blocks have their operations."""
    rows: list[_Operation] = []
    for first, last in _spans(heights):
        rows += connection.execute(
            'SELECT position, id, body, signature, result, "check" FROM operations'
            " WHERE position >= ? AND position < ? ORDER BY position",
            (position(first, 0), end_of(last)),
        )
    return rows


def _spans(heights: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first and last heights of what lies together, with what may lie between them where a block is missing."""
    begin = 0
    for at in range(1, len(heights) + 1):
        if at == len(heights) or heights[at] >> _STRETCH_BITS > (heights[at - 1] >> _STRETCH_BITS) + 1:
            yield heights[begin], heights[at - 1]
            begin = at


def _some_blocks(connection: sqlite3.Connection, above: int, which: str) -> list[_Block]:
    """The next blocks above a height with some thousand operations in all."""
    blocks, operations = [], 0
    sql = f"SELECT height, header, ids FROM blocks WHERE height > ? AND {which} ORDER BY height"
    for height, header, ids in connection.execute(sql, (above,)):
        blocks.append((height, header, ids))
        operations += len(ids) // 32
        if operations >= _ROWS_A_STEP or len(blocks) == _ROWS_A_STEP:
            break
    return blocks


def _place(at: int) -> str:
    where = cursor(at)
    return f"{where.height}:{where.index}"
