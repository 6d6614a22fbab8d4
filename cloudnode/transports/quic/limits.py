"""What one QUIC socket may be made to keep, in numbers."""

from __future__ import annotations

import attrs

KIB = 1024
MIB = 1024 * KIB


@attrs.frozen(kw_only=True)
class QuicLimits:
    """Bounds that hold whatever a peer sends. Times are in seconds, sizes in bytes.

    :ivar connections: Connections in all; a new one beyond is refused.
    :ivar connections_by_address: Connections of one IPv4 address or one IPv6 /64.
    :ivar unfinished_handshakes: Handshakes in progress; first packets beyond are dropped.
    :ivar retry_above: With so many handshakes in progress, a new address proves itself first (Retry).
    :ivar handshake_seconds: A handshake that takes longer is dropped.
    :ivar idle_seconds: A connection from which nothing came for so long is gone. There is no stateless
        reset, so it is short.
    :ivar keep_alive_seconds: After this silence a connection with open streams is sent a PING.
    :ivar linger_seconds: How long a closed stream waits for its reader to take what was sent.
    :ivar connection_window: What a peer may have sent on a connection before its data is consumed.
    :ivar stream_window: The same for one stream.
    :ivar crypto_window: Handshake bytes kept out of order, for each encryption level.
    :ivar gap_ranges: Separate runs of bytes kept out of order on one stream.
    :ivar gap_bytes: Bytes kept for gaps on all connections; beyond, who holds the most is cut off.
    :ivar streams: Request streams (WebSockets, WebTransport sessions and their streams) open at once.
    :ivar one_way_streams: One-way streams open at once (HTTP/3 needs three).
    :ivar header_bytes: An encoded HEADERS frame, or anything else HTTP/3 has to keep whole.
    :ivar send_high: With so much unsent or unacknowledged on a stream its writer is paused.
    :ivar send_low: With no more than this, it goes on.
    :ivar send_limit: A stream whose writer ignores the pause is reset at this size.
    """

    connections: int = 16384
    connections_by_address: int = 1024
    unfinished_handshakes: int = 512
    retry_above: int = 64
    handshake_seconds: float = 5.0
    idle_seconds: float = 30.0
    keep_alive_seconds: float = 12.0
    linger_seconds: float = 10.0
    connection_window: int = 512 * KIB
    stream_window: int = 256 * KIB
    crypto_window: int = 32 * KIB
    gap_ranges: int = 256
    gap_bytes: int = 32 * MIB
    streams: int = 64
    one_way_streams: int = 8
    header_bytes: int = 16 * KIB
    send_high: int = 256 * KIB
    send_low: int = 64 * KIB
    send_limit: int = 16 * MIB
