"""Where nodes behind NATs say that they are reached: their signed STUN data, gathered from whoever has it. Pure.

A record is its node's own word, whoever tells it, and names the certificates that the node shows. So nobody need be
believed to dial what is in it: whoever shows one of them is the node. Which endpoints take calls of strangers follows
from the kind of NAT that the record tells of; the others take those whom a common node brings.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import attrs
import msgspec
from msgspec import Struct

from cloudnode.client.address import NodeAddress
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.keys import TLS, verify
from cloudnode.formats.stundata import STUN_DATA_BYTES_MAX, Endpoint, NatKind, StunData, check_time, read_stun_data

NODES_MAX = 256
"""Nodes whose records are kept; the one that was learned first is forgotten first."""

TOLD_MAX = 64
"""Records that are taken from one answer."""

TRIES = 4
"""Endpoints of one node that are worth a try."""

_OPEN = ("none", "endpoint-independent")


class _Told(Struct, frozen=True):
    record: str


class _StunInfo(Struct, frozen=True):
    nodes: list[_Told]


@attrs.frozen
class Sighting:
    """A node's newest record.

    :ivar certificates: SHA-256 of those that the node shows, each vouched for by its key.
    """

    data: StunData
    certificates: frozenset[bytes]

    @property
    def is_behind(self) -> bool:
        """Whether the node is behind a NAT or a router, so that its own ports are not what it is reached at."""
        return any(each.source != "interface" for each in self.data.endpoints)

    def open_to_strangers(self) -> list[NodeAddress]:
        """Where anybody may call, the likeliest first: over UDP, then over TCP with TLS."""
        usable = [each for each in self.data.endpoints if self.certificates and _takes_strangers(each, self.data.nat)]
        usable.sort(key=lambda each: (each.source == "stun", each.protocol == "tcp"))
        places = [
            NodeAddress("ws+udp" if each.protocol == "udp" else "wss", each.address, each.port, "/") for each in usable
        ]
        return list(dict.fromkeys(places))[:TRIES]


def _takes_strangers(endpoint: Endpoint, nat: NatKind) -> bool:
    if endpoint.source != "stun":
        return True  # somebody reached it, or the router forwards it
    if ":" in endpoint.address:
        return False  # kept open through a firewall, for without one its own port is told; the kind is that of IPv4
    if nat.mapping not in _OPEN or nat.filtering not in _OPEN:
        return False
    return endpoint.protocol == "udp" or nat.syn == "accepted"


class StunBook:
    """The newest record of each node."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Sighting] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, node: bytes, now: float) -> Sighting | None:
        """A node's newest record, if it counts still.

        :param now: Unix seconds.
        """
        sighting = self._kept.get(node)
        return sighting if sighting is not None and now <= sighting.data.expiry else None

    def told(self, told: Any, network: bytes, now: float) -> list[Sighting]:
        """Take in a node's ``getstuninfo``, whatever it is.

        :param now: Unix seconds. :returns: The records that are news. What is none, is not signed by its node, or does
            not count now is passed over: who passes it on need not have made it.
        """
        try:
            records = msgspec.convert(told, _StunInfo).nodes[:TOLD_MAX]
        except msgspec.ValidationError:
            return []
        news = []
        for each in records:
            sighting = self._learn(each.record, network, now)
            if sighting is not None:
                news.append(sighting)
        return news

    def _learn(self, text: str, network: bytes, now: float) -> Sighting | None:
        if len(text) > 2 * STUN_DATA_BYTES_MAX:
            return None
        try:
            raw = bytes.fromhex(text)
            known = self._kept.get(raw[32:64])
            if known is not None and int.from_bytes(raw[64:72], "big") <= known.data.sequence:
                return None
            data = read_stun_data(raw, network).data
            check_time(data, now)
        except (LedgerError, ValueError):
            return None
        certificates = frozenset(
            each.hash for each in data.certificates if verify(data.node, TLS, each.hash, each.signature)
        )
        sighting = self._kept[data.node] = Sighting(data, certificates)
        self._kept.move_to_end(data.node)
        if len(self._kept) > NODES_MAX:
            self._kept.popitem(last=False)
        return sighting
