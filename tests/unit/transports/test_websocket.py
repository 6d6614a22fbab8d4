"""WebSocket connections over a stream in memory."""

from __future__ import annotations

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv6Address
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.limits import WebSocketLimits
from cloudnode.transports.seam import Refused
from cloudnode.transports.websocket import WebSocketFactory
from tests.unit.transports.behaviour import CarrierBehaviour, EchoOpener
from tests.unit.transports.memory import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PEER,
    PING,
    PONG,
    TEXT,
    MemoryTransport,
    WebSocketCaller,
    make_frame,
    parse_frames,
)

PEER6 = IPv6Address("TCP", "2001:db8::7", 4433)


class WebSocketTestCase(SynchronousTestCase):
    """A factory with an echo behind it, and callers in memory."""

    limits = WebSocketLimits()

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000.125)
        self.opener = EchoOpener()
        self.factory = WebSocketFactory(self.opener, self.clock, limits=self.limits, http_at="port 38081")

    def connect(self) -> MemoryTransport:
        """A connection on which nothing was sent yet."""
        return MemoryTransport(self.factory.buildProtocol(PEER))

    def open_caller(self, path: bytes = b"/", headers: bytes = b"") -> WebSocketCaller:
        return WebSocketCaller(self.connect(), path, headers)

    def advance(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.advance(1)
        self.clock.advance(seconds % 1)


class CarrierTests(CarrierBehaviour, WebSocketTestCase):
    """WebSocket over a stream does what every carrier does."""


class HandshakeTests(WebSocketTestCase):
    """Who is let in, and what the others are told."""

    def test_paths(self) -> None:
        """WebSocket is served at / and /ws, with a query or without, and nowhere else."""
        statuses = [self.open_caller(path).status for path in (b"/", b"/ws", b"/ws?a=b", b"/other")]
        self.assertEqual(statuses, [101, 101, 101, 404])

    def test_any_origin(self) -> None:
        """Applications on any site may connect, and also those that have none."""
        for origin in (b"https://example.com", b"null", b"file://", b"capacitor://localhost"):
            self.assertEqual(self.open_caller(headers=b"Origin: %s\r\n" % origin).status, 101, origin)

    def test_no_compression(self) -> None:
        """Compression that is offered is not taken up."""
        caller = self.open_caller(headers=b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
        self.assertEqual(caller.status, 101)
        self.assertNotIn(b"extensions", caller.head.lower())

    def test_refused(self) -> None:
        """A caller over a limit gets the HTTP status for it, when to come back, and a closed connection."""
        self.opener.refusal = Refused(429, "Too many connections.", 7)
        caller = self.open_caller()
        self.assertEqual(caller.status, 429)
        self.assertIn(b"\r\nRetry-After: 7", caller.head)
        self.assertTrue(caller.answer.endswith(b"\r\n\r\nToo many connections.\n"))
        self.assertFalse(caller.is_connected)
        self.assertEqual(self.opener.sessions, [])
        self.assertEqual(self.factory.counters.refused, 1)

    def test_failing_admission(self) -> None:
        """An error of the node is an HTTP 500 that tells nothing of it, and is logged."""
        self.opener.refusal = RuntimeError("secret")
        caller = self.open_caller()
        self.assertEqual(caller.status, 500)
        self.assertNotIn(b"secret", caller.answer)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_failing_opening(self) -> None:
        """A session that cannot be opened for an error of the node closes its connection with 1011."""
        self.opener.late_refusal = RuntimeError("no")
        self.assertEqual(self.open_caller().close_code, 1011)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_plain_http(self) -> None:
        """Who comes with plain HTTP is told in one sentence where to go, in a complete answer."""
        for request, status in ((b"GET / HTTP/1.1", b"426"), (b"POST / HTTP/1.1", b"405")):
            transport = self.connect()
            transport.deliver(request + b"\r\nHost: a\r\n\r\n")
            head, _, body = transport.take().partition(b"\r\n\r\n")
            self.assertEqual(head.split(b" ")[1], status)
            self.assertIn(b"Content-Length: %d" % len(body), head)
            self.assertEqual(body, b"This port speaks WebSocket, at / and /ws; plain HTTP is served at port 38081.\n")
            self.assertTrue(transport.is_lost)

    def test_what_was_sent_is_text(self) -> None:
        """What a caller sent comes back as text only, never in the head of the answer."""
        transport = self.connect()
        transport.deliver(b"GET / HTTP/1.1<script>\r\nHost: a\r\n\r\n")
        head, _, _ = transport.take().partition(b"\r\n\r\n")
        self.assertIn(b"text/plain", head)
        self.assertNotIn(b"<script>", head)

    def test_long_head(self) -> None:
        """A request head that does not end is refused at the limit, however it trickles in."""
        transport = self.connect()
        transport.deliver(b"GET / HTTP/1.1\r\n")
        for _ in range(self.limits.max_handshake // 16 + 1):
            transport.deliver(b"X-Filling: abcd\r\n")
        self.assertTrue(transport.take().startswith(b"HTTP/1.1 431 "))
        self.assertTrue(transport.is_lost)

    def test_handshake_timeout(self) -> None:
        """A handshake that is not finished in time is aborted, and no timer stays."""
        transport = self.connect()
        transport.deliver(b"GET / HTTP/1.1\r\n")
        self.advance(self.limits.handshake_timeout - 0.5)
        self.assertFalse(transport.is_lost)
        self.advance(1)
        self.assertTrue(transport.was_aborted)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_message_with_handshake(self) -> None:
        """A message in the same read as the handshake is answered."""
        transport = self.connect()
        request = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        request += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        transport.deliver(request + make_frame(TEXT, b"early"))
        _, _, rest = transport.take().partition(b"\r\n\r\n")
        self.assertEqual([frame.payload for frame in parse_frames(rest)[0]], [b"early"])

    def test_trusted_proxy(self) -> None:
        """Behind a proxy the caller is the one that the proxy saw, and not what he himself says."""
        self.factory = WebSocketFactory(self.opener, self.clock, trusted_proxies=1)
        self.open_caller(headers=b"X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\n")
        self.open_caller(headers=b"X-Forwarded-For: nonsense\r\n")
        addresses = [session.connection.caller.address for session in self.opener.sessions]
        self.assertEqual(addresses, ["198.51.100.7", "192.0.2.1"])

    def test_proxy_that_says_nothing(self) -> None:
        """Without the proxy's word the caller is the address of the connection, over IPv6 as well."""
        self.factory = WebSocketFactory(self.opener, self.clock, trusted_proxies=1)
        WebSocketCaller(MemoryTransport(self.factory.buildProtocol(PEER6), PEER6))
        self.assertEqual(self.opener.session.connection.caller.address, "2001:db8::7")

    def test_untrusted_proxy(self) -> None:
        """With no proxy configured nobody can pretend to another address."""
        self.open_caller(headers=b"X-Forwarded-For: 203.0.113.9\r\n")
        self.assertEqual(self.opener.session.connection.caller.address, "192.0.2.1")


class FrameTests(WebSocketTestCase):
    """Frames of the less ordinary kinds."""

    limits = WebSocketLimits(max_message=1000, max_fragments=20)

    def test_fragments(self) -> None:
        """A message in fragments, with a ping between them, is one message."""
        caller = self.open_caller()
        caller.send_frame(TEXT, b"\xc3", final=False)
        caller.send_frame(PING, b"are you there")
        caller.send_frame(CONTINUATION, b"\xa4")
        self.assertEqual(caller.received(), [b"\xc3\xa4"])
        self.assertEqual([tuple(frame) for frame in caller.control], [(PONG, b"are you there", True)])

    def test_too_large_in_fragments(self) -> None:
        """Fragments are added up, and the length that a frame announces is not waited for."""
        caller = self.open_caller()
        caller.send_frame(TEXT, b"x" * 900, final=False)
        caller.send_frame(CONTINUATION, b"x" * 101, final=False)
        self.assertEqual(caller.close_code, 1009)
        caller = self.open_caller()
        caller.transport.deliver(bytes([0x81, 0xFF]) + (2**62).to_bytes(8, "big") + bytes(4))
        self.assertEqual(caller.close_code, 1009)

    def test_empty_fragments(self) -> None:
        """A message of endless empty fragments is refused."""
        caller = self.open_caller()
        caller.send_frame(TEXT, b"", final=False)
        for _ in range(30):
            caller.send_frame(CONTINUATION, b"", final=False)
        self.assertEqual(caller.close_code, 1009)

    def test_binary(self) -> None:
        """A binary message is refused with 1003, as soon as it begins."""
        caller = self.open_caller()
        caller.send_frame(BINARY, b"x", final=False)
        self.assertEqual(caller.close_code, 1003)
        self.assertEqual(self.opener.session.events, [])

    def test_violations(self) -> None:
        """A violation of the protocol closes the connection with 1002."""
        unmasked = b"\x81\x01a"
        for violation in (unmasked, make_frame(TEXT, b"a", rsv=4), make_frame(3), make_frame(CONTINUATION, b"a")):
            caller = self.open_caller()
            caller.transport.deliver(violation)
            self.assertEqual(caller.close_code, 1002, violation)

    def test_overlong_length(self) -> None:
        """A length that is not written in its shortest form is a violation."""
        caller = self.open_caller()
        caller.transport.deliver(bytes([0x81, 0x80 | 126, 0, 5]) + bytes(4) + b"hello")
        self.assertEqual(caller.close_code, 1002)

    def test_peer_closes(self) -> None:
        """A closing handshake that the caller begins is answered, and the connection closed in order."""
        caller = self.open_caller()
        caller.send_frame(CLOSE, (1000).to_bytes(2, "big"))
        self.assertEqual(caller.close_code, 1000)
        self.assertFalse(caller.is_connected)
        self.assertFalse(caller.transport.was_aborted)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_we_close(self) -> None:
        """A closing handshake that the session begins ends in order when the caller answers."""
        caller = self.open_caller()
        caller.send(b"close 1000")
        self.assertEqual(caller.close_code, 1000)
        caller.send_frame(CLOSE, (1000).to_bytes(2, "big"))
        self.assertFalse(caller.is_connected)
        self.assertFalse(caller.transport.was_aborted)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_close_unanswered(self) -> None:
        """A closing handshake that the caller does not answer ends after a while all the same."""
        caller = self.open_caller()
        caller.send(b"close 1000")
        self.advance(self.limits.close_timeout + 1)
        self.assertFalse(caller.is_connected)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_close_not_taken(self) -> None:
        """A caller who asks to close and then takes no bytes is aborted after a while."""
        caller = self.open_caller()
        caller.stall()
        caller.send_frame(CLOSE, (1000).to_bytes(2, "big"))
        self.assertTrue(caller.is_connected)
        self.advance(self.limits.close_timeout + 1)
        self.assertTrue(caller.transport.was_aborted)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_byte_by_byte(self) -> None:
        """How a stream is cut into reads makes no difference."""
        caller = self.open_caller()
        for byte in make_frame(TEXT, b"slow") + make_frame(TEXT, b"b" * 500) + make_frame(PING):
            caller.transport.deliver(bytes([byte]))
        self.assertEqual(caller.received(), [b"slow", b"b" * 500])
        self.assertEqual([frame.opcode for frame in caller.control], [PONG])

    def test_one_write_a_read(self) -> None:
        """The answers to all messages of one read are written in one piece."""
        caller = self.open_caller()
        pieces: list[bytes] = []
        caller.transport.write = pieces.append  # type: ignore[method-assign]
        caller.transport.deliver(make_frame(TEXT, b"a") * 5 + make_frame(PING) + make_frame(TEXT, b"b"))
        self.assertEqual(len(pieces), 1)
        opcodes = [frame.opcode for frame in parse_frames(pieces[0])[0]]
        self.assertEqual(opcodes, [TEXT] * 5 + [PONG, TEXT])

    @settings(max_examples=60, deadline=None)
    @given(
        texts=st.lists(st.text(max_size=400), max_size=12),
        cuts=st.lists(st.integers(1, 300), min_size=1, max_size=10),
        fragment=st.integers(1, 200),
        plain=st.booleans(),
    )
    def test_any_cut(self, texts: list[str], cuts: list[int], fragment: int, plain: bool) -> None:
        """Any texts, in whole frames or fragments, cut anywhere, come back as they were."""
        self.setUp()
        caller = self.open_caller()
        messages = [b"=" + text.encode()[:900] for text in texts]
        messages = [message.decode(errors="ignore").encode() for message in messages]
        stream = b""
        for message in messages:
            if plain:
                stream += make_frame(TEXT, message)
                continue
            parts = [message[at : at + fragment * 60] for at in range(0, len(message), fragment * 60)]
            for place, part in enumerate(parts):
                stream += make_frame(CONTINUATION if place else TEXT, part, final=place == len(parts) - 1)
        at = turn = 0
        while at < len(stream):
            size = cuts[turn % len(cuts)]
            caller.transport.deliver(stream[at : at + size])
            at, turn = at + size, turn + 1
        self.assertEqual(caller.received(), messages)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=300))
    def test_any_bytes(self, garbage: bytes) -> None:
        """No bytes on an open connection raise anything, log an error, or leave a timer after its end."""
        self.setUp()
        caller = self.open_caller()
        caller.transport.deliver(garbage)
        caller.leave()
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class KeepAliveTests(WebSocketTestCase):
    """Silent connections."""

    def test_answered_pings(self) -> None:
        """A silent caller that answers pings stays; he is asked once an interval."""
        caller = self.open_caller()
        for _ in range(10):
            caller.control.clear()
            self.advance(self.limits.ping_interval + 1)
            caller.received()
            self.assertEqual([frame.opcode for frame in caller.control], [PING])
            caller.send_frame(PONG, caller.control[0].payload)
        self.assertTrue(caller.is_connected)

    def test_short_interval(self) -> None:
        """Pings that are answered follow each other at the interval, however long an answer may take."""
        limits = attrs.evolve(self.limits, ping_interval=5.0, ping_timeout=60.0)
        self.factory = WebSocketFactory(self.opener, self.clock, limits=limits)
        caller = self.open_caller()
        pings = 0
        for _ in range(60):
            self.advance(1)
            caller.received()
            for frame in caller.control:
                pings += frame.opcode == PING
                caller.send_frame(PONG, frame.payload)
            caller.control.clear()
        self.assertIn(pings, range(9, 13))

    def test_unanswered_ping(self) -> None:
        """A caller that does not answer a ping is dropped, and the session told."""
        caller = self.open_caller()
        self.advance(self.limits.ping_interval + self.limits.ping_timeout - 1)
        self.assertTrue(caller.is_connected)
        self.advance(3)
        self.assertTrue(caller.transport.was_aborted)
        self.assertEqual(self.opener.session.events, ["lost"])
        self.assertEqual(self.factory.counters.unresponsive, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_busy_connection(self) -> None:
        """A caller that sends is not asked."""
        caller = self.open_caller()
        for _ in range(20):
            self.advance(10)
            caller.send(b"busy")
        caller.received()
        self.assertEqual(caller.control, [])

    def test_few_timers(self) -> None:
        """A thousand connections need a handful of the reactor's calls."""
        for _ in range(1000):
            self.open_caller()
        self.assertLess(len(self.clock.getDelayedCalls()), 10)

    def test_counters(self) -> None:
        """What is open, was opened, came and went is counted."""
        callers = [self.open_caller() for _ in range(3)]
        callers[0].send(b"a")
        callers[0].leave()
        counters = self.factory.counters
        self.assertEqual((counters.open, counters.opened), (2, 3))
        self.assertEqual((counters.messages_received, counters.messages_sent), (1, 1))


class MemoryTests(WebSocketTestCase):
    """What a connection holds."""

    def test_stalled_bytes(self) -> None:
        """What waits for a caller who takes nothing is bounded by one batch and one message."""
        caller = self.open_caller()
        caller.stall()
        for _ in range(100):
            caller.send(b"repeat 100000")
        self.assertLess(caller.transport.most_waiting, 400_000)

    def test_one_long_answer(self) -> None:
        """One answer may be longer than what may wait behind a full buffer; the caller takes it in time."""
        caller = self.open_caller()
        caller.stall()
        caller.send(b"repeat 10000000")
        self.assertTrue(caller.is_connected)
        caller.catch_up()
        self.assertEqual([len(message) for message in caller.received()], [10_000_000])

    def test_ping_flood(self) -> None:
        """Pings of a caller who takes no pongs fill no buffer."""
        caller = self.open_caller()
        caller.stall()
        caller.transport.deliver(make_frame(PING, b"p" * 125) * 20_000)
        self.assertLess(caller.transport.most_waiting, 200_000)

    def test_handshake_forgotten(self) -> None:
        """An open connection holds nothing of its request."""
        protocol = self.factory.buildProtocol(PEER)
        WebSocketCaller(MemoryTransport(protocol), headers=b"X-Secret: %s\r\n" % (b"s" * 1000))
        self.assertNotIn("s" * 1000, repr(vars(protocol)))
