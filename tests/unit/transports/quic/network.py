"""A UDP network in memory, on a clock that tests turn: it delays, drops, doubles and reorders by seed."""

from __future__ import annotations

import itertools
import random
import socket
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort, IReactorTime, IReactorUDP
from twisted.internet.task import Clock
from zope.interface import implementer

Address = tuple[str, int]


@attrs.define
class Weather:
    """What the network does to datagrams.

    :ivar delay: Seconds on the way. :ivar jitter: Up to so many more, by chance, which reorders.
    :ivar loss: The share that is dropped. :ivar doubling: The share that arrives twice.
    """

    delay: float = 0.001
    jitter: float = 0.0
    loss: float = 0.0
    doubling: float = 0.0


class MemoryNetwork:
    """Hosts, and datagrams between them.

    :ivar carried: How many datagrams were sent. :ivar spy: Called with (datagram, from, to) of each.
    :ivar routers: How many are between two hosts: what may pass fewer is lost.
    """

    def __init__(self, seed: int = 0, weather: Weather | None = None) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.weather = weather or Weather()
        self.ports: dict[Address, MemoryPort] = {}
        self.carried = 0
        self.routers = 0
        self.in_flight = 0
        self.spy: Callable[[bytes, Address, Address], object] = lambda datagram, source, target: None
        self._random = random.Random(seed)

    def host(self, address: str) -> MemoryHost:
        """The reactor of a host with this IPv4 address."""
        return MemoryHost(self, address)

    def advance(self, seconds: float, step: float = 0.002) -> None:
        """Let time pass, in steps."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)

    def settle(self, seconds: float = 30.0) -> None:
        """Let time pass until nothing was on its way for a tenth of a second."""
        quiet = 0
        for _ in range(round(seconds / 0.002)):
            self.clock.advance(0.002)
            quiet = 0 if self.in_flight else quiet + 1
            if quiet > 50:
                return

    def carry(self, datagram: bytes, source: Address, target: Address) -> None:
        """Take a datagram and perhaps deliver it."""
        self.carried += 1
        self.spy(datagram, source, target)
        weather, chance = self.weather, self._random.random
        copies = 0 if chance() < weather.loss else 2 if chance() < weather.doubling else 1
        for _ in range(copies):
            self.in_flight += 1
            self.clock.callLater(weather.delay + weather.jitter * chance(), self._deliver, datagram, source, target)

    def _deliver(self, datagram: bytes, source: Address, target: Address) -> None:
        self.in_flight -= 1
        port = self.ports.get(target)
        if port is not None:
            port.protocol.datagramReceived(datagram, source)
            return
        sender = self.ports.get(source)
        if sender is not None and sender.connected_to == target:
            sender.protocol.connectionRefused()


@implementer(IReactorUDP, IReactorTime)
class MemoryHost:
    """One host's reactor: the network's clock and UDP ports at its address."""

    _numbers = itertools.count(40_000)

    def __init__(self, network: MemoryNetwork, address: str) -> None:
        self.network = network
        self.address = address
        self.callLater = network.clock.callLater
        self.seconds = network.clock.seconds
        self.getDelayedCalls = network.clock.getDelayedCalls

    def listenUDP(self, port: int, protocol: Any, interface: str = "", maxPacketSize: int = 8192) -> IListeningPort:
        """Bind a port at this host."""
        address = (self.address, port or next(self._numbers))
        bound = MemoryPort(self.network, address, protocol)
        self.network.ports[address] = bound
        protocol.makeConnection(bound)
        return bound


@implementer(IListeningPort)
class MemoryPort:
    """A bound UDP port, and the transport of the protocol on it."""

    def __init__(self, network: MemoryNetwork, address: Address, protocol: Any) -> None:
        self.network = network
        self.address = address
        self.protocol = protocol
        self.connected_to: Address | None = None
        self.hops = 64

    def getHandle(self) -> MemoryPort:
        """The socket."""
        return self

    def getsockopt(self, level: int, option: int) -> int:
        """The number of routers that a datagram may pass; there is no other option."""
        assert (level, option) == (socket.IPPROTO_IP, socket.IP_TTL)
        return self.hops

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Set it."""
        assert (level, option) == (socket.IPPROTO_IP, socket.IP_TTL)
        self.hops = value

    def write(self, datagram: bytes, addr: Address | None = None) -> None:
        """Send."""
        target = addr or self.connected_to
        assert target is not None
        if self.hops > self.network.routers:
            self.network.carry(datagram, self.address, target)

    def connect(self, host: str, port: int) -> None:
        """Talk to one address alone."""
        self.connected_to = (host, port)

    def move(self, address: Address) -> None:
        """Go on from another address, as behind a NAT that forgot."""
        self.network.ports[address] = self.network.ports.pop(self.address)
        self.address = address

    def getHost(self) -> IPv4Address:
        """Where it is bound."""
        return IPv4Address("UDP", *self.address)

    def startListening(self) -> None:
        """It does already."""

    def stopListening(self) -> Deferred[None]:
        """Unbind."""
        self.network.ports.pop(self.address, None)
        self.protocol.doStop()
        return succeed(None)
