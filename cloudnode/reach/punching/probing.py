"""One side of an attempt over UDP, from one socket: which probe goes where, when, and what came of it.

A probe is a STUN Binding request with the integrity of the attempt's key. It opens this side's NAT for what comes from
the endpoint that it goes to. One that comes in shows an endpoint of the other side, if none that was told ("peer
reflexive", RFC 8445), and is answered; an answer shows that both directions are open. The integrity tells a stranger
at the same private address apart.

No I/O and no clock: every method is given the time, in seconds of a clock that never goes back.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from cloudnode.reach.punching.values import Candidate, CandidateKind, Endpoint, Strategy

OPENER_TTL = 2
"""An opener passes this side's own router and ends at the next one, before it can reach the other side's."""

CALLED_SECONDS = 0.03
"""Seconds from a call at an endpoint, which opens this side's NAT as a probe does, to the first probe that goes there.
The probes and their answers are not to hold up the call and its answer, on either side; and once that has come, none is
needed."""

REFLEXIVE_MAX = 8
"""So many endpoints that were not told are taken from probes."""


@attrs.frozen
class ProbePlan:
    """When a socket probes each candidate. Seconds from the beginning.

    :ivar openers: Packets that end on the way. :ivar probes: Those that don't.
    """

    openers: tuple[float, ...]
    probes: tuple[float, ...]


PROBES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.5, 2.2, 3.0, 4.0)

PLANS: dict[Strategy, ProbePlan] = {
    Strategy.DIRECT: ProbePlan((), PROBES),
    # The other side's opener leaves at the same time: what is sent a tenth of a second later is not early any more.
    Strategy.OPENER: ProbePlan((0.0, 0.04), tuple(0.1 + at for at in PROBES)),
    # A socket among many keeps its mapping by these; the other side's probes are sent by ``spreading``.
    Strategy.SPREAD: ProbePlan((), (0.0, 1.0, 3.0)),
}


@attrs.frozen
class Probe:
    """A probe to be sent now.

    :ivar ttl: After how many routers it ends; None for the system's default.
    """

    to: Endpoint
    ttl: int | None = None


@attrs.define
class _Way:
    candidate: Candidate
    due: list[tuple[float, int | None]]
    is_called: bool = False
    sent: int = 0
    heard: bool = False
    answered: bool = False


class Probing:
    """The probes of one socket in one attempt.

    :ivar sent: Probes sent so far.
    """

    def __init__(self, strategy: Strategy, candidates: Sequence[Candidate], now: float, called: int = 0) -> None:
        """:param called: So many of the candidates, the first ones, are called now: they are probed a little later."""
        self._plan = PLANS[strategy]
        self._ways: dict[Endpoint, _Way] = {}
        self._reflexive = 0
        self.sent = 0
        for place, each in enumerate(candidates):
            is_called = place < called
            self._add(each, now + CALLED_SECONDS if is_called else now).is_called = is_called

    @property
    def candidates(self) -> list[Candidate]:
        """All that are probed, told or learned."""
        return [way.candidate for way in self._ways.values()]

    def take_due(self, now: float) -> list[Probe]:
        """The probes whose time has come."""
        probes = []
        for endpoint, way in self._ways.items():
            while way.due and way.due[0][0] <= now:
                probes.append(Probe(endpoint, way.due.pop(0)[1]))
                way.sent += 1
        self.sent += len(probes)
        return probes

    def deadline(self) -> float | None:
        """When the next probe is due; None if none will be."""
        return min((way.due[0][0] for way in self._ways.values() if way.due), default=None)

    def heard(self, endpoint: Endpoint, now: float) -> bool:
        """A probe of the other side came, with the right integrity.

        :returns: Whether that is the first one from there. It is probed at once, unless it was called: what was sent
            before this side's packets could get in is lost.
        """
        way = self._ways.get(endpoint)
        if way is None:
            if self._reflexive >= REFLEXIVE_MAX:
                return False
            self._reflexive += 1
            way = self._add(Candidate(endpoint, "reflexive"), now)
        if way.heard:
            return False
        way.heard = True
        if not (way.answered or way.is_called) and (not way.due or way.due[0][0] > now or way.due[0][1] is not None):
            way.due.insert(0, (now, None))
        return True

    def answered(self, endpoint: Endpoint) -> bool:
        """A probe of this side was answered from there, with the right integrity.

        :returns: Whether that is the first answer from there. It needs no more probes.
        """
        way = self._ways.get(endpoint)
        if way is None:
            # One of many ports that were probed, or an answer by another way: only the other side has the key.
            if self._reflexive >= REFLEXIVE_MAX:
                return False
            self._reflexive += 1
            way = self._ways[endpoint] = _Way(Candidate(endpoint, "reflexive"), [])
        if way.answered:
            return False
        way.answered = True
        way.due.clear()
        return True

    def stop(self) -> None:
        """Send no more probes."""
        for way in self._ways.values():
            way.due.clear()

    def kind(self, endpoint: Endpoint) -> CandidateKind:
        """Where an endpoint is known from."""
        way = self._ways.get(endpoint)
        return "reflexive" if way is None else way.candidate.kind

    def _add(self, candidate: Candidate, begin: float) -> _Way:
        plan = PLANS[Strategy.DIRECT] if candidate.kind == "reflexive" else self._plan
        due: list[tuple[float, int | None]] = [(begin + at, OPENER_TTL) for at in plan.openers]
        due += [(begin + at, None) for at in plan.probes]
        # Predicted ports are tried a few times alone: most of them are nobody's.
        way = _Way(candidate, due[:3] if candidate.kind == "predicted" else due)
        self._ways[candidate.endpoint] = way
        return way
