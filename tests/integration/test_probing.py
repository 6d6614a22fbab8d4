"""Probes of real ports: a handshake that shows whether the node at the other end is the one that is meant."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted

from cloudnode.reach.httpprobe import HttpProbeFailed, probe_http
from cloudnode.transports.probing import probe
from tests.integration.conftest import NodeProcess


@pytest.fixture
def reactor() -> Any:
    """The one that pytest-twisted runs."""
    from twisted.internet import reactor

    return reactor


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
async def test_probe(reactor: Any, module_node: NodeProcess, protocol: Any) -> None:
    """A port is reached if it shows one of the certificates that are named; another node, or nobody, is an error."""
    hashes = [bytes.fromhex(each["hash"]) for each in module_node.call("getnodeinfo")["certificates"]]
    port = module_node.ws_port if protocol == "tcp" else module_node.ws_udp_port
    await probe(reactor, protocol, "127.0.0.1", port, [bytes(32), *hashes])
    with pytest.raises(Exception, match="another certificate"):
        await probe(reactor, protocol, "127.0.0.1", port, [bytes(32)])
    with pytest.raises(Exception):  # noqa: B017 - whatever the system says
        await probe(reactor, protocol, "127.0.0.1", 1, hashes, timeout=1.0)


@pytest_twisted.ensureDeferred
async def test_probe_http(reactor: Any, module_node: NodeProcess) -> None:
    """An HTTP port is reached if it gives an answer that the node signed; another key, or another port, is an error."""
    told = module_node.call("getnodeinfo")
    node, network = bytes.fromhex(told["node"]), bytes.fromhex(told["network"])
    await probe_http(reactor, "127.0.0.1", module_node.http_port, node, network)
    with pytest.raises(HttpProbeFailed, match="another node"):
        await probe_http(reactor, "127.0.0.1", module_node.http_port, bytes(32), network)
    with pytest.raises(HttpProbeFailed, match="status 200"):
        await probe_http(reactor, "127.0.0.1", module_node.ws_port, node, network)
    with pytest.raises(Exception):  # noqa: B017 - whatever the system says
        await probe_http(reactor, "127.0.0.1", 1, node, network, timeout=1.0)
