"""Asks the router of the host that it runs on by one protocol, as a node does.

``python -m tests.natlab.ask_router nat-pmp`` (or ``pcp``, ``upnp``) maps UDP
port 40000, renews the mapping, prints what it found of the router and both leases, and deletes the mapping when a line
comes on its standard input.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.threads import deferToThread

from cloudnode.reach.portmapping.gateway import find_gateway
from cloudnode.reach.portmapping.keeping import MapsPorts
from cloudnode.reach.portmapping.pcp import PcpClient
from cloudnode.reach.portmapping.upnp import UpnpClient, make_miniupnpc

PORT, WISHED, LIFETIME = 40_000, 41_000, 600


async def ask(reactor: Any, method: str) -> None:
    """Map, renew, wait, delete."""
    gateway = find_gateway()
    assert gateway is not None
    way: MapsPorts = (
        UpnpClient(deferToThread, make_miniupnpc, lambda: 50_000)
        if method == "upnp"
        else PcpClient(reactor, gateway, os.urandom, speaks_pcp=method == "pcp")
    )
    first = await way.map("udp", PORT, WISHED, LIFETIME)
    again = await way.map("udp", PORT, first.port, LIFETIME)
    print(json.dumps([attrs.asdict(gateway), attrs.asdict(first), attrs.asdict(again)]), flush=True)
    await deferToThread(sys.stdin.readline)
    await way.unmap("udp", PORT, first.port)


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(ask(reactor, sys.argv[1])))
