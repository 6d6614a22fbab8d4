"""The daemon as an operator meets it: starting, refusing to start, stopping, starting again."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cloudnode import __version__
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Envelope, build_put, sign_operation
from tests.integration.conftest import ROOT, NodeProcess, NodeStarter, NotifySocket, wait_until

STOP_SECONDS = 15.0
"""A stop takes less than two seconds of a machine that has nothing else to do."""


def get(node: NodeProcess, path: str) -> tuple[int, bytes]:
    """One GET, blocking: status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", node.http_port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def open_websocket(node: NodeProcess) -> socket.socket:
    """A WebSocket whose handshake is done, as a bare socket."""
    client = socket.create_connection(("127.0.0.1", node.ws_port), timeout=30)
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
    return client


def given_up(node: NodeProcess) -> int:
    """How many operations it has said to have accepted and not put into a block, at all its stops."""
    return sum(map(int, re.findall(r"(\d+) operations that wait for a block are given up", node.log)))


def failed_start(node: NodeProcess) -> str:
    """The one line that a node which can't start ends with, after an exit status of 1."""
    process = node.spawn()
    assert process.wait(60) == 1, node.log
    lines = node.error_path.read_text().splitlines()
    assert len(lines) == 1, lines
    assert not node.notify.told("READY")
    return lines[0]


def refused_options(*arguments: str) -> str:
    """The last line of what ``twistd cloudnode`` says of wrong options, after an exit status of 1."""
    command = [str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile=", "cloudnode", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


class TestServing:
    def test_ready_when_it_serves(self, node: NodeProcess) -> None:
        """Once READY=1 has come, all ports are open and data is served."""
        assert get(node, "/health/ready")[0] == 200
        info = node.call("getnodeinfo")
        assert info["version"] == __version__
        assert info["sync"]["state"] == "serving"
        served = {(each["transport"], each["port"]) for each in info["interfaces"]}
        assert served == {
            ("http", node.http_port),
            ("ws", node.ws_port),
            ("ws-udp", node.ws_udp_port),
            ("webtransport", node.ws_udp_port),
        }
        open_websocket(node).close()
        status = next(message["STATUS"] for message in node.notify.messages if "READY" in message)
        assert node.http_url in status
        assert f"serving {node.ws_udp_url}" in node.log

    def test_files(self, node: NodeProcess) -> None:
        """Everything in the data directory is the node's user's alone."""
        assert stat.S_IMODE(node.datadir.stat().st_mode) == 0o700
        files = [path for path in node.datadir.rglob("*") if path.is_file()]
        assert {"genesis.json", "node.key", "validator.key", "ledger.sqlite3"} <= {path.name for path in files}
        modes = {}
        for path in files:
            with contextlib.suppress(FileNotFoundError):  # it was a file on its way to its name
                modes[path.name] = stat.S_IMODE(path.stat().st_mode)
        assert modes == dict.fromkeys(modes, 0o600)

    def test_metrics(self, node: NodeProcess) -> None:
        """The metrics count calls, and tell of every transport and of the process."""
        node.call("ping")
        _, text = get(node, "/metrics")
        values = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
        assert float(values['cloudnode_requests_total{method="ping",outcome="ok",transport="http"}']) == 1
        assert float(values["cloudnode_ledger_serving"]) == 1
        assert float(values["cloudnode_process_resident_bytes"]) > 10_000_000
        assert {"cloudnode_ws_open", "cloudnode_tcp_accepted", "cloudnode_quic_connections"} <= values.keys()

    def test_json_log(self, start_node: NodeStarter) -> None:
        """Each line of a JSON log is an object with time, level, system and message."""
        node = start_node("--log-format", "json")
        node.stop()
        lines = [json.loads(line) for line in node.log_path.read_text().splitlines()]
        assert all({"time", "level", "system", "message"} <= line.keys() for line in lines)
        assert any(line["message"] == f"serving {node.http_url}" for line in lines)
        assert any(line["message"].startswith("stopped in ") for line in lines)

    def test_log_level(self, start_node: NodeStarter) -> None:
        """A node that logs errors alone says nothing when all is well."""
        node = start_node("--log-level", "error")
        node.stop()
        assert node.log == ""

    def test_tac(self, start_node: NodeStarter) -> None:
        """node.tac runs the same service."""
        node = start_node(tac=True)
        assert node.call("getnodeinfo")["version"] == __version__
        assert node.stop() == 0

    def test_config_file(self, make_node: NodeStarter) -> None:
        """A file's settings are used, and the command line wins over them."""
        node = make_node()
        file = node.home / "cloudnode.toml"
        file.write_text('http = ["tcp:1"]\nlog-format = "json"\n[limits]\nmessage_bytes = 4321\n')
        node.arguments += ["--config", str(file)]
        node.start()
        assert node.call("getnodeinfo")["limits"]["message_bytes"] == 4321
        json.loads(node.log_path.read_text().splitlines()[0])

    def test_no_interface(self, make_node: NodeStarter) -> None:
        """Every interface can be switched off."""
        node = make_node("--http", "none", "--ws", "none", "--ws-udp", "none", interfaces=False)
        node.start()
        assert node.stop() == 0

    def test_unix_socket(self, make_node: NodeStarter, tmp_path: Path) -> None:
        """Endpoint strings of any kind are served."""
        path = tmp_path / "h"
        make_node("--http", f"unix:{path}", "--ws", "none", "--ws-udp", "none", interfaces=False).start()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")

    def test_notify_socket_path(self, make_node: NodeStarter, tmp_path: Path) -> None:
        """The supervisor's socket may be a path as well as an abstract name."""
        node = make_node()
        node.notify.close()
        node.notify = NotifySocket(str(tmp_path / "notify"))
        node.start()
        node.stop()
        assert node.notify.told("STOPPING", "1")


class TestStopping:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_signals(self, node: NodeProcess, number: int) -> None:
        """SIGTERM and SIGINT stop the node in time with status 0, and the supervisor is told."""
        assert node.stop(number, STOP_SECONDS) == 0
        assert node.notify.told("STOPPING", "1")
        assert (node.datadir / "lock").read_text() == ""
        assert not (node.datadir / "ledger.sqlite3-wal").exists(), "the database was closed"
        assert node.error_path.read_text() == ""

    def test_open_connections(self, node: NodeProcess) -> None:
        """Connections that stay open, half open or silent do not delay the stop; sessions are taken leave of."""
        websocket = open_websocket(node)
        idle = http.client.HTTPConnection("127.0.0.1", node.http_port, timeout=30)
        idle.request("GET", "/health")
        idle.getresponse().read()
        silent = [socket.create_connection(("127.0.0.1", port)) for port in (node.http_port, node.ws_port)]
        silent[0].sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert node.stop(seconds=STOP_SECONDS) == 0
        frame = websocket.recv(100)
        assert frame[0] == 0x88
        assert int.from_bytes(frame[2:4]) == 1001
        for each in (websocket, *silent):
            each.close()
        idle.close()

    def test_while_starting(self, make_node: NodeStarter) -> None:
        """A node that is told to stop at any moment of its start stops in order, and starts the next time."""
        node = make_node()
        for delay in (0.5, 0.6, 0.7, 0.8):
            process = node.spawn()
            time.sleep(delay)
            process.send_signal(signal.SIGTERM)
            # Before the reactor runs the signal has its usual effect.
            assert process.wait(30) in (0, -signal.SIGTERM), node.log
        node.start()
        assert node.stop() == 0
        assert "Traceback" not in node.log

    def test_accepted_operations(self, start_node: NodeStarter) -> None:
        """What was accepted just before the stop is in the ledger after the next start.

        A node waits for that for less than a second, and says how many it gave up, as where the whole machine stands
        still: then there is another turn.
        """
        node = start_node()
        network = bytes.fromhex(node.call("getnodeinfo")["network"])
        key = SigningKey.generate()
        count, turns, lost = 50, 5, 0
        for turn in range(turns):
            for number in range(count):
                body = build_put(Envelope(network, key.public, 1, 1, 500), "test", f"{turn}-{number}", number)
                submission = {"operation": body.decode(), "signature": sign_operation(key, body).hex()}
                node.call("submit", submission | {"wait": "accepted"})
            assert node.stop(seconds=STOP_SECONDS) == 0
            before, lost = lost, given_up(node)
            node.start()
            assert node.call("getdatahash")["records"] == count * (turn + 1) - lost
            if lost == before:
                break
        else:
            pytest.fail(f"operations were given up at each of {turns} stops")

    def test_under_load(self, start_node: NodeStarter) -> None:
        """A node that is stopped while it is written to stops in time, and keeps what it accepted but for what it says.
        """
        node = start_node()
        network = bytes.fromhex(node.call("getnodeinfo")["network"])
        key = SigningKey.generate()
        accepted: list[str] = []

        def submissions(first: int) -> str:
            bodies = (
                build_put(Envelope(network, key.public, 1, 1, 500), "test", f"k{first + i}", "x" * 300)
                for i in range(100)
            )
            params = [{"operation": body.decode(), "signature": sign_operation(key, body).hex()} for body in bodies]
            return json.dumps(
                [{"jsonrpc": "2.0", "id": i, "method": "submit", "params": each} for i, each in enumerate(params)]
            )

        batches = [submissions(first) for first in range(0, 3000, 100)]

        def write() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", node.http_port, timeout=30)
            with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
                for batch in batches:
                    connection.request("POST", "/", batch, {"content-type": "application/json"})
                    answers = json.loads(connection.getresponse().read())
                    accepted.extend(answer["result"]["id"] for answer in answers if "result" in answer)

        writer = threading.Thread(target=write)
        writer.start()
        wait_until(lambda: len(accepted) >= 500, 60, "the acceptance of 500 operations")
        assert node.stop(seconds=STOP_SECONDS) == 0
        writer.join()
        node.start()
        assert node.call("getdatahash")["records"] >= len(accepted) - given_up(node)

    def test_restart(self, node: NodeProcess) -> None:
        """A later start goes on with the same node, network and height."""
        before, height = node.call("getnodeinfo"), node.call("getdatahash")["height"]
        assert node.stop() == 0
        node.start()
        after = node.call("getnodeinfo")
        assert (after["node"], after["network"]) == (before["node"], before["network"])
        assert [each["hash"] for each in after["certificates"]] == [each["hash"] for each in before["certificates"]]
        assert node.call("getdatahash")["height"] >= height

    def test_kill(self, node: NodeProcess) -> None:
        """After kill -9 the data directory is free, and the node goes on."""
        height = node.call("getdatahash")["height"]
        node.kill()
        node.start()
        assert node.call("getdatahash")["height"] >= height

    def test_second_signal(self, node: NodeProcess) -> None:
        """Who asks twice is not kept waiting."""
        assert node.process is not None
        with open_websocket(node):  # does not answer the close, so that the stop takes its time
            node.process.send_signal(signal.SIGINT)
            wait_until(lambda: node.notify.told("STOPPING", "1"), 60, "the begin of the stop")
            node.process.send_signal(signal.SIGINT)
            assert node.process.wait(STOP_SECONDS) in (0, 130)


class TestRefusingToStart:
    @pytest.mark.parametrize("port", ["http_port", "ws_port", "ws_udp_port"])
    def test_taken_port(self, make_node: NodeStarter, port: str) -> None:
        """A port that is taken fails the start, and is named; nothing stays locked."""
        node = make_node()
        number = getattr(node, port)
        kind = socket.SOCK_DGRAM if port == "ws_udp_port" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as taken:
            taken.bind(("127.0.0.1", number))
            if kind == socket.SOCK_STREAM:
                taken.listen()
            line = failed_start(node)
        assert line.startswith("cloudnode: cannot serve ")
        assert str(number) in line
        assert line.endswith(": Address already in use")
        assert (node.datadir / "lock").read_text() == ""
        node.error_path.write_text("")
        node.start()

    def test_second_process(self, node: NodeProcess, make_node: NodeStarter) -> None:
        """A second process on the same data directory is refused by its path and the holder's id."""
        second = make_node(home=node.home / "second")
        second.datadir = node.datadir
        expected = f"cloudnode: the data directory {node.datadir} is in use by process {node.pid}"
        assert failed_start(second) == expected
        assert node.call("ping") is not None

    def test_daemonized_failure(self, node: NodeProcess) -> None:
        """A daemon that can't start says so to whoever started it, too."""
        command = [str(Path(sys.executable).with_name("twistd")), "--pidfile=", "cloudnode", *node.options]
        done = subprocess.run(
            command, cwd=node.home, env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": str(node.home)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert "in use by" in (node.home / "twistd.log").read_text()

    def test_unusable_datadir(self, make_node: NodeStarter) -> None:
        """A data directory that can't be made is named with the system's reason."""
        node = make_node()
        node.datadir = Path("/proc/nowhere")
        assert failed_start(node).startswith("cloudnode: cannot make the data directory /proc/nowhere: ")

    def test_damaged_database(self, make_node: NodeStarter) -> None:
        """A file that is no database is named, and left as it is."""
        node = make_node()
        node.datadir.mkdir(mode=0o700)
        node.start()
        node.stop()
        database = node.datadir / "ledger.sqlite3"
        database.write_bytes(b"not a database" * 1000)
        line = failed_start(node)
        assert line.startswith(f"cloudnode: {database}: file is not a database")
        assert database.read_bytes().startswith(b"not a database")

    def test_wrong_options(self) -> None:
        """A wrong value ends with one line that names it."""
        for arguments, expected in (
            (["--http", "tpc:1"], "--http: 'tpc:1' is not an endpoint to listen on"),
            (["--ws-udp", "port"], "--ws-udp: 'port' is not a UDP port"),
            (["--log-format", "xml"], "--log-format: 'xml' is not one of text, json"),
            (["--config", "/nonexistent"], "cannot read /nonexistent: No such file or directory"),
            (["--nonsense"], "option --nonsense not recognized"),
            (["start"], "unexpected argument 'start'"),
        ):
            assert expected in refused_options(*arguments)


def test_no_reactor() -> None:
    """The plugin, the options and what makes the service can be imported without installing a reactor."""
    program = (
        "import sys; from twisted.plugin import getPlugins; from twisted.application.service import IServiceMaker;"
        "found = [each for each in getPlugins(IServiceMaker) if each.tapname == 'cloudnode'];"
        "assert len(found) == 1 and 'cloudnode.service' not in sys.modules;"
        "str(found[0].options()); found[0].makeService;"
        "assert 'cloudnode.service.maker' in sys.modules;"
        "sys.exit('twisted.internet.reactor' in sys.modules)"
    )
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath}
    done = subprocess.run([sys.executable, "-c", program], env=environment, timeout=60, check=False)
    assert done.returncode == 0


def test_two_nodes(start_node: NodeStarter) -> None:
    """Two nodes on one machine are two networks; calls to them at once do not mix."""
    nodes = [start_node(), start_node()]
    answers: dict[int, object] = {}
    threads = [
        threading.Thread(target=lambda i=i: answers.update({i: nodes[i].call("getnodeinfo")["network"]}))
        for i in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(str, answers.values()))) == 2
