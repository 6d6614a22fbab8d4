"""What the API tells of how nodes are reached."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cloudnode.api.facts import (
    Certificate,
    ForwardedPort,
    Nat,
    NatKind,
    ReachedInterface,
    SeenAddress,
    Stun,
    StunEndpoint,
    StunMapping,
    StunRecord,
    StunServerPorts,
)
from cloudnode.formats.stundata import SignedStunData
from cloudnode.reach.keeper import KeptMapping
from cloudnode.reach.mapping import External
from cloudnode.reach.nat.words import describe_nat
from cloudnode.reach.portmapping.keeping import PortMapper
from cloudnode.reach.portmapping.leases import WantedPort
from cloudnode.reach.sightings import Sighting
from cloudnode.service.reach import NodeReach


class ReachFacts:
    """Facts of the parts that know."""

    def __init__(self, reach: NodeReach, wall_offset: Callable[[], float]) -> None:
        """:param wall_offset: Unix seconds less the reactor's."""
        self._reach = reach
        self._wall_offset = wall_offset

    def stun(self) -> Stun:
        """How the node is reached."""
        offset = self._wall_offset()
        own = self._reach.own.record
        return Stun(
            [
                _describe_mapping(each, external, offset)
                for each in self._reach.keeper
                if (external := each.mapping.external) is not None
            ],
            self._nat(),
            [
                _describe_port(each, mapper)
                for mapper in (self._reach.ports, *self._reach.pinholes)
                if not mapper.is_silent
                for each in mapper.ports
            ],
            StunServerPorts(*self._reach.exchange.server),
            [
                ReachedInterface(
                    protocol, port, tried.address, tried.reached, tried.observer.hex(), int(tried.at + offset)
                )
                for (protocol, port, _), tried in self._reach.confirming.tried.items()
            ],
            None if own is None else describe_record(own),
        )

    def _nat(self) -> Nat | None:
        report, lifetimes = self._reach.nat.report, self._reach.keeper.lifetimes
        if report is None:
            return None
        kind = report.kind
        meaning, advice = describe_nat(report, is_forwarded=bool(self._reach.ports.endpoints()))
        return Nat(
            kind.mapping, kind.filtering, kind.ports, kind.hairpin, kind.syn, report.udp, report.allocation.order,
            report.allocation.step, report.external, lifetimes["udp"].held, lifetimes["udp"].lost,
            lifetimes["tcp"].held, lifetimes["tcp"].lost, meaning, advice, report.observers, self._reach.nat.rounds,
            int(report.at),
        )  # fmt: skip

    def records(self) -> list[StunRecord]:
        """The STUN data of all nodes."""
        own = self._reach.own.record
        return [describe_record(each) for each in ([] if own is None else [own]) + list(self._reach.exchange.book)]

    def record_of(self, node: bytes) -> StunRecord | None:
        """The STUN data of another node."""
        record = self._reach.exchange.book.get(node)
        return None if record is None else describe_record(record)

    def seen(self, node: bytes | None = None) -> list[SeenAddress]:
        """Where the STUN server saw peers, or one of them."""
        found = self._reach.exchange.sightings if node is None else self._reach.exchange.sightings.of(node)
        return [_describe_sighting(each) for each in found]


def describe_record(record: SignedStunData) -> StunRecord:
    """STUN data as it is answered."""
    data = record.data
    return StunRecord(
        data.node.hex(), data.sequence, data.issued, data.expiry,
        [
            StunEndpoint(each.protocol, each.address, each.port, each.observer.hex(), each.source)
            for each in data.endpoints
        ],
        msgspec.convert(data.nat, NatKind, from_attributes=True),
        [
            Certificate(each.hash.hex(), each.not_before, each.not_after, each.signature.hex())
            for each in data.certificates
        ],
        record.encode().hex(),
    )  # fmt: skip


def _describe_port(port: WantedPort, mapper: PortMapper) -> ForwardedPort:
    lease, confirmed = port.lease, mapper.is_confirmed(port)
    if lease is None:
        return ForwardedPort(port.protocol, port.port, None, None, None, confirmed, port.trouble)
    return ForwardedPort(port.protocol, port.port, lease.address, lease.port, lease.method, confirmed, port.trouble)


def _describe_mapping(kept: KeptMapping, external: External, offset: float) -> StunMapping:
    host, port = kept.local
    return StunMapping(
        kept.socket.protocol, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", external.address, external.port,
        kept.observer.hex(), int(kept.mapping.first_seen + offset), int(kept.mapping.last_seen + offset),
        round(kept.mapping.interval, 1), kept.confirmed,
    )  # fmt: skip


def _describe_sighting(seen: Sighting) -> SeenAddress:
    place = seen.place
    return SeenAddress(seen.node.hex(), place.protocol, place.address, place.port, int(seen.first), int(seen.last))
