"""The JavaScript session with real nodes that are killed, come back and lie, in Node.js and in Chromium."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.chromium import find_chromium
from tests.integration.conftest import NodeProcess, wait_until
from tests.integration.npm import need_npm
from tests.integration.scenarios import Killer, question, run_in_chromium, run_in_node
from tests.integration.test_honesty import judged_offline, start_liar
from tests.integration.test_peers import AUTHOR, height, node_id, peers, put
from tests.natlab import natlab
from tests.natlab.natkinds import CASES, run_behind, run_peers

WRITES = 16
"""A node is killed before the 4th and is back before the 8th, and so on; in a page once."""

RECOVERY = 25.0
"""Seconds to an answer after the node that served was killed, less than a call may take: over UDP nothing tells of that
but its silence. A machine that is not busy takes some 3 s.
"""

RECORD = {"account": AUTHOR.public.hex(), "collection": "film", "key": "film0"}

Network = list[NodeProcess]


@pytest.fixture(autouse=True, scope="module")
def npm() -> None:
    """Node.js, with a WebSocket where it has none of its own."""
    need_npm()


@pytest.fixture(scope="module")
def make_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., NodeProcess]]:
    """Prepares nodes that all tests of this module share."""
    nodes: Network = []

    def make(*arguments: str) -> NodeProcess:
        nodes.append(NodeProcess(tmp_path_factory.mktemp("node"), arguments))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()


@pytest.fixture(scope="module")
def started(make_node: Callable[..., NodeProcess]) -> Network:
    """A validator, and two that follow it, once for all tests."""
    validator = make_node().start()
    put(validator, "film0")
    followers = [make_node("--join", validator.ws_url) for _ in range(2)]
    for node in followers:
        node.spawn()
    wait_until(lambda: all(node.notify.told("READY", "1") for node in followers), 60, "their start")
    return [validator, *followers]


@pytest.fixture
def network(started: Network) -> Network:
    """The same, linked and at one height, whatever the test before did to them."""
    validator, *followers = started
    wait_until(lambda: {node_id(each) for each in followers} <= peers(validator), 60, "links with both")
    wait_until(lambda: min(map(height, followers)) >= height(validator) - 1, 60, "their catching up")
    return started


@pytest.fixture
def in_chromium(tmp_path: Path) -> Callable[..., Any]:
    """Runs a scenario in a real browser; skipped where there is none, but never on a build server."""
    return partial(run_in_chromium, find_chromium(), tmp_path / "profile")


def identity(network: Network) -> str:
    """The network's id."""
    found: str = network[0].call("getnodeinfo")["network"]
    return found


def survive(collection: str, pins: list[str], writes: int = WRITES // 2) -> dict[str, Any]:
    """What the scenario ``survive`` wants, at these places alone."""
    return {"collection": collection, "writes": writes, "checked": "proof", "pins": pins}


def check_survived(found: dict[str, Any], urls: list[str], writes: int = WRITES // 2) -> None:
    """Nothing lost, doubled or backward, nobody accused, all of them served, and none waited for after its end."""
    print("Seconds to an answer after a kill:", found["recovered"])
    assert len(found["recovered"]) == writes // 8 and max(found["recovered"]) < RECOVERY
    assert found["told"] == [str(number) for number in range(writes)]
    assert found["heights"] == sorted(found["heights"]) and len(found["heights"]) == writes
    assert found["behind"] == []
    assert found["accusations"] == []
    assert found["record"] == {"data": 0, "checked": "proof"}
    assert found["denied"] == {"name": "Denied", "code": "record_unknown", "checked": "proof"}
    assert found["state"]["records"] > 0 and len(found["state"]["root"]) == 64
    assert sorted(found["served"]) == sorted(urls)


def test_killed_and_revived(network: Network) -> None:
    """A session that reads, writes and subscribes while the node under it is killed."""
    followers = network[1:]
    urls = [node.ws_url for node in followers]
    asked = question("survive", urls, survive("in-node", urls, WRITES), {"network": identity(network)})
    check_survived(run_in_node(asked, Killer(followers)), urls, WRITES)


def culprits(node: NodeProcess) -> list[str]:
    """Whom a node has evidence against."""
    return [each["culprit"] for each in node.call("getevidence")["evidence"]]


@pytest.mark.parametrize("lie", ["root", "record"])
def test_liar(network: Network, make_node: Callable[..., NodeProcess], lie: str) -> None:
    """A node that lies under its own signature is left, named by evidence, and its answers are not shown."""
    validator, honest, _ = network
    liar = make_node("--join", validator.ws_url)
    start_liar(liar, lie)
    wait_until(lambda: height(liar) >= 1, 60, "the liar's catching up")
    liar_id = node_id(liar)
    found = run_in_node(question("expose", [liar.ws_url, honest.ws_url], {"liar": liar.ws_url, "record": RECORD}, {}))
    assert found["versions"] == [1], "nothing false was shown"
    assert [each["node"] for each in found["accused"]] == [liar_id]
    assert found["accusations"] == found["accused"]
    assert judged_offline(honest, found["accused"][0]["evidence"]).culprit.hex() == liar_id
    wait_until(lambda: liar_id in culprits(honest), 60, "the evidence's arrival")
    assert found["url"] != liar.ws_url and found["checked"] == "proof"
    liar.kill()


def test_transports(network: Network) -> None:
    """Over WebSocket and over HTTP, at places that it was told of, each answer is proven and by whom is known."""
    validator, first, second = network
    places = [first.ws_url, second.http_url, validator.ws_url]
    found = run_in_node(question("reach", [validator.http_url], {"places": places}, {}))
    nodes = [node_id(node) for node in (first, second, validator)]
    expected = [{"url": url, "checked": "proof", "node": node} for url, node in zip(places, nodes, strict=True)]
    assert found["answers"] == expected


def test_quorum(network: Network) -> None:
    """With a quorum several nodes give the same answer, byte for byte."""
    found = run_in_node(question("agree", [node.ws_url for node in network], {}, {"verify": "quorum:3"}))
    assert found == {"page": "partly", "totals": "proof"}


def test_chromium_websocket(network: Network, in_chromium: Callable[..., Any]) -> None:
    """The same in a page, over WebSocket."""
    followers = network[1:]
    urls = [node.ws_url for node in followers]
    asked = question("survive", urls, survive("in-page", urls), {"network": identity(network)})
    check_survived(in_chromium(asked, Killer(followers)), urls)


def test_chromium_webtransport(network: Network, in_chromium: Callable[..., Any]) -> None:
    """The same over WebTransport alone, with certificates that the page was told of and checked."""
    followers = network[1:]
    urls = [node.ws_udp_url for node in followers]
    asked = question(
        "survive", [network[0].ws_url], survive("by-webtransport", urls), {"network": identity(network)}
    )
    check_survived(in_chromium(asked, Killer(followers)), urls)


def test_chromium_insecure(network: Network, in_chromium: Callable[..., Any]) -> None:
    """A page from an address in the clear has neither WebTransport nor WebCrypto, and proves all the same."""
    places = [network[1].ws_url, network[2].http_url]
    found = in_chromium(question("reach", [network[0].ws_url], {"places": places}, {}), host="node.example")
    assert not found["isSecureContext"] and not found["hasWebTransport"]
    assert [(each["url"], each["checked"]) for each in found["answers"]] == [(url, "proof") for url in places]


def test_chromium_behind_full_cone(lab: natlab.Lab, tmp_path: Path, in_chromium: Callable[..., Any]) -> None:
    """A page reaches a node behind a full-cone NAT at its mapped port, by WebTransport, told by others alone."""
    with run_peers(lab, tmp_path) as others, run_behind(lab, tmp_path, CASES["full-cone"], others) as node:
        put(others[0], "film0")
        key = node_id(node)

        def mapped() -> list[str]:
            """Where strangers reach the node over UDP, as another one tells."""
            known = others[0].call("getstuninfo", {"node": key})["nodes"]
            return [
                f"ws+udp://{each['address']}:{each['port']}"
                for record in known
                for each in record["mappings"]
                if record["nat"]["filtering"] == "endpoint-independent" and each["transport"] == "udp"
            ]

        wait_until(lambda: bool(mapped()), 90, "the NAT's kind's way to another node")
        stranger = lab.public_host("stranger")
        [place, *_] = mapped()
        asked = question("reach", [others[0].ws_url], {"places": [place]}, {})
        found = in_chromium(
            asked, prefix=stranger.command([]), listening=stranger.socket(socket.AF_INET, socket.SOCK_STREAM)
        )
        assert found["isSecureContext"] and found["hasWebTransport"]
        assert found["answers"] == [{"url": place, "checked": "proof", "node": key}]
