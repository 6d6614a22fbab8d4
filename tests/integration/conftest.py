"""Real nodes for the integration tests: children ``twistd -n cloudnode`` on free ports of 127.0.0.1.

``start_node`` starts as many as a test wants, ``node`` is one fresh node, ``module_node`` one that the
tests of a module share. All are stopped when the test (or module) is over, and killed if they do not stop.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import random
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from cloudnode.cli.demo import plan
from tests.natlab import natlab

ROOT = Path(__file__).resolve().parents[2]
# What a test waits for takes a small part of these times; a machine that is busy with something else takes the rest.
START_SECONDS = 60.0
STOP_SECONDS = 30.0
CALL_SECONDS = 30.0

# Each of the processes that run tests side by side has a part of these ports, and goes through it in turn: one that was
# found and is not taken yet, or whose node is about to start again, is found by no other node. `cloudnode demo` looks
# above them.
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_OWN_PORTS = range(10_000 + _WORKER, 20_000, _WORKERS)
_PORTS = itertools.cycle(random.sample(_OWN_PORTS, len(_OWN_PORTS)))

# The files that take minutes, which begin first, so that no process has one to go through when the others are done.
# Those that compute and those that wait take turns.
_LONGEST = (
    "test_movielens", "test_surviving", "test_peers", "test_mappings", "test_validator_crashes", "test_punching",
    "test_cli", "test_crash", "test_page", "test_daemon", "test_nat_kind", "test_javascript_cloud",
    "test_faulty_validators",
)  # fmt: skip

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Who runs the tests in the background has it ignored, which whatever they start would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first."""
    place = {name: number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def find_free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 for this test alone, for TCP and UDP."""
    return plan.find_free_ports(count, ports=_PORTS)


def wait_until(condition: Callable[[], bool], seconds: float, what: str | Callable[[], str]) -> None:
    """Poll a condition, every 10 ms at first and every 100 ms in the end, since asking nodes takes what they run on;
    fail the test by name when it does not come true in time.
    """
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        if waited > seconds:
            pytest.fail(f"{what if isinstance(what, str) else what()} took longer than {seconds:g} s")
        time.sleep(min(0.01 + waited / 20, 0.1))


class NotifySocket:
    """The supervisor's end of systemd's notification protocol: a datagram a message, ``NAME=value`` lines."""

    def __init__(self, address: str | None = None) -> None:
        """Listen on ``address`` as in ``NOTIFY_SOCKET``: a path, or ``@name`` in the abstract namespace."""
        self.address = address or f"@cloudnode-test-{secrets.token_hex(8)}"
        self.messages: list[dict[str, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.address[1:] if self.address.startswith("@") else self.address)
        self._socket.setblocking(False)

    def told(self, name: str, value: str | None = None) -> bool:
        """Whether a message with this line has come (with any value, if none is given)."""
        with contextlib.suppress(BlockingIOError):
            while True:
                lines = self._socket.recv(65_536).decode().splitlines()
                self.messages.append(dict(line.split("=", 1) for line in lines))
        return any(name in message and value in (None, message[name]) for message in self.messages)

    def forget(self) -> None:
        """Forget what an earlier process told."""
        self.told("")
        self.messages.clear()

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


class NodeProcess:
    """A node in a child process.

    :ivar address: The address that it is reached at.
    :ivar datadir: Its data directory; a process that is started again goes on with it.
    :ivar http_port: :ivar ws_port: :ivar ws_udp_port: Where it serves.
    :ivar arguments: More options of ``twistd cloudnode``. :ivar process: The child.
    :ivar environment: More of its environment.
    :ivar log_path: Its standard output. :ivar error_path: Its standard error.
    """

    address = "127.0.0.1"

    def __init__(
        self, home: Path, arguments: Sequence[str] = (), *, tac: bool = False, interfaces: bool = True,
        usual_stun: bool = False,
    ) -> None:  # fmt: skip
        """
        :param home: A directory of its own (created) with the data directory ``data`` and the logs in it.
        :param arguments: More options of ``twistd cloudnode``.
        :param tac: Run ``twistd -y node.tac`` in place of the plugin.
        :param usual_stun: Serve STUN at its usual port, the same for all nodes, unless the arguments say where.
        :param interfaces: Serve on the free ports found; else the arguments say where.
        """
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.datadir = home / "data"
        self.log_path = home / "node.log"
        self.error_path = home / "node.err"
        self.http_port, self.ws_port, self.ws_udp_port = self.choose_ports()
        self.process: subprocess.Popen[bytes] | None = None
        self.notify = self.make_notify_socket()
        self.arguments = list(arguments)
        self.environment: dict[str, str] = {}
        self._interfaces = interfaces
        self._usual_stun = usual_stun
        self._tac = tac

    # What differs where a node is not beside the test

    def choose_ports(self) -> list[int]:
        """Ports for HTTP, WebSocket and WebSocket over UDP."""
        return find_free_ports(3)

    def make_notify_socket(self) -> NotifySocket:
        """Where it tells that it is ready."""
        return NotifySocket()

    def command(self, command: list[str]) -> list[str]:
        """The command that runs a command where the node is; its process becomes that of the command."""
        return command

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        """A connection to its HTTP port."""
        return http.client.HTTPConnection(self.address, self.http_port, timeout=timeout)

    @property
    def http_url(self) -> str:
        """``http://host:port``, without a slash at its end."""
        return f"http://{self.address}:{self.http_port}"

    @property
    def ws_url(self) -> str:
        """``ws://host:port``."""
        return f"ws://{self.address}:{self.ws_port}"

    @property
    def wss_url(self) -> str:
        """``wss://host:port``, the same port as :attr:`ws_url`, with the node's own certificate."""
        return f"wss://{self.address}:{self.ws_port}"

    @property
    def ws_udp_url(self) -> str:
        """``ws+udp://host:port``."""
        return f"ws+udp://{self.address}:{self.ws_udp_port}"

    @property
    def pid(self) -> int:
        """The child's process id."""
        assert self.process is not None, "the node was not started"
        return self.process.pid

    @property
    def log(self) -> str:
        """All that it wrote so far: standard output, then standard error."""
        paths = (self.log_path, self.error_path)
        return "".join(path.read_text(errors="replace") for path in paths if path.exists())

    @property
    def options(self) -> list[str]:
        """The options of ``twistd cloudnode`` that this node runs with."""
        options = ["--datadir", str(self.datadir)]
        if self._interfaces:
            options += ["--http", f"tcp:{self.http_port}:interface={self.address}"]
            options += ["--ws", f"tcp:{self.ws_port}:interface={self.address}"]
            options += ["--ws-udp", f"{self.address}:{self.ws_udp_port}"]
        if "--stun" not in self.arguments and not self._usual_stun:
            options += ["--stun", "none"]
        return [*options, *self.arguments]

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the child without waiting for anything."""
        environment = {
            "HOME": str(self.home),
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(ROOT),
            "PYTHONFAULTHANDLER": "1",
            "NOTIFY_SOCKET": self.notify.address,
            **self.environment,
        }
        command = [str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile="]
        if self._tac:
            command += ["-y", str(ROOT / "node.tac")]
            environment["CLOUDNODE_OPTIONS"] = shlex.join(self.options)
        else:
            command += ["cloudnode", *self.options]
        self.notify.forget()
        with self.log_path.open("ab") as out, self.error_path.open("ab") as err:
            self.process = _spawn(self.command(command), self.home, environment, out, err)
        return self.process

    def start(self) -> NodeProcess:
        """Start the child and wait until it serves."""
        process = self.spawn()
        wait_until(
            lambda: self.notify.told("READY", "1") or process.poll() is not None,
            START_SECONDS,
            "the node's start",
        )
        if process.poll() is not None:
            pytest.fail(f"the node ended with status {process.returncode}:\n{self.log}")
        return self

    def stop(self, number: int = signal.SIGTERM, seconds: float = STOP_SECONDS) -> int:
        """Ask the child to stop and wait for it; killed and a failed test if it does not.

        :returns: Its exit status.
        """
        assert self.process is not None, "the node was not started"
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"the node did not stop within {seconds:g} s:\n{self.log}")

    def kill(self) -> None:
        """``kill -9``, and wait until the child is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def call(
        self, method: str, params: object = None, *, context: dict[str, object] | None = None,
        timeout: float = CALL_SECONDS,
    ) -> Any:  # fmt: skip
        """One JSON-RPC call over HTTP, blocking: its result.

        For tests whose subject is elsewhere. Fails the test on a JSON-RPC error.
        """
        request: dict[str, object] = {"jsonrpc": "2.0", "id": 1, "method": method}
        if params is not None:
            request["params"] = params
        if context is not None:
            request["context"] = context
        connection = self.connect(timeout)  # blocking on purpose: the caller needs no reactor
        try:
            connection.request("POST", "/", json.dumps(request), {"content-type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if "error" in answer:
            pytest.fail(f"{method} answered {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        """Stop the child if it runs still, and give its sockets back."""
        try:
            if self.process is not None and self.process.poll() is None:
                self.stop()
        finally:
            self.notify.close()


def _spawn(
    command: list[str], directory: Path, environment: dict[str, str], out: IO[bytes], err: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)


NodeStarter = Callable[..., NodeProcess]


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[NodeStarter]:
    """A function that prepares a node without starting it.

    ``make_node(*options, home=None, tac=False, interfaces=True)``, as :class:`NodeProcess` takes them.
    """
    nodes: list[NodeProcess] = []

    def make(*arguments: str, home: Path | None = None, **how: bool) -> NodeProcess:
        made = NodeProcess(home or tmp_path / f"node{len(nodes)}", arguments, **how)
        nodes.append(made)
        return made

    with contextlib.ExitStack() as stack:
        yield make
        for each in nodes:
            stack.callback(each.close)


@pytest.fixture
def start_node(make_node: NodeStarter) -> NodeStarter:
    """A function that starts a node and waits until it serves; takes what ``make_node`` takes."""
    return lambda *arguments, **options: make_node(*arguments, **options).start()


@pytest.fixture
def node(start_node: NodeStarter) -> NodeProcess:
    """One fresh node of its own network, serving."""
    return start_node()


@pytest.fixture(scope="module")
def module_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """One node that the tests of a module share, serving."""
    shared = NodeProcess(tmp_path_factory.mktemp("module-node"))
    try:
        yield shared.start()
    finally:
        shared.close()


@pytest.fixture
def lab() -> Iterator[natlab.Lab]:
    """Hosts in network namespaces; the test is skipped where there can be none, but never on a build server."""
    check_lab()
    with natlab.Lab() as opened:
        yield opened


@pytest.fixture
def lab6() -> Iterator[natlab.Lab]:
    """The same with IPv6 besides."""
    check_lab()
    with natlab.Lab(ipv6=True) as opened:
        yield opened


def check_lab() -> None:
    """Skip the test where there can be no laboratory; on a build server it fails."""
    reason = natlab.unavailable_reason()
    if reason is not None:
        if os.environ.get("CI"):
            pytest.fail(f"{reason}: a build server must have root, iproute2, nftables and network namespaces")
        pytest.skip(reason)


@pytest.fixture
def directories(tmp_path: Path) -> list[Path]:
    """The data directories of four validators, as the command makes them."""
    command = [sys.executable, "-m", "cloudnode", "init", str(tmp_path / "network"), "--validators", "4"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": str(tmp_path)}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return [tmp_path / "network" / f"validator-{number + 1}" for number in range(4)]
