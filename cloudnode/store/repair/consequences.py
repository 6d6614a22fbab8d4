"""What follows from the state's rows, put right: inner nodes, scores, totals, and the rows about the file itself."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from functools import partial

from cloudnode.formats.block import Header
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Genesis
from cloudnode.ledger.positions import cursor
from cloudnode.store.checks import row_check
from cloudnode.store.derived import Score, Total, seek_sums, true_scores, true_totals
from cloudnode.store.meta import meta_rows
from cloudnode.store.repair.affected import Affected
from cloudnode.store.repair.rowsup import RowsTrie
from cloudnode.store.repair.since import recover_since
from cloudnode.store.sums import RatingSums

_RECORDS_A_STEP = 1000
_ACCOUNTS_A_STEP = 100_000


def write_nodes(connection: sqlite3.Connection, tries: Iterable[RowsTrie], least: int, newest: int) -> int:
    """Store the inner nodes that are not stored as the rows make them; returns how many rows were written.

    :param least: The lowest height that can be read. :param newest: The height of the state.
    """
    written = 0
    for trie in tries:
        for slot, node in trie.changes.items():
            name = f"{trie.table}{slot}"
            before = connection.execute('SELECT node, since, "check" FROM trie WHERE slot = ?', (name,)).fetchone()
            if node is None:
                written += connection.execute("DELETE FROM trie WHERE slot = ?", (name,)).rowcount
            elif before is None or before[0] != node:
                _write_node(connection, name, node, None if before is None else before[1:], least, newest)
                written += 1
    # There are millions of nodes, and few that are wrong.
    wrong = [
        (name, since, check)
        for name, since, check in connection.execute('SELECT slot, since, "check" FROM trie')
        if row_check(name, since) != check or not 0 <= since <= newest
    ]
    for name, since, check in wrong:
        (node,) = connection.execute("SELECT node FROM trie WHERE slot = ?", (name,)).fetchone()
        _write_node(connection, name, node, (since, check), least, newest)
    return written + len(wrong)


def _write_node(
    connection: sqlite3.Connection,
    name: str,
    node: bytes,
    stored: tuple[object, object] | None,
    least: int,
    newest: int,
) -> None:
    replaced_at = _greatest(connection, "trie_old", "slot", name)
    since = recover_since(partial(row_check, name), stored, replaced_at, least, newest)
    connection.execute("INSERT OR REPLACE INTO trie VALUES (?, ?, ?, ?)", (name, since, node, row_check(name, since)))


def _greatest(connection: sqlite3.Connection, table: str, column: str, key: object) -> int | None:
    (until,) = connection.execute(f"SELECT max(until) FROM {table} WHERE {column} = ?", (key,)).fetchone()
    return until if isinstance(until, int) else None


def mend_consequences(
    connection: sqlite3.Connection, genesis: Genesis, sums: RatingSums, least: int, newest: int
) -> dict[str, int]:
    """Put right what follows from the state's rows; returns how many rows were written of each table.

    :param sums: Of the ratings as they are now.
    """
    return {
        "scores": _mend_scores(connection, sums, least, newest),
        "totals": _mend_totals(connection, genesis, sums, least, newest),
        "system": _mend_settings(connection, newest),
        "epochs": _mend_epochs(connection),
        "meta": _mend_meta(connection, genesis),
    }


def mend_affected(
    connection: sqlite3.Connection, genesis: Genesis, affected: Affected, least: int, newest: int
) -> dict[str, int]:
    """:func:`mend_consequences` for what follows from a few rows alone."""
    scores = totals = 0
    for record in affected.records:
        scores += _mend_some_scores(connection, true_scores(connection, _before(record), 1), least, newest)
    for account in affected.accounts:
        true = true_totals(connection, _before(account), 1, seek_sums)
        totals += _mend_some_totals(connection, genesis, true, least, newest)
    return {"scores": scores, "totals": totals}


def _before(key: bytes) -> bytes:
    """The greatest key that is less, of the same length; no bytes at all if there is none."""
    number = int.from_bytes(key, "big")
    return (number - 1).to_bytes(len(key), "big") if number else b""


def _mend_some_scores(
    connection: sqlite3.Connection, scores: Iterable[tuple[int, Score]], least: int, newest: int
) -> int:
    written = 0
    for created, true in scores:
        row = connection.execute(
            'SELECT hash, account, collection, ref, live, sum, count, rank, since, "check" FROM scores'
            " WHERE created = ?",
            (created,),
        ).fetchone()

        def check_of(since: int, created: int = created, true: Score = true) -> int:
            return row_check(created, since, *true)

        if row is not None and row[:8] == true and _holds(row[8], row[9], check_of, newest):
            continue
        replaced_at = _greatest(connection, "scores_old", "created", created)
        stored = None if row is None else row[8:]
        since = recover_since(check_of, stored, replaced_at, max(least, cursor(created).height), newest)
        connection.execute(
            "INSERT OR REPLACE INTO scores VALUES (?,?,?,?,?,?,?,?,?,?,?)", (created, since, *true, check_of(since))
        )
        written += 1
    return written


def _mend_scores(connection: sqlite3.Connection, sums: RatingSums, least: int, newest: int) -> int:
    written = count = 0
    last = b""
    while scores := true_scores(connection, last, _RECORDS_A_STEP, sums.records_between):
        written += _mend_some_scores(connection, scores, least, newest)
        count += len(scores)
        last = scores[-1][1][0]
    if connection.execute("SELECT count(*) FROM scores").fetchone()[0] != count:
        written += connection.execute("DELETE FROM scores WHERE created NOT IN (SELECT created FROM records)").rowcount
    return written


def _mend_some_totals(
    connection: sqlite3.Connection, genesis: Genesis, totals: Iterable[tuple[bytes, Total]], least: int, newest: int
) -> int:
    written = 0
    for key, true in totals:
        row = connection.execute(
            'SELECT records, ratings, stars, since, "check" FROM totals WHERE key = ?', (key,)
        ).fetchone()
        if row is None and true == (0, 0, 0) and genesis.parameters.admission.policy == "invited":
            continue  # who was invited and did nothing yet has no row

        def check_of(since: int, key: bytes = key, true: Total = true) -> int:
            return row_check(key, since, *true)

        if row is not None and row[:3] == true and _holds(row[3], row[4], check_of, newest):
            continue
        replaced_at = _greatest(connection, "totals_old", "key", key)
        stored = None if row is None else row[3:]
        since = recover_since(check_of, stored, replaced_at, least, newest)
        connection.execute(
            "INSERT OR REPLACE INTO totals VALUES (?, ?, ?, ?, ?, ?)", (key, since, *true, check_of(since))
        )
        written += 1
    return written


def _mend_totals(
    connection: sqlite3.Connection, genesis: Genesis, sums: RatingSums, least: int, newest: int
) -> int:
    written = 0
    last = b""
    while totals := true_totals(connection, last, _ACCOUNTS_A_STEP, sums.accounts_between):
        written += _mend_some_totals(connection, genesis, totals, least, newest)
        last = totals[-1][0]
    written += connection.execute("DELETE FROM totals WHERE key NOT IN (SELECT key FROM accounts)").rowcount
    return written


def _holds(since: object, check: object, check_of: object, newest: int) -> bool:
    return isinstance(since, int) and 0 <= since <= newest and check == check_of(since)  # type: ignore[operator]


def _mend_settings(connection: sqlite3.Connection, newest: int) -> int:
    """The checksums of the system table's rows; their contents were compared with the trie."""
    written = 0
    for key, name, since, check in connection.execute('SELECT key, name, since, "check" FROM system').fetchall():
        if row_check(name, since) != check:
            found = recover_since(partial(row_check, name), (since, check), None, 0, newest)
            connection.execute(
                'UPDATE system SET since = ?, "check" = ? WHERE key = ?', (found, row_check(name, found), key)
            )
            written += 1
    return written


def _mend_epochs(connection: sqlite3.Connection) -> int:
    """How epochs ended, as the blocks that ended them say; the proof of finality stays if it is one."""
    written = 0
    ended = connection.execute(
        "SELECT height, hash, header, finality, validators FROM blocks WHERE validators != x'' ORDER BY height"
    ).fetchall()
    for height, hashed, raw, finality, validators in ended:
        header = Header.decode(raw)
        row = connection.execute("SELECT * FROM epochs WHERE number = ?", (header.epoch,)).fetchone()
        if row is not None and row[:4] + row[5:6] == (header.epoch, height, hashed, raw, validators):
            with contextlib.suppress(LedgerError, TypeError):
                Finality.decode(row[4]).check_block(header)
                finality = row[4]
        values = (header.epoch, height, hashed, raw, finality, validators)
        true = (*values, row_check(*values))
        if row != true:
            connection.execute("INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?)", true)
            written += 1
    return written


def _mend_meta(connection: sqlite3.Connection, genesis: Genesis) -> int:
    written = 0
    for row in meta_rows(genesis):
        if connection.execute("SELECT * FROM meta WHERE name = ?", row[:1]).fetchone() != row:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", row)
            written += 1
    return written
