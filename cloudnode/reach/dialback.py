"""Dial-backs: a node can't tell by itself whether it is reached from outside, so it asks a peer to try.

A peer is only ever tried at the address at which its link is seen, in small numbers: so nobody can have this node send
to anyone else. An indication over TCP goes only on a connection which comes from there, and on which that very peer
authenticated itself by the key of this link.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Literal, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from cloudnode.peers.link import Allowance
from cloudnode.peers.messages import DialBack, DialledBack
from cloudnode.peers.peer import Peer
from cloudnode.stun.message import TRANSACTION_BYTES
from cloudnode.stun.transaction import make_indication

BY_PEER_MAX, BY_PEER_SECOND = 12.0, 0.2
"""Dial-backs that one peer can have at once, and then a second. After the first ones: one in five seconds."""

IN_ALL_MAX, IN_ALL_SECOND = 60.0, 4.0
PEERS_REMEMBERED = 1_000


class Probe(Protocol):
    """Tries a port by a handshake (:func:`cloudnode.transports.probing.probe`)."""

    def __call__(
        self, protocol: Literal["tcp", "udp"], host: str, port: int, certificates: tuple[bytes, ...]
    ) -> Awaitable[None]:
        """Raises whatever it likes if it can't be reached, or shows another certificate."""


class Indicate(Protocol):
    """Sends a Binding indication from this node's STUN server."""

    def __call__(self, peer: Peer, port: int, data: bytes) -> None:
        """Send it to a port of the address at which a peer is seen. Raises whatever it likes if it can't be sent."""


class DialBackServing:
    """Does what peers ask for.

    :ivar reached: Dial-backs that succeeded. :ivar failed: Those that did not. :ivar refused: Too many.
    :ivar indicate: By ``stun`` and ``stun-tcp``: what sends indications over UDP and TCP, where there is such a server.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, probe: Probe) -> None:
        self.reached = self.failed = self.refused = 0
        self.indicate: dict[str, Indicate] = {}
        self._clock = clock
        self._probe = probe
        self._in_all = Allowance(IN_ALL_MAX, IN_ALL_SECOND, clock.seconds())
        self._by_peer: dict[bytes, Allowance] = {}

    def asked(self, peer: Peer, question: DialBack) -> None:
        """Dial a peer back, and tell it what came of it."""
        if not self._may(peer):
            self.refused += 1
            peer.send(DialledBack(question.request, "refused", ""))
            return
        Deferred.fromCoroutine(self._dial(peer, question)).addErrback(
            lambda failure: self._log.failure("A dial-back failed", failure)
        )

    def _may(self, peer: Peer) -> bool:
        """Whether there is room for one more; the bucket outlives the link, so that a new link fills no new one."""
        now = self._clock.seconds()
        allowance = self._by_peer.pop(peer.id, None) or Allowance(BY_PEER_MAX, BY_PEER_SECOND, now)
        self._by_peer[peer.id] = allowance
        if len(self._by_peer) > PEERS_REMEMBERED:
            del self._by_peer[next(iter(self._by_peer))]
        if not allowance.holds(1, now) or not self._in_all.holds(1, now):
            return False
        return allowance.take(1, now) and self._in_all.take(1, now)

    async def _dial(self, peer: Peer, question: DialBack) -> None:
        host = peer.address
        try:
            if question.way == "tcp" or question.way == "udp":
                await self._probe(question.way, host, question.port, question.certificates)
            elif question.way in self.indicate and len(question.transaction) == TRANSACTION_BYTES:
                self.indicate[question.way](peer, question.port, make_indication(question.transaction))
            else:
                raise ValueError("there is no STUN server to send from, or no transaction id")
        except Exception as error:
            self._log.debug("{peer} is not reached at {way} port {port}: {error}",
                            peer=peer, way=question.way, port=question.port, error=error)  # fmt: skip
            self.failed += 1
            peer.send(DialledBack(question.request, "failed", host))
        else:
            self.reached += 1
            peer.send(DialledBack(question.request, "reached", host))
