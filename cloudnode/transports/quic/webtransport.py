"""WebTransport over HTTP/3 (draft-ietf-webtrans-http3), as browsers speak it.

A web page reaches a node that has neither a domain nor an authority's certificate by naming the certificate's
hash (``serverCertificateHashes``). Its session is an extended CONNECT; every bidirectional stream that it
opens in the session is one conversation with the API, each message with its length before it (u32,
big-endian). One-way streams and datagrams mean nothing here and are refused or dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aioquic.h3.events import WebTransportStreamDataReceived
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.transports.backpressure import SendGate
from cloudnode.transports.limits import WebSocketLimits
from cloudnode.transports.quic.messages import (
    CapsuleReader,
    MessageReader,
    MessageTooLarge,
    encode_message,
)
from cloudnode.transports.quic.stream import StreamTransport
from cloudnode.transports.seam import Caller, Refused, Session, SessionOpener
from cloudnode.transports.timers import TimerWheel

if TYPE_CHECKING:
    from cloudnode.transports.quic.server import Http3Server

CLOSE_SESSION = 0x2843
#: QUIC codes of a stream whose session is gone or never was (draft-ietf-webtrans-http3, section 9.5).
SESSION_GONE = 0x170D7B68
STREAM_REJECTED = 0x3994BD84
_FIRST_CODE = 0x52E4A40FA8DB
# WebSocket close codes (RFC 6455, section 7.4), for the ends of message streams.
INVALID_TEXT = 1007
POLICY = 1008
TOO_BIG = 1009
INTERNAL_ERROR = 1011
TRY_AGAIN_LATER = 1013


def to_http3_code(code: int) -> int:
    """Where a WebTransport application's 32-bit error code lies among HTTP/3's (section 4.3)."""
    return _FIRST_CODE + code + code // 0x1E


class MessageStream(Protocol):
    """One bidirectional stream: the :class:`~cloudnode.transports.seam.Connection` of one session.

    It closes with the codes that a WebSocket closes with, in WebTransport's range of HTTP/3's codes.

    :param wheel: Keeps the deadline of a reader that stalls.
    """

    _log = Logger()

    def __init__(self, opener: SessionOpener, caller: Caller, limits: WebSocketLimits, wheel: TimerWheel) -> None:
        self._opener = opener
        self._caller = caller
        self._reader = MessageReader(limits.max_message)
        self._gate = SendGate(self, wheel, limits.stall_timeout, limits.send_buffer)
        self._session: Session | None = None
        self._is_closing = False

    @property
    def caller(self) -> Caller:
        """Who is at the other end."""
        return self._caller

    def send_message(self, message: bytes) -> None:
        """Send one message. Does nothing once the stream is closed."""
        if self._session is None or self._is_closing:
            return
        self._stream.write(encode_message(message))
        if self._gate.is_closed:
            self._gate.count(len(message))

    def close(self, code: int, reason: str) -> None:
        """End the stream after what was sent; the peer's sending is refused with the code."""
        if self._is_closing:
            return
        self._is_closing = True
        stream = self._stream
        stream.refusal_code = to_http3_code(code)
        stream.unregisterProducer()
        stream.loseConnection()

    def connectionMade(self) -> None:
        """Open the session; a caller over its limit has the stream reset."""
        try:
            self._session = self._opener.open_session(self)
        except Refused as refused:
            self._abort(TRY_AGAIN_LATER, refused.reason)
        except Exception:
            self._log.failure("a session for {caller} could not be opened", caller=self._caller.address)
            self._abort(INTERNAL_ERROR, "no session")
        else:
            self._stream.registerProducer(self._gate, True)

    def dataReceived(self, data: bytes) -> None:
        """Hand every complete message to the session, as long as the answers are taken."""
        try:
            for message in self._reader.feed(data):
                self._hand_on(message)
                if self._session is None or self._is_closing or self._gate.is_closed:
                    return
        except MessageTooLarge as error:
            self._abort(TOO_BIG, str(error))
        except UnicodeDecodeError as error:
            self._abort(INVALID_TEXT, str(error))
        except Exception:
            self._log.failure("the session of {caller} failed at a message", caller=self._caller.address)
            self._abort(INTERNAL_ERROR, "the session failed")

    def _hand_on(self, message: bytes) -> None:
        if not message.isascii():
            message.decode()
        if self._session is not None and not self._is_closing:
            self._session.message_received(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The stream is over."""
        self._gate.release()
        session, self._session = self._session, None
        if session is not None:
            session.connection_lost()

    # What the send gate calls

    def sending_paused(self) -> None:
        """The stream's buffer is full: take no further message, and have the session hold back."""
        self._stream.pauseProducing()
        if self._session is not None:
            self._session.pause_sending()

    def sending_resumed(self) -> None:
        """There is room again."""
        if self._session is not None:
            self._session.resume_sending()
        self._stream.resumeProducing()
        self.dataReceived(b"")  # first what was received before the pause

    def sending_stalled(self, reason: str) -> None:
        """The reader takes nothing."""
        self._abort(POLICY, reason)

    def _abort(self, code: int, reason: str) -> None:
        self._log.info("a stream of {caller} is reset: {reason}", caller=self._caller.address, reason=reason)
        self._stream.refusal_code = to_http3_code(code)
        self._stream.abortConnection()

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
        protocol = MessageStream(self._opener, self._caller, server.message_limits, server.wheel)

        def send(data: bytes, ended: bool) -> None:
            server.link.quic.send_stream_data(stream_id, data, ended)

        stream = StreamTransport(server, stream_id, protocol, send)
        self._streams[stream_id] = server.streams[stream_id] = stream
        server.link.counters.webtransport_streams += 1
        protocol.makeConnection(stream)  # type: ignore[no-untyped-call]
        return stream
