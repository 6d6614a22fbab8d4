"""A STUN server's UDP port, one datagram after the other."""

from __future__ import annotations

import time
from collections.abc import Callable

from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from cloudnode.stun.answering import BindingServer, Place, Reply
from cloudnode.stun.attributes import Address


class StunDatagrams(DatagramProtocol):
    """Serves STUN, and nothing else, on a UDP port: clients of RFC 3489 as well.

    :ivar server: Decides what is answered.
    :ivar place: Which one of the four sockets of a server with two addresses it is; None if there are no others.
    :ivar siblings: All four, by their addresses.
    :ivar monotonic: Seconds of a clock that never goes back.
    """

    _log = Logger()
    noisy = False

    def __init__(
        self,
        server: BindingServer,
        place: Place | None = None,
        siblings: dict[Address, StunDatagrams] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.server = server
        self.place = place
        self.siblings = {} if siblings is None else siblings
        self.monotonic = monotonic

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        """Answer one datagram. None, whatever it holds, ends the socket."""
        reply = self.decide(datagram, addr, self.monotonic())
        if reply is not None:
            self.send(reply)

    def decide(self, datagram: bytes, addr: Address, now: float) -> Reply | None:
        """What is answered to a datagram."""
        try:
            return self.server.answer(datagram, addr, now, via=self.transport, place=self.place, old=True)
        except Exception:
            self._log.failure("a datagram from {peer} could not be answered", peer=addr)
            return None

    def send(self, reply: Reply) -> None:
        """Send a reply from the socket that it has to go from. One that can't be sent is lost."""
        sender = self if reply.place is None else self.siblings.get(reply.place.address, self)
        if sender.transport is None:
            return
        try:
            sender.transport.write(reply.data, reply.to)
        except OSError as error:
            self.server.counters.unsent += 1
            self._log.debug("an answer to {peer} was not sent: {error}", peer=reply.to, error=error)
