"""What the connections of a transport may take, and what they did."""

from __future__ import annotations

import attrs


@attrs.frozen
class WebSocketLimits:
    """What one WebSocket connection may take. Times are in seconds, sizes in bytes.

    :ivar max_message: The longest message that is accepted.
    :ivar max_fragments: In how many frames a message may come.
    :ivar max_handshake: The longest HTTP request head.
    :ivar handshake_timeout: How long the opening handshake may take.
    :ivar ping_interval: A connection that was silent for so long is sent a ping; 0 sends none.
    :ivar ping_timeout: How soon after a ping something must have come.
    :ivar close_timeout: How long the closing handshake may take, and after it the flushing of the last bytes.
    :ivar stall_timeout: How long a full send buffer may take to empty.
    :ivar send_buffer: How much may be written while the send buffer is full.
    """

    max_message: int = 256 * 1024
    max_fragments: int = 1024
    max_handshake: int = 16 * 1024
    handshake_timeout: float = 5.0
    ping_interval: float = 30.0
    ping_timeout: float = 20.0
    close_timeout: float = 5.0
    stall_timeout: float = 30.0
    send_buffer: int = 4 * 1024 * 1024


@attrs.define
class WebSocketCounters:
    """What the connections of one factory did, for metrics.

    :ivar open: Connections that are open now (handshake done).
    :ivar opened: All connections that ever were open.
    :ivar refused: Handshakes answered with another HTTP status than 101.
    :ivar messages_received: Messages handed to sessions.
    :ivar messages_sent: Messages that sessions sent.
    :ivar stalled: Connections aborted because their reader stalled.
    :ivar unresponsive: Connections aborted because a ping got no answer.
    :ivar failed: Errors of ours that closed a connection.
    """

    open: int = 0
    opened: int = 0
    refused: int = 0
    messages_received: int = 0
    messages_sent: int = 0
    stalled: int = 0
    unresponsive: int = 0
    failed: int = 0
