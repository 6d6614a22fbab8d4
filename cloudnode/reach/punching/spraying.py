"""Both sides of an attempt with many ports (:mod:`cloudnode.reach.punching.spreading`) on real sockets."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.logger import Logger
from zope.interface import implementer

from cloudnode.reach.punching.port import PunchPort
from cloudnode.reach.punching.spreading import PROBES_SECOND, SOCKETS, SOCKETS_SECOND, Pace, order_ports
from cloudnode.reach.punching.values import Endpoint, public_name
from cloudnode.stun.attributes import USERNAME
from cloudnode.stun.errors import StunError
from cloudnode.stun.integrity import check_integrity
from cloudnode.stun.message import TRANSACTION_BYTES, Kind, Message, decode
from cloudnode.stun.transaction import make_request


class Sprayer:
    """Probes many ports of one address, at a bounded rate, from a socket that has one mapping."""

    def __init__(
        self,
        reactor: Any,
        port: PunchPort,
        observed: Endpoint,
        username: str,
        key: bytes,
        answered: Callable[[Message, Endpoint], None],
        random: Random,
    ) -> None:
        """
        :param observed: A mapping of the other side's NAT. :param answered: See :meth:`PunchPort.ask`.
        :ivar sent: Probes so far.
        """
        self.sent = 0
        self._reactor = reactor
        self._port = port
        self._host = observed[0]
        self._ports = order_ports(observed[1], random)
        self._username, self._key = username, key
        self._answered = answered
        self._pace = Pace(PROBES_SECOND, reactor.seconds())
        self._timer: IDelayedCall | None = None
        self._go_on()

    def stop(self) -> None:
        """Send no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self) -> None:
        self._timer = None
        for _ in range(self._pace.take(self._reactor.seconds())):
            number = next(self._ports, None)
            if number is None:
                return
            self.sent += 1
            self._port.ask((self._host, number), self._username, self._key, self._answered)
        self._timer = self._reactor.callLater(max(0.004, self._pace.next - self._reactor.seconds()), self._go_on)


@implementer(IReadDescriptor)
class _Opening:
    """One of many sockets. A Twisted port for each would cost as much as the whole attempt."""

    def __init__(self, handle: socket.socket, received: Callable[[_Opening, bytes, Endpoint], None]) -> None:
        self.handle = handle
        self._received = received

    def fileno(self) -> int:
        return self.handle.fileno()

    def logPrefix(self) -> str:
        return "punching"

    def doRead(self) -> None:
        try:
            datagram, source = self.handle.recvfrom(2_048)
        except OSError:
            return  # nothing there, or an ICMP error of a probe
        self._received(self, datagram, (source[0], source[1]))

    def connectionLost(self, reason: object) -> None:
        """The reactor stops."""


class ManySockets:
    """Opens many mappings towards one endpoint, and finds the one that the other side hits."""

    _log = Logger()

    def __init__(
        self, reactor: Any, to: Endpoint, username: str, key: bytes, hit: Callable[[socket.socket, Endpoint], None]
    ) -> None:
        """
        :param hit: Is called once with the socket at which the other side's probe came, and where it came from; the
            receiver owns the socket from then on.
        :ivar sent: Probes so far.
        """
        self.sent = 0
        self._reactor = reactor
        self._to = to
        self._username, self._key = username, key
        self._hit = hit
        self._openings: list[_Opening] = []
        self._pace = Pace(SOCKETS_SECOND, reactor.seconds())
        self._timer: IDelayedCall | None = None
        self._is_over = False
        self._go_on()

    def stop(self) -> None:
        """Close them all."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        openings, self._openings = self._openings, []
        for each in openings:
            self._reactor.removeReader(each)
            each.handle.close()

    def _go_on(self) -> None:
        self._timer = None
        for _ in range(min(self._pace.take(self._reactor.seconds()), SOCKETS - len(self._openings))):
            try:
                self._open()
            except OSError as error:
                # Out of descriptors: what is open has to do.
                self._log.warn("Only {count} sockets for a punch: {error}", count=len(self._openings), error=error)
                return
        if len(self._openings) < SOCKETS:
            self._timer = self._reactor.callLater(max(0.004, self._pace.next - self._reactor.seconds()), self._go_on)

    def _open(self) -> None:
        family = socket.AF_INET6 if ":" in self._to[0] else socket.AF_INET
        handle = socket.socket(family, socket.SOCK_DGRAM)
        handle.setblocking(False)
        opening = _Opening(handle, self._received)
        handle.bind(("", 0))
        self._openings.append(opening)
        self._reactor.addReader(opening)
        self._send(handle)

    def _send(self, handle: socket.socket) -> None:
        transaction = os.urandom(TRANSACTION_BYTES)
        self.sent += 1
        try:
            handle.sendto(make_request(transaction, username=self._username, key=self._key), self._to)
        except OSError as error:
            self._log.debug("a probe to {to} was not sent: {error}", to=self._to, error=error)

    def _received(self, opening: _Opening, datagram: bytes, source: Endpoint) -> None:
        if self._is_over:
            return
        try:
            message = decode(datagram)
        except StunError:
            return
        if message.kind not in (Kind.REQUEST, Kind.SUCCESS) or not check_integrity(message, self._key):
            return
        if message.kind is Kind.REQUEST and message.find(USERNAME) != self._username.encode():
            return
        # Its answer goes out from here at once: it opens this NAT for good, and tells the other side which port it hit.
        self._send(opening.handle)
        self._openings.remove(opening)
        self._reactor.removeReader(opening)
        self._hit(opening.handle, (public_name(source[0]), source[1]))
        self.stop()
