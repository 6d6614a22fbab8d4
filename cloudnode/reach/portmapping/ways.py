"""The ways to ask the router that there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

import attrs

from cloudnode.formats.stundata import is_local
from cloudnode.node.threads import RunInThread
from cloudnode.reach.portmapping.gateway import Gateway, find_gateway, find_gateway6
from cloudnode.reach.portmapping.keeping import MapsPorts
from cloudnode.reach.portmapping.pcp import PcpClient
from cloudnode.reach.portmapping.pinholes import make_pinhole_client
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
    """The same over IPv6, where a router translates nothing but may let nobody in: PCP and UPnP, which ask it to."""

    def __init__(
        self, reactor: Any, run: RunInThread, random: Callable[[int], bytes], address: str | None = None
    ) -> None:
        """
        :param run: Calls a function in a thread. :param random: So many bytes that nobody can guess.
        :param address: The one that is served; None if all are.
        """
        self._reactor = reactor
        self._run = run
        self._random = random
        self._address = address
        self._gateway: Gateway | None = None
        self._ways: Sequence[MapsPorts] = ()

    def __call__(self) -> Sequence[MapsPorts]:
        """None where this machine has no public IPv6 address."""
        gateway = find_gateway6()
        if gateway is not None and self._address is not None:
            gateway = attrs.evolve(gateway, client=self._address)
        if gateway != self._gateway:
            self._gateway = gateway
            self._ways = ()
            if gateway is not None and not is_local(gateway.client):
                self._ways = (
                    PcpClient(self._reactor, gateway, self._random),
                    make_pinhole_client(self._reactor, self._run, gateway),
                )
        return self._ways


def served_by_firewall(address: str) -> bool:
    """Whether a port that is open at an address is one that strangers could reach over IPv6, through a firewall."""
    return ":" in address and (ip_address(address.partition("%")[0]).is_unspecified or not is_local(address))
