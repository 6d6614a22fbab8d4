"""The server's side: what is answered to which bytes (RFC 8489, sections 6.3 and 9.1.3; RFC 5780, section 6).

Theory of operation. A request's source can be forged by anybody, so answers go to the source alone, hold nothing
that was not asked for (XOR-MAPPED-ADDRESS, what the client asked for, what the operator switched on), and they are
limited by address. What is not a request that can be answered is passed over and counted. An integrity that one of
this node's keys gives proves who asks: such requests are limited by who asks, not by the address, so that nobody
can use up a node's share by forging its address; and whoever granted the key is told where the request came from.

With a second address (RFC 5780) there are four sockets, one at each pair of an address and a port. Each has a
:class:`Place`, answers tell OTHER-ADDRESS and RESPONSE-ORIGIN, and CHANGE-REQUEST says from which of them the answer is
to come. PADDING gets as much of it, and RESPONSE-PORT has the answer sent to another port of the source: whoever can
forge an address can forge the port as well, so this gives nobody what they do not have. Without a second address all
three get 420.
"""

from __future__ import annotations

from typing import Any

import attrs

from cloudnode.stun import bare
from cloudnode.stun.attributes import (
    CHANGE_IP,
    CHANGE_PORT,
    CHANGE_REQUEST,
    CHANGED_ADDRESS,
    MAPPED_ADDRESS,
    OTHER_ADDRESS,
    PADDING,
    PRIORITY,
    RESPONSE_ORIGIN,
    RESPONSE_PORT,
    SOURCE_ADDRESS,
    USE_CANDIDATE,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    Address,
    decode_change,
    decode_port,
    decode_text,
    encode_address,
    encode_error,
    encode_unknown,
    encode_xor_address,
    pack_host,
)
from cloudnode.stun.credentials import Credential, CredentialTable, Observation, Protocol
from cloudnode.stun.errors import StunError
from cloudnode.stun.integrity import check_fingerprint, check_integrity, protect_like
from cloudnode.stun.limiting import RateLimiter
from cloudnode.stun.message import (
    BINDING,
    MESSAGE_INTEGRITY,
    MESSAGE_INTEGRITY_SHA256,
    Attribute,
    Kind,
    Message,
    decode,
    encode,
)

BAD_REQUEST = 400
UNAUTHENTICATED = 401
UNKNOWN_ATTRIBUTE = 420

# ICE's attributes say something to who is an ICE agent, and change nothing here.
_TAKEN = frozenset((USERNAME, MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, PRIORITY, USE_CANDIDATE))
_TAKEN_WITH_PLACE = _TAKEN | {CHANGE_REQUEST, PADDING, RESPONSE_PORT}


@attrs.define
class StunCounters:
    """What came to the STUN servers of a node, for metrics. Each only grows, but for ``connections``.

    :ivar requests_udp: :ivar requests_tcp: Binding requests. :ivar answers: Success responses.
    :ivar authenticated: Those of them to askers with a good integrity. :ivar refused: Error responses.
    :ivar limited: Requests passed over because their address (or username) had too many.
    :ivar passed_over: Messages that are no Binding request, or are broken.
    :ivar unsent: Answers that could not be sent.
    :ivar connections: TCP connections now. :ivar connections_refused: Those closed because their address had too many,
        or because newer ones came when all places were taken.
    :ivar connections_closed: Those closed for what they carried, or for carrying nothing for too long.
    """

    requests_udp: int = 0
    requests_tcp: int = 0
    answers: int = 0
    authenticated: int = 0
    refused: int = 0
    limited: int = 0
    passed_over: int = 0
    unsent: int = 0
    connections: int = 0
    connections_refused: int = 0
    connections_closed: int = 0


@attrs.frozen
class Place:
    """Which one of the four sockets of a server with two addresses it is.

    :ivar addresses: The addresses: ``addresses[i][j]`` is the one with the i-th IP address and the j-th port.
    """

    addresses: tuple[tuple[Address, Address], tuple[Address, Address]]
    host: int
    port: int

    @property
    def address(self) -> Address:
        """This socket's."""
        return self.addresses[self.host][self.port]

    @property
    def other(self) -> Address:
        """That of the socket which differs in both."""
        return self.addresses[1 - self.host][1 - self.port]

    def change(self, flags: int) -> Place:
        """The place from which a CHANGE-REQUEST wants its answer."""
        return attrs.evolve(
            self,
            host=self.host ^ bool(flags & CHANGE_IP),
            port=self.port ^ bool(flags & CHANGE_PORT),
        )


@attrs.frozen
class Reply:
    """An answer to the source of a request.

    :ivar to: Where it has to go: the source, or another port of it where that was asked for.
    :ivar place: The socket that it has to go from; None: the one that the request came to.
    :ivar asker: The username of an asker who authenticated itself; None of anybody else.
    """

    data: bytes
    to: Address
    place: Place | None = None
    asker: str | None = None


class BareAsker:
    """Whose bare requests all come from one source: a TCP connection from an IPv4 address."""

    __slots__ = ("_counters", "_place", "_tail", "_take")

    def __init__(self, packed: bytes, port: int, limiter: RateLimiter, counters: StunCounters) -> None:
        """:param packed: The four bytes of its address."""
        self._tail = bare.encode_tail(packed, port)
        self._place = limiter.find_place(packed)
        self._take = limiter.take_at
        self._counters = counters

    def answer(self, request: bytes, now: float) -> bytes:
        """The answer to a request for which :func:`cloudnode.stun.bare.is_bare` holds; empty if it is limited."""
        counters = self._counters
        counters.requests_tcp += 1
        if not self._take(self._place, now):
            counters.limited += 1
            return b""
        counters.answers += 1
        return bare.ANSWER_BEGIN + request[8:] + self._tail


class BindingServer:
    """Answers Binding requests, for all sockets of a node.

    :ivar credentials: The keys by which askers are known. :ivar counters: What came.
    """

    def __init__(self, credentials: CredentialTable, limiter: RateLimiter, counters: StunCounters) -> None:
        self.credentials = credentials
        self.counters = counters
        self._limiter = limiter
        self.take = limiter.take
        """Whether one more answer may be given; see :meth:`RateLimiter.take`."""

    def answer(
        self, data: bytes, source: Address, now: float, *, protocol: Protocol = "udp", via: Any = None,
        place: Place | None = None, old: bool = False,
    ) -> Reply | None:  # fmt: skip
        """The answer to what came to a socket.

        :param now: Seconds of a clock that never goes back.
        :param via: What it came to, for :class:`Observation`.
        :param place: Which one of the four sockets it came to; None where there is no second address.
        :param old: Answer clients of RFC 3489 too, whose messages nothing distinguishes from other protocols'.
        :returns: None if there is none: to junk, and to what comes too often.
        """
        counters = self.counters
        if place is None and bare.is_bare(data):
            answered = self._answer_bare(data, source, now, protocol)
            if answered is not None:
                return answered if answered.data else None
        try:
            request = decode(data, old=old)
            if request.kind is not Kind.REQUEST or request.method != BINDING:
                counters.passed_over += 1
                return None
            check_fingerprint(request)
            packed = pack_host(source[0])
        except (StunError, ValueError):
            counters.passed_over += 1
            return None
        if protocol == "udp":
            counters.requests_udp += 1
        else:
            counters.requests_tcp += 1
        username, credential = self._find_credential(request)
        if not self.take(packed if credential is None else username.encode(), now):
            counters.limited += 1
            return None
        if request.is_old and place is None and request.find(CHANGE_REQUEST) not in (None, bytes(4)):
            # Clients of RFC 3489 take any answer, an error response too, for one from the changed address, and would
            # call their NAT open.
            counters.passed_over += 1
            return None
        try:
            refusal, origin = self._check(request, credential, place)
            port = _read_response_port(request, place)
        except StunError:
            refusal, origin, port = [encode_error(BAD_REQUEST)], None, None
        key = None if credential is None else credential.key
        if refusal:
            counters.refused += 1
            return Reply(_encode(request, Kind.ERROR, refusal, key), source, place)
        if credential is not None:
            counters.authenticated += 1
            credential.observed(Observation(username, protocol, (source[0], source[1]), via))
        counters.answers += 1
        data = _encode(request, Kind.SUCCESS, _tell(request, source, origin, place), key)
        asker = None if credential is None else username
        return Reply(data, source if port is None else (source[0], port), origin, asker)

    def _answer_bare(self, data: bytes, source: Address, now: float, protocol: Protocol) -> Reply | None:
        """The answer to a bare request, empty if it is limited; None if its source needs a closer look."""
        try:
            packed = pack_host(source[0])
        except ValueError:
            return None
        if len(packed) != 4:
            return None
        if protocol == "udp":
            self.counters.requests_udp += 1
        else:
            self.counters.requests_tcp += 1
        if not self.take(packed, now):
            self.counters.limited += 1
            return Reply(b"", source)
        self.counters.answers += 1
        return Reply(bare.encode_answer(data[8:], packed, source[1]), source)

    def find_bare_asker(self, source: Address) -> BareAsker | None:
        """What answers a connection's bare requests as :meth:`answer` does; None if they take a closer look."""
        try:
            packed = pack_host(source[0])
        except ValueError:
            return None
        return BareAsker(packed, source[1], self._limiter, self.counters) if len(packed) == 4 else None

    def count_bare(self, requests: int, answers: int) -> None:
        """Count bare requests over UDP which a port answered by itself (:mod:`cloudnode.stun.bare`)."""
        self.counters.requests_udp += requests
        self.counters.answers += answers
        self.counters.limited += requests - answers

    def _find_credential(self, request: Message) -> tuple[str, Credential | None]:
        """The credential that a request's integrity was made with, and its username."""
        told = request.find(USERNAME)
        if told is None:
            return "", None
        try:
            username = decode_text(USERNAME, told)
        except StunError:
            return "", None
        credential = self.credentials.find(username)
        if credential is None or not check_integrity(request, credential.key):
            return username, None
        return username, credential

    def _check(
        self, request: Message, credential: Credential | None, place: Place | None
    ) -> tuple[list[Attribute], Place | None]:
        """Why a request is refused, or no reason and the place that the answer goes from."""
        has_integrity = (
            request.get(MESSAGE_INTEGRITY) is not None or request.get(MESSAGE_INTEGRITY_SHA256) is not None
        )
        if has_integrity and credential is None:
            return [encode_error(BAD_REQUEST if request.get(USERNAME) is None else UNAUTHENTICATED)], None
        unknown = request.unknown_required(_TAKEN if place is None else _TAKEN_WITH_PLACE)
        change = request.find(CHANGE_REQUEST)
        if request.is_old:
            # They send CHANGE-REQUEST always, mostly with no flag set.
            unknown = tuple(type for type in unknown if type != CHANGE_REQUEST)
        if unknown:
            return [encode_error(UNKNOWN_ATTRIBUTE), encode_unknown(unknown)], None
        if change is None or place is None:
            return [], place
        return [], place.change(decode_change(change))


def _read_response_port(request: Message, place: Place | None) -> int | None:
    value = request.find(RESPONSE_PORT)
    if value is None or place is None:
        return None
    if request.get(PADDING) is not None:
        # RFC 5780, section 6.1: large answers go to the source alone.
        raise StunError("attribute_value", "RESPONSE-PORT together with PADDING")
    return decode_port(value)


def _tell(request: Message, source: Address, origin: Place | None, place: Place | None) -> list[Attribute]:
    if request.is_old:
        found = [Attribute(MAPPED_ADDRESS, encode_address(source))]
        origin_type, other_type = SOURCE_ADDRESS, CHANGED_ADDRESS
    else:
        found = [Attribute(XOR_MAPPED_ADDRESS, encode_xor_address(source, request.transaction))]
        origin_type, other_type = RESPONSE_ORIGIN, OTHER_ADDRESS
    if place is not None and origin is not None:
        found.append(Attribute(origin_type, encode_address(origin.address)))
        found.append(Attribute(other_type, encode_address(place.other)))
        padding = request.find(PADDING)
        if padding is not None:
            found.append(Attribute(PADDING, bytes(len(padding))))
    return found


def _encode(request: Message, kind: Kind, attributes: list[Attribute], key: bytes | None) -> bytes:
    return protect_like(encode(Message(BINDING, kind, request.transaction, tuple(attributes))), request, key)
