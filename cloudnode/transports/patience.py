"""How long a TCP connection may wait for the other end's system."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

UNACKNOWLEDGED_SECONDS = 6.0
"""The other end's system acknowledges what comes within a round trip, however busy its programs are."""


def limit_unacknowledged(transport: Any, seconds: float = UNACKNOWLEDGED_SECONDS) -> None:
    """Have a connection end when what was sent on it is not acknowledged for so long (RFC 5482).

    Without, a connection whose path is gone is found out after a quarter of an hour. Does nothing where there is no
    TCP below, or its system has no such limit.

    :param transport: Twisted's; TLS may be on it.
    """
    with contextlib.suppress(AttributeError, OSError):
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1_000 * seconds))
