"""A real browser reaches a node that has neither a domain nor an authority's certificate."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.integration.chromium import find_chromium
from tests.integration.quic_echo import echo_node

PAGE = Path(__file__).with_name("webtransport_page.html")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
SECONDS = 120


class Page(Resource):
    """The page that does the asking."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        """The page itself."""
        return PAGE.read_bytes()


class Results(Resource):
    """Takes what the page found."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.found: Deferred[dict[str, Any]] = Deferred()

    def render_POST(self, request: Any) -> bytes:
        """The page is done."""
        self.found.callback(json.loads(request.content.read()))
        return b"thanks"


@pytest.fixture
def reactor() -> Any:
    """The one that pytest-twisted runs."""
    from twisted.internet import reactor

    return reactor


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Any]:
    """Starts the browser on a page, in a profile of its own; ends it with the test."""
    path = find_chromium()
    browsers: list[subprocess.Popen[bytes]] = []

    def start(url: str) -> None:
        log = (tmp_path / "chromium.log").open("wb")
        command = [path, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", url]
        browsers.append(
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        )

    yield start
    for browser in browsers:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


@pytest_twisted.ensureDeferred
async def test_a_page_talks_by_webtransport(reactor: Any, chromium: Any) -> None:
    """A page trusts the node by its certificate's hash, converses on streams, and closes the session."""
    async with echo_node(reactor) as node:
        results = Results()
        root = Resource()
        root.putChild(b"page.html", Page())
        root.putChild(b"result", results)
        site = reactor.listenTCP(0, Site(root), interface="127.0.0.1")
        try:
            query = f"hash={node.certificate.hash.hex()}&port={node.port}&count=2000"
            chromium(f"http://127.0.0.1:{site.getHost().port}/page.html?{query}")
            found = await results.found.addTimeout(SECONDS, reactor)
        finally:
            await site.stopListening()

        print("Chromium:", found)
        assert "error" not in found, found
        assert found["echo"] == "hello"
        assert found["long_echo"] is True
        assert found["closed_by_node"] is True
        assert found["still_here"] == "still here"
        assert found["failed"] == "WebTransportError"
        assert found["and_still"] == "and still"
        assert found["close_info"] == {"closeCode": 7, "reason": "done"}
        assert {(caller.transport, caller.secure) for caller in node.opener.callers} == {("webtransport", True)}
        for _ in range(600):
            if all(session.is_lost for session in node.opener.sessions):
                break
            await deferLater(reactor, 0.05)
        assert [session.is_lost for session in node.opener.sessions] == [True] * 3, "the session's end ends all"
        assert node.socket.counters.webtransport_sessions == 2
        assert node.socket.counters.webtransport_streams == 3
