"""Sockets that ask a STUN server once, and then are silent until it sends to their mapping, over UDP and over TCP."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar, Literal, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from cloudnode.formats.stundata import Protocol as TransportProtocol
from cloudnode.reach.asking import KEEPALIVE_TIMING, ServerAccess, external
from cloudnode.reach.mapping import External
from cloudnode.stun.attributes import Address
from cloudnode.transports.stun.asking import AskingStream, connect_stun
from cloudnode.transports.stun.socket import Questions

Monotonic = Callable[[], float]
"""Seconds of a clock that never goes back."""


class SilentSocket(Protocol):
    """A socket with a mapping of its own, which nobody relies on."""

    protocol: ClassVar[TransportProtocol]
    way: ClassVar[Literal["stun", "stun-tcp"]]
    """By which dial-back the server sends to it."""
    link_version: ClassVar[int]
    """From which version of the link protocol on peers know that."""

    @property
    def is_lost(self) -> bool:
        """Whether the connection ended by itself, so that nothing can arrive any more."""

    async def ask(self, server: ServerAccess) -> External:
        """Ask where it is seen, once."""

    def expect(self, transaction: bytes) -> Deferred[Address]:
        """Fires when a Binding indication with this id comes."""

    def stop(self) -> None:
        """Close it."""


class SilentDatagrams(DatagramProtocol):
    """Such a socket over UDP (:class:`SilentSocket`)."""

    noisy = False
    protocol: ClassVar[TransportProtocol] = "udp"
    way: ClassVar[Literal["stun", "stun-tcp"]] = "stun"
    link_version: ClassVar[int] = 1
    is_lost = False

    def __init__(self, reactor: Any, monotonic: Monotonic = time.monotonic) -> None:
        self._reactor = reactor
        self._questions = Questions(reactor, self._send, monotonic=monotonic)
        self._port: Any = None

    async def ask(self, server: ServerAccess) -> External:
        """Bind it, and ask."""
        self._port = self._reactor.listenUDP(0, self, interface="::" if ":" in server.address[0] else "")
        asking = self._questions.ask(
            server.address, username=server.username, key=server.key, timing=KEEPALIVE_TIMING
        )
        return external(await asking)

    def expect(self, transaction: bytes) -> Deferred[Address]:
        """Wait for an indication."""
        return self._questions.expect(transaction)

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        """Take an answer, or an indication."""
        self._questions.receive(datagram, addr)

    def stop(self) -> None:
        """Close it."""
        self._questions.stop()
        if self._port is not None:
            self._port.stopListening()

    def _send(self, data: bytes, server: Address) -> None:
        if self.transport is not None:
            self.transport.write(data, server)


class SilentConnection:
    """Such a socket over TCP (:class:`SilentSocket`): a connection from a port of its own."""

    protocol: ClassVar[TransportProtocol] = "tcp"
    way: ClassVar[Literal["stun", "stun-tcp"]] = "stun-tcp"
    link_version: ClassVar[int] = 2

    def __init__(self, reactor: Any, monotonic: Monotonic = time.monotonic) -> None:
        self._reactor = reactor
        self._monotonic = monotonic
        self._stream: AskingStream | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the server, or the NAT, has ended the connection."""
        return self._stream is None or self._stream.lost.called

    async def ask(self, server: ServerAccess) -> External:
        """Connect, and ask."""
        self._stream = await connect_stun(
            self._reactor, server.address, timeout=KEEPALIVE_TIMING.ti, monotonic=self._monotonic
        )
        asking = self._stream.ask(username=server.username, key=server.key, timing=KEEPALIVE_TIMING)
        return external(await asking)

    def expect(self, transaction: bytes) -> Deferred[Address]:
        """Wait for an indication."""
        assert self._stream is not None
        return self._stream.expect(transaction)

    def stop(self) -> None:
        """Reset the connection: where the NAT has forgotten it, nobody would take part in an orderly end."""
        if self._stream is not None and not self._stream.lost.called:
            self._stream.transport.abortConnection()
