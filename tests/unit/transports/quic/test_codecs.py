"""Messages with lengths, capsules, and handshakes put another way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.quic.messages import (
    Capsule,
    CapsuleReader,
    MessageReader,
    MessageTooLarge,
    encode_capsule,
    encode_message,
)
from cloudnode.transports.quic.upgrade import (
    MAX_HEAD,
    BadHead,
    BadRequest,
    Head,
    HeadReader,
    accept_of,
    make_connect_headers,
    make_response_headers,
    make_upgrade_request,
    make_upgrade_response,
)

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455, section 1.3
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Data in pieces."""
    ends = sorted({place % (len(data) + 1) for place in places})
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


class MessageTests(SynchronousTestCase):
    """Messages with their lengths before them."""

    @given(st.lists(st.binary(max_size=50)), st.lists(st.integers(0, 10_000)))
    def test_round_trip(self, messages: list[bytes], places: list[int]) -> None:
        """However the bytes are cut, the same messages come out, in order."""
        reader = MessageReader(50)
        pieces = cut(b"".join(map(encode_message, messages)), places)
        self.assertEqual([message for piece in pieces for message in reader.feed(piece)], messages)

    def test_too_large(self) -> None:
        """A length over the limit is refused at once, after the messages before it."""
        reader = MessageReader(5)
        messages = []
        with self.assertRaises(MessageTooLarge):
            for message in reader.feed(encode_message(b"12345") + b"\0\0\0\x06"):
                messages.append(message)
        self.assertEqual(messages, [b"12345"])

    def test_interrupted(self) -> None:
        """Who stops taking messages gets the rest later."""
        reader = MessageReader(5)
        first = next(reader.feed(encode_message(b"one") + encode_message(b"two")))
        self.assertEqual((first, list(reader.feed(b""))), (b"one", [b"two"]))

    @given(st.lists(st.binary(max_size=100)))
    def test_any_bytes(self, pieces: list[bytes]) -> None:
        """Any bytes give messages or MessageTooLarge."""
        reader = MessageReader(1000)
        try:
            for piece in pieces:
                self.assertTrue(all(len(message) <= 1000 for message in reader.feed(piece)))
        except MessageTooLarge:
            pass


class CapsuleTests(SynchronousTestCase):
    """Capsules (RFC 9297)."""

    @given(st.lists(st.tuples(st.integers(0, 2**62 - 1), st.binary(max_size=80))), st.lists(st.integers(0, 10_000)))
    def test_round_trip(self, contents: list[tuple[int, bytes]], places: list[int]) -> None:
        """However the bytes are cut, those that are not too long come out, in order."""
        capsules = [Capsule(kind, value) for kind, value in contents]
        reader = CapsuleReader(limit=40)
        pieces = cut(b"".join(map(encode_capsule, capsules)), places)
        found = [capsule for piece in pieces for capsule in reader.feed(piece)]
        self.assertEqual(found, [capsule for capsule in capsules if len(capsule.value) <= 40])

    @given(st.lists(st.binary(max_size=100)))
    def test_any_bytes(self, pieces: list[bytes]) -> None:
        """Any bytes are taken, and little is kept."""
        reader = CapsuleReader(limit=40)
        for piece in pieces:
            reader.feed(piece)
            self.assertLess(len(reader._buffer), 40 + 16)


class UpgradeTests(SynchronousTestCase):
    """Handshakes between HTTP/1.1 and extended CONNECT."""

    def test_request(self) -> None:
        """A CONNECT becomes the upgrade, with a key to stand in; its own fields are kept."""
        headers = [
            (b":method", b"CONNECT"),
            (b":protocol", b"websocket"),
            (b":scheme", b"https"),
            (b":authority", b"node.example:38083"),
            (b":path", b"/ws?a=b"),
            (b"origin", b"https://site.example"),
            (b"x-forwarded-for", b"203.0.113.5"),
            (b"te", b"trailers"),
        ]
        self.assertEqual(
            make_upgrade_request(headers),
            b"GET /ws?a=b HTTP/1.1\r\nHost: node.example:38083\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            b"origin: https://site.example\r\n\r\n",
        )
        with_key = make_upgrade_request([*headers, (b"sec-websocket-key", KEY)])
        self.assertIn(b"\r\nSec-WebSocket-Key: " + KEY + b"\r\n", with_key)

    @given(st.lists(st.tuples(st.sampled_from([b":path", b":authority", b"x", b"cookie"]), st.binary(max_size=20))))
    def test_lines(self, headers: list[tuple[bytes, bytes]]) -> None:
        """No field makes a line of its own, by anybody's idea of a line."""
        try:
            request = make_upgrade_request([(b":authority", b"a"), *headers])
        except BadRequest:
            return
        extra = sum(not name.startswith(b":") for name, _ in headers)
        self.assertEqual(len(request.decode("latin-1").splitlines()), 6 + extra + 1)
        self.assertEqual(len(request.split(b"\r\n", 1)[0].split(b" ")), 3)

    def test_response(self) -> None:
        """101 becomes 200, without what only HTTP/1.1 has; the accept is echoed to who sent a key."""
        head = HeadReader().feed(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\nrest"
        )
        assert head is not None
        self.assertEqual(head.rest, b"rest")
        expected = [(b":status", b"200"), (b"sec-websocket-protocol", b"a")]
        self.assertEqual(make_response_headers(head, echo_accept=False), expected)
        self.assertEqual(make_response_headers(head, echo_accept=True), [*expected, (b"sec-websocket-accept", ACCEPT)])

    def test_other_statuses(self) -> None:
        """Every other status passes through."""
        head = Head(b"HTTP/1.1 429 Too Many Requests", [(b"retry-after", b"7"), (b"connection", b"close")], b"")
        self.assertEqual(make_response_headers(head, echo_accept=False), [(b":status", b"429"), (b"retry-after", b"7")])
        for start in (b"HTTP/1.1", b"HTTP/1.1 abc", b"HTTP/1.1 999 x"):
            with self.assertRaises(BadHead):
                make_response_headers(Head(start, [], b""), echo_accept=False)

    def test_head_in_pieces(self) -> None:
        """A head may come in pieces, but not without end, and not with lines that are no fields."""
        reader = HeadReader()
        self.assertIsNone(reader.feed(b"HTTP/1.1 101 a\r\nX: y\r\n\r"))
        head = reader.feed(b"\nrest")
        assert head is not None
        self.assertEqual((head.get(b"x"), head.get(b"z"), head.rest), (b"y", None, b"rest"))
        with self.assertRaises(BadHead):
            HeadReader().feed(b"x" * (MAX_HEAD + 1))
        with self.assertRaises(BadHead):
            HeadReader().feed(b"HTTP/1.1 200 OK\r\nno field\r\n\r\n")

    def test_client_side(self) -> None:
        """A client's upgrade becomes a CONNECT, and 200 the 101 with the accept that it waits for."""
        head = HeadReader().feed(
            b"GET /ws HTTP/1.1\r\nHost: node.example:38083\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
            b"Pragma: no-cache\r\nSec-WebSocket-Key: " + KEY + b"\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert head is not None
        self.assertEqual(
            make_connect_headers(head),
            [
                (b":method", b"CONNECT"),
                (b":protocol", b"websocket"),
                (b":scheme", b"https"),
                (b":authority", b"node.example:38083"),
                (b":path", b"/ws"),
                (b"sec-websocket-version", b"13"),
            ],
        )
        self.assertEqual(accept_of(KEY), ACCEPT)
        response = make_upgrade_response([(b":status", b"200"), (b"sec-websocket-protocol", b"a")], KEY)
        self.assertTrue(response.startswith(b"HTTP/1.1 101 "))
        self.assertIn(b"\r\nSec-WebSocket-Accept: " + ACCEPT + b"\r\n", response)
        self.assertIn(b"\r\nsec-websocket-protocol: a\r\n", response)
        self.assertTrue(make_upgrade_response([(b":status", b"429")], KEY).startswith(b"HTTP/1.1 429 "))
        with self.assertRaises(BadHead):
            make_connect_headers(Head(b"POST / HTTP/1.1", [(b"host", b"a")], b""))
