"""A QUIC endpoint that echoes, for tests of the transport alone: a real counterpart of the API's seam."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from cloudnode.transports.limits import WebSocketLimits
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.quic.serving import make_quic_server, parse_credentials
from cloudnode.transports.seam import Caller, Connection, Refused
from cloudnode.transports.selfsigned import TLSCertificate, make_certificate


class EchoSession:
    """Sends back what it is sent, but for a few words that make it do something else."""

    def __init__(self, connection: Connection, opener: EchoOpener) -> None:
        self.connection = connection
        self.received: list[bytes] = []
        self.is_lost = False
        self.paused = 0
        self._opener = opener

    def message_received(self, message: bytes) -> None:
        """Echo."""
        self.received.append(message)
        if message == b"raise":
            raise ZeroDivisionError("asked to fail")
        if message.startswith(b"close "):
            self.connection.close(int(message[6:]), "as asked")
        elif message.startswith(b"flood "):
            for _ in range(int(message[6:])):
                self.connection.send_message(b"x" * 1000)
        else:
            self.connection.send_message(message)

    def pause_sending(self) -> None:
        """Count."""
        self.paused += 1

    def resume_sending(self) -> None:
        """Nothing waits."""

    def connection_lost(self) -> None:
        """Note the end."""
        assert not self.is_lost, "told twice"
        self.is_lost = True


class EchoOpener:
    """Opens echo sessions.

    :ivar refusal: Raised in place of admitting anybody, if set.
    """

    def __init__(self) -> None:
        self.sessions: list[EchoSession] = []
        self.refusal: Refused | None = None

    @property
    def callers(self) -> list[Caller]:
        """Whose sessions were opened."""
        return [session.connection.caller for session in self.sessions]

    def check_admission(self, caller: Caller) -> None:
        """Admit everybody, or nobody."""
        if self.refusal is not None:
            raise self.refusal

    def open_session(self, connection: Connection) -> EchoSession:
        """Open a session."""
        self.check_admission(connection.caller)
        session = EchoSession(connection, self)
        self.sessions.append(session)
        return session


class EchoNode:
    """A listening endpoint with its opener and certificate.

    :ivar reactor: What runs it.
    :ivar port: The UDP port on 127.0.0.1 (or ::1).
    """

    def __init__(self, reactor: Any, limits: QuicLimits | None = None, interface: str = "127.0.0.1") -> None:
        self.reactor = reactor
        self.opener = EchoOpener()
        self.certificate: TLSCertificate = make_certificate(["localhost", "127.0.0.1", "::1"], time.time())
        credentials = parse_credentials(self.certificate)
        self.socket: QuicSocket = make_quic_server(
            reactor,
            lambda: credentials,
            self.opener,
            limits=limits,
            websocket_limits=WebSocketLimits(max_message=4 * 1024 * 1024),
        )
        self.socket.listen(0, interface)
        self.port = self.socket.host_address[1]


@contextlib.asynccontextmanager
async def echo_node(
    reactor: Any, limits: QuicLimits | None = None, interface: str = "127.0.0.1"
) -> AsyncIterator[EchoNode]:
    """An :class:`EchoNode` that is stopped at the end."""
    node = EchoNode(reactor, limits, interface)
    try:
        yield node
    finally:
        await node.socket.stop()
