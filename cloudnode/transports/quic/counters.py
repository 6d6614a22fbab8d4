"""What happened on a QUIC socket, counted for whoever shows metrics."""

from __future__ import annotations

import attrs


@attrs.define(kw_only=True)
class QuicCounters:
    """Plain counters since the socket was opened; every one only grows, but for ``connections``.

    :ivar stun_received: Datagrams that are STUN by first byte and magic cookie.
    :ivar unknown_dropped: Datagrams that are neither STUN nor QUIC.
    :ivar unroutable_dropped: QUIC packets of no connection that is known here.
    :ivar overload_dropped: First packets dropped because too many handshakes were in progress.
    :ivar refused: Connections refused by a limit on connections.
    :ivar handshakes_dropped: Handshakes that did not finish in time.
    :ivar gap_evictions: Connections closed for what they made this side keep out of order.
    :ivar failures: Connections or streams closed by an error on this side.
    :ivar relayed: Channels of relayed streams that were asked for.
    :ivar streams_aborted: Streams reset because their reader took nothing for too long.
    """

    datagrams_received: int = 0
    datagrams_sent: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    stun_received: int = 0
    unknown_dropped: int = 0
    unroutable_dropped: int = 0
    overload_dropped: int = 0
    refused: int = 0
    retries_sent: int = 0
    versions_sent: int = 0
    handshakes_dropped: int = 0
    gap_evictions: int = 0
    failures: int = 0
    streams_aborted: int = 0
    connections: int = 0
    accepted: int = 0
    handshakes_completed: int = 0
    websockets: int = 0
    peer_links: int = 0
    relayed: int = 0
    webtransport_sessions: int = 0
    webtransport_streams: int = 0
