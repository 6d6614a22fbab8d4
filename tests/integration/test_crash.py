"""A real node that is killed, refused its disk, or stopped under load loses nothing that it called final."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudnode.formats.block import Header
from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Envelope, build_put, sign_operation
from cloudnode.store.audit.run import audit_database
from cloudnode.store.connection import connect
from tests.integration.callers import (
    Author,
    ClosedError,
    WebSocketSocket,
    assert_clean_log,
    assert_prompt,
    caller,
    request,
)
from tests.integration.conftest import NodeProcess, NodeStarter, wait_until

STOP_SECONDS = 15.0
"""A stop takes less than two seconds of a machine that has nothing else to do."""


class Load:
    """Writes records through one WebSocket, a few hundred at a time, and remembers what was called final.

    :ivar account: Who writes. :ivar final: By the request's parameters: cursor and result.
    :ivar submitted: All that was sent.
    """

    def __init__(self, genesis: Genesis, seed: int) -> None:
        self.final: dict[str, dict[str, Any]] = {}
        self.submitted: dict[int, dict[str, str]] = {}
        self._genesis = genesis
        self._key = SigningKey(seed.to_bytes(32, "big"))
        self.account = self._key.public.hex()
        self._random = random.Random(seed)
        self._number = seed * 1_000_000
        self._thread: threading.Thread | None = None

    def start(self, node: NodeProcess) -> None:
        """Begin, until the node is gone."""
        asking = WebSocketSocket(node).upgrade()
        height = node.call("getdatahash")["height"]
        self._thread = threading.Thread(target=self._run, args=(asking, height), daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until it noticed that the node is gone."""
        assert self._thread is not None
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _run(self, asking: WebSocketSocket, height: int) -> None:
        # The node's end, at whatever moment, is the end of this as well.
        with contextlib.closing(asking), contextlib.suppress(OSError, ClosedError):
            outstanding = 0
            while True:
                while outstanding < 200:
                    asking.send(self._submission(height))
                    outstanding += 1
                answer = json.loads(asking.receive())
                outstanding -= 1
                if "result" in answer:
                    params = json.dumps(self.submitted[answer["id"]])
                    self.final[params] = answer["result"]

    def _submission(self, height: int) -> bytes:
        self._number += 1
        envelope = Envelope(self._genesis.network, self._key.public, self._number, height, height + 1000)
        size = self._random.choice((10, 300, 9_000))
        body = build_put(envelope, "load", f"{self._random.randrange(500)}", "x" * size)
        params = {"operation": body.decode(), "signature": sign_operation(self._key, body).hex(), "wait": "final"}
        self.submitted[self._number] = params
        return request("submit", params, number=self._number)


def check_final(node: NodeProcess, load: Load) -> None:
    """Every operation that was called final is where it was, with the same result."""
    submissions = list(load.final.items())
    with caller(node, "ws") as asking:
        for start in range(0, len(submissions), 50):
            part = submissions[start : start + 50]
            batch = b"[" + b",".join(request("submit", json.loads(params)) for params, _ in part) + b"]"
            answers = [answer["result"] for answer in json.loads(asking.ask(batch))]
            assert answers == [told for _, told in part]


def check_chain(path: Path, genesis: Genesis) -> int:
    """Heights without a gap from 1 to the head, each block the child of the one before: the head's height."""
    connection = connect(str(path), read_only=True)
    try:
        rows = connection.execute("SELECT height, hash, header FROM blocks ORDER BY height").fetchall()
    finally:
        connection.close()
    assert [height for height, _, _ in rows] == list(range(1, len(rows) + 1))
    parent = genesis.network
    for height, hashed, raw in rows:
        header = Header.decode(raw)
        assert (header.height, header.parent, header.hash) == (height, parent, hashed)
        parent = hashed
    return len(rows)


def check_sound(node: NodeProcess, genesis: Genesis) -> None:
    """The database of a node that does not run is whole."""
    assert audit_database(str(node.datadir / "ledger.sqlite3"), genesis).findings == ()
    check_chain(node.datadir / "ledger.sqlite3", genesis)


def genesis_of(node: NodeProcess) -> Genesis:
    """The network that a node keeps."""
    return decode_genesis((node.datadir / "genesis.json").read_bytes())


class TestKill:
    def test_while_writing(self, start_node: NodeStarter) -> None:
        """Killed eight times at any moment of writing, it keeps each final operation at its place, and is whole."""
        chance = random.Random(7)
        node = start_node()
        genesis = genesis_of(node)
        loads: list[Load] = []
        heights: list[int] = []
        for turn in range(8):
            load = Load(genesis, turn + 1)
            loads.append(load)
            load.start(node)
            if turn:
                wait_until(lambda load=load: len(load.final) > 100, 60, "the first final operations")
            time.sleep(chance.uniform(0.0, 0.7))
            node.kill()
            load.join()
            heights.append(check_chain(node.datadir / "ledger.sqlite3", genesis))
            node.start()
            check_final(node, load)
        assert heights == sorted(heights)
        for load in loads:
            check_final(node, load)
        assert_clean_log(node)
        node.stop()
        check_sound(node, genesis)

    def test_sums(self, start_node: NodeStarter) -> None:
        """What was sent again after each kill, final or not, is there once: counts and sums come out exact."""
        node = start_node()
        load = Load(genesis_of(node), 99)
        for _ in range(3):
            load.start(node)
            time.sleep(0.5)
            node.kill()
            load.join()
            node.start()
        with caller(node, "ws") as asking:
            for params in load.submitted.values():
                asking.send(request("submit", params))  # type: ignore[attr-defined]
            results = [json.loads(asking.receive())["result"] for _ in load.submitted]  # type: ignore[attr-defined]
        cursors = {(told["cursor"]["height"], told["cursor"]["index"]) for told in results}
        assert len(cursors) == len(load.submitted)
        keys = {json.loads(params["operation"])["key"] for params in load.submitted.values()}
        assert node.call("getdatahash")["records"] == len(keys)
        records = [node.call("getrecord", [load.account, "load", key]) for key in keys]
        assert sum(record["version"] for record in records) == len(load.submitted)

    def test_first_start(self, make_node: NodeStarter) -> None:
        """Killed at any moment of its first start it starts the next time, with the keys that it made first."""
        chance = random.Random(3)
        for turn, watched in enumerate(("lock", "node.key", "validator.key", "genesis.json", "ledger.sqlite3", "tls")):
            node = make_node()
            node.spawn()
            wait_until(lambda node=node, name=watched: (node.datadir / name).exists(), 60, f"making {watched}")
            time.sleep(chance.choice((0, 0.001, 0.01, 0.05)))
            node.kill()
            made = {
                name: (node.datadir / name).read_bytes()
                for name in ("node.key", "validator.key", "genesis.json")
                if (node.datadir / name).exists()
            }
            assert turn < 2 or "node.key" in made
            node.start()
            for name, content in made.items():
                assert (node.datadir / name).read_bytes() == content
            assert_prompt(node, "http")
            node.stop()
            check_sound(node, genesis_of(node))

    def test_two_at_once(self, make_node: NodeStarter) -> None:
        """Of two processes that start on one directory at once, one serves and the other says in a line why not."""
        for _ in range(2):
            one, two = make_node(), make_node()
            two.datadir = one.datadir
            processes = {node: node.spawn() for node in (one, two)}
            wait_until(
                lambda processes=processes: any(process.poll() is not None for process in processes.values()),
                60,
                "the refusal of one",
            )
            (refused,) = [node for node, process in processes.items() if process.poll() is not None]
            (served,) = [node for node in processes if node is not refused]
            assert processes[refused].returncode == 1
            (line,) = refused.error_path.read_text().splitlines()
            assert line.startswith(f"cloudnode: the data directory {one.datadir} is in use by ")
            wait_until(lambda served=served: served.notify.told("READY", "1"), 60, "the other's start")
            assert_prompt(served, "http")
            served.stop()


class TestStop:
    def test_under_load(self, start_node: NodeStarter) -> None:
        """SIGTERM in the middle of writing: stopped in order and soon, and each final operation is there."""
        node = start_node()
        genesis = genesis_of(node)
        for turn in range(3):
            loads = [Load(genesis, 100 * turn + number) for number in (50, 51, 52)]
            for load in loads:
                load.start(node)
            wait_until(lambda loads=loads: all(load.final for load in loads), 60, "the first final operations")
            assert node.stop(signal.SIGTERM, STOP_SECONDS) == 0
            for load in loads:
                load.join()
            check_sound(node, genesis)
            node.start()
            for load in loads:
                check_final(node, load)
        assert_clean_log(node)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB, at a path where a node's home may be."""
    path = tmp_path / "disk"
    path.mkdir()
    mount("-t", "tmpfs", "-o", "size=6m,mode=0700", "cloudnode-test", str(path))
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def mount(*arguments: str) -> None:
    """Mount something; where that isn't allowed the test is skipped, but never on a build server."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = f"mount needs root and its capabilities: {done.stderr.strip()}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


def put(node: NodeProcess, author: Author, key: str, data: str, wait: str = "accepted") -> dict[str, Any]:
    """Submit a record; the whole answer, result or error."""
    body = build_put(author.envelope(), "disk", key, data)
    with caller(node, "ws") as asking:
        answer: dict[str, Any] = json.loads(asking.ask(request("submit", author.submission(body, wait))))
    return answer


def health(node: NodeProcess) -> dict[str, Any]:
    """What ``/health`` says."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", node.http_port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/health")
        response = connection.getresponse()
        told: dict[str, Any] = json.loads(response.read())
    return told | {"status": response.status}


def failed_start(node: NodeProcess) -> str:
    """The one line that a node which can't start ends with."""
    node.error_path.unlink(missing_ok=True)
    process = node.spawn()
    assert process.wait(60) == 1, node.log
    (line,) = node.error_path.read_text().splitlines()
    return line


class TestDisk:
    def test_full(self, make_node: NodeStarter, small_disk: Path, tmp_path: Path) -> None:
        """A disk that fills up loses nothing: reads go on, it is said why nothing is written, and it heals itself."""
        node = make_node()
        node.datadir = small_disk / "data"
        node.start()
        author = Author(node, SigningKey(b"\6" * 32))
        final: dict[str, Any] = {}
        filler = small_disk / "filler"
        for number in range(20):
            final[f"{number}"] = put(node, author, f"{number}", "x" * 1000, "final")["result"]["cursor"]
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        for number in range(40):
            assert "result" in put(node, author, f"late{number}", "x" * 30_000)
        wait_until(lambda: health(node)["trouble"] is not None, 60, "being told that the disk is full")
        assert "full" in health(node)["trouble"]
        assert (health(node)["status"], node.call("getnodeinfo")["sync"]["trouble"]) == (200, health(node)["trouble"])
        for key, cursor in final.items():
            assert node.call("getrecord", [author.account, "disk", key])["updated"] == cursor
        height = node.call("getdatahash")["height"]
        assert_prompt(node)
        mount("-o", "remount,size=64m", str(small_disk))
        wait_until(lambda: node.call("getdatahash")["height"] > height, 60, "the next block")
        wait_until(lambda: node.call("getdatahash")["records"] == 60, 60, "the operations that waited")
        wait_until(lambda: health(node)["trouble"] is None, 60, "being told that all is well")
        assert "Traceback" not in node.log
        assert node.stop() == 0
        check_sound(node, genesis_of(node))
        # And a node that starts on a full disk says so, and changes nothing.
        before = {each: each.read_bytes() for each in node.datadir.iterdir() if each.is_file() and each.name != "lock"}
        with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        process = node.spawn()
        wait_until(lambda: node.notify.told("READY", "1") or process.poll() is not None, 60, "a start or a refusal")
        if process.poll() is None:
            assert node.call("getrecord", [author.account, "disk", "0"])["updated"] == final["0"]
            node.stop()
        else:
            assert len(node.error_path.read_text().splitlines()) == 1
        for path, content in before.items():
            assert path.read_bytes() == content

    def test_killed_while_full(self, make_node: NodeStarter, small_disk: Path) -> None:
        """Killed while its disk is full, and given room again, it has all that was final."""
        node = make_node()
        node.datadir = small_disk / "data"
        node.start()
        load = Load(genesis_of(node), 77)
        load.start(node)
        wait_until(lambda: health(node)["trouble"] is not None, 60, "a full disk")
        node.kill()
        load.join()
        assert load.final
        mount("-o", "remount,size=64m", str(small_disk))
        node.start()
        check_final(node, load)
        node.stop()
        check_sound(node, genesis_of(node))

    def test_full_at_first_start(self, make_node: NodeStarter, small_disk: Path) -> None:
        """A first start without room ends with one line, and the next one with room makes a whole node."""
        node = make_node()
        node.datadir = small_disk / "data"
        filler = small_disk / "filler"
        for room in (0, 4096, 16_384, 65_536):
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            with filler.open("r+b") as file:
                file.truncate(max(0, filler.stat().st_size - room))
            line = failed_start(node)
            assert line.startswith("cloudnode: cannot "), line
            assert "space left" in line or "full" in line, line
        filler.unlink()
        node.start()
        assert_prompt(node, "http")
        node.stop()
        check_sound(node, genesis_of(node))

    def test_read_only(self, make_node: NodeStarter, small_disk: Path) -> None:
        """A directory that became read-only: reads go on while it runs, and a start on it ends with one line."""
        node = make_node()
        node.datadir = small_disk / "data"
        node.start()
        author = Author(node, SigningKey(b"\7" * 32))
        cursor = put(node, author, "before", "x", "final")["result"]["cursor"]
        node.stop()
        mount("-o", "remount,ro", str(small_disk))
        line = failed_start(node)
        assert line.startswith("cloudnode: cannot ")
        assert "ead-only" in line
        assert str(node.datadir) in line
        mount("-o", "remount,rw", str(small_disk))
        node.start()
        assert node.call("getrecord", [author.account, "disk", "before"])["updated"] == cursor
