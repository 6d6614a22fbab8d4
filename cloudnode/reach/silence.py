"""Finds out with a socket of its own how long the NAT keeps a UDP mapping (:mod:`cloudnode.reach.lifetime`)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.logger import Logger

from cloudnode.peers.messages import DialBack, DialledBack
from cloudnode.reach.asking import KEEPALIVE_TIMING, ServerAccess, external
from cloudnode.reach.keeper import KeptMapping, MappingKeeper
from cloudnode.stun.attributes import Address
from cloudnode.stun.errors import StunError
from cloudnode.stun.message import Kind, decode
from cloudnode.transports.stun.socket import Questions

PAUSE_SECONDS = 5.0
ARRIVAL_SECONDS = 3.0


class SilentSocket(DatagramProtocol):
    """A UDP socket that asks once, and then waits for an indication."""

    noisy = False

    def __init__(self, clock: Any, monotonic: Callable[[], float]) -> None:
        """:param monotonic: Seconds of a clock that never goes back."""
        self.questions = Questions(clock, self._send, monotonic=monotonic)
        self._expected: dict[bytes, Deferred[None]] = {}

    def expect(self, transaction: bytes) -> Deferred[None]:
        """Fires when an indication with this id comes."""
        arrived: Deferred[None] = Deferred()
        self._expected = {transaction: arrived}
        return arrived

    def datagramReceived(self, datagram: bytes, addr: Address) -> None:
        """Take an answer, or an indication."""
        try:
            message = decode(datagram)
        except StunError:
            return
        if message.kind is Kind.INDICATION:
            arrived = self._expected.pop(message.transaction, None)
            if arrived is not None:
                arrived.callback(None)
        else:
            self.questions.receive(datagram, addr)

    def _send(self, data: bytes, server: Address) -> None:
        if self.transport is not None:
            self.transport.write(data, server)


class LifetimeProber:
    """Tries one silence after the other.

    :ivar rounds: How many silences were tried to their end.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        keeper: MappingKeeper,
        random: Callable[[int], bytes],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """:param monotonic: Seconds of a clock that never goes back."""
        self.rounds = 0
        self._monotonic = monotonic
        self._reactor = reactor
        self._keeper = keeper
        self._random = random
        self._call: IDelayedCall | None = None
        self._round: Deferred[None] | None = None
        self._is_stopped = False

    def start(self) -> None:
        """Begin."""
        self._call = self._reactor.callLater(PAUSE_SECONDS, self._begin)

    def stop(self) -> None:
        """Give up."""
        self._is_stopped = True
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._round is not None:
            self._round.cancel()

    def _begin(self) -> None:
        self._call = None
        candidate = self._keeper.lifetime.candidate
        kept = next((each for each in self._keeper if each.socket.protocol == "udp" and each.mapping.external), None)
        if candidate is None or kept is None:
            self.start()
            return
        self._round = Deferred.fromCoroutine(self._try(kept, candidate))
        self._round.addErrback(self._failed).addBoth(self._ended)

    def _failed(self, failure: Any) -> None:
        if failure.check(CancelledError) is None:
            self._log.debug("A mapping's lifetime could not be tried: {error}", error=failure.getErrorMessage())

    def _ended(self, _: object) -> None:
        self._round = None
        if not self._is_stopped:
            self.start()

    async def _try(self, kept: KeptMapping, silence: float) -> None:
        server: ServerAccess = kept.server
        socket = SilentSocket(self._reactor, self._monotonic)
        interface = "::" if ":" in server.address[0] else ""
        port = self._reactor.listenUDP(0, socket, interface=interface)
        try:
            asking = socket.questions.ask(
                server.address, username=server.username, key=server.key, timing=KEEPALIVE_TIMING
            )
            mapped = external(await asking)
            await deferLater(self._reactor, silence)
            transaction = self._random(12)
            arrived = socket.expect(transaction)
            answer = await kept.peer.ask(DialBack, "stun", mapped.port, (), transaction)
            assert isinstance(answer, DialledBack)
            if answer.outcome != "reached" or answer.host != mapped.address:
                return  # nothing was sent, or not to the mapping
            self.rounds += 1
            try:
                await arrived.addTimeout(ARRIVAL_SECONDS, self._reactor)
            except TimeoutError:
                self._keeper.lifetime.died(silence)
            else:
                self._keeper.lifetime.survived(silence)
            self._keeper.learned()
        finally:
            socket.questions.stop()
            port.stopListening()
