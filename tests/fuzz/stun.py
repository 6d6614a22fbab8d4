"""STUN: datagrams of strangers, and answers to a client."""

from __future__ import annotations

import socket
from random import Random

from cloudnode.stun.answering import BindingServer, StunCounters
from cloudnode.stun.attributes import ERROR_CODE, SOFTWARE, USERNAME, XOR_MAPPED_ADDRESS, encode_change, encode_error
from cloudnode.stun.credentials import Credential, CredentialTable
from cloudnode.stun.errors import StunError
from cloudnode.stun.framing import MessageSplitter
from cloudnode.stun.integrity import add_fingerprint, add_integrity
from cloudnode.stun.limiting import RateLimiter, RateLimits
from cloudnode.stun.message import BINDING, COOKIE, Attribute, Kind, Message, encode
from cloudnode.stun.transaction import Transactions, make_request
from cloudnode.transports.stun.alternate import make_places
from cloudnode.transports.stun.batching import Batch
from cloudnode.transports.stun.datagrams import StunDatagrams
from tests.fuzz.target import Check, Outcome, Target
from tests.unit.transports.stun.test_batching import fill

_STRANGER = ("192.0.2.66", 5_000)
_FRIEND = ("192.0.2.2", 5_000)
_ID = bytes(range(12))
_KEY = b"k" * 32
_UNLIMITED = RateLimits(requests_second=1e9, requests_burst=1_000_000_000)
# The longest answer to a message by which nobody has proven anything: 12 bytes more than it, and with a second address
# RESPONSE-ORIGIN and OTHER-ADDRESS.
_MORE = 12
_MORE_WITH_PLACE = 12 + 24


class _Server:
    """A server in memory, by batches, one by one and over TCP, all of which have to say the same."""

    def __init__(self) -> None:
        credentials = CredentialTable()
        credentials.grant("peer", Credential(_KEY))
        self.counters = StunCounters()
        self.server = BindingServer(credentials, RateLimiter(_UNLIMITED), self.counters)
        self.batch = Batch(StunDatagrams(self.server, monotonic=lambda: 0.0), socket.AF_INET)
        self.place = make_places(("192.0.2.1", 1), ("192.0.2.2", 2))[0]
        self.friend = make_request(_ID)

    def receive(self, data: bytes) -> Outcome:
        """One datagram of any bytes, with one of a friend's behind it, which has to be answered."""
        data = data[:1_500]
        alone = self.server.answer(data, _STRANGER, 0.0, old=True)
        placed = self.server.answer(data, _STRANGER, 0.0, place=self.place)
        fill(self.batch, socket.AF_INET, [(data, _STRANGER), (self.friend, _FRIEND)])
        runs = self.batch.answer(2)
        assert runs in ([(0, 2)], [(1, 2)]), "the friend is not answered"
        small = alone is not None and len(alone.data) <= 256
        assert (runs == [(0, 2)]) == small, "a batch answers otherwise"
        assert placed is None or (placed.to[0] == _STRANGER[0] and len(placed.data) <= len(data) + _MORE_WITH_PLACE + 8)
        assert len(self.server.credentials) == 1
        self.stream(data)
        if alone is None:
            return "passed over"
        assert alone.to == _STRANGER
        if alone.asker is None:
            assert len(alone.data) <= len(data) + _MORE, "an answer that is too long"
        return f"{'unknown' if alone.asker is None else 'known'} {alone.data[:2].hex()}"

    def stream(self, data: bytes) -> None:
        """The same in a TCP stream: messages or a named error, and bounded memory."""
        splitter = MessageSplitter(200)
        try:
            for message in splitter.feed(data):
                self.server.answer(message, _STRANGER, 0.0, protocol="tcp")
        except StunError:
            return
        assert splitter.held_bytes < 200


class _Client:
    """A client that waits for two answers: one that anybody could give, one that takes a key."""

    def receive(self, data: bytes) -> Outcome:
        """Any bytes as an answer."""
        transactions = Transactions(lambda size: _ID[:size])
        transactions.begin(_STRANGER, 0.0)
        keyed = Transactions(lambda size: _ID[:size])
        keyed.begin(_STRANGER, 0.0, username="peer", key=_KEY)
        try:
            assert keyed.receive(data, _STRANGER, 0.1) is None, "an answer without integrity is taken"
            done = transactions.receive(data, _STRANGER, 0.1)
        except StunError as error:
            return error.name
        if done is None:
            assert len(transactions) == 1
            return "passed over"
        return done.outcome.name if isinstance(done.outcome, StunError) else "answered"


def _requests() -> list[bytes]:
    bare = make_request(_ID)
    known = make_request(_ID, username="peer", key=_KEY)
    change = encode(Message(BINDING, Kind.REQUEST, _ID, (encode_change(6),)))
    software = encode(Message(BINDING, Kind.REQUEST, _ID, (Attribute(SOFTWARE, b"it"), Attribute(0x7F00, b""))))
    named = add_integrity(encode(Message(BINDING, Kind.REQUEST, _ID, (Attribute(USERNAME, b"peer"),))), _KEY)
    old = bare[:4] + Random(1).randbytes(16)
    indication = encode(Message(BINDING, Kind.INDICATION, _ID))
    good = [bare, add_fingerprint(bare), known, add_fingerprint(known), change, software, named, old]
    return [*good, indication, b"", *_answers()]


def _answers() -> list[bytes]:
    mapped = Attribute(XOR_MAPPED_ADDRESS, bytes.fromhex("0001a147e112a643"))
    error = (encode_error(420, "Unknown Attribute"), Attribute(0x000A, b"\0\3"))
    return [
        encode(Message(BINDING, Kind.SUCCESS, _ID, (mapped,))),
        add_fingerprint(encode(Message(BINDING, Kind.SUCCESS, _ID, (mapped,)))),
        encode(Message(BINDING, Kind.SUCCESS, _ID)),
        encode(Message(BINDING, Kind.ERROR, _ID, error)),
        encode(Message(BINDING, Kind.ERROR, _ID, (Attribute(ERROR_CODE, b""),))),
        encode(Message(BINDING, Kind.SUCCESS, bytes(12), (mapped,))),
    ]


_WORDS = (COOKIE, b"\0\1\0\0", b"\0\6\0\4peer", b"\0\x1c\0\x20", b"\0\x08\0\x14", b"\x80\x28\0\4", b"\0\3\0\4\0\0\0\6",
          b"\0\x27\0\4\0\x09\0\0", b"\0\x26\0\4\0\0\0\0")  # fmt: skip

TARGETS = (
    Target("stun", "any datagram is passed over or gets a short answer at its source, alone, in a batch and over TCP",
           lambda: Check(_Server().receive), _requests, _WORDS),
    Target("stun-answers", "no bytes make a client take an answer without the integrity that it asked for",
           lambda: Check(_Client().receive), _answers, _WORDS),
)  # fmt: skip
