"""One question to a router over UDP and its answer, on a socket of its own.

It is sent at 0, 0.25, 0.75 and 1.75 s and given up at 3.75 s: a router on the same wire that knows the protocol answers
within milliseconds, and most routers know none.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol

from cloudnode.reach.portmapping.gateway import resolve6
from cloudnode.reach.portmapping.packets import PortMappingError

FIRST_SECONDS = 0.25
SENDINGS = 4


class Exchange(DatagramProtocol):
    """A subclass sends the question, in ``transmit``.

    :ivar answered: Fires with what was read of the answer, or fails with a PortMappingError; cancelling closes the
        socket.
    """

    transport: Any

    def __init__(self, reactor: Any, read: Callable[[bytes], Any], silence: str, meaning: str) -> None:
        """
        :param read: Reads a datagram: None if it is no answer to the question; a PortMappingError from it is one,
            unless it says ``malformed``.
        :param silence: The name of the error where no answer comes. :param meaning: Its text.
        """
        self.answered: Deferred[Any] = Deferred(lambda _: self.close())
        self._reactor = reactor
        self._read = read
        self._silence = silence, meaning
        self._sent = 0
        self._timer: IDelayedCall | None = None

    def open(self, source: str, router: str, port: int) -> Deferred[Any]:
        """Begin, from an address of this machine's to a router's port; returns :attr:`answered`.

        It fails with ``no_gateway`` where that can't be.
        """
        try:
            if "%" in router:
                self._open_on_link(source, router, port)
            else:
                self._reactor.listenUDP(0, self, interface=source)
        except (CannotListenError, OSError) as error:
            text = f"this machine is in another network by now ({error})"
            self.finish(PortMappingError("no_gateway", text))
        return self.answered

    def _open_on_link(self, source: str, router: str, port: int) -> None:
        """Twisted's own sockets of UDP can't be bound or connected to an address on a link: they lose the link."""
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as opened:
            opened.setblocking(False)
            # Either of these keeps the socket on the link, if the address is one of a link alone.
            opened.bind(resolve6(source, 0))
            if "%" not in source:
                opened.connect(resolve6(router, port))
            self._reactor.adoptDatagramPort(opened.fileno(), socket.AF_INET6, self)

    def transmit(self) -> None:
        """Send the question; OSErrors mean that it is lost on its way."""
        raise NotImplementedError

    def startProtocol(self) -> None:
        """The socket is bound."""
        self._send()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Take the answer."""
        try:
            answer = self._read(datagram)
        except PortMappingError as error:
            # What is malformed may not be the router's; wait for what is.
            if error.name != "malformed":
                self.finish(error)
            return
        if answer is not None:
            self.finish(answer)

    def connectionRefused(self) -> None:
        """The router has nothing at that port."""
        self._give_up()

    def stopProtocol(self) -> None:
        """The socket is gone; the reactor takes one away when an ICMP error comes for it."""
        self._give_up()

    def _send(self) -> None:
        self._timer = None
        if self._sent == SENDINGS:
            self._give_up()
            return
        self._timer = self._reactor.callLater(FIRST_SECONDS * 2**self._sent, self._send)
        self._sent += 1
        try:
            self.transmit()
        except OSError:
            return  # as if it were lost on its way

    def _give_up(self) -> None:
        self.finish(PortMappingError(*self._silence))

    def finish(self, outcome: Any) -> None:
        """End it with an answer or a PortMappingError."""
        if self.answered.called:
            return
        self.close()
        if isinstance(outcome, PortMappingError):
            self.answered.errback(outcome)
        else:
            self.answered.callback(outcome)

    def close(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.transport is not None:
            self.transport.stopListening()
