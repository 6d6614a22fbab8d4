"""The server's decisions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.stun.answering import BindingServer, Place, Reply, StunCounters
from cloudnode.stun.attributes import (
    CHANGED_ADDRESS,
    ERROR_CODE,
    MAPPED_ADDRESS,
    OTHER_ADDRESS,
    PADDING,
    PRIORITY,
    RESPONSE_ORIGIN,
    RESPONSE_PORT,
    SOFTWARE,
    SOURCE_ADDRESS,
    UNKNOWN_ATTRIBUTES,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    Address,
    decode_address,
    decode_error,
    decode_unknown,
    encode_change,
    encode_port,
    encode_xor_address,
    mapped_address,
    pack_host,
)
from cloudnode.stun.bare import encode_answer
from cloudnode.stun.credentials import Credential, CredentialTable, Observation
from cloudnode.stun.integrity import add_fingerprint, add_integrity, add_integrity_sha256, check_integrity
from cloudnode.stun.limiting import RateLimiter, RateLimits
from cloudnode.stun.message import (
    BINDING,
    FINGERPRINT,
    MESSAGE_INTEGRITY_SHA256,
    Attribute,
    Kind,
    Message,
    decode,
    encode,
)
from cloudnode.stun.transaction import make_request
from tests.unit.transports.stun.servers import Scene

ID = bytes(range(12))
SOURCE = ("198.51.100.7", 40_000)
SOURCE_V6 = ("2001:db8::7", 40_000)
KEY = b"k" * 32
ADDRESSES = ((("192.0.2.1", 1), ("192.0.2.1", 2)), (("192.0.2.2", 1), ("192.0.2.2", 2)))


def request(*attributes: Attribute) -> bytes:
    return encode(Message(BINDING, Kind.REQUEST, ID, attributes))


class AnsweringTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.credentials = CredentialTable()
        self.counters = StunCounters()
        self.observed: list[Observation] = []
        self.server = self.make_server(RateLimits())
        self.now = 0.0

    def make_server(self, limits: RateLimits) -> BindingServer:
        return BindingServer(self.credentials, RateLimiter(limits), self.counters)

    def answer(self, data: bytes, source: Address = SOURCE, place: Place | None = None, old: bool = False) -> Reply:
        reply = self.server.answer(data, source, self.now, via="socket", place=place, old=old)
        assert reply is not None
        return reply

    def message(self, data: bytes, source: Address = SOURCE, place: Place | None = None, old: bool = False) -> Message:
        return decode(self.answer(data, source, place, old).data, old=old)

    def error_code(self, message: Message) -> int:
        self.assertIs(message.kind, Kind.ERROR)
        return decode_error(message.find(ERROR_CODE) or b"")[0]


class AnonymousTests(AnsweringTestCase):
    """Requests of anybody."""

    def test_bare_request(self) -> None:
        """A bare request gets its source's address and nothing else: 32 bytes for IPv4, 44 for IPv6."""
        for source, length in ((SOURCE, 32), (SOURCE_V6, 44), (("::ffff:198.51.100.7", 40_000), 32)):
            reply = self.answer(request(), source)
            self.assertEqual(len(reply.data), length)
            self.assertIs(reply.place, None)
            message = decode(reply.data)
            self.assertEqual((message.kind, message.transaction), (Kind.SUCCESS, ID))
            mapped = mapped_address(message)
            assert mapped is not None
            self.assertEqual(mapped, (source[0].removeprefix("::ffff:"), source[1]))
        self.assertEqual((self.counters.requests_udp, self.counters.answers), (3, 3))

    @given(st.ip_addresses(v=4).map(str), st.integers(0, 65_535), st.binary(min_size=12, max_size=12))
    def test_by_hand(self, host: str, port: int, transaction: bytes) -> None:
        """The answer that is packed by hand is the one that messages as values give."""
        mapped = Attribute(XOR_MAPPED_ADDRESS, encode_xor_address((host, port), transaction))
        expected = encode(Message(BINDING, Kind.SUCCESS, transaction, (mapped,)))
        self.assertEqual(encode_answer(transaction, pack_host(host), port), expected)

    @given(st.ip_addresses().map(str), st.integers(0, 65_535), st.integers(0, 9))
    def test_of_one_source(self, host: str, port: int, count: int) -> None:
        """Where all requests come from one source, answers, limits and counts are the same."""
        source = (host, port)
        single, many = (Scene(RateLimits(requests_second=1, requests_burst=5)) for _ in range(2))
        asker = many.server.find_bare_asker(source)
        if asker is None:
            self.assertIn(":", host)
            return
        for number in range(count):
            data = encode(Message(BINDING, Kind.REQUEST, number.to_bytes(12, "big")))
            expected = single.server.answer(data, source, 0.0, protocol="tcp")
            self.assertEqual(asker.answer(data, 0.0), b"" if expected is None else expected.data)
        self.assertEqual(many.counters, single.counters)

    def test_passed_over(self) -> None:
        """Responses, indications, other methods and what is broken get no answer."""
        printed = add_fingerprint(request())
        for data in (
            b"",
            b"junk",
            request()[:-1],
            encode(Message(BINDING, Kind.INDICATION, ID)),
            encode(Message(BINDING, Kind.SUCCESS, ID)),
            encode(Message(BINDING, Kind.ERROR, ID)),
            encode(Message(3, Kind.REQUEST, ID)),
            printed[:-1] + bytes([printed[-1] ^ 1]),
            request()[:4] + bytes(16),
        ):
            self.assertIs(self.server.answer(data, SOURCE, 0.0), None)
        self.assertIs(self.server.answer(request(), ("not an address", 1), 0.0), None)
        self.assertEqual(self.counters.passed_over, 10)

    def test_unknown_attributes(self) -> None:
        """What has to be understood and is not gets 420 with its types; what may be skipped is skipped."""
        message = self.message(request(Attribute(0x7001, b"x"), Attribute(0x7002, b""), Attribute(0x7001, b"")))
        self.assertEqual(self.error_code(message), 420)
        self.assertEqual(decode_unknown(message.find(UNKNOWN_ATTRIBUTES) or b""), (0x7001, 0x7002))
        skipped = request(Attribute(PRIORITY, bytes(4)), Attribute(SOFTWARE, b"it"), Attribute(0x8029, bytes(8)))
        self.assertEqual(len(self.answer(skipped).data), 32)

    def test_fingerprint(self) -> None:
        """Who sends FINGERPRINT gets one."""
        self.assertIsNotNone(self.message(add_fingerprint(request())).get(FINGERPRINT))

    def test_change_request_without_second_address(self) -> None:
        """Without a second address CHANGE-REQUEST gets 420, and no answer tells of one."""
        message = self.message(request(encode_change(6)))
        self.assertEqual(self.error_code(message), 420)
        self.assertEqual(decode_unknown(message.find(UNKNOWN_ATTRIBUTES) or b""), (3,))

    def test_limit(self) -> None:
        """An address gets its burst at once, and its rate in the long run; others are not touched by it."""
        self.server = self.make_server(RateLimits(requests_second=10, requests_burst=5))
        given = sum(self.server.answer(request(), SOURCE, 0.0) is not None for _ in range(100))
        self.assertEqual(given, 5)
        given = sum(self.server.answer(request(), SOURCE, 1 + step / 100) is not None for step in range(1_000))
        self.assertTrue(100 <= given <= 105, given)
        self.assertIsNotNone(self.server.answer(request(), ("198.51.100.8", 1), 11.0))
        self.assertEqual(self.counters.limited, 95 + 1_000 - given)

    def test_limit_of_networks(self) -> None:
        """The addresses of one IPv6 /64 network share a bucket, and refusals count as answers do."""
        self.server = self.make_server(RateLimits(requests_second=1, requests_burst=5))
        sources = [(f"2001:db8::{index:x}", 1) for index in range(1, 50)]
        given = [self.server.answer(request(Attribute(0x7001, b"")), source, 0.0) for source in sources]
        self.assertEqual(len([each for each in given if each is not None]), 5)

    def test_spoofed_flood(self) -> None:
        """Nobody gets more than the bucket by sending through as many other addresses as there are places."""
        self.server = self.make_server(RateLimits(requests_second=1, requests_burst=3, places=256))
        given = 0
        for index in range(3_000):
            given += self.server.answer(request(), SOURCE, 0.0) is not None
            self.server.answer(request(), (f"10.0.{index >> 8}.{index & 255}", 1), 0.0)
        self.assertLessEqual(given, 3)

    @given(st.binary(max_size=100) | st.binary(max_size=80).map(lambda rest: request()[:8] + rest))
    def test_any_bytes(self, data: bytes) -> None:
        """Any bytes get an answer of at most 12 bytes more (IPv4), or none."""
        server = self.make_server(RateLimits())
        for old in (False, True):
            reply = server.answer(data, SOURCE, 0.0, old=old)
            if reply is not None:
                self.assertLessEqual(len(reply.data), len(data) + 12)


class CredentialTests(AnsweringTestCase):
    """Requests of those who have a key."""

    def setUp(self) -> None:
        super().setUp()
        self.revoke = self.credentials.grant("peer", Credential(KEY, self.observed.append))

    def test_authenticated(self) -> None:
        """Who has a key is answered with an integrity by it, and whoever gave the key is told where they are."""
        data = make_request(ID, username="peer", key=KEY)
        message = self.message(data)
        self.assertTrue(check_integrity(message, KEY))
        self.assertIsNotNone(message.get(MESSAGE_INTEGRITY_SHA256))
        self.assertEqual(self.observed, [Observation("peer", "udp", SOURCE, "socket")])
        self.assertEqual(self.counters.authenticated, 1)
        old_way = add_integrity(request(Attribute(USERNAME, b"peer")), KEY)
        message = self.message(old_way)
        self.assertTrue(check_integrity(message, KEY))
        self.assertIs(message.get(MESSAGE_INTEGRITY_SHA256), None)

    def test_wrong(self) -> None:
        """A wrong key, an unknown name and a revoked one get 401; an integrity without a name 400. Nothing is told."""
        self.assertEqual(self.error_code(self.message(make_request(ID, username="peer", key=b"wrong"))), 401)
        self.assertEqual(self.error_code(self.message(make_request(ID, username="nobody", key=KEY))), 401)
        self.assertEqual(self.error_code(self.message(add_integrity_sha256(request(), KEY))), 400)
        self.assertEqual(self.error_code(self.message(make_request(ID, username="x" * 600, key=KEY))), 401)
        self.revoke()
        self.revoke()
        self.assertEqual(self.error_code(self.message(make_request(ID, username="peer", key=KEY))), 401)
        self.assertEqual((self.observed, len(self.credentials)), ([], 0))

    def test_name_alone(self) -> None:
        """A name without an integrity proves nothing: it is answered as anybody is."""
        self.assertEqual(len(self.answer(request(Attribute(USERNAME, b"peer"))).data), 32)
        self.assertEqual(self.observed, [])

    def test_share(self) -> None:
        """Who forges a node's address can't use up its share, nor can it go over its own."""
        self.server = self.make_server(RateLimits(requests_second=1, requests_burst=3))
        for _ in range(100):
            self.server.answer(request(), SOURCE, 0.0)
            self.server.answer(make_request(ID, username="peer", key=b"wrong"), SOURCE, 0.0)
        good = make_request(ID, username="peer", key=KEY)
        given = [self.server.answer(good, SOURCE, 0.0) for _ in range(10)]
        self.assertEqual(len([each for each in given if each is not None]), 3)

    def test_taken_name(self) -> None:
        """A name in use is not given again; once revoked, an old revocation does not touch the new holder."""
        self.assertRaises(ValueError, self.credentials.grant, "peer", Credential(KEY))
        self.revoke()
        self.credentials.grant("peer", Credential(b"new"))
        self.revoke()
        self.assertEqual(self.credentials.find("peer"), Credential(b"new"))


class SecondAddressTests(AnsweringTestCase):
    """A server with two addresses (RFC 5780)."""

    place = Place(ADDRESSES, 0, 0)

    def test_told(self) -> None:
        """Answers tell where they come from, and the address and port that differ."""
        reply = self.answer(request(), place=self.place)
        message = decode(reply.data)
        self.assertEqual(reply.place, self.place)
        self.assertEqual(decode_address(message.find(RESPONSE_ORIGIN) or b""), ("192.0.2.1", 1))
        self.assertEqual(decode_address(message.find(OTHER_ADDRESS) or b""), ("192.0.2.2", 2))

    def test_change(self) -> None:
        """The answer goes from the socket that was asked for, and tells so."""
        for flags, expected in ((0, ("192.0.2.1", 1)), (2, ("192.0.2.1", 2)), (4, ("192.0.2.2", 1)),
                                (6, ("192.0.2.2", 2))):  # fmt: skip
            reply = self.answer(request(encode_change(flags)), place=self.place)
            assert reply.place is not None
            self.assertEqual(reply.place.address, expected)
            self.assertEqual(decode_address(decode(reply.data).find(RESPONSE_ORIGIN) or b""), expected)
            self.assertEqual(decode_address(decode(reply.data).find(OTHER_ADDRESS) or b""), ("192.0.2.2", 2))

    def test_response_port(self) -> None:
        """RESPONSE-PORT has the answer sent to another port of the source, and never to another address."""
        reply = self.answer(request(encode_port(9)), place=self.place)
        self.assertEqual(reply.to, (SOURCE[0], 9))
        self.assertEqual(mapped_address(decode(reply.data)), SOURCE)
        self.assertEqual(self.error_code(self.message(request(encode_port(9)))), 420)
        zero = request(Attribute(RESPONSE_PORT, bytes(4)))
        self.assertEqual(self.error_code(self.message(zero, place=self.place)), 400)

    def test_padding(self) -> None:
        """PADDING gets as much of it; together with RESPONSE-PORT it is refused."""
        padding = Attribute(PADDING, b"x" * 1_200)
        message = self.message(request(padding), place=self.place)
        self.assertEqual(message.find(PADDING), bytes(1_200))
        self.assertEqual(self.error_code(self.message(request(padding, encode_port(9)), place=self.place)), 400)
        self.assertEqual(self.error_code(self.message(request(padding))), 420)

    def test_malformed(self) -> None:
        """A CHANGE-REQUEST that can't be read gets 400."""
        self.assertEqual(self.error_code(self.message(request(Attribute(3, b"12")), place=self.place)), 400)


class OldClientTests(AnsweringTestCase):
    """Clients of RFC 3489, whose messages have no magic cookie."""

    def old(self, *attributes: Attribute) -> bytes:
        return encode(Message(BINDING, Kind.REQUEST, bytes(range(100, 116)), attributes))

    def test_answer(self) -> None:
        """They get MAPPED-ADDRESS, and an id of 16 bytes; a CHANGE-REQUEST without flags is no matter."""
        message = self.message(self.old(encode_change(0)), old=True)
        self.assertEqual(message.transaction, bytes(range(100, 116)))
        self.assertEqual([each.type for each in message.attributes], [MAPPED_ADDRESS])
        self.assertEqual(mapped_address(message), SOURCE)

    def test_change(self) -> None:
        """With a second address they are told it as they expect; without one a change is passed over."""
        place = Place(ADDRESSES, 0, 0)
        reply = self.answer(self.old(encode_change(6)), place=place, old=True)
        assert reply.place is not None
        self.assertEqual(reply.place.address, ("192.0.2.2", 2))
        message = decode(reply.data, old=True)
        self.assertEqual(decode_address(message.find(SOURCE_ADDRESS) or b""), ("192.0.2.2", 2))
        self.assertEqual(decode_address(message.find(CHANGED_ADDRESS) or b""), ("192.0.2.2", 2))
        self.assertIs(self.server.answer(self.old(encode_change(6)), SOURCE, 0.0, old=True), None)
