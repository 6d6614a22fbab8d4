"""The page in a real browser on a host of the laboratory: at an address that is no loopback, and nodes behind NATs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from cloudnode.page.files import SINGLE_PAGE, load_files
from tests.integration.chromium import Watched, find_chromium, open_chromium, open_page
from tests.integration.conftest import wait_until
from tests.integration.test_mappings import Start, identity, mapped, start, url_of
from tests.integration.test_peers import peers, put
from tests.natlab import natlab
from tests.natlab.nodes import LabNode

__all__ = ["start"]  # a fixture

WIDE = {"width": 1280, "height": 900}
UNREACHED = ("net::ERR_", "WebSocket connection to", "Failed to load resource", "Failed to establish a connection to")
"""What a browser itself reports of addresses behind NATs, which it tries in vain."""


def chromium_on(host: natlab.Host, directory: Path) -> str:
    """A script that becomes Chromium in a host's network namespace."""
    script = directory / "chromium-on-host"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(host.command([find_chromium()]))} "$@"\n')
    script.chmod(0o755)
    return str(script)


def webtransport_url(asked: LabNode, key: str) -> str:
    """Where a node behind a NAT is reached by UDP, with the certificate to expect, as another node tells."""
    [record] = asked.call("getstuninfo", {"node": key})["nodes"]
    return f"{url_of('udp', mapped(asked, key)['udp'])}#{record['certificates'][-1]['hash']}"


def rate_from(watched: Watched, key: str) -> None:
    """Open a record and rate it with a key made here."""
    page = watched.page
    page.get_by_role("navigation").get_by_role("link", name="Records").click()
    page.locator("#results a").filter(has_text=key).click()
    watched.expect_text("#record", "proven here")
    page.get_by_role("radio", name="5 stars").check(force=True)
    page.get_by_role("button", name="Rate", exact=True).click()
    watched.expect_text("#rate-outcome", "5 stars final in block")


def test_page_reaches_nodes(lab: natlab.Lab, start: Start, tmp_path: Path) -> None:
    """Served by plain HTTP from another host the page has WebSocket and noble, and verifies as well; a copy on the
    reader's disk has WebTransport, which reaches a node behind a full-cone NAT; both say what NAT that is.
    """
    server = start(lab.public_host("server"))
    put(server, "film0")
    second = start(lab.public_host("second"), server)
    home = lab.nat("home", kind="full-cone")
    node = start(home.host("node"), server, second)
    key = identity(node)
    wait_until(lambda: len(peers(node)) == 2, 60, "the links")
    wait_until(lambda: "udp" in mapped(second, key), 60, "the mappings' way to others")
    wait_until(lambda: bool(node.call("getnodeinfo")["stun"]["nat"]), 90, "the kind of the NAT")
    put(server, "film1")

    reader = lab.public_host("reader")
    copy = tmp_path / "cloudnode-page.html"
    copy.write_bytes(load_files()[f"/{SINGLE_PAGE}"].body)
    row = f'#nodes tr[data-node="{key}"]'
    with open_chromium(chromium_on(reader, tmp_path)) as browser:
        with open_page(browser, server.http_url, viewport=WIDE, may_fail=UNREACHED) as watched:
            page = watched.page
            assert page.evaluate("() => [isSecureContext, typeof WebTransport, typeof crypto.subtle]") == [
                False, "undefined", "undefined",
            ]  # fmt: skip
            watched.expect_text("#verdict", "verified in your browser")
            watched.expect_text(f'#nodes tr[data-node="{identity(second)}"]', "agrees")
            watched.expect_text(row, "full-cone NAT")
            rate_from(watched, "film0")
            page.get_by_role("navigation").get_by_role("link", name="Proof").click()
            watched.expect_text("#proof-parts", "computed by the library noble, which is part of the module")

        with open_page(browser, copy.as_uri(), viewport=WIDE, may_fail=UNREACHED) as watched:
            page = watched.page
            assert page.evaluate("() => [isSecureContext, typeof WebTransport, typeof crypto.subtle]") == [
                True, "function", "object",
            ]  # fmt: skip
            page.get_by_label("Nodes, separated by spaces").fill(webtransport_url(second, key))
            page.get_by_role("button", name="Connect").click()
            watched.expect_text(row, "agrees")
            watched.expect_text(f'{row} td[data-label="Interfaces"]', "UDP reached")
            watched.expect_text("#connection", "WebTransport")
            watched.expect_text(row, "full-cone NAT")
            page.get_by_role("navigation").get_by_role("link", name="Proof").click()
            watched.expect_text("#proof-parts", "computed by the browser's WebCrypto")
            page.go_back()
            page.locator("#map .wall").first.wait_for(state="attached")
            assert page.locator("#map .wall").count() == 1
            page.locator(row).get_by_role("link").first.click()
            watched.expect_text("#node-parts", "is seen from outside as")
            watched.expect_text("#node-parts", "from this browser")
            watched.expect_text("#node-parts", f"{home.public_address}:{mapped(second, key)['udp'][1]}")


@pytest.fixture(autouse=True)
def browser_first() -> Any:
    """Without a browser there is nothing to set up."""
    return find_chromium()
