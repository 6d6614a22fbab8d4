"""Real nodes that fetch the state: from a liar as well, over a kill, and from a log that begins in the middle."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.operations import TIME, Validator, make_key, make_put
from cloudnode.formats.operation import Envelope, Operation, build_rate, decode_operation
from cloudnode.node.datadir import Datadir
from cloudnode.store.sqlite import SqliteStore
from tests.integration.conftest import ROOT, NodeProcess, NodeStarter, wait_until
from tests.integration.test_peers import height, node_id, put

RECORDS, RATERS = 1_500, 4

STATE = {
    "records": "*", "ratings": "*", "accounts": "*", "system": "key, value, name, content", "trie": "slot, node",
    "scores": "created, hash, account, collection, ref, live, sum, count, rank",
    "totals": "key, records, ratings, stars",
}  # fmt: skip


def operations(datadir: Datadir, store: SqliteStore) -> Iterator[Operation]:
    """Records and ratings. Nobody looks at the signatures again: the blocks that hold them are not replayed."""
    authors = [make_key(number) for number in range(10)]
    window = datadir.genesis.parameters.window
    for number in range(RECORDS):
        author = authors[number % 10]
        body = make_put(Envelope(datadir.genesis.network, author.public, TIME, 1, window), "film", number)
        yield decode_operation(body, bytes(64), datadir.genesis)
    for number in range(RECORDS * RATERS):
        record = number % RECORDS
        rater = authors[(record + 1 + number // RECORDS) % 10]
        address = f"{authors[record % 10].public.hex()}/film/r{record}"
        body = build_rate(Envelope(datadir.genesis.network, rater.public, TIME, 1, window), address, number % 5 + 1)
        yield decode_operation(body, bytes(64), datadir.genesis)


def fill(node: NodeProcess) -> None:
    """Make a node's database, with some thousand rows."""
    datadir = Datadir.open(node.datadir)
    store = SqliteStore.open(str(datadir.database), datadir.genesis)
    validator = Validator(store, datadir.genesis, datadir.validator_key)
    todo = operations(datadir, store)
    while batch := list(islice(todo, 2_000)):
        assert not any(validator.write(batch))
    for _ in range(3):
        validator.write([])
    store.close()
    datadir.close()


@pytest.fixture
def full_node(make_node: NodeStarter) -> NodeProcess:
    """A validator alone, with some thousand rows."""
    node = make_node()
    fill(node)
    return node.start()


def start_modified(make_node: NodeStarter, lie: str, validator: NodeProcess) -> NodeProcess:
    """A node that serves the state otherwise than it should; it has it itself."""
    node = make_node("--join", validator.ws_url, "--sync", "state")
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": str(node.home)}
    script = str(Path(__file__).with_name("lying_node.py"))
    with node.log_path.open("ab") as log:
        node.process = subprocess.Popen(
            [sys.executable, script, lie, *node.options], env=environment, stdout=log, stderr=log
        )
    wait_until(lambda: "Linked with node" in node.log, 60, "the modified node's start")
    wait_until(lambda: height(node) >= height(validator) > 0, 60, "the modified node's own state")
    return node


def state(node: NodeProcess) -> list[object]:
    """The rows of the state and what follows from them."""
    connection = sqlite3.connect(f"file:{node.datadir}/ledger.sqlite3?mode=ro", uri=True)
    try:
        # The window's nodes change with each block.
        return [
            connection.execute(
                f"SELECT {columns} FROM {table} {'WHERE slot < 2 OR slot >= 3' * (table == 'trie')} ORDER BY 1"
            ).fetchall()
            for table, columns in STATE.items()
        ]
    finally:
        connection.close()


def check_same(node: NodeProcess, other: NodeProcess) -> None:
    wait_until(lambda: node.call("getnodeinfo")["sync"]["state"] == "serving", 60, "the state")
    wait_until(lambda: height(node) >= height(other), 60, "the blocks after it")
    assert state(node) == state(other)
    told = [each.call("getdatahash") for each in (node, other)]
    assert [each["ratings_sum"] for each in told] == [RECORDS * RATERS * 3] * 2


def test_liar(make_node: NodeStarter, start_node: NodeStarter, full_node: NodeProcess) -> None:
    """One of two peers sends wrong chunks: it is banned, and the state comes from the other, identical."""
    liar = start_modified(make_node, "chunk", full_node)
    name = node_id(liar)
    # The other one stands still until the liar was asked: it might be done before that.
    os.kill(full_node.pid, signal.SIGSTOP)
    try:
        victim = start_node("--join", liar.ws_url, "--join", full_node.ws_url, "--sync", "state")
        wait_until(lambda: f"Banned <Peer {name[:12]}" in victim.log, 60, "the ban")
    finally:
        os.kill(full_node.pid, signal.SIGCONT)
    check_same(victim, full_node)
    assert ": wrong_state: " in victim.log
    sync = victim.call("getnodeinfo")["sync"]
    assert sync["blocks_from"] > 3
    # It goes on with the log, and proves what it has.
    put(full_node, "after")
    wait_until(lambda: height(victim) >= height(full_node), 60, "the next block")
    address = f"{make_key(3).public.hex()}/film/r3"
    with urllib.request.urlopen(f"{victim.http_url}/records/{address}", timeout=30) as answer:
        assert answer.status == 200


def test_killed(make_node: NodeStarter, start_node: NodeStarter, full_node: NodeProcess) -> None:
    """A node killed while the state comes serves none of it, and goes on with what it had."""
    slow = start_modified(make_node, "slow", full_node)
    node = start_node("--join", slow.ws_url, "--sync", "state")
    wait_until(lambda: node.call("getnodeinfo")["sync"]["rows"] > 500, 60, "a part of the state")
    os.kill(slow.pid, signal.SIGSTOP)  # or all of it might be there before this is through
    info = node.call("getnodeinfo")["sync"]
    assert (info["state"], info["phase"]) == ("syncing", "state")
    assert info["rows"] < info["total"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{node.http_url}/records/{make_key(3).public.hex()}/film/r3", timeout=30)
    assert b"node_syncing" in refused.value.read()
    node.kill()
    assert (node.datadir / "ledger.sqlite3.sync").exists()
    os.kill(slow.pid, signal.SIGCONT)
    slow.stop()
    node.arguments = ["--join", full_node.ws_url]
    node.start()
    check_same(node, full_node)
    assert "A state sync was interrupted: going on with it" in node.log
    assert not (node.datadir / "ledger.sqlite3.sync").exists()
