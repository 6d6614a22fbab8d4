"""The node and the bare servers as child processes, and a record to ask for."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import msgspec

from benchmarks.load import Plan, Result
from benchmarks.processes import BUILD, HOST, Child, free_port, module, running, script
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Envelope, build_put, sign_operation

COLLECTION = "film"
KEY = "bench"
ACCOUNT = SigningKey(b"benchmark".ljust(32, b"."))

CALM = "[ledger]\naudit_share = 0.01\n"
"""Configuration of a node that stands for one on a machine of its own: its audits have a hundredth of a core."""


@attrs.frozen
class Server:
    """A server that runs.

    :ivar name: For tables. :ivar ports: By carrier.
    """

    name: str
    child: Child
    ports: dict[str, int]


@attrs.frozen
class Node(Server):
    """A cloudnode that runs."""

    def call(self, name: str, params: dict[str, Any]) -> Any:
        """Call a method over HTTP.

        :raises RuntimeError: The answer is an error.
        """
        return json.loads(self.post(request(name, params)))["result"]

    def post(self, message: bytes) -> bytes:
        """The answer to a JSON-RPC message; raises RuntimeError if it is an error."""
        answer = _fetch(self.ports["post"], "POST", "/", message)
        if b'"result"' not in answer[:60]:
            raise RuntimeError(f"the node answers {answer!r}")
        return answer

    def fetch(self, method: str, path: str) -> bytes:
        """The body of an HTTP response."""
        return _fetch(self.ports["get"], method, path)

    def put_record(self) -> None:
        """Publish the record that :func:`getrecord` asks for, and wait until it is final."""
        envelope = make_envelope(self, ACCOUNT)
        text = json.dumps({"title": "The Shawshank Redemption", "year": 1994, "text": "x" * 200}).encode()
        body = build_put(envelope, COLLECTION, KEY, text)
        self.call("submit", submission(ACCOUNT, body))


def make_envelope(node: Node, key: SigningKey) -> Envelope:
    """What operations signed now say besides what they do: valid for as long as the network allows by default."""
    state = node.call("getdatahash", {})
    network = bytes.fromhex(json.loads(node.post(request("getdatahash", {})))["context"]["network"])
    height = state["height"] + 1
    return Envelope(network, key.public, int(time.time() * 1000), height, height + 999)


def submission(key: SigningKey, body: bytes) -> dict[str, Any]:
    """The parameters of ``submit`` that answers once the operation is final."""
    return {"operation": body.decode(), "signature": sign_operation(key, body).hex(), "wait": "final"}


def request(method: str, params: dict[str, Any], number: int = 1) -> bytes:
    """A JSON-RPC request."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": number, "method": method, "params": params})


def getrecord() -> bytes:
    """The request that benchmarks of reading send."""
    return request("getrecord", {"account": ACCOUNT.public.hex(), "collection": COLLECTION, "key": KEY})


def _fetch(port: int, method: str, path: str, body: bytes | None = None) -> bytes:
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        return connection.getresponse().read()
    finally:
        connection.close()


def _is_ready(port: int) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return b'"ready":true' in _fetch(port, "GET", "/health")
    return False


class Workshop:
    """A directory for one benchmark, and the servers in it.

    :ivar path: Where it is; removed at the end.
    """

    def __init__(self, path: Path, stack: contextlib.ExitStack) -> None:
        self.path = path
        self._stack = stack

    def start_node(self, datadir: Path | None = None, config: str = "", **options: Sequence[str]) -> Node:
        """Start a node that is stopped at the end.

        :param datadir: A new one if None. :param config: TOML. :param options: See :meth:`node`.
        """
        return self._stack.enter_context(self.node(datadir, config, **options))

    @contextlib.contextmanager
    def node(
        self,
        datadir: Path | None = None,
        config: str = "",
        *,
        arguments: Sequence[str] = (),
        daemon: Sequence[str] = (),
    ) -> Iterator[Node]:
        """A node, and its end.

        :param arguments: More options of the node. :param daemon: More options of ``twistd``.
        """
        post, websocket, quic = free_port(), free_port(), free_port()
        name = f"node-{post}"
        (self.path / f"{name}.toml").write_text(config)
        command = [
            script("twistd"), "-n", "--pidfile=", *daemon, "cloudnode",
            "--datadir", str(datadir or self.path / name),
            "--config", str(self.path / f"{name}.toml"),
            "--http", f"tcp:{post}:interface={HOST}",
            "--ws", f"tcp:{websocket}:interface={HOST}",
            "--ws-udp", f"{HOST}:{quic}",
            *([] if "--stun" in arguments else ["--stun", "none"]),
            *arguments,
        ]  # fmt: skip
        ports = {"post": post, "get": post, "websocket": websocket, "quic": quic}
        with running(command, self.path / f"{name}.log", lambda: _is_ready(post)) as child:
            yield Node("cloudnode", child, ports)

    def start_baseline(self, kind: str, name: str, answer: bytes) -> Server:
        """Start a bare server that is stopped at the end (:mod:`benchmarks.baselines`)."""
        return self._stack.enter_context(self.baseline(kind, name, answer))

    @contextlib.contextmanager
    def baseline(self, kind: str, name: str, answer: bytes) -> Iterator[Server]:
        """A bare server, and its end."""
        port = free_port()
        log = self.path / f"{kind}-{port}.log"
        arguments = module("baselines", kind, port, self.write(f"{kind}-{port}.answer", answer))
        with running(arguments, log, lambda: b"ready" in log.read_bytes()) as child:
            yield Server(name, child, dict.fromkeys(("post", "get", "websocket", "quic"), port))

    def write(self, name: str, content: bytes) -> Path:
        """Write a file."""
        path = self.path / name
        path.write_bytes(content)
        return path


@contextlib.contextmanager
def workshop() -> Iterator[Workshop]:
    """A new one. Below ``build/``, so that databases are on a disk and not in memory."""
    BUILD.mkdir(parents=True, exist_ok=True)
    # Else whoever ends a benchmark so leaves its nodes behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    with TemporaryDirectory(dir=BUILD) as directory, contextlib.ExitStack() as stack:
        yield Workshop(Path(directory), stack)


def run_load(plan: Plan) -> Result:
    """Run the load generator in a process of its own.

    :raises RuntimeError: It failed.
    """
    done = subprocess.run(
        module("load", msgspec.json.encode(plan).decode()), capture_output=True, timeout=plan.seconds + 120, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the load generator failed: {done.stderr.decode(errors='replace')[-2000:]}")
    return msgspec.json.decode(done.stdout, type=Result)
