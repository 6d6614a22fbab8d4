"""The server's side of HTTP/3: WebSockets (RFC 9220), WebTransport sessions, and a word to plain requests."""

from __future__ import annotations

from collections.abc import Callable

from aioquic.h3.events import (
    DatagramReceived,
    H3Event,
    Headers,
    HeadersReceived,
    WebTransportStreamDataReceived,
)
from twisted.internet.interfaces import IProtocolFactory

from cloudnode.transports.addresses import normalize_address
from cloudnode.transports.limits import WebSocketLimits
from cloudnode.transports.peerchannel import LINKS, RELAYS
from cloudnode.transports.quic.carrier import Http3Carrier
from cloudnode.transports.quic.http3 import H3_INTERNAL_ERROR, H3_NO_ERROR
from cloudnode.transports.quic.link import Address, Link, Loss
from cloudnode.transports.quic.stream import StreamTransport, to_address
from cloudnode.transports.quic.upgrade import (
    BadRequest,
    HeadReader,
    make_response_headers,
    make_upgrade_request,
)
from cloudnode.transports.quic.webtransport import STREAM_REJECTED, WebTransportSession
from cloudnode.transports.seam import Caller, Refused, SessionOpener
from cloudnode.transports.timers import TimerWheel

PATHS = (b"/", b"/ws")
ADVICE = (
    b"This is a cloudnode. Here it speaks WebSocket over HTTP/3 (RFC 9220) at / and /ws, "
    b"and WebTransport at /; its HTTP interface is on another port.\n"
)
#: Sessions that one connection may have open: a browser tab uses one.
MAX_SESSIONS = 8
#: What is kept of streams that come before the request for their session, on one connection, in bytes.
MAX_EARLY = 64 * 1024


class Http3Server(Http3Carrier):
    """What runs on a link that a client opened.

    :param websockets: Makes the protocol of each WebSocket; any factory of Autobahn's server protocols.
    :param opener: Opens the sessions of WebTransport streams.
    :param message_limits: What one WebTransport stream may take.
    :param wheel: Keeps the deadlines of readers that stall.
    :param peers: Makes the protocol of each link between nodes. :param relays: Of each relayed stream. Without one, a
        request for it is answered as any other for a path that is not served.
    """

    def __init__(
        self,
        link: Link,
        *,
        host_address: Callable[[], Address],
        websockets: IProtocolFactory,
        opener: SessionOpener,
        message_limits: WebSocketLimits,
        wheel: TimerWheel,
        peers: IProtocolFactory | None = None,
        relays: IProtocolFactory | None = None,
    ) -> None:
        super().__init__(link, host_address)
        self._peers = peers
        self._relays = relays
        self._websockets = websockets
        self._opener = opener
        self.message_limits = message_limits
        self.wheel = wheel
        self._sessions: dict[int, WebTransportSession] = {}
        self._early: list[WebTransportStreamDataReceived] = []

    @property
    def is_busy(self) -> bool:
        """Whether a stream or a session is open."""
        return bool(self.streams or self._sessions)

    def headers_received(self, event: HeadersReceived) -> None:
        """A request, or the trailers of one, which mean nothing."""
        stream_id = event.stream_id
        if stream_id in self.streams or stream_id in self._sessions:
            self.data_received(stream_id, b"", event.stream_ended)
            return
        fields = dict(event.headers)
        method, path = fields.get(b":method"), fields.get(b":path", b"").partition(b"?")[0]
        whole = fields.get(b":path", b"").decode("latin-1")
        protocol = fields.get(b":protocol") if method == b"CONNECT" else None
        if protocol == b"websocket" and path in PATHS:
            self._open_websocket(stream_id, event.headers, self._websockets)
        elif protocol == b"websocket" and self._peers is not None and LINKS.includes(whole):
            self._open_websocket(stream_id, event.headers, self._peers, between_nodes=True)
        elif protocol == b"websocket" and self._relays is not None and RELAYS.includes(whole):
            self._open_websocket(stream_id, event.headers, self._relays, between_nodes=True)
        elif protocol == b"webtransport" and path == b"/":
            self._open_session(stream_id)
        elif method == b"CONNECT" and protocol not in (b"websocket", b"webtransport"):
            self.answer(stream_id, b"501", b"Only WebSocket and WebTransport are spoken by CONNECT.\n")
        elif path not in PATHS:
            self.answer(stream_id, b"404", b"There is nothing here. " + ADVICE)
        elif method in (b"GET", b"HEAD"):
            self.answer(stream_id, b"200", ADVICE if method == b"GET" else b"")
        else:
            self.answer(stream_id, b"405", ADVICE)

    def data_received(self, stream_id: int, data: bytes, ended: bool) -> None:
        """Bytes of a WebSocket, capsules of a session, or a body that nobody reads."""
        session = self._sessions.get(stream_id)
        if session is not None:
            session.connect_data_received(data, ended)
        else:
            super().data_received(stream_id, data, ended)

    def other_received(self, event: H3Event) -> None:
        """WebTransport streams and datagrams."""
        if not isinstance(event, WebTransportStreamDataReceived):
            assert isinstance(event, DatagramReceived), event
            return  # means nothing here
        session = self._sessions.get(event.session_id)
        if event.stream_id % 4:
            self._refuse_stream(event.stream_id, STREAM_REJECTED)
        elif session is not None:
            session.stream_data_received(event)
        elif _early_size(self._early) + _early_size([event]) <= MAX_EARLY:
            self._early.append(event)
        else:
            self._refuse_stream(event.stream_id, STREAM_REJECTED)

    def stream_reset(self, stream_id: int) -> None:
        """A stream was given up; with that of a session its streams end too."""
        session = self._sessions.get(stream_id)
        if session is not None:
            self.end_session(session)
            return
        self._forget_early(stream_id)
        if stream_id in self.streams:
            super().stream_reset(stream_id)
        elif stream_id % 4 == 0 and self.h3 is not None:
            self.h3.abandon(stream_id, H3_NO_ERROR)

    def stream_lost(self, stream: StreamTransport) -> None:
        """Forget a stream that is over."""
        super().stream_lost(stream)
        for session in self._sessions.values():
            session.stream_lost(stream.stream_id)

    def end_session(self, session: WebTransportSession) -> None:
        """End a WebTransport session that its client closed, and its streams."""
        if self._sessions.pop(session.session_id, None) is None:
            return
        session.end_streams()
        assert self.h3 is not None
        self.link.quic.send_stream_data(session.session_id, b"", end_stream=True)
        self.h3.stop_receiving(session.session_id, H3_NO_ERROR)

    def link_lost(self, loss: Loss) -> None:
        """End every stream and session."""
        super().link_lost(loss)
        self._sessions.clear()
        self._early.clear()

    def answer(self, stream_id: int, status: bytes, body: bytes, more: Headers | None = None) -> None:
        """Answer a request and be done with its stream."""
        assert self.h3 is not None
        headers = [
            (b":status", status),
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            *(more or ()),
        ]
        self.h3.send_headers(stream_id, headers, end_stream=not body)
        if body:
            self.h3.send_data(stream_id, body, end_stream=True)
        self.h3.stop_receiving(stream_id, H3_NO_ERROR)

    def _caller(self, transport: str) -> Caller:
        return Caller(normalize_address(self.peer_address[0]), transport, secure=True)

    def _open_websocket(
        self, stream_id: int, headers: Headers, factory: IProtocolFactory, *, between_nodes: bool = False
    ) -> None:
        try:
            request = make_upgrade_request(headers)
        except BadRequest as error:
            self.answer(stream_id, b"400", str(error).encode() + b"\n")
            return
        echo_accept = any(name == b"sec-websocket-key" for name, _ in headers)
        sender = _WebSocketSender(self, stream_id, echo_accept)
        protocol = factory.buildProtocol(to_address(self.peer_address))
        if protocol is None:
            self.answer(stream_id, b"503", b"No WebSocket is taken now.\n")
            return
        stream = StreamTransport(self, stream_id, protocol, sender, between_nodes=between_nodes)
        self.streams[stream_id] = stream
        counters = self.link.counters
        if factory is self._peers:
            counters.peer_links += 1
        elif factory is self._relays:
            counters.relayed += 1
        else:
            counters.websockets += 1
        protocol.makeConnection(stream)
        stream.receive(request, False)

    def _open_session(self, stream_id: int) -> None:
        caller = self._caller("webtransport")
        try:
            self._opener.check_admission(caller)
            if len(self._sessions) >= MAX_SESSIONS:
                raise Refused(429, "This connection has enough sessions open.")
        except Refused as refused:
            wait = refused.retry_after
            more = [] if wait is None else [(b"retry-after", str(wait).encode())]
            self.answer(stream_id, str(refused.status).encode(), refused.reason.encode() + b"\n", more)
            return
        assert self.h3 is not None
        self.h3.send_headers(stream_id, [(b":status", b"200"), (b"sec-webtransport-http3-draft", b"draft02")])
        self._sessions[stream_id] = WebTransportSession(self, stream_id, self._opener, caller)
        self.link.counters.webtransport_sessions += 1
        early, self._early = self._early, []
        for event in early:
            self.other_received(event)

    def _forget_early(self, stream_id: int) -> None:
        self._early = [event for event in self._early if event.stream_id != stream_id]

    def _refuse_stream(self, stream_id: int, code: int) -> None:
        self._forget_early(stream_id)
        assert self.h3 is not None
        if stream_id % 4:
            self.h3.stop_receiving(stream_id, code)
        else:
            self.h3.abandon(stream_id, code)


def _early_size(events: list[WebTransportStreamDataReceived]) -> int:
    """What kept events take, in bytes, with something for each."""
    return sum(len(event.data) + 200 for event in events)


class _WebSocketSender:
    """Sends what a server protocol writes: first the answer to the upgrade, then DATA frames."""

    def __init__(self, server: Http3Server, stream_id: int, echo_accept: bool) -> None:
        self._server = server
        self._stream_id = stream_id
        self._echo_accept = echo_accept
        self._head: HeadReader | None = HeadReader()

    def __call__(self, data: bytes, ended: bool) -> None:
        h3 = self._server.h3
        assert h3 is not None
        if data and self._head is not None:
            head = self._head.feed(data)
            if head is None:
                return
            self._head = None
            h3.send_headers(self._stream_id, make_response_headers(head, echo_accept=self._echo_accept))
            data = head.rest
        if data:
            h3.send_data(self._stream_id, data, end_stream=False)
        if ended and self._head is not None:
            self._head = None
            h3.abandon(self._stream_id, H3_INTERNAL_ERROR)  # the protocol ended without an answer
        elif ended:
            self._server.link.quic.send_stream_data(self._stream_id, b"", end_stream=True)
