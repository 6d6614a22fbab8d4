"""What a node does for a peer that wants to know its NAT: it sends, or connects, to it from a port of its own.

The port is a new one each time, so the peer never sent there. Only the address at which the peer's link is seen is ever
tried, with one datagram or one connection for each question, and few of these: nobody can have this node send to anyone
else. The :class:`NatTrying` is a :class:`cloudnode.peers.extensions.LinkExtension`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError, TCPTimedOutError, TimeoutError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory, DatagramProtocol, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.peers.link import Allowance
from cloudnode.peers.messages import AnyMessage, Message, NatProbe, NatProbed
from cloudnode.peers.peer import Peer
from cloudnode.stun.transaction import make_indication

BY_PEER_MAX = 24.0
"""What one peer can have tried at once: a survey takes four or so of a peer."""

PEERS_AT_ONCE = 20
"""What all peers together can have tried is that of so many."""

PEERS_REMEMBERED = 1_000

CONNECT_SECONDS = 3.0
"""A connection that is neither accepted nor reset so long was dropped: its SYN was sent twice by then."""

_Outcome = Literal["sent", "accepted", "reset", "dropped", "failed"]


class NatTrying:
    """Does what peers ask for.

    :ivar tried: How often. :ivar refused: How often that was too much.
    """

    _log = Logger()
    messages: Sequence[type[Message]] = (NatProbe,)

    def __init__(self, reactor: Any, by_peer_second: float) -> None:
        """:param by_peer_second: What one peer can have tried a second, in the long run."""
        self._by_peer_second = by_peer_second
        self.tried = self.refused = 0
        self._reactor = reactor
        self._in_all = Allowance(
            PEERS_AT_ONCE * BY_PEER_MAX, PEERS_AT_ONCE * by_peer_second, reactor.seconds()
        )
        self._by_peer: dict[bytes, Allowance] = {}

    def opened(self, peer: Peer) -> None:
        """Nothing is to be told."""

    def closed(self, peer: Peer) -> None:
        """What it may ask for is remembered, so that a new link brings no more."""

    def said(self, peer: Peer, message: AnyMessage) -> None:
        """Try what a peer asks for, and tell it what came of it."""
        assert isinstance(message, NatProbe)
        if not self._may(peer):
            self.refused += 1
            peer.send(NatProbed(message.request, "refused", ""))
            return
        self.tried += 1
        host = peer.address

        def done(outcome: _Outcome) -> None:
            peer.send(NatProbed(message.request, outcome, host))

        def failed(failure: Failure) -> None:
            self._log.debug("{way} port {port} of {peer} could not be tried: {error}", way=message.way,
                            port=message.port, peer=peer, error=failure.getErrorMessage())  # fmt: skip
            done("failed")

        Deferred.fromCoroutine(self._try(message, host)).addCallbacks(done, failed)

    async def _try(self, question: NatProbe, host: str) -> _Outcome:
        if question.way == "udp":
            send_indication(self._reactor, host, question.port, question.transaction)
            return "sent"
        return await try_connection(self._reactor, host, question.port)

    def _may(self, peer: Peer) -> bool:
        now = self._reactor.seconds()
        allowance = self._by_peer.pop(peer.id, None) or Allowance(BY_PEER_MAX, self._by_peer_second, now)
        self._by_peer[peer.id] = allowance
        if len(self._by_peer) > PEERS_REMEMBERED:
            del self._by_peer[next(iter(self._by_peer))]
        if not allowance.holds(1, now) or not self._in_all.holds(1, now):
            return False
        return allowance.take(1, now) and self._in_all.take(1, now)


def send_indication(reactor: Any, host: str, port: int, transaction: bytes) -> None:
    """Send one Binding indication from a new port.

    :raises Exception: It can't be sent; what kind depends on the reactor.
    """
    data = make_indication(transaction)
    sender = reactor.listenUDP(0, DatagramProtocol(), interface="::" if ":" in host else "")
    try:
        sender.write(data, (host, port))
    finally:
        sender.stopListening()


class _Caller(ClientFactory):
    """Connects, and sees what comes of it."""

    noisy = False

    def __init__(self, outcome: Deferred[_Outcome]) -> None:
        self._outcome = outcome

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        self._outcome.callback("accepted")
        return _Hangup()

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        if reason.check(ConnectionRefusedError):
            self._outcome.callback("reset")
        elif reason.check(TimeoutError, TCPTimedOutError):
            self._outcome.callback("dropped")
        else:
            self._outcome.errback(reason)


class _Hangup(Protocol):
    transport: Any

    def connectionMade(self) -> None:
        self.transport.abortConnection()


def try_connection(reactor: Any, host: str, port: int) -> Deferred[_Outcome]:
    """Connect from a new port, and close the connection.

    :returns: What became of the SYN; fails if none could be sent.
    """
    outcome: Deferred[_Outcome] = Deferred()
    reactor.connectTCP(host, port, _Caller(outcome), timeout=CONNECT_SECONDS)
    return outcome
