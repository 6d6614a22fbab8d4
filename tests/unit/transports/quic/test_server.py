"""What the node answers on HTTP/3, and what it refuses."""

from __future__ import annotations

import tracemalloc
from typing import Any

import attrs
from aioquic.buffer import encode_uint_var
from aioquic.h3.connection import Setting, encode_frame
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.quic.http3 import H3_EXCESSIVE_LOAD, H3_REQUEST_CANCELLED
from cloudnode.transports.quic.limits import KIB, MIB, QuicLimits
from cloudnode.transports.quic.messages import Capsule, encode_capsule, encode_message
from cloudnode.transports.quic.server import MAX_SESSIONS
from cloudnode.transports.quic.webtransport import CLOSE_SESSION, SESSION_GONE, STREAM_REJECTED, to_http3_code
from cloudnode.transports.seam import Refused
from tests.unit.transports.quic.ends import EchoServer, RawClient, mask_frame
from tests.unit.transports.quic.network import MemoryNetwork

WEBSOCKET = (b":protocol", b"websocket")
WEBTRANSPORT = (b":protocol", b"webtransport")


class ServerTestCase(SynchronousTestCase):
    """A node and a client in memory."""

    limits = QuicLimits()

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.server = EchoServer(self.network, self.limits)
        self.opener = self.server.opener
        self.client = RawClient(self.network).connect()

    @property
    def h3(self) -> Any:
        return self.client.h3

    def ask(self, *more: tuple[bytes, bytes], method: bytes = b"CONNECT", path: bytes = b"/") -> int | None:
        """Make a request and return its status."""
        stream = self.client.request(*more, method=method, path=path)
        self.client.go()
        return self.client.status(stream)

    def echo(self, stream: int, text: bytes) -> None:
        """Have a message echoed on a WebSocket."""
        before = len(self.client.body(stream))
        self.h3.send_data(stream, mask_frame(text), False)
        self.client.go()
        self.assertEqual(self.client.body(stream)[before:], bytes([0x81, len(text)]) + text)


class RequestTests(ServerTestCase):
    """Requests and their answers."""

    def test_settings(self) -> None:
        """Extended CONNECT and WebTransport are announced, and a table that would take memory is not."""
        settings = self.h3.received_settings
        self.assertEqual(settings[Setting.ENABLE_CONNECT_PROTOCOL], 1)
        self.assertEqual(settings[Setting.ENABLE_WEBTRANSPORT], 1)
        self.assertEqual((settings[Setting.QPACK_MAX_TABLE_CAPACITY], settings[Setting.QPACK_BLOCKED_STREAMS]), (0, 0))

    def test_plain_requests(self) -> None:
        """Who comes with plain HTTP is told what there is, in a complete answer."""
        for method, path, status in (
            (b"GET", b"/", 200),
            (b"GET", b"/ws?a=b", 200),
            (b"HEAD", b"/", 200),
            (b"GET", b"/other", 404),
            (b"POST", b"/", 405),
        ):
            stream = self.client.request(method=method, path=path)
            self.h3.send_data(stream, b"", end_stream=True)
            self.client.go()
            self.assertEqual(self.client.status(stream), status)
            body = self.client.body(stream)
            self.assertEqual(int(self.client.headers(stream)[b"content-length"]), len(body))
            self.assertEqual(b"WebSocket over HTTP/3" in body, method != b"HEAD")
            self.assertTrue(self.client.is_ended(stream))

    def test_unknown_protocol(self) -> None:
        """A protocol that is not spoken is 501, as RFC 9220 says; so is CONNECT to somewhere else."""
        self.assertEqual(self.ask((b":protocol", b"connect-udp")), 501)
        self.assertEqual(self.ask(), 501)

    def test_websocket_paths(self) -> None:
        """WebSocket is served at / and /ws, with a query or without, and nowhere else; to any origin."""
        statuses = [self.ask(WEBSOCKET, path=path) for path in (b"/", b"/ws", b"/ws?a=b", b"/other")]
        self.assertEqual(statuses, [200, 200, 200, 404])
        self.assertEqual(self.ask(WEBSOCKET, (b"origin", b"https://anywhere.example")), 200)

    def test_refused_websocket(self) -> None:
        """A caller over a limit gets the status for it and when to come back; a session, too."""
        self.opener.refusal = Refused(429, "Too many connections.", 7)
        for protocol in (WEBSOCKET, WEBTRANSPORT):
            stream = self.client.request(protocol)
            self.client.go()
            self.assertEqual(self.client.status(stream), 429)
            self.assertEqual(self.client.headers(stream)[b"retry-after"], b"7")
            self.assertEqual(self.client.body(stream), b"Too many connections.\n")
            self.assertTrue(self.client.is_ended(stream))

    def test_smuggled_lines(self) -> None:
        """A field that some reader of HTTP/1.1 takes for two lines is refused."""
        for value in (b"a\x0bX: y", b"a\x0cX: y", b"a\x1eX: y", b"a\x85X: y", b"a\x7f"):
            self.assertEqual(self.ask(WEBSOCKET, (b"x-note", value)), 400, value)
        self.assertEqual(self.ask(WEBSOCKET, path=b"/ HTTP/1.1"), 404)
        self.assertEqual(self.ask(WEBSOCKET, path=b"/?a HTTP/1.1"), 400)
        self.assertEqual(self.opener.sessions, [])

    def test_forged_address(self) -> None:
        """No field of a request changes whose connection it is."""
        self.assertEqual(self.ask(WEBSOCKET, (b"x-forwarded-for", b"203.0.113.5")), 200)
        self.assertEqual(self.opener.session.connection.caller.address, "192.0.2.1")

    def test_wrong_version(self) -> None:
        """Another version of the WebSocket protocol is refused with the one that is spoken."""
        stream = self.client.request(WEBSOCKET, (b"sec-websocket-version", b"99"))
        self.client.go()
        self.assertEqual(self.client.status(stream), 400)
        self.assertIn(b"13", self.client.headers(stream)[b"sec-websocket-version"])

    def test_end_without_request(self) -> None:
        """A stream that ends before its request, or is reset, leaves nothing behind."""
        first = self.client.quic.get_next_available_stream_id()
        self.client.quic.send_stream_data(first, b"", end_stream=True)
        self.client.quic.reset_stream(self.client.quic.get_next_available_stream_id(), 0)
        self.client.go()
        self.echo(self.client.open_websocket(), b"still here")


class WebSocketTests(ServerTestCase):
    """WebSockets on streams."""

    def test_one_stream_fails(self) -> None:
        """Something unexpected in one stream resets it, and the next one on the connection goes on."""
        one, two = self.client.open_websocket(), self.client.open_websocket()
        link = self.server.socket.endpoint.links[0]
        stream = link.application.streams[one]  # type: ignore[union-attr, attr-defined]

        def fail(data: bytes) -> None:
            raise ZeroDivisionError

        stream._protocol.dataReceived = fail
        self.h3.send_data(one, mask_frame(b"hello"), False)
        self.client.go()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.client.reset_code(one), H3_REQUEST_CANCELLED)
        self.assertEqual(self.opener.sessions[0].events, ["lost"])
        self.echo(two, b"still here")

    def test_reset_by_client(self) -> None:
        """A stream that its client resets is the end of its session, and of no other."""
        one, two = self.client.open_websocket(), self.client.open_websocket()
        self.client.quic.reset_stream(one, H3_REQUEST_CANCELLED)
        self.client.go()
        self.assertEqual(self.opener.sessions[0].events, ["lost"])
        self.echo(two, b"still here")

    def test_ended_by_client(self) -> None:
        """A client that ends its side without a word gets the answers that are written, and the end."""
        stream = self.client.open_websocket()
        self.h3.send_data(stream, mask_frame(b"last"), end_stream=True)
        self.client.go()
        self.assertEqual(self.client.body(stream), b"\x81\x04last")
        self.assertTrue(self.client.is_ended(stream))
        self.assertEqual(self.opener.session.events, [b"last", "lost"])

    def test_streams_come_back(self) -> None:
        """Streams that are over make room for others, far more than may be open at once, and leave nothing."""
        for number in range(3 * self.limits.streams):
            stream = self.client.open_websocket()
            if number % 2:
                self.client.quic.reset_stream(stream, 0)
            else:
                self.h3.send_data(stream, mask_frame(b"\x03\xe8", opcode=8), end_stream=True)
            self.client.go()
        application: Any = self.server.socket.endpoint.links[0].application
        self.assertEqual((application.streams, application._to_flush, application._waiting), ({}, {}, {}))
        self.assertLess(len(application.h3._stream), 10)
        self.assertEqual(application.h3._abandoned, set())
        self.assertLess(len(application.link.quic._streams), 10)

    def test_too_many_streams(self) -> None:
        """No more streams are open at once than the limit."""
        for _ in range(self.limits.streams + 5):
            self.client.request(WEBSOCKET)
        self.client.go()
        self.assertEqual(len(self.opener.sessions), self.limits.streams)
        self.assertIsNone(self.client.termination)

    def test_trickle(self) -> None:
        """Frames that come a byte at a time are the same frames."""
        stream = self.client.open_websocket()
        for byte in encode_frame(0, mask_frame(b"slow")):
            self.client.quic.send_stream_data(stream, bytes([byte]))
            self.client.transmit()
            self.network.advance(0.01)
        self.network.settle()
        self.assertEqual(self.client.body(stream), b"\x81\x04slow")

    def test_one_write_a_turn(self) -> None:
        """Many messages that come together are answered in few datagrams."""
        stream = self.client.open_websocket()
        before = self.server.counters.datagrams_sent
        for number in range(500):
            self.h3.send_data(stream, mask_frame(b"%03d" % number), False)
        self.client.go()
        self.assertEqual(len(self.client.body(stream)), 500 * 5)
        self.assertLess(self.server.counters.datagrams_sent - before, 40)


class SlowReaderTests(ServerTestCase):
    """Readers that take nothing, at the end of a stream."""

    limits = attrs.evolve(QuicLimits(), linger_seconds=5.0)

    def test_linger(self) -> None:
        """A closed stream waits for its reader so long and no longer; then what it kept is freed."""
        self.client.vanish()
        self.client = RawClient(self.network, max_stream_data=10_000).connect()
        stream = self.client.open_websocket()
        self.client.quic._write_stream_limits = lambda **_: None  # type: ignore[method-assign]
        self.h3.send_data(stream, mask_frame(b"repeat 200000"), end_stream=True)
        self.client.go()
        quic = self.server.socket.endpoint.links[-1].quic
        self.assertGreater(quic.unacknowledged(stream), 100_000)
        self.network.advance(6, 0.05)
        self.assertEqual(self.client.reset_code(stream), H3_REQUEST_CANCELLED)
        self.assertEqual(quic.unacknowledged(stream), 0)
        self.assertEqual(self.server.counters.streams_aborted, 1)
        self.assertEqual(self.opener.session.events[-1], "lost")


class HeaderTests(ServerTestCase):
    """What HTTP/3 would have to keep."""

    def kept(self, data: bytes, pieces: int) -> int:
        """Send data on a new request stream in so many pieces; returns the peak of memory taken."""
        stream = self.client.quic.get_next_available_stream_id()
        tracemalloc.start()
        for _ in range(pieces):
            if self.client.termination is None:
                self.client.quic.send_stream_data(stream, data)
                data = bytes(8 * KIB)
                self.client.go()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    def refusal(self) -> int | None:
        """The code with which the connection was closed."""
        return None if self.client.termination is None else self.client.termination.error_code

    def test_long_headers(self) -> None:
        """HEADERS that announce more than the limit close the connection before any is kept."""
        self.assertLess(self.kept(encode_uint_var(1) + encode_uint_var(1 << 40), 50), MIB)
        self.assertEqual(self.refusal(), H3_EXCESSIVE_LOAD)

    def test_long_settings(self) -> None:
        """SETTINGS that do not end close the connection when they are too long."""
        client = RawClient(self.network).connect(h3=False)
        control = client.quic.get_next_available_stream_id(is_unidirectional=True)
        client.quic.send_stream_data(control, b"\x00" + encode_uint_var(4) + encode_uint_var(1 << 30))
        for _ in range(20):
            if client.termination is None:
                client.quic.send_stream_data(control, bytes(8 * KIB))
                client.go()
        assert client.termination is not None
        self.assertEqual(client.termination.error_code, H3_EXCESSIVE_LOAD)

    def test_unknown_frames(self) -> None:
        """A frame of an unknown type, however long, is skipped and not kept."""
        self.assertLess(self.kept(encode_uint_var(0x21) + encode_uint_var(1 << 40), 200), MIB)
        self.assertIsNone(self.refusal())

    def test_dynamic_table(self) -> None:
        """An insertion into the table that was not offered closes the connection."""
        encoder = self.h3._local_encoder_stream_id
        self.client.quic.send_stream_data(encoder, b"\x3f\xe1\x1f" + b"\x41a\x01b")  # capacity 4096, a: b
        self.client.go()
        self.assertEqual(self.refusal(), 0x201)  # QPACK_ENCODER_STREAM_ERROR


class WebTransportTests(ServerTestCase):
    """Sessions and their streams."""

    def open_stream(self, session: int, text: bytes = b"hello") -> int:
        """Open a stream and have a message echoed on it."""
        stream = self.client.open_message_stream(session)
        self.client.quic.send_stream_data(stream, encode_message(text))
        self.client.go()
        self.assertEqual(self.client.body(stream), encode_message(text))
        return stream

    def test_session(self) -> None:
        """A session's answer names the draft; each of its streams is a session of the API."""
        session = self.client.open_session()
        self.assertEqual(self.client.headers(session)[b"sec-webtransport-http3-draft"], b"draft02")
        for text in (b"one", b"two"):
            self.open_stream(session, text)
        self.assertEqual(len(self.opener.sessions), 2)
        caller = self.opener.sessions[0].connection.caller
        self.assertEqual((caller.address, caller.transport, caller.secure), ("192.0.2.1", "webtransport", True))

    def test_close_capsule(self) -> None:
        """The close capsule ends the session and its streams, in pieces or not, and no other session."""
        one, two = self.client.open_session(), self.client.open_session()
        gone, other = self.open_stream(one), self.open_stream(two)
        capsule = encode_capsule(Capsule(CLOSE_SESSION, bytes(4) + b"done"))
        for piece in (capsule[:3], capsule[3:]):
            self.h3.send_data(one, piece, False)
            self.client.go()
        self.assertEqual(self.client.reset_code(gone), SESSION_GONE)
        self.assertTrue(self.client.is_ended(one))
        self.assertEqual([session.events[-1] for session in self.opener.sessions], ["lost", b"hello"])
        self.client.quic.send_stream_data(other, encode_message(b"still here"))
        self.client.go()
        self.assertTrue(self.client.body(other).endswith(b"still here"))

    def test_end_of_connect_stream(self) -> None:
        """The end of a session's own stream, orderly or not, ends the session."""
        for end in ("fin", "reset"):
            session = self.client.open_session()
            stream = self.open_stream(session)
            if end == "fin":
                self.h3.send_data(session, b"", end_stream=True)
            else:
                self.client.quic.reset_stream(session, 0)
            self.client.go()
            self.assertEqual(self.client.reset_code(stream), SESSION_GONE)
            self.assertEqual(self.opener.sessions[-1].events[-1], "lost")

    def test_early_streams(self) -> None:
        """A stream that overtakes its session's request waits for it, up to a bound."""
        session = self.client.quic.get_next_available_stream_id()
        stream = session + 4
        head = encode_uint_var(0x41) + encode_uint_var(session)
        self.client.quic.send_stream_data(session, b"")
        self.client.sessions_of_streams[stream] = session
        self.client.quic.send_stream_data(stream, head + encode_message(b"early"))
        self.client.quic.send_stream_data(session + 8, head + bytes(100_000))
        self.client.go()
        self.assertEqual(self.opener.sessions, [])
        self.assertEqual(self.client.reset_code(session + 8), STREAM_REJECTED)
        self.h3.send_headers(
            session,
            [(b":method", b"CONNECT"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/"), WEBTRANSPORT],
        )
        self.client.go()
        self.assertEqual(self.client.status(session), 200)
        self.assertEqual(self.client.body(stream), encode_message(b"early"))

    def test_one_way_streams(self) -> None:
        """One-way streams are refused; datagrams are dropped."""
        session = self.client.open_session()
        stream = self.h3.create_webtransport_stream(session, is_unidirectional=True)
        self.client.quic.send_stream_data(stream, b"hello")
        self.h3.send_datagram(session, b"hello")
        self.client.go()
        self.assertEqual(self.client.reset_code(stream), STREAM_REJECTED)
        self.open_stream(session)

    def test_no_such_session(self) -> None:
        """A stream that names what can't be a session closes the connection."""
        stream = self.client.quic.get_next_available_stream_id()
        self.client.quic.send_stream_data(stream, encode_uint_var(0x41) + encode_uint_var(3) + b"x")
        self.client.go()
        self.assertIsNotNone(self.client.termination)

    def test_too_many_sessions(self) -> None:
        """One connection has so many sessions."""
        for _ in range(MAX_SESSIONS):
            self.client.open_session()
        self.assertEqual(self.ask(WEBTRANSPORT), 429)

    def test_half_closed(self) -> None:
        """A page that has asked everything may end its side; the answers that are written come."""
        stream = self.client.open_message_stream(self.client.open_session())
        self.client.quic.send_stream_data(stream, encode_message(b"one") + encode_message(b"two"), end_stream=True)
        self.client.go()
        self.assertEqual(self.client.body(stream), encode_message(b"one") + encode_message(b"two"))
        self.assertTrue(self.client.is_ended(stream))
        self.assertEqual(self.opener.session.events, [b"one", b"two", "lost"])

    def test_pipelined_without_reading(self) -> None:
        """Requests that came in one packet wait while their answers are not taken; none is lost."""
        self.client.vanish()
        self.client = RawClient(self.network, max_stream_data=10_000).connect()
        stream = self.client.open_message_stream(self.client.open_session())
        self.client.quic._write_stream_limits = lambda **_: None  # type: ignore[method-assign]
        self.client.quic.send_stream_data(stream, encode_message(b"repeat 100000") * 60)
        self.client.go()
        session = self.opener.session
        self.assertLess(session.events.count(b"repeat 100000"), 10)
        del self.client.quic._write_stream_limits
        self.client.quic.send_ping(1)
        self.client.go()
        self.assertEqual(len(self.client.body(stream)), 60 * 100_004)
        self.assertEqual(session.events.count(b"repeat 100000"), 60)

    def test_codes(self) -> None:
        """Application codes are put among HTTP/3's as section 4.3 of the draft says, around the reserved ones."""
        self.assertEqual(to_http3_code(0), 0x52E4A40FA8DB)
        self.assertEqual(to_http3_code(0x1D), 0x52E4A40FA8F8)
        self.assertEqual(to_http3_code(0x1E), 0x52E4A40FA8FA)
        self.assertEqual(to_http3_code(0xFFFFFFFF), 0x52E5AC983162)
