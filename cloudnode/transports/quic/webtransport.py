"""WebTransport over HTTP/3 (draft-ietf-webtrans-http3), as browsers speak it.

A web page reaches a node that has neither a domain nor an authority's certificate by naming the certificate's
hash (``serverCertificateHashes``). Its session is an extended CONNECT; every bidirectional stream that it
opens in the session is one conversation with the API, each message with its length before it (u32,
big-endian). One-way streams and datagrams mean nothing here and are refused or dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aioquic.h3.events import WebTransportStreamDataReceived
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from cloudnode.transports.quic.messages import (
    Capsule,
    CapsuleReader,
    MessageReader,
    MessageTooLarge,
    encode_capsule,
    encode_message,
)
from cloudnode.transports.quic.stream import StreamTransport
from cloudnode.transports.seam import Caller, Refused, Session, SessionOpener

if TYPE_CHECKING:
    from cloudnode.transports.quic.server import Http3Server

CLOSE_SESSION = 0x2843
#: QUIC codes of a stream whose session is gone or never was (draft-ietf-webtrans-http3, section 9.5).
SESSION_GONE = 0x170D7B68
STREAM_REJECTED = 0x3994BD84
_FIRST_CODE = 0x52E4A40FA8DB


def to_http3_code(code: int) -> int:
    """Where a WebTransport application's 32-bit error code lies among HTTP/3's (section 4.3)."""
    return _FIRST_CODE + code + code // 0x1E


@implementer(IPushProducer)
class MessageStream(Protocol):
    """One bidirectional stream: the :class:`~cloudnode.transports.seam.Connection` of one session.

    :param limit: The largest message that is taken, in bytes.
    """

    _log = Logger()

    def __init__(self, opener: SessionOpener, caller: Caller, limit: int) -> None:
        self._opener = opener
        self._caller = caller
        self._reader = MessageReader(limit)
        self._session: Session | None = None

    @property
    def caller(self) -> Caller:
        """Who is at the other end."""
        return self._caller

    def send_message(self, message: bytes) -> None:
        """Send one message."""
        if self._session is not None:
            self._stream.write(encode_message(message))

    def close(self, code: int, reason: str) -> None:
        """End the stream after what was sent; the peer's sending is refused with the code."""
        stream = self._stream
        stream.refusal_code = to_http3_code(code)
        stream.unregisterProducer()
        stream.loseConnection()

    def connectionMade(self) -> None:
        """Open the session; a caller over its limit has the stream reset."""
        try:
            self._session = self._opener.open_session(self)
        except Refused as refused:
            self._log.info("no session for {caller}: {why}", caller=self._caller.address, why=refused.reason)
            self._stream.refusal_code = STREAM_REJECTED
            self._stream.abortConnection()
            return
        self._stream.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        """Hand every complete message to the session."""
        try:
            for message in self._reader.feed(data):
                if self._session is None:
                    return
                self._session.message_received(message)
        except MessageTooLarge as error:
            self._log.info("{caller}: {error}", caller=self._caller.address, error=error)
            self._stream.refusal_code = to_http3_code(1009)
            self._stream.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The stream is over."""
        session, self._session = self._session, None
        if session is not None:
            session.connection_lost()

    def pauseProducing(self) -> None:
        """The stream's buffer is full."""
        if self._session is not None:
            self._session.pause_sending()

    def resumeProducing(self) -> None:
        """There is room again."""
        if self._session is not None:
            self._session.resume_sending()

    def stopProducing(self) -> None:
        """The stream is over; :meth:`connectionLost` follows."""

    @property
    def _stream(self) -> StreamTransport:
        return cast(StreamTransport, self.transport)


class WebTransportSession:
    """One session: the streams that were opened in it and the capsules that end it.

    :param session_id: The id of its CONNECT stream.
    """

    def __init__(self, server: Http3Server, session_id: int, opener: SessionOpener, caller: Caller) -> None:
        self.session_id = session_id
        self._server = server
        self._opener = opener
        self._caller = caller
        self._capsules = CapsuleReader()
        self._streams: dict[int, StreamTransport] = {}

    def stream_data_received(self, event: WebTransportStreamDataReceived) -> None:
        """Take bytes of a bidirectional stream of this session; the first open it."""
        stream_id = event.stream_id
        stream = self._server.streams.get(stream_id)
        if stream is None:
            if stream_id in self._streams:
                return  # it is over on this side
            stream = self._open(stream_id)
        stream.receive(event.data, event.stream_ended)

    def connect_data_received(self, data: bytes, ended: bool) -> None:
        """Take bytes of the CONNECT stream: capsules, of which one matters."""
        closes = any(capsule.kind == CLOSE_SESSION for capsule in self._capsules.feed(data))
        if closes or ended:
            self._server.end_session(self)

    def close(self, code: int, reason: str) -> bytes:
        """The capsule that tells the other side that the session is closed, and why."""
        value = code.to_bytes(4, "big") + reason.encode()[:1024]
        return encode_capsule(Capsule(CLOSE_SESSION, value))

    def end_streams(self) -> None:
        """Reset every stream of the session."""
        for stream in list(self._streams.values()):
            if stream.is_connected:
                stream.refusal_code = SESSION_GONE
                stream.abortConnection()
        self._streams.clear()

    def stream_lost(self, stream_id: int) -> None:
        """Forget a stream that is over."""
        self._streams.pop(stream_id, None)

    def _open(self, stream_id: int) -> StreamTransport:
        server = self._server
        protocol = MessageStream(self._opener, self._caller, server.limits.message_bytes)

        def send(data: bytes, ended: bool) -> None:
            server.link.quic.send_stream_data(stream_id, data, ended)

        stream = StreamTransport(server, stream_id, protocol, send)
        self._streams[stream_id] = server.streams[stream_id] = stream
        server.link.counters.webtransport_streams += 1
        protocol.makeConnection(stream)  # type: ignore[no-untyped-call]
        return stream
