"""Keeps the node's ports forwarded by the router: asked for, renewed, confirmed by a peer, and deleted at the end.

PCP is asked first, then NAT-PMP, then UPnP-IGD, and the first that forwards is kept. A forwarded port is told in STUN
data once a peer that this node never sent to from it has reached it there: what a router says it does may not be so,
behind another NAT for one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Protocol as TypingProtocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.formats.stundata import Endpoint, Protocol, is_local
from cloudnode.peers.messages import DialBack, DialledBack
from cloudnode.peers.peer import Peer
from cloudnode.reach.outside import find_realm
from cloudnode.reach.portmapping.leases import Lease, WantedPort
from cloudnode.reach.portmapping.packets import PortMappingError

LOOK_SECONDS = 0.5
CONFIRM_SECONDS = 15.0
"""Between two questions to peers about one port that nobody has reached so far."""

CONFIRM_AGAIN_SECONDS = 600.0
FAILURES_MAX = 2
"""So many peers in a row that did not reach a port which was reached before: the router has forgotten it."""

STOP_SECONDS = 3.0


class MapsPorts(TypingProtocol):
    """One way to ask the router."""

    async def map(self, protocol: Protocol, port: int, wished: int, lifetime: int) -> Lease:
        """Ask for a mapping, or renew it; raises PortMappingError."""

    async def unmap(self, protocol: Protocol, port: int, external: int) -> None:
        """Have a mapping deleted; raises PortMappingError."""


class PortMapper:
    """All ports of a node.

    :ivar ports: Them. :ivar requests: How often the router was asked to forward one. :ivar failures: In vain.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        ways: Callable[[], Sequence[MapsPorts]],
        peers: Callable[[], Iterable[Peer]],
        certificates: Callable[[], Collection[bytes]],
        changed: Callable[[], None],
        lifetime: int,
        *,
        is_optional: bool = False,
    ) -> None:
        """
        :param ways: The ways to ask the router that there is now, the best first; the same objects while the router is
            the same, none where there is no router that could forward anything.
        :param certificates: The hashes of those that the node shows. :param changed: Called when other ports are told.
        :param lifetime: Seconds for which the router is asked to forward.
        :param is_optional: Whether it is usual that there is no router, so that nothing is told of it.
        """
        self.ports: list[WantedPort] = []
        self.requests = self.failures = 0
        self._clock = clock
        self._find_ways = ways
        self._ways: Sequence[MapsPorts] = ()
        self._peers = peers
        self._certificates = certificates
        self._changed = changed
        self._lifetime = lifetime
        self._is_optional = is_optional
        self._used: dict[WantedPort, MapsPorts] = {}
        self._confirmed: dict[WantedPort, tuple[Lease, bytes]] = {}
        self._confirm_due: dict[WantedPort, float] = {}
        self._failures: dict[WantedPort, int] = {}
        self._asked_for: set[WantedPort] = set()
        self._call: IDelayedCall | None = None
        self._round: Deferred[None] | None = None

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to tell of."""
        return self._is_optional and not self._ways and all(each.lease is None for each in self.ports)

    def start(self, ports: Iterable[tuple[Protocol, int]]) -> None:
        """Have these ports forwarded."""
        self.ports = [WantedPort(protocol, port, self._clock.seconds()) for protocol, port in ports]
        if self.ports:
            self._look()

    def disturb(self) -> None:
        """The router may have been restarted, or be another one: ask for everything again."""
        for each in self.ports:
            each.disturb(self._clock.seconds())

    def endpoints(self) -> list[Endpoint]:
        """What is told of the forwarded ports."""
        return [
            Endpoint(each.protocol, each.lease.address, each.lease.port, self._confirmed[each][1], "router")
            for each in self.ports
            if each.lease is not None and self.is_confirmed(each)
        ]

    def is_confirmed(self, port: WantedPort) -> bool:
        """Whether a peer reached a port where its lease says."""
        confirmed = self._confirmed.get(port)
        return confirmed is not None and port.lease is not None and _is_same(confirmed[0], port.lease)

    async def stop(self) -> None:
        """Have the mappings deleted, if the router answers soon."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        if self._round is not None:
            self._round.cancel()
        deleting = Deferred.fromCoroutine(self._delete())
        deleting.addTimeout(STOP_SECONDS, self._clock)
        try:
            await deleting
        except Exception as error:
            self._log.debug("The router was not told that its mappings are given up: {error}", error=error)

    async def _delete(self) -> None:
        for each in self.ports:
            lease, way = each.lease, self._used.get(each)
            if lease is None or way is None:
                continue
            each.lease = None
            try:
                await way.unmap(each.protocol, each.port, lease.port)
            except PortMappingError as error:
                self._log.debug("The router did not give {protocol} port {port} up: {error}",
                                protocol=each.protocol, port=lease.port, error=error)  # fmt: skip

    def _look(self) -> None:
        self._call = self._clock.callLater(LOOK_SECONDS, self._look)
        if self._round is None and any(each.due <= self._clock.seconds() for each in self.ports):
            self._round = Deferred.fromCoroutine(self._ask_for_all())
            self._round.addErrback(self._failed).addBoth(self._over)
        for each in self.ports:
            self._confirm(each)

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            self._log.failure("Asking the router to forward ports failed", failure)
            for each in self.ports:
                each.failed(failure.getErrorMessage(), self._clock.seconds())

    def _over(self, _: object) -> None:
        self._round = None

    # Asking the router

    async def _ask_for_all(self) -> None:
        self._ways = self._find_ways()
        self._used = {port: way for port, way in self._used.items() if way in self._ways}
        for each in self.ports:
            if each.due <= self._clock.seconds():
                await self._ask_for(each)

    async def _ask_for(self, port: WantedPort) -> None:
        troubles = []
        self.requests += 1
        before = port.lease
        for way in self._ordered(port):
            wished = port.port if before is None else before.port
            try:
                lease = await way.map(port.protocol, port.port, wished, self._lifetime)
            except PortMappingError as error:
                troubles.append(str(error))
                continue
            self._used[port] = way
            if port.granted(lease, self._clock.seconds()):
                self._log.info("The router forwards {protocol} port {external} of {address} to port {port} here, "
                               "by {way}", protocol=port.protocol, external=lease.port, address=lease.address,
                               port=port.port, way=lease.method)  # fmt: skip
                self._confirm_due.pop(port, None)
                self._changed()
            return
        self.failures += 1
        self._used.pop(port, None)
        had_said_so = port.trouble is not None
        if port.failed("; ".join(troubles) or "no router between this machine and the internet", self._clock.seconds()):
            self._log.warn("The router forwards {protocol} port {port} no longer: {trouble}",
                           protocol=port.protocol, port=port.port, trouble=port.trouble)  # fmt: skip
            self._changed()
        elif not had_said_so and port.lease is None and not self.is_silent:
            self._log.info("The router forwards nothing to {protocol} port {port}: {trouble}",
                           protocol=port.protocol, port=port.port, trouble=port.trouble)  # fmt: skip

    def _ordered(self, port: WantedPort) -> list[MapsPorts]:
        """The way that worked last stands first, so that a renewal is one."""
        used = self._used.get(port)
        return [*([] if used is None else [used]), *(each for each in self._ways if each is not used)]

    # Confirming

    def _confirm(self, port: WantedPort) -> None:
        lease, now = port.lease, self._clock.seconds()
        if lease is None or port in self._asked_for or is_local(lease.address):
            return
        if self._confirm_due.get(port, now) > now:
            return
        # Whoever is linked over the other family, or a neighbour, sees another address of this node's.
        peers = [each for each in self._peers() if find_realm(each.address) == find_realm(lease.address)]
        peers = [each for each in peers if port.protocol == "tcp" or not _was_sent_to(each)]
        if not peers:
            return
        # Another one each time, for one peer's failure may be its own.
        peer = peers[int(now) % len(peers)]
        self._confirm_due[port] = now + CONFIRM_SECONDS
        self._asked_for.add(port)
        asking: Deferred[None] = Deferred.fromCoroutine(self._ask_peer(peer, port, lease))
        asking.addErrback(lambda failure: self._log.debug("{peer} did not dial back: {error}", peer=peer,
                                                          error=failure.getErrorMessage()))  # fmt: skip
        asking.addBoth(lambda _: self._asked_for.discard(port))

    async def _ask_peer(self, peer: Peer, port: WantedPort, lease: Lease) -> None:
        question: Awaitable[object] = peer.ask(DialBack, port.protocol, lease.port, tuple(self._certificates()))
        answer = await question
        assert isinstance(answer, DialledBack)
        if answer.outcome == "refused" or answer.host != lease.address:
            return
        if answer.outcome == "failed":
            self._not_reached(port)
            return
        was_confirmed = self.is_confirmed(port)
        self._confirmed[port] = lease, peer.id
        self._failures.pop(port, None)
        self._confirm_due[port] = self._clock.seconds() + CONFIRM_AGAIN_SECONDS
        if self.is_confirmed(port) and not was_confirmed:
            self._log.info("{peer} reached the forwarded {protocol} port {port}",
                           peer=peer, protocol=port.protocol, port=lease.port)  # fmt: skip
            self._changed()

    def _not_reached(self, port: WantedPort) -> None:
        failures = self._failures[port] = self._failures.get(port, 0) + 1
        if failures < FAILURES_MAX or not self.is_confirmed(port):
            return
        self._log.warn("Peers reach the forwarded {protocol} port {port} no longer",
                       protocol=port.protocol, port=port.port)  # fmt: skip
        del self._confirmed[port], self._failures[port]
        port.disturb(self._clock.seconds())
        self._changed()


def _is_same(one: Lease, other: Lease) -> bool:
    return (one.address, one.port) == (other.address, other.port)


def _was_sent_to(peer: Peer) -> bool:
    """Whether the node's own UDP socket sent to a peer first, which any NAT takes as leave to answer."""
    return peer.transport == "ws-udp" and not peer.inbound
