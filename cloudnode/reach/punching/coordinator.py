"""The node in the middle: it tells two sides of each other, at the same time, and only what it observed itself.

Theory of operation. A requester sends two things at the same moment: its request, which names the target and holds
credentials that it just made up, and a STUN Binding request with these credentials from the socket that is to be
punched. The first says what is wanted, the second shows the socket's address as the Internet sees it. Whichever comes
last completes the pair, and both sides get their orders. Where a pair is not complete in time, the request fails.
So it does, at once, if the target has no endpoint in the family of that address (IPv4, IPv6): no probe would arrive.

Nobody is made a reflector by this. The requester's address is one from which a packet came that holds a key which only
the requester knows; the target's is that of its own mapping, on its own link. Private endpoints are passed on if both
sides are seen at one public address, and only private ones. A few probes may go to an address that somebody forged;
for more (``spread``) both sides must have shown by connections of their own that they are there.

No I/O and no clock: every method is given the time, in seconds of a clock that never goes back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import attrs

from cloudnode.reach.punching.values import (
    LOCAL_MAX,
    Candidate,
    Endpoint,
    Mapping,
    Order,
    Side,
    Strategy,
    Transport,
    find_family,
    is_private,
    public_name,
)
from cloudnode.transports.budgets import Budgets

PREDICTED = 8
"""So many ports after the observed one are probed where a NAT gives ports in order."""

STEP_MAX = 16
"""Two mappings that a NAT made one after the other, with ports no further apart, are given in order."""


@attrs.frozen
class CoordinatorLimits:
    """What is coordinated for whom. Times in seconds.

    :ivar wait: For the second half of a request. :ivar pending: Requests that wait, in all, :ivar pending_each: of one
        requester. :ivar burst: Attempts of a requester at once, :ivar refill: and more of them a second.
    :ivar target_burst: :ivar target_refill: The same for what one target is asked for by all requesters together.
    :ivar spread_cost: An attempt with many probes counts as so many.
    """

    wait: float = 3.0
    pending: int = 512
    pending_each: int = 8
    burst: float = 40.0
    refill: float = 1.0
    target_burst: float = 60.0
    target_refill: float = 2.0
    spread_cost: float = 4.0


@attrs.frozen
class Ask:
    """What a requester asks for.

    :ivar requester: Who it is, for budgets. :ivar target: The node's key.
    :ivar username: :ivar key: The credentials of this attempt. :ivar local: Its private endpoints.
    :ivar mapping: What it knows of its own NAT.
    :ivar proven: The addresses at which it is, as it showed by connections: a datagram's source can be forged.
    """

    requester: str
    target: bytes
    transport: Transport
    strategy: Strategy
    username: str
    key: bytes
    local: tuple[Endpoint, ...] = ()
    mapping: Mapping = "unknown"
    proven: frozenset[str] = frozenset()


@attrs.frozen
class Target:
    """What the coordinator knows of the node that is wanted, in one family.

    :ivar observed: Where it keeps a mapping towards the coordinator, or serves in the open.
    :ivar kind: Which of the two. :ivar local: Its private endpoints. :ivar mapping: What its NAT is known to do.
    :ivar proven: As of :class:`Ask`.
    """

    observed: Endpoint
    kind: str = "observed"
    local: tuple[Endpoint, ...] = ()
    mapping: Mapping = "unknown"
    proven: frozenset[str] = frozenset()


class PunchRefused(Exception):
    """An attempt that is not made.

    :ivar name: ``punch_over_budget``, ``punch_unmapped``, ``punch_hopeless``, ``punch_conflict``, ``punch_unobserved``,
        ``punch_unlinked`` or ``punch_not_offered``.
    """

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name


@attrs.frozen
class Matched:
    """Both halves are there: tell both sides now."""

    ask: Ask
    for_requester: Order
    for_target: Order


@attrs.frozen
class Unmatched:
    """Both halves are there, but the requester's endpoint is in a family in which the target has none."""

    ask: Ask


@attrs.frozen
class Expired:
    """No Binding request came: its sender's UDP (or TCP to the STUN port) is blocked, or it is no requester."""

    ask: Ask


class _Pending:
    __slots__ = ("ask", "targets", "until")

    def __init__(self, ask: Ask, targets: Sequence[Target], until: float) -> None:
        self.ask = ask
        self.targets = targets
        self.until = until


class Coordinator:
    """Pairs requests with what was observed."""

    def __init__(self, limits: CoordinatorLimits | None = None) -> None:
        self._limits = limits = limits or CoordinatorLimits()
        self._pending: OrderedDict[str, _Pending] = OrderedDict()
        self._by_requester = Budgets(limits.burst, limits.refill)
        self._by_target = Budgets(limits.target_burst, limits.target_refill)
        self._events: list[Matched | Unmatched | Expired] = []

    def __len__(self) -> int:
        return len(self._pending)

    def request(self, ask: Ask, targets: Sequence[Target], now: float) -> None:
        """The first half of an attempt.

        :param targets: The target in each family in which it has an endpoint.
        :raises PunchRefused: It can't be, or not now.
        """
        limits = self._limits
        if ask.username in self._pending:
            raise PunchRefused("punch_conflict", "another attempt has this username")
        if not targets:
            raise PunchRefused("punch_unmapped", f"that node has no mapping over {ask.transport} here")
        is_hopeless = ask.transport == "tcp" or all(ask.mapping == each.mapping == "dependent" for each in targets)
        if ask.strategy is Strategy.SPREAD and is_hopeless:
            raise PunchRefused("punch_hopeless", "both NATs give another port for each remote endpoint")
        own = sum(each.ask.requester == ask.requester for each in self._pending.values())
        if own >= limits.pending_each or len(self._pending) >= limits.pending:
            raise PunchRefused("punch_over_budget", "too many attempts wait for their Binding request")
        cost = limits.spread_cost if ask.strategy is Strategy.SPREAD else 1.0
        target_name = ask.target.hex()
        if not self._by_target.has(target_name, cost, now) or not self._by_requester.take(ask.requester, cost, now):
            raise PunchRefused("punch_over_budget", "this node coordinates no more attempts for now: wait")
        self._by_target.take(target_name, cost, now)
        self._pending[ask.username] = _Pending(ask, targets, now + limits.wait)

    def observed(self, username: str, transport: Transport, endpoint: Endpoint) -> None:
        """The second half: a Binding request, with the integrity of that username's key, came from an endpoint."""
        pending = self._pending.get(username)
        if pending is None or pending.ask.transport != transport:
            return
        del self._pending[username]
        for target in pending.targets:
            if find_family(target.observed[0]) == find_family(endpoint[0]):
                self._match(pending.ask, target, endpoint)
                return
        self._events.append(Unmatched(pending.ask))

    def withdraw(self, username: str) -> None:
        """The requester is gone."""
        self._pending.pop(username, None)

    def deadline(self) -> float | None:
        """When :meth:`time_passed` is to be called next."""
        return next((each.until for each in self._pending.values()), None)

    def time_passed(self, now: float) -> None:
        """Give up what waits for too long (it is kept in that order)."""
        while self._pending:
            username, pending = next(iter(self._pending.items()))
            if now < pending.until:
                return
            del self._pending[username]
            self._events.append(Expired(pending.ask))

    def take_events(self) -> list[Matched | Unmatched | Expired]:
        """What came of it since the last call."""
        events, self._events = self._events, []
        return events

    def _match(self, ask: Ask, target: Target, endpoint: Endpoint) -> None:
        own = (public_name(endpoint[0]), endpoint[1])
        theirs = (public_name(target.observed[0]), target.observed[1])
        strategy, many = ask.strategy, None
        if strategy is Strategy.SPREAD:
            if own[0] in ask.proven and theirs[0] in target.proven:
                many = _many(ask.mapping, target.mapping)
            else:
                strategy = Strategy.DIRECT
        of_requester = [Candidate(own, "observed")]
        of_target = [Candidate(theirs, "served" if target.kind == "served" else "observed")]
        if own[0] == theirs[0]:
            of_requester = _private(ask.local) + of_requester
            of_target = _private(target.local) + of_target
        if ask.mapping == "dependent" and ask.transport == "udp":
            ports = range(own[1] + 1, min(own[1] + PREDICTED, 65_535) + 1)
            of_requester += [Candidate((own[0], port), "predicted") for port in ports]
        self._events.append(
            Matched(
                ask,
                Order(ask.transport, strategy, tuple(of_target), own, many),
                Order(ask.transport, strategy, tuple(of_requester), theirs, many),
            )
        )


def _private(endpoints: tuple[Endpoint, ...]) -> list[Candidate]:
    return [Candidate(each, "private") for each in endpoints[:LOCAL_MAX] if is_private(each[0])]


def _many(requester: Mapping, target: Mapping) -> Side:
    """Which side opens many sockets: the one whose NAT maps by the remote endpoint, as far as that is known."""
    if target == "dependent":
        return "target"
    return "target" if requester == "independent" and target == "unknown" else "requester"


def judge_mapping(endpoints: list[Endpoint]) -> Mapping:
    """What the endpoints tell of a NAT at which different servers (or ports) see one socket."""
    if len(endpoints) < 2:
        return "unknown"
    return "independent" if len(set(endpoints)) == 1 else "dependent"
