"""Punching between nodes: coordinating over links and for the API's callers, carrying out orders, and requesting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from cloudnode.formats.stundata import CertificateHash, NatKind
from cloudnode.peers.messages import (
    AnyMessage,
    Message,
    Place,
    PunchCandidate,
    PunchCertificate,
    Punched,
    PunchLocal,
    PunchOrder,
    RequestPunch,
)
from cloudnode.peers.peer import Peer
from cloudnode.reach.punching.answering import PunchTarget
from cloudnode.reach.punching.choosing import choose_candidates
from cloudnode.reach.punching.coordinator import (
    Ask,
    Coordinator,
    Expired,
    Matched,
    PunchRefused,
    Target,
    Unmatched,
)
from cloudnode.reach.punching.tracing import Trace, Tracer
from cloudnode.reach.punching.values import (
    Candidate,
    Endpoint,
    Mapping,
    Order,
    Strategy,
    Transport,
    find_family,
    public_name,
)
from cloudnode.stun.credentials import Credential, CredentialTable, Observation

KNOWN_SECONDS = 4.0
"""A requester's credentials are good for so long after both sides were told: its second Binding request, to another
port, tells it what its NAT does."""

TRACED_AFTER = 0.01
"""Seconds from telling both sides to the line in the log, which would hold up what is written to them."""

LOOK_SECONDS = 1.0


class Known(Protocol):
    """What this node knows of nodes that it has links with."""

    def endpoints(self, node: bytes, transport: Transport) -> Sequence[Endpoint]:
        """Where it keeps mappings towards this node's STUN server, seen lately, the newest first."""

    def proven(self, node: bytes) -> frozenset[str]:
        """The addresses from which it asked this node's STUN server over TCP lately: they are not forged."""

    def nat(self, node: bytes) -> NatKind:
        """What it says of its NAT."""

    def certificates(self, node: bytes) -> Sequence[CertificateHash]:
        """What it shows, by its own signed word."""


@attrs.frozen
class Granted:
    """What a requester is told."""

    order: Order
    certificates: tuple[CertificateHash, ...]
    mapping: Mapping


def judge_nat(nat: NatKind, host: str) -> Mapping:
    """A NAT's mapping as far as punching minds.

    :param nat: What a node says. :param host: The address at which it is seen: what it says is of IPv4's, and over
        IPv6 nothing is translated.
    """
    if find_family(host) == 6:
        return "independent"
    if nat.mapping in ("address-dependent", "address-and-port-dependent"):
        return "dependent"
    return "unknown" if nat.mapping == "unknown" else "independent"


class PunchLinks:
    """This node's part in punches (:class:`cloudnode.peers.extensions.LinkExtension`).

    :ivar tracer: Of all attempts that this node has a part in.
    """

    messages: Sequence[type[Message]] = (PunchLocal, PunchOrder, RequestPunch)

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        credentials: CredentialTable | None,
        known: Known,
        target: PunchTarget,
        tracer: Tracer,
        local: Callable[[bytes, Transport], Sequence[Endpoint]],
    ) -> None:
        """
        :param credentials: Of this node's STUN server; None if it has none, so that it coordinates nothing.
        :param local: This node's private endpoints of the sockets that a coordinator sees.
        """
        self.tracer = tracer
        self._clock = clock
        self._credentials = credentials
        self._known = known
        self._target = target
        self._local = local
        self._coordinator = Coordinator()
        self._peers: dict[bytes, Peer] = {}
        self._locals: dict[bytes, PunchLocal] = {}
        self._told: dict[bytes, PunchLocal] = {}
        self._waiting: dict[str, Deferred[Granted]] = {}
        self._traces: dict[str, Trace] = {}
        self._revoking: dict[str, Callable[[], None]] = {}
        self._later: set[IDelayedCall] = set()
        self._timer: IDelayedCall | None = None
        self._looking: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to tell peers of this node's private endpoints."""
        self._look()

    def stop(self) -> None:
        """End what is under way."""
        for call in (self._timer, self._looking, *self._later):
            if call is not None and call.active():
                call.cancel()
        self._timer = self._looking = None
        self._target.stop()
        for revoke in self._revoking.values():
            revoke()
        waiting, self._waiting = self._waiting, {}
        for done in waiting.values():
            done.errback(PunchRefused("punch_unlinked", "this node is stopping"))

    # For the API, and for requests of other nodes

    def coordinate(self, ask: Ask) -> Deferred[Granted]:
        """Bring a requester and a target together.

        :returns: Fails with :class:`PunchRefused`. Cancelling it gives up.
        """
        now = self._clock.seconds()
        try:
            if self._credentials is None:
                raise PunchRefused("punch_not_offered", "this node answers no STUN")
            if ask.target not in self._peers:
                raise PunchRefused("punch_unlinked", "this node has no link with that node")
            if self._credentials.find(ask.username) is not None:
                raise PunchRefused("punch_conflict", "another attempt has this username")
            self._coordinator.request(ask, self._find_targets(ask), now)
        except PunchRefused as refusal:
            self.tracer.counters.refused += 1
            return fail(refusal)
        self._traces[ask.username] = self.tracer.begin("coordinator", ask.target, ask.transport, ask.strategy)
        self._revoking[ask.username] = self._credentials.grant(ask.username, Credential(ask.key, self._observed))
        done = self._waiting[ask.username] = Deferred(lambda _: self._withdraw(ask.username))
        self._arm()
        return done

    # Links

    def opened(self, peer: Peer) -> None:
        """A link opened."""
        self._peers[peer.id] = peer

    def closed(self, peer: Peer) -> None:
        """A link is over."""
        if self._peers.get(peer.id) is peer:
            del self._peers[peer.id]
            self._locals.pop(peer.id, None)
            self._told.pop(peer.id, None)

    def said(self, peer: Peer, message: AnyMessage) -> None:
        """A message of punching came."""
        match message:
            case PunchLocal():
                self._locals[peer.id] = message
            case PunchOrder():
                order = _read_order(message, peer.address)
                refusal = self._target.carry_out(peer.id, order, message.username, message.key)
                if refusal is not None:
                    self._log.info("A punch by order of {peer} is not made: {reason}", peer=peer, reason=refusal)
            case RequestPunch():
                self._requested(peer, message)

    def _requested(self, peer: Peer, message: RequestPunch) -> None:
        ask = Ask(
            peer.id.hex(), message.node, message.transport, Strategy(message.strategy), message.username, message.key,
            tuple((each.host, each.port) for each in message.local), message.mapping, self._find_proven(peer),
        )  # fmt: skip

        def granted(granted: Granted) -> None:
            order = granted.order
            assert order.own is not None
            peer.send(
                Punched(
                    message.request, "", order.strategy.value, _write_candidates(order.candidates),
                    Place(*order.own), order.many,
                    tuple(PunchCertificate(each.hash, each.signature) for each in granted.certificates),
                    granted.mapping,
                )
            )  # fmt: skip

        def refused(failure: Any) -> None:
            name = failure.value.name if failure.check(PunchRefused) else "punch_unlinked"
            peer.send(Punched(message.request, name))

        self.coordinate(ask).addCallbacks(granted, refused)

    # Inside

    def _find_proven(self, peer: Peer) -> frozenset[str]:
        """The addresses at which a peer is for sure: its link's, and others by STUN over TCP."""
        return self._known.proven(peer.id) | {public_name(peer.address)}

    def _find_targets(self, ask: Ask) -> list[Target]:
        """The target as it may be reached over each family."""
        peer = self._peers[ask.target]
        found: dict[int, tuple[Endpoint, str]] = {}
        for endpoint in self._known.endpoints(ask.target, ask.transport):
            found.setdefault(find_family(endpoint[0]), (endpoint, "observed"))
        # No NAT in front of it, as far as this node can tell: at most a firewall, which a probe opens as well.
        wanted = "ws-udp" if ask.transport == "udp" else "ws"
        for port in [each.port for each in peer.hello.interfaces if each.transport == wanted][:1]:
            found.setdefault(find_family(peer.address), ((peer.address, port), "served"))
        local = self._locals.get(ask.target)
        places = () if local is None else local.udp if ask.transport == "udp" else local.tcp
        nat = self._known.nat(ask.target)
        return [
            Target(
                endpoint, kind,
                tuple((each.host, each.port) for each in places if find_family(each.host) == find_family(endpoint[0])),
                judge_nat(nat, endpoint[0]),
                self._find_proven(peer),
            )
            for endpoint, kind in found.values()
        ]  # fmt: skip

    def _observed(self, observation: Observation) -> None:
        self._coordinator.observed(observation.username, observation.protocol, observation.address)
        self._take_events()

    def _take_events(self) -> None:
        for event in self._coordinator.take_events():
            match event:
                case Matched():
                    self._match(event)
                case Unmatched():
                    self._refuse_family(event.ask)
                case Expired():
                    self._expire(event)

    def _match(self, matched: Matched) -> None:
        ask = matched.ask
        peer, done = self._peers.get(ask.target), self._waiting.pop(ask.username, None)
        trace = self._traces.pop(ask.username)
        self._revoke_later(ask.username)
        if peer is None:
            self.tracer.failed(trace, "the link with the target is over")
            if done is not None:
                done.errback(PunchRefused("punch_unlinked", "the link with that node is over"))
            return
        order = matched.for_target
        assert order.own is not None
        peer.send(
            PunchOrder(
                order.transport, order.strategy.value, ask.username, ask.key, _write_candidates(order.candidates),
                Place(*order.own), order.many,
            )
        )  # fmt: skip
        if done is not None:
            done.callback(
                Granted(
                    matched.for_requester,
                    tuple(self._known.certificates(ask.target)),
                    judge_nat(self._known.nat(ask.target), order.own[0]),
                )
            )
        trace.own = matched.for_requester.own
        trace.candidates = [*matched.for_requester.candidates, *order.candidates]
        self._call_later(TRACED_AFTER, self.tracer.told, trace)

    def _refuse_family(self, ask: Ask) -> None:
        """The requester came over IPv4 and the target has no endpoint there, or it is the other way round."""
        reason = f"that node has no mapping over {ask.transport} in this family of addresses"
        self.tracer.counters.refused += 1
        self.tracer.failed(self._traces.pop(ask.username), reason)
        self._revoke_later(ask.username)
        done = self._waiting.pop(ask.username, None)
        if done is not None:
            done.errback(PunchRefused("punch_unmapped", reason))

    def _expire(self, expired: Expired) -> None:
        username = expired.ask.username
        self.tracer.counters.unobserved += 1
        self.tracer.failed(self._traces.pop(username), "no Binding request with its credentials came")
        self._revoking.pop(username)()
        done = self._waiting.pop(username, None)
        if done is not None:
            done.errback(PunchRefused("punch_unobserved", "no Binding request with its credentials came"))

    def _withdraw(self, username: str) -> None:
        self._waiting.pop(username, None)
        self._coordinator.withdraw(username)
        trace = self._traces.pop(username, None)
        if trace is not None:
            self.tracer.failed(trace, "the requester is gone")
            self._revoking.pop(username)()

    def _revoke_later(self, username: str) -> None:
        self._call_later(KNOWN_SECONDS, lambda: self._revoking.pop(username)())

    def _call_later(self, seconds: float, function: Callable[..., None], *arguments: Any) -> None:
        def come() -> None:
            self._later.discard(call)
            function(*arguments)

        call = self._clock.callLater(seconds, come)
        self._later.add(call)

    def _arm(self) -> None:
        deadline = self._coordinator.deadline()
        if self._timer is None and deadline is not None:
            self._timer = self._clock.callLater(max(0.0, deadline - self._clock.seconds()), self._due)

    def _due(self) -> None:
        self._timer = None
        self._coordinator.time_passed(self._clock.seconds())
        self._take_events()
        self._arm()

    def _look(self) -> None:
        """Tell coordinators this node's private endpoints, where they changed."""
        self._looking = self._clock.callLater(LOOK_SECONDS, self._look)
        for node, peer in self._peers.items():
            udp, tcp = (
                tuple(Place(*each) for each in self._local(node, transport)[:4]) for transport in ("udp", "tcp")
            )
            told = PunchLocal(udp, tcp)
            if told != self._told.get(node, PunchLocal((), ())):
                self._told[node] = told
                peer.send(told)


def _write_candidates(candidates: Sequence[Candidate]) -> tuple[PunchCandidate, ...]:
    return tuple(PunchCandidate(*each.endpoint, each.kind) for each in candidates)


def _read_order(message: PunchOrder, coordinator: str) -> Order:
    told = [Candidate((each.host, each.port), each.kind) for each in message.candidates]
    own = (message.own.host, message.own.port)
    candidates = choose_candidates(told, own, coordinator)
    return Order(message.transport, Strategy(message.strategy), candidates, own, message.many)
