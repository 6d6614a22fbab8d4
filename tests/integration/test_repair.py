"""Real nodes whose databases are damaged while they run: found, named, mended from each other, without a restart."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest

from cloudnode.formats.nodes import PAGE_ROWS
from cloudnode.formats.operation import build_delete, build_put
from cloudnode.ledger.ranking import rank
from cloudnode.ledger.trie import page_entry
from cloudnode.store.connection import connect
from cloudnode.store.schema import SCORE_COLUMNS
from cloudnode.store.state import ROWS_SQL
from cloudnode.store.states import load_state
from tests.integration.conftest import NodeProcess, wait_until
from tests.integration.test_peers import AUTHOR, envelope, height, put, rate, submit

TABLES = {
    "meta": "*",
    "blocks": "height, hash, header, ids, validators, root_height",
    "operations": "*",
    "epochs": "number, last_height, hash, header, validators",
    "states": "*",
    "records": "*",
    "ratings": "*",
    "window": "*",
    "accounts": "*",
    "system": "*",
    "trie": "*",
    "scores": "*",
    "totals": "*",
}
"""What is the same on all nodes: all but the proofs of finality, and the checksums over them."""

WITHOUT_HISTORY = TABLES | {"scores": "created, hash, account, collection, ref, live, sum, count, rank"}
"""The same where history was given up: since when a score is what it is can't be known any more."""

HISTORY = ("records_old", "ratings_old", "trie_old", "scores_old", "totals_old")
RECORDS = 60


def contents(node: NodeProcess, tables: Mapping[str, str] = TABLES) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a node's database, at one moment."""
    with closing(sqlite3.connect(f"file:{node.datadir}/ledger.sqlite3?mode=ro", uri=True)) as connection:
        connection.execute("BEGIN")
        return {
            table: connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()
            for table, columns in tables.items()
        }


def alter(node: NodeProcess, statement: str) -> None:
    """Alter rows of a running node's database from outside."""
    with closing(connect(str(node.datadir / "ledger.sqlite3"))) as connection:
        assert connection.execute(statement).rowcount > 0, statement


def repairs(node: NodeProcess) -> int:
    """How many repairs succeeded."""
    info = node.call("getnodeinfo")
    found: int = info["repair"]["repairs"] if info["sync"]["state"] == "serving" else -1
    return found


def wait_for_repair(node: NodeProcess, before: int, what: str) -> None:
    """Wait until one more repair succeeded than before, and data is served."""
    try:
        wait_until(lambda: repairs(node) > before, 60, f"the repair after {what}")
    except BaseException:
        print(node.call("getnodeinfo")["repair"], node.call("getnodeinfo")["audit"], node.log[-3000:])
        raise


def wait_for_same(
    one: NodeProcess, other: NodeProcess, without: tuple[str, ...] = (), tables: Mapping[str, str] = TABLES
) -> None:
    """Wait until two databases are the same row for row."""

    def differences() -> set[str]:
        ours, theirs = contents(one, tables), contents(other, tables)
        return {table for table in TABLES if table not in without and ours[table] != theirs[table]}

    def are_same() -> bool:
        return height(one) == height(other) and not differences()

    try:
        wait_until(are_same, 60, "agreement of all rows")
    except BaseException:
        ours, theirs = contents(one), contents(other)
        print({table: (set(ours[table]) ^ set(theirs[table])) for table in differences()})
        raise


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A validator and a follower, with records, ratings and some history."""
    nodes: list[NodeProcess] = []
    try:
        for number in range(2):
            home = tmp_path_factory.mktemp(f"repair{number}")
            join = ["--join", nodes[0].ws_url] if nodes else []
            nodes.append(NodeProcess(home, join))
            nodes[-1].start()
        validator, follower = nodes
        for number in range(RECORDS):
            put(validator, f"film{number}", "accepted" if number % 5 else "final")
            # Who falls further behind executes blocks together, and knows less exactly since when rows are as they are.
            wait_until(lambda: height(follower) >= height(validator) - 1, 60, "the follower's catching up")
        put(validator, "film", "final")
        for number in range(50):
            rate(validator, f"film{number}", 1 + number % 5) if number % 10 == 0 else None
        submit(validator, AUTHOR, build_put(envelope(validator, AUTHOR), "film", "film3", {"title": "again"}))
        submit(validator, AUTHOR, build_delete(envelope(validator, AUTHOR), "film", "film4"))
        rate(validator, "film10", 3)
        rate(validator, "film10", 4)
        wait_until(lambda: height(follower) == height(validator), 60, "the same height")
        yield nodes
    finally:
        for node in nodes:
            node.close()


STATEMENTS = [
    "UPDATE records SET data = '{\"title\":\"x\"}' WHERE key = 'film7'",
    "DELETE FROM records WHERE key = 'film8'",
    "UPDATE ratings SET value = CAST(x'05' || substr(value, 2) AS BLOB) WHERE value < x'02'",
    "UPDATE window SET value = zeroblob(14) WHERE key = (SELECT max(key) FROM window)",
    "UPDATE accounts SET value = zeroblob(76) WHERE key = (SELECT min(key) FROM accounts)",
    "UPDATE system SET content = 'x' WHERE name = 'validators'",
    "UPDATE trie SET node = zeroblob(100) WHERE slot = (SELECT max(slot) FROM trie)",
    "UPDATE scores SET count = 77 WHERE created = (SELECT max(created) FROM scores)",
    "UPDATE totals SET stars = stars + 1 WHERE key = (SELECT max(key) FROM totals)",
    "UPDATE blocks SET header = zeroblob(236) WHERE height = 3",
    "UPDATE blocks SET finality = x'00' WHERE height = (SELECT max(height) FROM blocks)",
    "UPDATE operations SET body = '{}' WHERE position = (SELECT max(position) FROM operations)",
    "UPDATE operations SET result = 5 WHERE position = (SELECT min(position) FROM operations)",
    "UPDATE meta SET value = x'ff' WHERE name = 'network'",
]


def test_rows(network: list[NodeProcess]) -> None:
    """A row of each table, in turn on the follower and on the validator, while they run."""
    for number, statement in enumerate(STATEMENTS):
        node, other = network[number % 2], network[1 - number % 2]
        before = repairs(node)
        alter(node, statement)
        wait_for_repair(node, before, statement)
        put(other, f"after{number}")
        wait_for_same(node, other)
    for node in network:
        assert node.call("getnodeinfo")["repair"]["trouble"] is None
        assert "Traceback" not in node.log
        assert "is altered" in node.log


def test_words(network: list[NodeProcess]) -> None:
    """A word in the index for search that another program altered is found, and the index made anew."""
    validator, follower = network
    put(validator, "zebra")
    wait_until(lambda: height(follower) >= height(validator), 60, "the record")
    before = repairs(follower)
    with closing(connect(str(follower.datadir / "ledger.sqlite3"))) as connection:
        leaves = connection.execute("SELECT id, block FROM words_data WHERE id > 10").fetchall()
        with_word = [(block.replace(b"zebra", b"zebru"), leaf) for leaf, block in leaves if b"zebra" in block]
        assert with_word
        connection.executemany("UPDATE words_data SET block = ? WHERE id = ?", with_word)
    wait_for_repair(follower, before, "the index of words")
    [found] = follower.call("search", {"text": "zebra"})["records"]
    assert found["key"] == "zebra"


def test_history(network: list[NodeProcess]) -> None:
    """What only lower heights are read from is given up, by name, and no height below can be read."""
    validator, follower = network
    for table in (*HISTORY, "states"):
        before = repairs(follower)
        column = "root" if table == "states" else {"scores_old": "sum", "totals_old": "stars", "trie_old": "node"}.get(
            table, "value"
        )
        oldest = "height" if table == "states" else "until"
        alter(follower, f"UPDATE {table} SET {column} = -1 WHERE {oldest} = (SELECT min({oldest}) FROM {table})")
        wait_for_repair(follower, before, table)
        assert table in follower.call("getnodeinfo")["repair"]["last"]
        for number in range(3):
            submit(validator, AUTHOR, build_put(envelope(validator, AUTHOR), "film", f"film{number}", [table, number]))
            rate(validator, "film10", 1 + number)
        wait_for_same(validator, follower, ("states",))


def diverge(node: NodeProcess) -> None:
    """Alter one rating of a stopped node, and all that follows from it, so that the database agrees with itself."""
    with closing(connect(str(node.datadir / "ledger.sqlite3"))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        key, value = connection.execute("SELECT key, value FROM ratings WHERE value < x'04' LIMIT 1").fetchone()
        connection.execute("UPDATE ratings SET value = ? WHERE key = ?", (bytes([value[0] + 1]) + value[1:], key))
        created, total, count = connection.execute(
            "SELECT created, sum, count FROM scores WHERE hash = ?", (key[:32],)
        ).fetchone()
        connection.execute(
            "UPDATE scores SET sum = ?, rank = ? WHERE created = ?", (total + 1, rank(total + 1, count), created)
        )
        connection.execute(f'UPDATE scores SET "check" = row_check({SCORE_COLUMNS})')
        connection.execute("UPDATE totals SET stars = stars + 1 WHERE key = ?", (key[32:],))
        connection.execute('UPDATE totals SET "check" = row_check(key, since, records, ratings, stars)')
        rows = connection.execute(ROWS_SQL[1], (b"", b"\xff" * 65)).fetchall()
        assert len(rows) <= PAGE_ROWS, "the trie of ratings is one page here"
        (newest,) = connection.execute("SELECT max(height) FROM states").fetchone()
        state = load_state(connection, newest)
        assert state is not None
        connection.execute("DELETE FROM states WHERE height = ?", (newest,))
        state.with_entry(1, page_entry(1, rows)).store(connection)
        connection.execute("COMMIT")


def test_diverged(network: list[NodeProcess]) -> None:
    """A follower whose state is not what was signed, which only the comparison of roots shows, mends itself."""
    validator, follower = network
    follower.stop()
    diverge(follower)
    follower.start()
    put(validator, "diverged")
    wait_for_repair(follower, 0, "the divergence")
    assert "This node has diverged" in follower.log
    info = follower.call("getnodeinfo")["repair"]
    assert "1 of ratings" in info["last"] and "given up" not in info["last"]
    put(follower, "after the divergence")
    # An earlier test had the history of both given up.
    wait_for_same(validator, follower, ("states",), WITHOUT_HISTORY)
    wait_until(lambda: follower.call("getdatahash") == validator.call("getdatahash"), 60, "the same state")


def test_destroyed(network: list[NodeProcess]) -> None:
    """A follower whose file nothing can be read from puts it aside and makes it anew when it starts."""
    validator, follower = network
    follower.stop()
    database = follower.datadir / "ledger.sqlite3"
    database.write_bytes(b"\xff" * database.stat().st_size)
    follower.start()
    wait_until(lambda: height(follower) == height(validator), 60, "making the database anew")
    assert "put aside" in follower.log
    [aside] = follower.datadir.glob("ledger.sqlite3.damaged-*")
    assert aside.read_bytes()[:9] == b"\xff" * 9
    put(follower, "after the destruction")
    wait_for_same(validator, follower, ("states", "blocks", "operations", "trie", "scores", "totals", "system"))
    wait_until(lambda: follower.call("getdatahash") == validator.call("getdatahash"), 60, "the same state")


@pytest.mark.parametrize("number", [1, 0], ids=["follower", "validator"])
def test_destroyed_while_running(network: list[NodeProcess], number: int) -> None:
    """A node whose file is overwritten while it runs makes it anew without a restart, and keeps what is left of it."""
    node, other = network[number], network[1 - number]
    before = repairs(node)
    database = node.datadir / "ledger.sqlite3"
    with closing(connect(str(database))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = database.stat().st_size
    with database.open("r+b") as file:
        file.write(b"\xff" * size)
    wait_for_repair(node, before, "the destruction")
    assert "put aside" in node.call("getnodeinfo")["repair"]["last"]
    assert list(node.datadir.glob("ledger.sqlite3.damaged-*"))
    # An operation that is not valid for another hundred blocks is none for a node so far behind.
    wait_until(lambda: height(node) == height(other), 60, "the same height")
    put(other, f"after destruction {number}")
    wait_until(lambda: node.call("getdatahash") == other.call("getdatahash"), 60, "the same state")
    assert "Traceback" not in node.log
