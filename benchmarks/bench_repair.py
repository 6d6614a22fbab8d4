"""One row altered on disk while a node runs: how long until it is found, and until it is repaired from a peer.

``ROWS`` is the size of the database, ``CASES`` a regular expression for what is altered, if not all is to be measured.
The other node's audits have a hundredth of a core: it stands for one on a machine of its own.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import attrs

from benchmarks.dataset import some_rows
from benchmarks.options import machine
from benchmarks.servers import CALM, Node, workshop
from benchmarks.tables import Goal, print_table
from cloudnode.store.connection import connect

SECONDS_A_MILLION = 10.0
WATCHED_SECONDS = 20.0
_WAIT_SECONDS = 120.0
_AUDIT_SECONDS = 300.0

ALTERATIONS = {
    "a rating's stars": "UPDATE ratings SET value = CAST(x'05' || substr(value, 2) AS BLOB) WHERE key ="
    " (SELECT key FROM ratings WHERE value < x'05' LIMIT 1 OFFSET 700)",
    "a record's data": "UPDATE records SET data = '{}' WHERE position = (SELECT max(position) FROM records)",
    "an account": "UPDATE accounts SET value = zeroblob(76) WHERE key = (SELECT max(key) FROM accounts)",
    "a score": "UPDATE scores SET sum = sum + 1 WHERE created = (SELECT max(created) FROM scores)",
    "an inner node": "UPDATE trie SET node = zeroblob(500) WHERE slot = (SELECT max(slot) FROM trie)",
    "a body in the log": "UPDATE operations SET body = '{}' WHERE position = (SELECT max(position) FROM operations)",
}
"""By another program that writes to the database. Of the log it is the last operation: those before it have no true
signatures in these data, so what another node tells of them would be refused."""

INDEX = "ratings_rater"

_AN_INDEX = "an entry of an index"
_SILENTLY = "silently, in the file; audit_share = 2"
_ASKING_SECONDS = 0.05
"""Between two questions to the node: it answers them with the processor that its audits want."""


@attrs.frozen
class Times:
    """Seconds after the alteration. :ivar found: Data is no longer served. :ivar repaired: It is again."""

    found: float
    repaired: float


def main() -> None:
    """Measure and print."""
    rows = int(os.environ.get("ROWS", "100000"))
    print(f"Repair of one altered row among {rows:,} (ROWS=1000000 for a million)")
    print(f"{machine()}\n", flush=True)
    source = some_rows(rows)
    is_wanted = re.compile(os.environ.get("CASES", "")).search
    times: dict[str, Times] = {}
    shares: dict[str, float] = {}
    with workshop() as shop:
        validator = shop.start_node(_copy(source, shop.path / "validator"), CALM)
        validator.put_record()
        config = f'join = ["ws://127.0.0.1:{validator.ports["websocket"]}"]\n'
        datadir = _follow(source, shop.path / "follower")
        with shop.node(datadir, config) as follower:
            _wait(lambda: follower.call("getnodeinfo", {})["peers"]["outbound"] == 1)
            for name, statement in ALTERATIONS.items():
                if is_wanted(name):
                    times[name] = _measure(follower, datadir, statement)
            if is_wanted(_AN_INDEX):
                times[_AN_INDEX] = _measure_index(follower, datadir)
            _let_audit(follower, datadir)
            shares["by default"] = _cpu_share(follower)
        if is_wanted(_SILENTLY):
            eager = config + "[ledger]\naudit_interval = 1\naudit_share = 2.0\n"
            with shop.node(datadir, eager) as follower:
                _wait(lambda: follower.call("getnodeinfo", {})["audit"]["state"] == "ok", _AUDIT_SECONDS)
                shares["with audit_share = 2 and audit_interval = 1"] = _cpu_share(follower)
                _wait(lambda: follower.call("getnodeinfo", {})["peers"]["outbound"] == 1)
                times[_SILENTLY] = _measure_silent(follower, datadir)
    most = SECONDS_A_MILLION * max(1.0, rows / 1e6)
    print_table(
        ["altered", "found after s", "repaired after s"],
        [[name, each.found, each.repaired] for name, each in times.items()],
        [Goal("found and repaired", max(each.repaired for each in times.values()), most, " s", at_most=True)],
    )
    told = ", ".join(f"{share:.1%} of a core {name}" for name, share in shares.items())
    print(f"Processor time of the node with its audits, idle network: {told}.")


def _let_audit(node: Node, datadir: Path) -> None:
    """Let an audit of all end: one row is altered in a database that was sound."""

    def is_over() -> bool:
        return bool(node.call("getnodeinfo", {})["audit"]["state"] == "ok")

    if not is_over():
        os.utime(datadir / "ledger.sqlite3")  # so that there are no pauses in it
        _wait(is_over, _AUDIT_SECONDS)


def _copy(source: Path, target: Path) -> Path:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("lock", "built.json"))
    return target


def _follow(source: Path, target: Path) -> Path:
    """The same ledger with keys that are not the validator's."""
    _copy(source, target)
    for stale in target.glob("*journal*"):
        stale.unlink()
    for name in ("node.key", "validator.key"):
        (target / name).write_text(secrets.token_hex(32) + "\n")
        (target / name).chmod(0o600)
    return target


def _wait(condition: Callable[[], bool], most: float = _WAIT_SECONDS) -> float:
    """Wait for something; returns the seconds that it took."""
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > most:
            raise RuntimeError("what is measured does not happen")
        time.sleep(_ASKING_SECONDS)
    return time.perf_counter() - began


def _measure(node: Node, datadir: Path, statement: str) -> Times:
    _let_audit(node, datadir)
    with closing(connect(str(datadir / "ledger.sqlite3"))) as connection:
        if connection.execute(statement).rowcount != 1:
            raise RuntimeError(f"nothing is altered by: {statement}")
    return _times(node)


def _times(node: Node) -> Times:
    repairs = node.call("getnodeinfo", {})["repair"]["repairs"]
    began = time.perf_counter()

    def is_found() -> bool:
        info = node.call("getnodeinfo", {})
        return bool(info["sync"]["state"] != "serving" or info["repair"]["repairs"] > repairs)

    _wait(is_found)
    found = time.perf_counter() - began

    def is_repaired() -> bool:
        info = node.call("getnodeinfo", {})
        return bool(info["sync"]["state"] == "serving" and info["repair"]["repairs"] > repairs)

    try:
        _wait(is_repaired)
    except RuntimeError:
        info = node.call("getnodeinfo", {})
        raise RuntimeError(f"not repaired: {info['sync']} {info['audit']} {info['repair']}") from None
    return Times(found, time.perf_counter() - began)


def _measure_index(node: Node, datadir: Path) -> Times:
    """Take an entry out of an index: the row is written while the index, by its definition, leaves it out."""
    _let_audit(node, datadir)
    with closing(connect(str(datadir / "ledger.sqlite3"))) as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (INDEX,)).fetchone()
        key, value = connection.execute("SELECT key, value FROM ratings ORDER BY key LIMIT 1 OFFSET 500").fetchone()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM ratings WHERE key = ?", (key,))
        _define_index(connection, f"{sql} WHERE key != x'{key.hex()}'")
        connection.execute("COMMIT")
    with closing(connect(str(datadir / "ledger.sqlite3"))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO ratings VALUES (?, ?)", (key, value))
        _define_index(connection, sql)
        connection.execute("COMMIT")
    return _times(node)


def _define_index(connection: sqlite3.Connection, sql: str) -> None:
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, INDEX))


def _measure_silent(node: Node, datadir: Path) -> Times:
    """Flip a bit of a record's data in the file itself, and hide that by putting back the file's time."""
    path = datadir / "ledger.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        (data,) = connection.execute("SELECT data FROM records ORDER BY position LIMIT 1 OFFSET 99").fetchone()
    before = path.stat()
    content = path.read_bytes()
    at = content.index(data[:40]) + 12
    with path.open("r+b") as file:
        file.seek(at)
        file.write(bytes([content[at] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    return _times(node)


def _cpu_share(node: Node) -> float:
    """Processor time a second of the node, the processes of its audits included."""
    began, before = time.perf_counter(), node.child.cpu_seconds()
    time.sleep(WATCHED_SECONDS)
    return (node.child.cpu_seconds() - before) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
