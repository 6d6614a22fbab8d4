"""One round of questions and tries, from sockets made for it, that finds out the kind of NAT.

Theory of operation. The peers whose STUN servers can be asked stand in one order. A first socket asks all of them, the
first ones at another port as well: what they see gives the mapping. A second socket asks one peer's server alone. Then
that peer sends to its mapping from a new port, and a peer at another address, to which that socket never sent, does
the same: what arrives gives the filtering. Between the second socket and a third one a packet goes around by their
external addresses: the hairpin. All of them together show how ports are chosen. A TCP listener whose port has a
connection to a STUN server is called by a peer to which it never connected: what becomes of the SYN is told. What must
not arrive is tried three times, as one packet may be lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.stundata import Filtering, Mapping, NatKind, Syn, Tristate
from cloudnode.peers.messages import NatProbe, NatProbed
from cloudnode.peers.peer import Peer
from cloudnode.reach.nat.deciding import (
    NatReport,
    Seen,
    decide_allocation,
    decide_filtering,
    decide_mapping,
    decide_ports,
    decide_udp,
)
from cloudnode.reach.nat.sockets import SurveySocket
from cloudnode.stun.attributes import Address, pack_host, unpack_host
from cloudnode.stun.transaction import Timing
from cloudnode.transports.reuse import listen_reusable
from cloudnode.transports.stun.asking import AskingStream, connect_stun

PEERS_MAX = 4
TRIES = 3
ARRIVAL_SECONDS = 0.5
"""From the answer that something was sent to its arrival, at most; the answer comes by a longer way."""

TIMING = Timing(rto=0.3, rc=4, rm=3, ti=5.0)
"""Sent at 0, 0.3, 0.9 and 2.1 s; given up at 3.0 s."""


@attrs.frozen
class AskedPeer:
    """A peer that can be asked.

    :ivar host: Its IP address. :ivar udp_port: :ivar tcp_port: Of its STUN server, 0 for none.
    :ivar other_port: Where it may answer STUN over UDP as well, 0 for nowhere.
    """

    peer: Peer
    host: str
    udp_port: int
    tcp_port: int
    other_port: int = 0


class _Ignoring(ServerFactory):
    """Takes connections, which their callers close."""

    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return Protocol()


class Survey:
    """One round."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        peers: Sequence[AskedPeer],
        is_own_address: Callable[[str], bool],
        random: Callable[[int], bytes],
        wall_time: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        :param peers: At addresses of one family, each address once; the first :data:`PEERS_MAX` are asked.
        :param is_own_address: Whether an IP address is one of this machine's.
        :param random: So many bytes that nobody can guess. :param wall_time: Unix seconds.
        :param monotonic: Seconds of a clock that never goes back.
        """
        self._monotonic = monotonic
        self._reactor = reactor
        self._peers = list(peers[:PEERS_MAX])
        self._is_own_address = is_own_address
        self._random = random
        self._wall_time = wall_time
        self._sockets: list[SurveySocket] = []
        self._seen: list[Seen] = []

    async def run(self) -> NatReport:
        """Find out as much as these peers can tell."""
        try:
            tcp = Deferred.fromCoroutine(self._ask_over_tcp())
            try:
                return await self._ask_over_udp(tcp)
            except BaseException:
                tcp.addErrback(lambda _: None)
                tcp.cancel()
                raise
        finally:
            for socket in self._sockets:
                socket.close()

    # UDP

    async def _ask_over_udp(self, tcp: Deferred[tuple[list[Seen], Syn]]) -> NatReport:
        first = self._open()
        udp_peers = [each for each in self._peers if each.udp_port]
        places = [(each.host, each.udp_port) for each in udp_peers]
        places += [(each.host, each.other_port) for each in udp_peers if each.other_port not in (0, each.udp_port)][:2]
        seen = await self._ask_all(first, places)
        answered = {each.server for each in seen}
        observers = [each for each in udp_peers if (each.host, each.udp_port) in answered]
        is_own = bool(seen) and self._is_own_address(seen[0].external[0])
        mapping = decide_mapping(seen, is_own=is_own)
        filtering: Filtering = "unknown"
        hairpin: Tristate = "unknown"
        if observers:
            filtering, hairpin = await self._try_both(mapping, observers[0])
        tcp_seen, syn = await tcp
        udp = decide_udp(len(observers), len({each.server[0] for each in tcp_seen}))
        if not seen:
            # Without UDP, what TCP shows is what there is to tell.
            is_own = bool(tcp_seen) and self._is_own_address(tcp_seen[0].external[0])
            mapping, self._seen = decide_mapping(tcp_seen, is_own=is_own), tcp_seen
        known = seen or tcp_seen
        kind = NatKind(mapping, filtering, decide_ports(self._seen), hairpin, syn)
        return NatReport(
            kind, udp, decide_allocation(self._seen), known[0].external[0] if known else None, self._wall_time(),
            len({each.server[0] for each in known}),
        )  # fmt: skip

    async def _ask_all(self, socket: SurveySocket, places: Sequence[Address]) -> list[Seen]:
        """The answers, in the order of the questions."""
        results = await DeferredList([socket.ask(each, TIMING) for each in places], consumeErrors=True)
        for _, answer in results:
            if isinstance(answer, Failure) and isinstance(answer.value, CancelledError):
                raise answer.value  # the round is given up
        seen = [answer for succeeded, answer in results if succeeded]
        self._seen += seen
        return seen

    async def _try_both(self, mapping: Mapping, observer: AskedPeer) -> tuple[Filtering, Tristate]:
        second, third = self._open(), self._open()
        seen = await self._ask_all(second, [(observer.host, observer.udp_port)])
        others = await self._ask_all(third, [(observer.host, observer.udp_port)])
        if not seen:
            return "unknown", "unknown"
        strangers = [each for each in self._peers if each.host != observer.host]
        stranger = await self._reaches(second, seen[0].external, strangers, observer.host, is_stranger=True)
        # A socket that was let in from everywhere needs no closer look.
        other_port = None if stranger else await self._reaches(
            second, seen[0].external, [observer], observer.host, is_stranger=False
        )  # fmt: skip
        filtering = decide_filtering(mapping, stranger, other_port)
        # The hairpin comes last: the second socket sends to an address that no server has.
        hairpin: Tristate = "unknown"
        if others and mapping != "none":
            hairpin = await self._hairpins(second, seen[0].external, third, others[0].external)
        return filtering, hairpin

    async def _reaches(
        self, socket: SurveySocket, external: Address, senders: Sequence[AskedPeer], contacted: str, *,
        is_stranger: bool,
    ) -> bool | None:
        """Whether what peers send from new ports arrives at a socket; None if none of them could try.

        :param contacted: The one address to which the socket has sent.
        """
        was_tried = False
        for attempt in range(TRIES if senders else 0):
            sender = senders[attempt % len(senders)]
            transaction = self._random(12)
            socket.expect(transaction)
            answer = await self._have_tried(sender, NatProbe, "udp", external[1], transaction)
            if answer is None or answer.outcome != "sent" or not _is_same_host(answer.host, external[0]):
                continue  # nothing was sent, or the peer sees this node at another address
            was_tried = True
            if await self._arrives(socket, transaction):
                # A node may have more addresses than one: what counts is where the packet came from.
                return not is_stranger or socket.arrived[transaction][0] != contacted
        return False if was_tried else None

    async def _hairpins(self, inner: SurveySocket, external: Address, other: SurveySocket, beyond: Address) -> Tristate:
        for _ in range(TRIES):
            transaction = self._random(12)
            inner.expect(transaction)
            inner.indicate(self._random(12), beyond)  # lets in what comes from there, where a filter looks at that
            other.indicate(transaction, external)
            if await self._arrives(inner, transaction):
                return "yes"
        return "no"

    async def _arrives(self, socket: SurveySocket, transaction: bytes) -> bool:
        waited = 0.0
        while transaction not in socket.arrived and waited < ARRIVAL_SECONDS:
            await deferLater(self._reactor, 0.05, lambda: None)
            waited += 0.05
        return transaction in socket.arrived

    async def _have_tried(self, sender: AskedPeer, *question: Any) -> NatProbed | None:
        try:
            answer = await sender.peer.ask(*question)
        except CancelledError:
            raise
        except Exception as error:
            self._log.debug("{peer} did not say what it tried: {error}", peer=sender.peer, error=error)
            return None
        assert isinstance(answer, NatProbed)
        return answer

    def _open(self) -> SurveySocket:
        socket = SurveySocket(self._reactor, self._monotonic, is_ipv6=":" in self._peers[0].host)
        self._sockets.append(socket)
        return socket

    # TCP

    async def _ask_over_tcp(self) -> tuple[list[Seen], Syn]:
        """Where two servers see one port of this node, and what becomes of a SYN that it did not ask for."""
        servers = [each for each in self._peers if each.tcp_port]
        if not servers:
            return [], "unknown"
        port: Any = listen_reusable(self._reactor, _Ignoring(), "::" if ":" in servers[0].host else "")
        streams: list[AskingStream] = []
        try:
            local_port = int(port.getHost().port)
            seen: list[Seen] = []
            called: list[str] = []
            # Two are enough, and one peer has to be left that was not called.
            for server in servers:
                if len(seen) == 2 or (seen and len(called) + 1 >= len(self._peers)):
                    break
                called.append(server.host)
                answer = await self._ask_stream(server, local_port, streams)
                if answer is not None:
                    seen.append(answer)
            strangers = [each for each in self._peers if each.host not in called]
            return seen, await self._try_syn(seen, strangers)
        finally:
            for stream in streams:
                stream.close()
            port.stopListening()

    async def _ask_stream(self, server: AskedPeer, local_port: int, streams: list[AskingStream]) -> Seen | None:
        place = server.host, server.tcp_port
        try:
            stream = await connect_stun(self._reactor, place, local_port=local_port, timeout=TIMING.ti)
            streams.append(stream)
            answer = await stream.ask(timing=TIMING)
        except CancelledError:
            raise
        except Exception as error:
            self._log.debug("No answer over TCP from the STUN server at {place}: {error}", place=place, error=error)
            return None
        return Seen(place, local_port, (unpack_host(pack_host(answer.mapped[0])), answer.mapped[1]))

    async def _try_syn(self, seen: Sequence[Seen], strangers: Sequence[AskedPeer]) -> Syn:
        for stranger in strangers if seen else ():
            external = seen[0].external
            answer = await self._have_tried(stranger, NatProbe, "tcp", external[1], self._random(12))
            if answer is not None and _is_same_host(answer.host, external[0]):
                if answer.outcome == "accepted":
                    return "accepted"
                if answer.outcome == "dropped":
                    return "dropped"
                if answer.outcome == "reset":
                    return "reset"
        return "unknown"


def _is_same_host(one: str, other: str) -> bool:
    return bool(one) and pack_host(one) == pack_host(other)
