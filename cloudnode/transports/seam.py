"""The seam between the carriers of messages and those who answer them.

A transport knows nothing of JSON-RPC and the API knows nothing of frames: each connection of any transport
opens one :class:`Session`, hands it every message, and is handed messages to send.
"""

from __future__ import annotations

from typing import Protocol

import attrs


@attrs.frozen
class Caller:
    """Who is at the other end of a connection.

    :ivar address: The caller's IP address as text, the key of all limits by address (without port).
    :ivar transport: ``http``, ``ws``, ``ws-udp`` or ``webtransport``.
    :ivar secure: Whether the bytes on the way are encrypted.
    """

    address: str
    transport: str
    secure: bool = False


class Connection(Protocol):
    """What a session may do with the connection that it lives on."""

    @property
    def caller(self) -> Caller:
        """Who is at the other end."""

    def send_message(self, message: bytes) -> None:
        """Send one message, UTF-8 JSON text. Does nothing once the connection is closed."""

    def close(self, code: int, reason: str) -> None:
        """Close this connection alone, after what was sent.

        :param code: A WebSocket close code (RFC 6455, section 7.4); WebTransport uses it as its error code.
        :param reason: At most 123 bytes of UTF-8, for people.
        """


class Session(Protocol):
    """One caller's conversation, as the transport sees it. No method raises for anything a caller sent."""

    def message_received(self, message: bytes) -> None:
        """Take one whole message."""

    def pause_sending(self) -> None:
        """The connection's send buffer is full: send nothing that can wait."""

    def resume_sending(self) -> None:
        """The send buffer has room again."""

    def connection_lost(self) -> None:
        """The connection is gone; called exactly once."""


class Refused(Exception):
    """A session that is not opened: the caller is over a limit, or the node cannot serve now.

    :ivar status: The HTTP status for it (429, 503).
    :ivar reason: One sentence for people.
    :ivar retry_after: Seconds after which to try again, or None.
    """

    def __init__(self, status: int, reason: str, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class SessionOpener(Protocol):
    """Opens sessions; the API implements it and every transport is given one."""

    def check_admission(self, caller: Caller) -> None:
        """Raise :class:`Refused` if no session would be opened for this caller (asked before a handshake)."""

    def open_session(self, connection: Connection) -> Session:
        """Open a session on a connection whose handshake is complete.

        :raises Refused: The caller is over a limit.
        """
