"""Messages, attributes and what protects them: the RFCs' vectors, and any bytes at all."""

from __future__ import annotations

import hmac
import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.stun.attributes import (
    NONCE,
    PASSWORD_ALGORITHM,
    PASSWORD_ALGORITHMS,
    REALM,
    SOFTWARE,
    UNKNOWN_ATTRIBUTES,
    USERHASH,
    USERNAME,
    PasswordAlgorithm,
    decode_address,
    decode_algorithms,
    decode_change,
    decode_error,
    decode_text,
    decode_unknown,
    decode_xor_address,
    encode_address,
    encode_algorithms,
    encode_change,
    encode_error,
    encode_text,
    encode_unknown,
    encode_xor_address,
    mapped_address,
)
from cloudnode.stun.errors import SENTENCES, StunError
from cloudnode.stun.framing import MessageSplitter
from cloudnode.stun.integrity import (
    add_fingerprint,
    add_integrity,
    add_integrity_sha256,
    check_fingerprint,
    check_integrity,
    long_term_key,
    userhash,
)
from cloudnode.stun.message import (
    BINDING,
    FINGERPRINT,
    MESSAGE_INTEGRITY,
    MESSAGE_INTEGRITY_SHA256,
    Attribute,
    Kind,
    Message,
    decode,
    encode,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "rfc" / "stun.json"
ID = bytes(range(12))
REQUEST = encode(Message(BINDING, Kind.REQUEST, ID))

_hosts = st.ip_addresses().map(str).filter(lambda host: not host.startswith("::ffff:"))
_ports = st.integers(0, 65_535)
_attributes = st.builds(Attribute, st.integers(0, 0x7FFF), st.binary(max_size=40)).filter(
    lambda each: each.type not in (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256)
)
_messages = st.builds(
    Message,
    st.integers(0, 0xFFF),
    st.sampled_from(Kind),
    st.binary(min_size=12, max_size=12),
    st.lists(_attributes, max_size=6).map(tuple),
)


class VectorTests(SynchronousTestCase):
    """The RFCs' own vectors."""

    def test_vectors(self) -> None:
        """Each is read as the RFC explains it, its integrity and fingerprint are good, and it is written the same."""
        vectors = json.loads(VECTORS.read_text())["messages"]
        self.assertEqual(len(vectors), 5)
        for vector in vectors:
            with self.subTest(vector["name"]):
                self.check(vector)

    def check(self, vector: dict[str, Any]) -> None:
        data = bytes.fromhex(vector["bytes"])
        message = decode(data)
        self.assertEqual((message.method, message.kind.name), (BINDING, vector["kind"]))
        self.assertEqual(message.transaction.hex(), vector["transaction"])
        for name, type in (("software", SOFTWARE), ("username", USERNAME), ("realm", REALM), ("nonce", NONCE)):
            if name in vector:
                self.assertEqual(decode_text(type, message.find(type) or b""), vector[name])
        if "mapped" in vector:
            self.assertEqual(mapped_address(message), tuple(vector["mapped"]))
        self.assertEqual(message.get(FINGERPRINT) is not None, vector["fingerprint"])
        check_fingerprint(message)
        key = self.key(vector)
        self.assertTrue(check_integrity(message, key))
        self.assertFalse(check_integrity(message, key + b"x"))
        if "algorithm" in vector:
            self.assertEqual(message.find(USERHASH), userhash(vector["long_term_username"], vector["realm"]))
            [algorithm] = decode_algorithms(message.find(PASSWORD_ALGORITHM) or b"")
            self.assertEqual(algorithm, PasswordAlgorithm(vector["algorithm"]))
        # RFC 5769 pads with spaces, which is allowed and not done here.
        if "padding" not in vector:
            self.assertEqual(self.write(message, key), data)

    def key(self, vector: dict[str, Any]) -> bytes:
        if "password" in vector:
            return str(vector["password"]).encode()
        username = vector.get("username") or vector["long_term_username"]
        strong = vector.get("algorithm") == 2
        return long_term_key(username, vector["realm"], vector["long_term_password"], sha256_key=strong)

    def write(self, message: Message, key: bytes) -> bytes:
        kept = tuple(
            each
            for each in message.attributes
            if each.type not in (MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, FINGERPRINT)
        )
        data = encode(Message(message.method, message.kind, message.transaction, kept))
        if message.get(MESSAGE_INTEGRITY):
            data = add_integrity(data, key)
        if message.get(MESSAGE_INTEGRITY_SHA256):
            data = add_integrity_sha256(data, key)
        return add_fingerprint(data) if message.get(FINGERPRINT) else data


class MessageTests(SynchronousTestCase):
    """Bytes to messages and back."""

    @given(_messages)
    def test_round_trip(self, message: Message) -> None:
        """What was written is read."""
        self.assertEqual(decode(encode(message)), message)

    @given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda rest: REQUEST[:8] + rest))
    def test_any_bytes(self, data: bytes) -> None:
        """Any bytes give a message or a named error."""
        for old in (False, True):
            try:
                message = decode(data, old=old)
                check_fingerprint(message)
            except StunError as error:
                self.assertTrue(str(error))
            else:
                self.assertIs(check_integrity(message, b"key"), False)

    def check_refused(self, data: bytes, name: str) -> None:
        with self.assertRaises(StunError) as raised:
            check_fingerprint(decode(data))
        self.assertEqual(raised.exception.name, name)

    def test_errors(self) -> None:
        """Each fault has its name."""
        with_one = encode(Message(BINDING, Kind.REQUEST, ID, (Attribute(SOFTWARE, b"abcd"),)))
        printed = add_fingerprint(REQUEST)
        self.check_refused(REQUEST[:19], "cut")
        self.check_refused(b"\x80" + REQUEST[1:], "not_stun")
        self.check_refused(REQUEST[:4] + bytes(16), "not_stun")
        self.check_refused(REQUEST + b"\0\0\0\0", "wrong_length")
        self.check_refused(REQUEST[:3] + b"\1" + REQUEST[4:] + b"\0", "wrong_length")
        self.check_refused(with_one[:23] + b"\5" + with_one[24:], "attribute_cut")
        self.check_refused(printed[:-1] + bytes([printed[-1] ^ 1]), "wrong_fingerprint")
        twice = printed[:3] + b"\x10" + printed[4:] + printed[20:]
        self.check_refused(twice, "after_fingerprint")

    def test_old_message(self) -> None:
        """A message of RFC 3489 is read where it is expected, with an id of 16 bytes, and written again."""
        data = REQUEST[:4] + bytes(range(16))
        message = decode(data, old=True)
        self.assertTrue(message.is_old)
        self.assertEqual(message.transaction, bytes(range(16)))
        self.assertEqual(encode(message), data)
        self.assertFalse(decode(REQUEST, old=True).is_old)

    def test_unknown_required(self) -> None:
        """Attributes below 0x8000 have to be understood; each unknown type is told once."""
        attributes = (Attribute(0x7F01, b""), Attribute(0x8123, b""), Attribute(USERNAME, b"u"), Attribute(0x7F01, b""))
        message = Message(BINDING, Kind.REQUEST, ID, attributes)
        self.assertEqual(message.unknown_required({USERNAME}), (0x7F01,))

    def test_too_long(self) -> None:
        """A message that the header could not tell the length of is not written."""
        attribute = Attribute(SOFTWARE, bytes(60_000))
        self.assertRaises(ValueError, encode, Message(BINDING, Kind.REQUEST, ID, (attribute, attribute)))


class IntegrityTests(SynchronousTestCase):
    """What protects a message."""

    @given(_messages, st.binary(min_size=1, max_size=40), st.data())
    def test_flipped_bits(self, message: Message, key: bytes, data: st.DataObject) -> None:
        """With an integrity, no flipped bit goes unnoticed; nor does another key."""
        for protect in (add_integrity, add_integrity_sha256):
            written = protect(encode(message), key)
            self.assertTrue(check_integrity(decode(written), key))
            self.assertFalse(check_integrity(decode(written), key + b"x"))
            place = data.draw(st.integers(0, len(written) * 8 - 1))
            flipped = (int.from_bytes(written, "big") ^ 1 << place).to_bytes(len(written), "big")
            try:
                self.assertFalse(check_integrity(decode(flipped), key))
            except StunError:
                continue

    def test_ignored(self) -> None:
        """What follows an integrity is ignored, but for the stronger one and FINGERPRINT, which still are good."""
        once = add_integrity(REQUEST, b"key")
        software = b"\x80\x22\0\4abcd"
        longer = once[:2] + (len(once) - 20 + 8).to_bytes(2, "big") + once[4:] + software
        data = add_fingerprint(add_integrity_sha256(longer, b"key"))
        message = decode(data)
        self.assertEqual(
            [each.type for each in message.attributes], [MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, FINGERPRINT]
        )
        check_fingerprint(message)
        self.assertTrue(check_integrity(message, b"key"))

    def test_shortened(self) -> None:
        """MESSAGE-INTEGRITY-SHA256 may be cut to 16 bytes, and no further."""
        for length, good in ((32, True), (16, True), (20, True), (12, False), (0, False)):
            covered = REQUEST[:2] + (length + 4).to_bytes(2, "big") + REQUEST[4:]
            value = hmac.digest(b"key", covered, "sha256")[:length]
            data = covered + b"\0\x1c" + length.to_bytes(2, "big") + value
            self.assertIs(check_integrity(decode(data), b"key"), good, length)


class AttributeTests(SynchronousTestCase):
    """What attributes hold."""

    @given(_hosts, _ports, st.binary(min_size=12, max_size=12))
    def test_addresses(self, host: str, port: int, transaction: bytes) -> None:
        """Addresses of both families come back, in the clear and not; nothing of them shows in the latter."""
        self.assertEqual(decode_address(encode_address((host, port))), (host, port))
        value = encode_xor_address((host, port), transaction)
        self.assertEqual(decode_xor_address(value, transaction), (host, port))

    def test_dressed(self) -> None:
        """An IPv4 address that a socket for both families tells as IPv6, and one with a scope, are told as they are."""
        self.assertEqual(decode_address(encode_address(("::ffff:192.0.2.1", 7))), ("192.0.2.1", 7))
        self.assertEqual(decode_address(encode_address(("fe80::1%eth0", 7))), ("fe80::1", 7))

    def test_wrong_addresses(self) -> None:
        """An address of another family or length is an error with a name."""
        for value, name in (
            (b"", "attribute_length"),
            (b"\0\3\0\1\1\2\3\4", "attribute_value"),
            (b"\0\1\0\1\1\2\3", "attribute_length"),
            (b"\0\2\0\1\1\2\3\4", "attribute_length"),
        ):
            with self.assertRaises(StunError) as raised:
                decode_address(value)
            self.assertEqual(raised.exception.name, name)
        self.assertRaises(StunError, decode_xor_address, bytes(40), ID)

    @given(st.integers(300, 699), st.text(max_size=50))
    def test_error(self, code: int, reason: str) -> None:
        """Codes and reasons come back."""
        self.assertEqual(decode_error(encode_error(code, reason).value), (code, reason))

    @given(st.binary(max_size=40))
    def test_any_value(self, value: bytes) -> None:
        """Any bytes are a value or a named error."""
        readers = (decode_address, decode_error, decode_unknown, decode_change, decode_algorithms)
        for read in (*readers, lambda value: decode_text(USERNAME, value), lambda value: decode_xor_address(value, ID)):
            try:
                read(value)
            except StunError as error:
                self.assertIn(error.name, ("attribute_length", "attribute_value"))

    def test_others(self) -> None:
        """Unknown types, flags and password algorithms come back; too long a text is not written."""
        self.assertEqual(decode_unknown(encode_unknown((1, 0x8001)).value), (1, 0x8001))
        self.assertEqual(encode_unknown(()).type, UNKNOWN_ATTRIBUTES)
        self.assertEqual(decode_change(encode_change(6).value), 6)
        algorithms = (PasswordAlgorithm(1), PasswordAlgorithm(2, b"abc"), PasswordAlgorithm(7))
        self.assertEqual(decode_algorithms(encode_algorithms(PASSWORD_ALGORITHMS, algorithms).value), algorithms)
        self.assertRaises(ValueError, encode_text, USERNAME, "x" * 509)
        self.assertRaises(ValueError, encode_error, 700)


class FramingTests(SynchronousTestCase):
    """Messages in a stream."""

    @given(st.lists(_messages, max_size=5), st.data())
    def test_any_pieces(self, messages: list[Message], data: st.DataObject) -> None:
        """However a stream is cut, the same messages come out of it, and nothing is left."""
        stream = b"".join(map(encode, messages))
        splitter, found = MessageSplitter(2_000), []
        while stream:
            length = data.draw(st.integers(1, len(stream)))
            found += splitter.feed(stream[:length])
            stream = stream[length:]
        self.assertEqual([decode(each) for each in found], messages)
        self.assertEqual(splitter.held_bytes, 0)

    def test_refused(self) -> None:
        """Messages before the one that can't be read are given; it itself is an error."""
        for wrong, name in (
            (b"GET / HTTP/1.1\r\n\r\n\r\n", "not_stun"),
            (REQUEST[:2] + b"\xff\xfc" + REQUEST[4:], "too_long"),
            (REQUEST[:2] + b"\0\1" + REQUEST[4:], "wrong_length"),
        ):
            coming = MessageSplitter(1_000).feed(REQUEST + wrong)
            self.assertEqual(next(coming), REQUEST)
            with self.assertRaises(StunError) as raised:
                next(coming)
            self.assertEqual(raised.exception.name, name)


class DocumentTests(SynchronousTestCase):
    """docs/reach.md."""

    def test_errors_are_told(self) -> None:
        """Every named error stands in the chapter."""
        text = (Path(__file__).parents[3] / "docs" / "reach.md").read_text()
        for name in SENTENCES:
            self.assertIn(f"| `{name}` | ", text)
