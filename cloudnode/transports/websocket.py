"""WebSocket connections (RFC 6455) that carry messages between a caller and a session of the API.

The same factory serves a TCP connection, the decrypted stream of a TLS connection, and a stream of HTTP/3
that presents itself as a stream transport: ``ITransport``, with ``registerProducer``, ``abortConnection`` and
(used when answers are not taken) ``pauseProducing`` and ``resumeProducing``.

Messages are JSON text: a binary message is refused with close code 1003, an oversize one with 1009, invalid
UTF-8 with 1007. Any Origin is welcome: the applications of the network live on other sites. Whatever one
caller does costs a bounded amount of memory and harms no other connection.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.util import encode_truncate
from autobahn.websocket.protocol import TrafficStats
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from twisted.internet.interfaces import INegotiated, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.transports.addresses import normalize_address, peer_address, peer_text
from cloudnode.transports.backpressure import SendGate
from cloudnode.transports.frames import make_text_header
from cloudnode.transports.keepalive import KeepAlive
from cloudnode.transports.leanwebsocket import LeanWebSocketProtocol
from cloudnode.transports.limits import WebSocketCounters, WebSocketLimits
from cloudnode.transports.seam import Caller, Refused, Session, SessionOpener
from cloudnode.transports.timers import TimerWheel

_SMALL_MESSAGE = 8 * 1024

UNSUPPORTED = 1003
TRY_AGAIN_LATER = 1013


class WebSocketConnection(LeanWebSocketProtocol):
    """One WebSocket connection: the :class:`~cloudnode.transports.seam.Connection` of one session."""

    factory: WebSocketFactory

    _log = Logger()
    _session: Session | None = None
    _refusal: Refused | None = None
    _caller: Caller | None = None
    _keep_alive: KeepAlive | None = None

    # -- the seam: what a session may do ---------------------------------------------------------------------

    @property
    def caller(self) -> Caller:
        """Who is at the other end."""
        if self._caller is None:
            self._caller = self.factory.identify(self)
        return self._caller

    def send_message(self, message: bytes) -> None:
        """Send one message, UTF-8 JSON text. Does nothing once the connection is closed."""
        if self.state != self.STATE_OPEN:
            return
        self.factory.counters.messages_sent += 1
        header = make_text_header(len(message))
        if len(message) <= _SMALL_MESSAGE:
            self.sendData(header + message)
        else:
            self.sendData(header)
            self.sendData(message)

    def close(self, code: int, reason: str) -> None:
        """Close this connection alone, after what was sent, with a WebSocket close code."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=code, reasonUtf8=encode_truncate(reason, 123))

    # -- the send gate ---------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport, and count what is written behind a full buffer."""
        was_full = self._gate.is_closed  # what fills the buffer is not counted, however long it is
        self.transport.write(data)
        if was_full:
            self._gate.count(len(data))

    def sending_paused(self) -> None:
        """Take no further message and ask the session to hold back."""
        self.holds = True
        self.transport.pauseProducing()
        if self._session is not None:
            self._tell(self._session.pause_sending)

    def sending_resumed(self) -> None:
        """Go on, first with what was received before the pause."""
        self.holds = False
        if self._keep_alive is not None:
            self._keep_alive.heard()
        if self._session is not None:
            self._tell(self._session.resume_sending)
        self.transport.resumeProducing()
        if self._batch is None:
            self.consume()

    def sending_stalled(self, reason: str) -> None:
        """Abort the connection."""
        self.factory.counters.stalled += 1
        self.drop(reason)

    # -- the life of the connection, as Twisted and Autobahn tell it -----------------------------------------

    def connectionMade(self) -> None:
        """Begin the opening handshake."""
        self.peer = peer_text(self.transport.getPeer())
        limits = self.factory.limits
        self._gate = SendGate(self, self.factory.wheel, limits.stall_timeout, limits.send_buffer)
        # Not everything that carries a stream has this option.
        with contextlib.suppress(AttributeError, OSError):
            self.transport.setTcpNoDelay(True)
        self._connectionMade()
        self.trafficStats = self.factory.traffic

    def onConnect(self, request: ConnectionRequest) -> None:
        """Admit or refuse a caller whose handshake is in order.

        :raises ConnectionDeny: With the HTTP status for it.
        """
        if request.path not in self.factory.paths:
            served = " and ".join(self.factory.paths)
            raise ConnectionDeny(404, f"There is no WebSocket at this path; it is served at {served}.")
        try:
            self.factory.opener.check_admission(self.caller)
        except Refused as refusal:
            self._refusal = refusal
            raise ConnectionDeny(refusal.status, refusal.reason) from None
        except Exception:
            self.factory.counters.failed += 1
            self._log.failure("The admission of {peer} failed.", peer=self.peer)
            raise ConnectionDeny(500, "The node failed to answer; its log says why.") from None

    def sendHttpErrorResponse(
        self, code: int, reason: str, responseHeaders: list[tuple[str, str]] | None = None
    ) -> None:
        """Answer a handshake that fails, saying what to do about it."""
        self.factory.counters.refused += 1
        headers = list(responseHeaders or ())
        if self._refusal is not None and self._refusal.retry_after is not None:
            headers.append(("Retry-After", str(self._refusal.retry_after)))
        if code in (405, 426):
            reason = self.factory.advice
            headers += [("Upgrade", "websocket"), ("Allow", "GET")]
        super().sendHttpErrorResponse(code, reason, headers)

    def _onOpen(self) -> None:
        # Autobahn fetches TLS channel bindings and certificates here, and nothing uses them.
        self.onOpen()

    def onOpen(self) -> None:
        """Open the session."""
        self._caller = self.caller
        self.forget_handshake()
        factory = self.factory
        factory.counters.open += 1
        factory.counters.opened += 1
        self._keep_alive = KeepAlive(self, factory.wheel, factory.limits.ping_interval, factory.limits.ping_timeout)
        self.transport.registerProducer(self._gate, True)
        try:
            self._session = factory.opener.open_session(self)
        except Refused as refusal:
            self.close(TRY_AGAIN_LATER, refusal.reason)
        except Exception:
            self.fail("A session for {peer} could not be opened.")

    def dataReceived(self, data: bytes) -> None:
        """Take bytes from the transport. No exception leaves this method."""
        if self._keep_alive is not None:
            self._keep_alive.heard()
        super().dataReceived(data)

    def silence_met(self) -> None:
        """Ask whether the other end is still there."""
        if not self.holds:
            self.sendPing()

    def silence_unbroken(self) -> None:
        """It is not."""
        if not self.holds:  # the send gate has its own deadline
            self.factory.counters.unresponsive += 1
            self.drop("a ping got no answer")

    def onMessageBegin(self, isBinary: bool) -> None:
        """A message begins that does not take the short way; a binary one ends here."""
        super().onMessageBegin(isBinary)
        if isBinary:
            self._fail_connection(UNSUPPORTED, "messages are JSON text; send text messages")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Hand a text message to the session."""
        # Autobahn hands over what comes during the closing handshake as well.
        if self._session is not None and self.state == self.STATE_OPEN:
            self.factory.counters.messages_received += 1
            try:
                self._session.message_received(payload)
            except Exception:
                self.fail("The session of {peer} failed at a message.")

    def _tell(self, notice: Callable[[], None]) -> None:
        try:
            notice()
        except Exception:
            self.fail("The session of {peer} failed at a notice.")

    def fail(self, text: str) -> None:
        """Log the exception in flight, count it, and close this connection."""
        self.factory.counters.failed += 1
        super().fail(text)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The transport is gone, and with it the session."""
        self._gate.release()
        super().connectionLost(reason)
        if self._keep_alive is not None:
            self._keep_alive.stop()
            self.factory.counters.open -= 1
        session, self._session = self._session, None
        if session is not None:
            try:
                session.connection_lost()
            except Exception:
                self._log.failure("The session of {peer} failed at its end.", peer=self.peer)


class WebSocketFactory(WebSocketServerFactory):
    """Makes the WebSocket connections of one port, or of all streams of one QUIC endpoint.

    :ivar opener: Who opens the sessions.
    :ivar clock: What tells the time.
    :ivar wheel: Where the timers of all connections are kept.
    :ivar limits: What one connection may take.
    :ivar counters: What the connections did.
    :ivar paths: Where a WebSocket is served.
    :ivar advice: The sentence for those who come with plain HTTP.
    """

    noisy = False

    def __init__(
        self,
        opener: SessionOpener,
        clock: IReactorTime,
        transport_name: str = "ws",
        limits: WebSocketLimits | None = None,
        *,
        secure: bool | None = None,
        paths: Sequence[str] = ("/", "/ws"),
        http_at: str | None = None,
        trusted_proxies: int = 0,
    ) -> None:
        """
        :param opener: Who opens the sessions.
        :param clock: What tells the time and calls later (the reactor).
        :param transport_name: What :attr:`Caller.transport` says.
        :param limits: What one connection may take; the defaults if None.
        :param secure: What :attr:`Caller.secure` says; None asks whether the transport is a TLS one.
        :param paths: Where a WebSocket is served.
        :param http_at: Where plain HTTP is served, for people (``port 38081`` or a URL).
        :param trusted_proxies: How many proxies stand in front, each adding to ``X-Forwarded-For``.
            Where callers can also come past them, they can pretend to any address.
        """
        super().__init__(reactor=clock, server="")  # type: ignore[no-untyped-call]
        self.opener = opener
        self.clock = clock
        self.limits = limits = limits or WebSocketLimits()
        self.counters = WebSocketCounters()
        self.traffic = TrafficStats()  # Autobahn counts into it; one for all
        self.paths = tuple(paths)
        self.advice = (
            f"This port speaks WebSocket, at {' and '.join(self.paths)}; "
            f"plain HTTP is served {'at ' + http_at if http_at else 'on another port of this node'}."
        )
        self._transport_name = transport_name
        self._secure = secure
        self._trusted_proxies = trusted_proxies
        # Autobahn keeps its own timers here.
        self.wheel = self._batched_timer = TimerWheel(clock)
        self.setProtocolOptions(  # type: ignore[no-untyped-call]
            webStatus=False,
            failByDrop=False,
            maxMessagePayloadSize=limits.max_message,
            maxFramePayloadSize=limits.max_message,
            openHandshakeTimeout=limits.handshake_timeout,
            closeHandshakeTimeout=limits.close_timeout,
            allowNullOrigin=True,
            trustXForwardedFor=trusted_proxies,
        )
        self.protocol = self._make_protocol()

    def _make_protocol(self) -> type[WebSocketConnection]:
        options = {name: getattr(self, name) for name in WebSocketServerProtocol.CONFIG_ATTRS}
        attributes = {name: staticmethod(value) if callable(value) else value for name, value in options.items()}
        attributes |= {
            "wheel": self.wheel,
            "max_handshake": self.limits.max_handshake,
            "max_fragments": self.limits.max_fragments,
        }
        return type("WebSocketConnection", (WebSocketConnection,), attributes)

    def identify(self, connection: WebSocketConnection) -> Caller:
        """Tell who is at the other end of a connection whose request was read."""
        address = peer_address(connection.transport.getPeer())
        if self._trusted_proxies:
            # Autobahn has put what the outermost trusted proxy saw in place of the peer.
            with contextlib.suppress(ValueError):
                address = normalize_address(connection.peer or "")
        secure = INegotiated.providedBy(connection.transport) if self._secure is None else self._secure
        return Caller(address, self._transport_name, secure)
