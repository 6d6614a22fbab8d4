"""Runs the scenarios of ``javascript/test/real/scenarios.js`` with real nodes, in Node.js and in Chromium."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.integration.chromium import FLAGS
from tests.integration.conftest import ROOT, NodeProcess
from tests.integration.npm import MODULE

SECONDS = 180
"""That a scenario may take."""

HEADLESS = ("--headless", "--no-first-run", "--disable-component-update", "--disable-sync", *FLAGS)

FILES = {
    "/": (Path(__file__).with_name("cloud_page.html"), "text/html"),
    "/cloudnode.js": (ROOT / "cloudnode" / "page" / "files" / "cloudnode.js", "text/javascript"),
    "/scenarios.js": (MODULE / "test" / "real" / "scenarios.js", "text/javascript"),
}

Tell = Callable[[dict[str, Any]], None]


class Killer:
    """Does what a scenario tells: kills the node that serves it, and starts it again."""

    def __init__(self, nodes: Sequence[NodeProcess]) -> None:
        self._nodes = nodes
        self._killed: NodeProcess | None = None

    def __call__(self, event: dict[str, Any]) -> None:
        """Do one thing."""
        if "kill" in event:
            [self._killed] = [node for node in self._nodes if event["kill"] in (node.ws_url, node.ws_udp_url)]
            self._killed.kill()
        elif event.get("revive") and self._killed is not None:
            self._killed.start()


def question(scenario: str, seeds: Sequence[str], wanted: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """What a scenario is asked.

    :param options: Of ``Cloud.connect``. :param wanted: What else the scenario has to know.
    """
    return {"scenario": scenario, "seeds": list(seeds), "wanted": wanted, "options": options}


def run_in_node(asked: dict[str, Any], told: Tell = lambda event: None) -> Any:
    """Run a scenario in Node.js.

    :param told: Called with each event that it tells. :returns: What came of it.
    """
    session = subprocess.Popen(
        ["node", "test/real/session.js"], cwd=MODULE, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert session.stdin is not None and session.stdout is not None
    message: Any = asked
    try:
        while True:
            session.stdin.write(json.dumps(message) + "\n")
            session.stdin.flush()
            event = json.loads(session.stdout.readline() or '{"error": "It ended without a word."}')
            assert "error" not in event, event["error"]
            if "found" in event:
                session.stdin.close()
                assert session.wait(30) == 0, "nothing may keep it running"
                return event["found"]
            told(event)
            message = {}
    finally:
        session.kill()
        session.wait()


class _Server(ThreadingHTTPServer):
    """Serves the page, and takes what it tells."""

    daemon_threads = True

    def __init__(self, listening: socket.socket, asked: dict[str, Any], told: Tell) -> None:
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.server_bind()
        self.server_activate()
        self.asked = asked
        self.told = told
        self.found: queue.Queue[dict[str, Any]] = queue.Queue()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """A file."""
        path, kind = FILES.get(self.path, (None, ""))
        self._answer(path.read_bytes() if path else b"", kind, 200 if path else 404)

    def do_POST(self) -> None:
        """Something that the page tells."""
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer: Any = {}
        if self.path == "/question":
            answer = self.server.asked
        elif self.path == "/tell":
            self.server.told(event)
        else:
            self.server.found.put(event)
        self._answer(json.dumps(answer).encode(), "application/json", 200)

    def _answer(self, body: bytes, kind: str, status: int) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


def run_in_chromium(
    chromium: str, profile: Path, asked: dict[str, Any], told: Tell = lambda event: None, *,
    host: str = "127.0.0.1", listening: socket.socket | None = None, prefix: Sequence[str] = (),
) -> Any:  # fmt: skip
    """Run a scenario in Chromium.

    :param chromium: The browser's path. :param profile: A directory for its profile. :param prefix: A command that
        starts it elsewhere.
    :param told: Called with each event that it tells. :param host: What the page's address has; any name leads here.
    :param listening: A socket that the page is to be served at, where it is not of this process' network.
    :returns: What came of it, with ``isSecureContext`` and ``hasWebTransport``.
    """
    server = _Server(listening or socket.socket(), asked, told)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://{host}:{server.server_address[1]}/"
    rules = f"--host-resolver-rules=MAP {host} 127.0.0.1"
    with (profile.parent / "chromium.log").open("ab") as log:
        browser = subprocess.Popen(
            [*prefix, chromium, *HEADLESS, rules, f"--user-data-dir={profile}", url],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        event = server.found.get(timeout=SECONDS)
    except queue.Empty:
        pytest.fail(f"the scenario took longer than {SECONDS} s")
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()
        server.shutdown()
        server.server_close()
    assert "error" not in event, event["error"]
    return event["found"]
