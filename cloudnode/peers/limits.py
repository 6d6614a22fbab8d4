"""How many links a node has, and what they did."""

from __future__ import annotations

import attrs
from attrs.validators import ge, instance_of


@attrs.frozen
class PeerSettings:
    """What an operator may set.

    :ivar outbound: Links that this node dials. :ivar inbound: Links that it takes. :ivar inbound_group: Of one /16 or
        IPv6 /32 network; this machine's and private networks are not bounded by it.
    :ivar validators: Links that a validator may have with other validators beyond the others, dialled or taken.
    :ivar dial_timeout: Seconds.
    """

    outbound: int = attrs.field(default=8, validator=[instance_of(int), ge(0)])
    inbound: int = attrs.field(default=64, validator=[instance_of(int), ge(0)])
    inbound_group: int = attrs.field(default=8, validator=[instance_of(int), ge(1)])
    validators: int = attrs.field(default=64, validator=[instance_of(int), ge(0)])
    dial_timeout: float = attrs.field(default=5.0, converter=float, validator=ge(0.1))


@attrs.define
class PeerCounters:
    """What the links did, for metrics; bytes are those of links that are over, and of those that are not."""

    opened: int = 0
    refused: int = 0
    dials: int = 0
    dials_failed: int = 0
    banned: int = 0
    messages_received: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    inbound: int = 0
    outbound: int = 0
    addresses: int = 0
    bans: int = 0
    queued_bytes: int = 0
