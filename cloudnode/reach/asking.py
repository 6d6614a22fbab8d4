"""What a STUN-Client socket asks: where it is seen, of whom, and when it gives up."""

from __future__ import annotations

import attrs

from cloudnode.reach.mapping import External
from cloudnode.stun.attributes import Address, pack_host, unpack_host
from cloudnode.stun.transaction import Answer, Timing

KEEPALIVE_TIMING = Timing(rto=0.5, rc=4, rm=4, ti=10.0)
"""Over UDP a keep-alive is sent at 0, 0.5, 1.5 and 3.5 s, and has failed at 5.5 s. Another one follows, and so on,
which notices sooner what has changed than one transaction of 39.5 s would."""


@attrs.frozen
class ServerAccess:
    """A STUN server, and the credential that this node has there."""

    address: Address
    username: str
    key: bytes = attrs.field(repr=False)


def external(answer: Answer) -> External:
    """Where an answer says that the asker is seen; an IPv4 address is never written as an IPv6 one."""
    host, port = answer.mapped
    return External(unpack_host(pack_host(host)), port)
