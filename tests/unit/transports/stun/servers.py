"""A server's decisions with a clock that tests turn, and requests for it."""

from __future__ import annotations

from twisted.internet.task import Clock

from cloudnode.stun.answering import BindingServer, StunCounters
from cloudnode.stun.credentials import Credential, CredentialTable, Observation
from cloudnode.stun.limiting import RateLimiter, RateLimits
from cloudnode.stun.message import BINDING, Attribute, Kind, Message, encode
from cloudnode.stun.transaction import make_request

ID = bytes(range(12))
KEY = b"k" * 32
BARE = encode(Message(BINDING, Kind.REQUEST, ID))
KNOWN = make_request(ID, username="peer", key=KEY)


class Scene:
    """A server that knows one asker, ``peer``.

    :ivar observed: Where it was seen.
    """

    def __init__(self, limits: RateLimits | None = None) -> None:
        self.clock = Clock()
        self.counters = StunCounters()
        self.observed: list[Observation] = []
        self.credentials = CredentialTable()
        self.credentials.grant("peer", Credential(KEY, self.observed.append))
        self.server = BindingServer(self.credentials, RateLimiter(limits or RateLimits()), self.counters)


def request(number: int, *attributes: Attribute) -> bytes:
    """A request with an id of its own."""
    return encode(Message(BINDING, Kind.REQUEST, number.to_bytes(12, "big"), attributes))
