"""The ways to ask the router that there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cloudnode.formats.stundata import is_local
from cloudnode.node.threads import RunInThread
from cloudnode.reach.portmapping.gateway import Gateway, find_gateway, find_gateway6
from cloudnode.reach.portmapping.keeping import MapsPorts
from cloudnode.reach.portmapping.pcp import PcpClient
from cloudnode.reach.portmapping.upnp import UpnpClient, make_miniupnpc

EPHEMERAL_FIRST = 49_152
"""External ports for which nobody wished are chosen from here on."""


class RouterWays:
    """Finds the gateway, and keeps what talks with it while it is the same."""

    def __init__(self, reactor: Any, run: RunInThread, random: Callable[[int], bytes]) -> None:
        """:param run: Calls a function in a thread. :param random: So many bytes that nobody can guess."""
        self._reactor = reactor
        self._run = run
        self._random = random
        self._gateway: Gateway | None = None
        self._ways: Sequence[MapsPorts] = ()

    def __call__(self) -> Sequence[MapsPorts]:
        """None where this machine has a public address towards its gateway: nothing has to be forwarded there."""
        gateway = find_gateway()
        if gateway != self._gateway:
            self._gateway = gateway
            self._ways = ()
            if gateway is not None and is_local(gateway.client):
                self._ways = (
                    PcpClient(self._reactor, gateway, self._random),
                    UpnpClient(self._run, make_miniupnpc, self._random_port),
                )
        return self._ways

    def _random_port(self) -> int:
        return EPHEMERAL_FIRST + int.from_bytes(self._random(2), "big") % (65_536 - EPHEMERAL_FIRST)


class FirewallWays:
    """The same over IPv6, where a router translates nothing but may let nobody in: PCP, which asks it to."""

    def __init__(self, reactor: Any, random: Callable[[int], bytes]) -> None:
        """:param random: So many bytes that nobody can guess."""
        self._reactor = reactor
        self._random = random
        self._gateway: Gateway | None = None
        self._ways: Sequence[MapsPorts] = ()

    def __call__(self) -> Sequence[MapsPorts]:
        """None where this machine has no public IPv6 address."""
        gateway = find_gateway6()
        if gateway != self._gateway:
            self._gateway = gateway
            is_public = gateway is not None and not is_local(gateway.client)
            self._ways = (PcpClient(self._reactor, gateway, self._random),) if gateway and is_public else ()
        return self._ways
