"""Finds out with sockets of its own how long the NAT keeps a mapping (:mod:`cloudnode.reach.lifetime`)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import Logger

from cloudnode.peers.messages import DialBack, DialledBack
from cloudnode.peers.peer import Peer
from cloudnode.reach.keeper import KeptMapping, MappingKeeper
from cloudnode.reach.mapping import External
from cloudnode.reach.silentsockets import SilentConnection, SilentDatagrams, SilentSocket
from cloudnode.stun.message import TRANSACTION_BYTES

PAUSE_SHARE = 1 / 3
"""Between two tries, of the first interval between keep-alives: 5 of 15 s."""

ARRIVAL_SECONDS = 3.0


class LifetimeProber:
    """Tries one silence after the other, over UDP or over TCP.

    :ivar rounds: How many silences were tried to their end.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        keeper: MappingKeeper,
        kind: type[SilentDatagrams] | type[SilentConnection],
        random: Callable[[int], bytes],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        :param kind: Of the sockets that are tried. :param random: So many bytes that nobody can guess.
        :param monotonic: Seconds of a clock that never goes back.
        """
        self.rounds = 0
        self._reactor = reactor
        self._keeper = keeper
        self._kind = kind
        self._random = random
        self._monotonic = monotonic
        self._lifetime = keeper.lifetimes[kind.protocol]
        self._tries = 0
        self._call: IDelayedCall | None = None
        self._round: Deferred[None] | None = None
        self._is_stopped = False

    def start(self) -> None:
        """Begin."""
        self._call = self._reactor.callLater(PAUSE_SHARE * self._lifetime.first, self._begin)

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
        candidate = self._lifetime.candidate
        able = [each for each in self._keeper if self._is_able(each)]
        if candidate is None or not able:
            self.start()
            return
        # What is kept open through a firewall alone is no other mapping after a silence that was too long: it is of no
        # matter beside a NAT, which forgets over IPv4.
        able = [each for each in able if each.family == 4] or able
        # By turns: what is between this node and one of them may drop what others' would let pass.
        kept = able[self._tries % len(able)]
        self._tries += 1
        self._round = Deferred.fromCoroutine(self._try(kept, candidate))
        self._round.addErrback(self._failed).addBoth(self._ended)

    def _is_able(self, kept: KeptMapping) -> bool:
        """Whether a mapping's peer can be asked, and there is a NAT to be tried."""
        is_known = kept.socket.protocol == self._kind.protocol and kept.mapping.external is not None
        return is_known and kept.peer.version >= self._kind.link_version

    def _failed(self, failure: Any) -> None:
        if failure.check(CancelledError) is None:
            self._log.debug("A mapping's lifetime could not be tried over {protocol}: {error}",
                            protocol=self._kind.protocol, error=failure.getErrorMessage())  # fmt: skip

    def _ended(self, _: object) -> None:
        self._round = None
        if not self._is_stopped:
            self.start()

    async def _try(self, kept: KeptMapping, silence: float) -> None:
        socket = self._kind(self._reactor, self._monotonic)
        try:
            mapped = await socket.ask(kept.server)
            await deferLater(self._reactor, silence)
            has_survived = await self._is_reached(socket, mapped, kept.peer)
            if has_survived is None:
                return
            self.rounds += 1
            if has_survived:
                self._lifetime.survived(silence)
            else:
                self._lifetime.died(silence)
            self._keeper.learned()
        finally:
            socket.stop()

    async def _is_reached(self, socket: SilentSocket, mapped: External, peer: Peer) -> bool | None:
        """Whether what a peer sends to the mapping arrives; None if nothing was sent there."""
        if socket.is_lost:
            # Whoever ended it, the NAT or the server, would end a mapping in use as well that is silent so long; but a
            # peer that went away says nothing of that.
            return False if peer.is_open else None
        transaction = self._random(TRANSACTION_BYTES)
        arrived = socket.expect(transaction)
        answer = await peer.ask(DialBack, socket.way, mapped.port, (), transaction)
        assert isinstance(answer, DialledBack)
        if answer.outcome != "reached" or answer.host != mapped.address:
            return None
        try:
            await arrived.addTimeout(ARRIVAL_SECONDS, self._reactor)
        except TimeoutError:
            return False
        return True
