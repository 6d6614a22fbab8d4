"""All QUIC connections of one UDP socket, server's and client's, without I/O.

Theory of operation. :meth:`QuicEndpoint.receive_datagram` finds the link of a datagram by its destination
connection id and feeds it; :meth:`QuicEndpoint.take_turn`, called once after all datagrams that waited in the
socket were fed, gives every link that has something to do its turn and returns what is to be sent and
whose deadline may have changed.

A datagram of no known link is a first packet, or is dropped. A first packet makes state, so it is admitted
by steps: large enough (RFC 9000, section 14.1), a version that is spoken here (else the versions are told,
section 6), below the limit of handshakes in progress, and, with many of these, only with a token that proves
the sender's address (Retry, section 8.1), which costs no memory here; then the limits of connections.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from aioquic._buffer import Buffer
from aioquic.quic.configuration import SMALLEST_MAX_DATAGRAM_SIZE, QuicConfiguration
from aioquic.quic.connection import TRANSPORT_CLOSE_FRAME_CAPACITY
from aioquic.quic.crypto import CryptoPair
from aioquic.quic.packet import (
    QuicErrorCode,
    QuicFrameType,
    QuicHeader,
    QuicPacketType,
    encode_quic_retry,
    encode_quic_version_negotiation,
    pull_quic_header,
)
from aioquic.quic.packet_builder import QuicPacketBuilder
from aioquic.quic.retry import QuicRetryTokenHandler
from twisted.logger import Logger

from cloudnode.transports.addresses import address_group, normalize_address
from cloudnode.transports.quic.counters import QuicCounters
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.link import Address, Application, Cause, Datagram, Link, Loss
from cloudnode.transports.quic.windows import BoundedQuicConnection, GapBudget

CONNECTION_ID_LENGTH = 8
H3_NO_ERROR = 0x100
#: Fits the smallest IPv6 packet (1280 bytes) with its IPv6 and UDP headers.
MAX_DATAGRAM_SIZE = 1232
#: Says that HTTP datagrams are understood, which WebTransport asks for (RFC 9221, section 3).
MAX_DATAGRAM_FRAME_SIZE = 65536
ALPN = ["h3"]


@attrs.frozen
class Credentials:
    """What a server proves itself with.

    :ivar certificate: A ``cryptography`` certificate.
    :ivar private_key: Its private key.
    :ivar chain: The certificates between it and an authority.
    """

    certificate: Any
    private_key: Any
    chain: Sequence[Any] = ()


@attrs.frozen
class Turn:
    """What came of a turn.

    :ivar datagrams: To be sent, in order.
    :ivar links: Their deadlines may have changed; that of an ended link is None.
    """

    datagrams: list[Datagram]
    links: list[Link]


class QuicEndpoint:
    """Routes datagrams to links, admits new ones and gives each its turn.

    :param wake: Called when a turn is wanted; it is taken once the caller has nothing else to do.
    :param credentials: Asked at each new connection, so that a new certificate takes effect; None to
        serve nobody and be a client only.
    :param accept: Makes the application of a link that a stranger opened.
    """

    _log = Logger()

    def __init__(
        self,
        *,
        wake: Callable[[], None],
        limits: QuicLimits,
        counters: QuicCounters,
        credentials: Callable[[], Credentials] | None = None,
        accept: Callable[[Link], Application] | None = None,
    ) -> None:
        self.limits = limits
        self.counters = counters
        self._wake = wake
        self._credentials = credentials
        self._accept = accept
        self._by_id: dict[bytes, Link] = {}
        self._ids: dict[Link, set[bytes]] = {}
        self._by_address: Counter[str] = Counter()
        self._unfinished: set[Link] = set()
        self._ready: dict[Link, None] = {}
        self._replies: list[Datagram] = []
        self._made_tokens: QuicRetryTokenHandler | None = None
        self._gaps = GapBudget(limits.gap_bytes)
        self._gaps.evicted = self._gaps_evicted

    @property
    def _tokens(self) -> QuicRetryTokenHandler:
        """Made when it is needed: the RSA key in it takes some 50 ms, which a client must not wait for."""
        if self._made_tokens is None:
            self._made_tokens = QuicRetryTokenHandler()
        return self._made_tokens

    @property
    def links(self) -> list[Link]:
        """The links that have not ended."""
        return list(self._ids)

    def receive_datagram(self, datagram: bytes, addr: Address, now: float) -> None:
        """Feed one QUIC datagram, received at ``now`` (seconds) from ``addr``."""
        if datagram[0] & 0x80:
            link = self._route_long(datagram, addr, now)
        else:
            link = self._by_id.get(datagram[1 : 1 + CONNECTION_ID_LENGTH])
        if link is None:
            self.counters.unroutable_dropped += 1
            return
        try:
            link.receive_datagram(datagram, addr, now)
        except Exception:
            self._fail(link)
            return
        if not link.quic.is_started and link in self._unfinished:
            self._drop(link, Loss(Cause.FAILED))  # a first packet that nobody encrypted
            return
        self._make_ready(link)

    def prepare(self, configuration: QuicConfiguration) -> BoundedQuicConnection:
        """Make what a connection begins with, keys first of all, which takes milliseconds: before it is known where to.

        What is prepared and never given to :meth:`connect` may just be forgotten.
        """
        configuration.connection_id_length = CONNECTION_ID_LENGTH
        configuration.max_datagram_frame_size = MAX_DATAGRAM_FRAME_SIZE
        quic = BoundedQuicConnection(configuration=configuration, limits=self.limits, gaps=self._gaps)
        quic.prepare()
        return quic

    def connect(
        self,
        addr: Address,
        quic: BoundedQuicConnection,
        make_application: Callable[[Link], Application],
        now: float,
    ) -> Link:
        """Open a connection to ``addr`` that :meth:`prepare` made; its application is told of all that follows."""
        quic.go(addr, now)
        link = self._add(quic, now)
        link.application = make_application(link)
        self._make_ready(link)
        return link

    def take_turn(self, now: float) -> Turn:
        """Let every link that asked for it have its turn."""
        datagrams, self._replies = self._replies, []
        ready, self._ready = self._ready, {}
        for link in ready:
            if link not in self._ids:
                continue
            try:
                if link.loss is None:
                    datagrams += link.take_turn(now)
            except Exception:
                self._fail(link)
                continue
            if link not in self._ids:
                continue  # what was told in this turn had it dropped
            if link.is_established:
                self._unfinished.discard(link)
            self._update_ids(link)
            if link.loss is not None:
                self._drop(link, link.loss)
        counters = self.counters
        counters.datagrams_sent += len(datagrams)
        counters.bytes_sent += sum([len(datagram) for datagram, _ in datagrams])
        return Turn(datagrams, list(ready))

    def handle_timer(self, link: Link, now: float) -> None:
        """A link's deadline has come."""
        if link not in self._ids:
            return
        try:
            link.handle_timer(now)
        except Exception:
            self._fail(link)
            return
        self._make_ready(link)

    def drop(self, link: Link, loss: Loss) -> None:
        """End a link at once, telling the application but not the peer."""
        if link in self._ids:
            self._drop(link, loss)

    def admit_no_more(self) -> None:
        """Take no new connection."""
        self._credentials = None

    def stop_serving(self) -> None:
        """Take no new connection, and close those that carry no link between nodes."""
        self.admit_no_more()
        for link in self.links:
            if link.application is None or not link.application.carries_nodes:
                link.close(H3_NO_ERROR, "this node stops")

    def close(self, now: float) -> list[Datagram]:
        """End every link and return what tells the peers."""
        for link in self.links:
            link.close(H3_NO_ERROR, "this node stops")
        return self.take_turn(now).datagrams

    # Links

    def _add(self, quic: BoundedQuicConnection, now: float, address_key: str = "") -> Link:
        link = Link(
            quic,
            limits=self.limits,
            counters=self.counters,
            now=now,
            wake=self._make_ready,
            address_key=address_key,
        )
        self._ids[link] = set()
        self._update_ids(link)
        self._unfinished.add(link)
        self._by_address[address_key] += 1
        self.counters.connections += 1
        return link

    def _update_ids(self, link: Link) -> None:
        known, wanted = self._ids[link], link.connection_ids
        if known == wanted:
            return
        for gone in known - wanted:
            self._by_id.pop(gone, None)
        for new in wanted - known:
            self._by_id[new] = link
        self._ids[link] = set(wanted)

    def _make_ready(self, link: Link) -> None:
        if not self._ready:
            self._wake()
        self._ready[link] = None

    def _drop(self, link: Link, loss: Loss) -> None:
        for connection_id in self._ids.pop(link):
            self._by_id.pop(connection_id, None)
        self._unfinished.discard(link)
        self._by_address[link.address_key] -= 1
        if not self._by_address[link.address_key]:
            del self._by_address[link.address_key]
        self.counters.connections -= 1
        link.end(loss)
        self._make_ready(link)  # so that the shell learns that there is no deadline any more

    def _fail(self, link: Link) -> None:
        self.counters.failures += 1
        self._log.failure("the connection of {peer} failed and is dropped", peer=link.peer_address)
        self._drop(link, Loss(Cause.FAILED))

    def _gaps_evicted(self, quic: BoundedQuicConnection) -> None:
        self.counters.gap_evictions += 1
        for link in self._ids:
            if link.quic is quic:
                self._make_ready(link)
                return

    # First packets

    def _route_long(self, datagram: bytes, addr: Address, now: float) -> Link | None:
        try:
            header = pull_quic_header(Buffer(data=datagram), host_cid_length=CONNECTION_ID_LENGTH)
        except ValueError:
            return None
        link = self._by_id.get(header.destination_cid)
        if link is not None or self._credentials is None or len(datagram) < SMALLEST_MAX_DATAGRAM_SIZE:
            return link
        if header.packet_type is QuicPacketType.VERSION_NEGOTIATION:
            return None
        configuration = self._make_configuration(self._credentials())
        if header.version not in configuration.supported_versions:
            self._reply(
                encode_quic_version_negotiation(
                    source_cid=header.destination_cid,
                    destination_cid=header.source_cid,
                    supported_versions=configuration.supported_versions,
                ),
                addr,
            )
            self.counters.versions_sent += 1
            return None
        # The connection stays with it. aioquic would make the first packets' keys of every version that is possible.
        configuration.supported_versions = [header.version]
        if header.packet_type is not QuicPacketType.INITIAL or len(header.destination_cid) < 8:
            return None
        return self._admit(header, addr, configuration, now)

    def _admit(self, header: QuicHeader, addr: Address, configuration: QuicConfiguration, now: float) -> Link | None:
        counters, limits = self.counters, self.limits
        original = self._proven_original(header, addr, now)
        if original is None and len(self._unfinished) >= limits.retry_above:
            self._send_retry(header, addr, now)
            return None
        if len(self._unfinished) >= limits.unfinished_handshakes:
            counters.overload_dropped += 1
            return None
        key = address_group(normalize_address(addr[0]))
        if len(self._ids) >= limits.connections or self._by_address[key] >= limits.connections_by_address:
            counters.refused += 1
            self._reply(encode_refusal(header, QuicErrorCode.CONNECTION_REFUSED), addr)
            return None
        quic = BoundedQuicConnection(
            configuration=configuration,
            limits=limits,
            gaps=self._gaps,
            original_destination_connection_id=original or header.destination_cid,
            retry_source_connection_id=None if original is None else header.destination_cid,
        )
        link = self._add(quic, now, key)
        link.connection_ids.add(header.destination_cid)
        self._update_ids(link)
        assert self._accept is not None
        link.application = self._accept(link)
        counters.accepted += 1
        return link

    def _make_configuration(self, credentials: Credentials) -> QuicConfiguration:
        return QuicConfiguration(
            is_client=False,
            alpn_protocols=ALPN,
            connection_id_length=CONNECTION_ID_LENGTH,
            max_datagram_size=MAX_DATAGRAM_SIZE,
            max_datagram_frame_size=MAX_DATAGRAM_FRAME_SIZE,
            certificate=credentials.certificate,
            certificate_chain=list(credentials.chain),
            private_key=credentials.private_key,
        )

    def _proven_original(self, header: QuicHeader, addr: Address, now: float) -> bytes | None:
        """The connection id that the client chose first, if its token proves its address."""
        if not header.token:
            return None
        try:
            return self._tokens.validate_token(
                address=addr, destination_cid=header.destination_cid, token=header.token, now=now
            )
        except ValueError:
            return None  # another server's or an old one: the same as none (RFC 9000, section 8.1.3)

    def _send_retry(self, header: QuicHeader, addr: Address, now: float) -> None:
        source = os.urandom(CONNECTION_ID_LENGTH)
        token = self._tokens.create_token(
            address=addr,
            original_destination_connection_id=header.destination_cid,
            retry_source_connection_id=source,
            now=now,
        )
        assert header.version is not None
        retry = encode_quic_retry(
            version=header.version,
            source_cid=source,
            destination_cid=header.source_cid,
            original_destination_cid=header.destination_cid,
            retry_token=token,
        )
        self._reply(retry, addr)
        self.counters.retries_sent += 1

    def _reply(self, datagram: bytes, addr: Address) -> None:
        if not self._ready and not self._replies:
            self._wake()
        self._replies.append((datagram, addr))


def encode_refusal(header: QuicHeader, code: int) -> bytes:
    """An Initial packet that closes a connection which never was, answering the client's first packet."""
    assert header.version is not None
    crypto = CryptoPair()
    crypto.setup_initial(cid=header.destination_cid, is_client=False, version=header.version)
    builder = QuicPacketBuilder(
        host_cid=header.destination_cid,
        is_client=False,
        max_datagram_size=SMALLEST_MAX_DATAGRAM_SIZE,
        peer_cid=header.source_cid,
        version=header.version,
    )
    builder.start_packet(QuicPacketType.INITIAL, crypto)
    frame = builder.start_frame(QuicFrameType.TRANSPORT_CLOSE, capacity=TRANSPORT_CLOSE_FRAME_CAPACITY)
    frame.push_uint_var(code)
    frame.push_uint_var(QuicFrameType.PADDING)
    frame.push_uint_var(0)
    datagrams, _ = builder.flush()
    return bytes(datagrams[0])
