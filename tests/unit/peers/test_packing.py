"""Messages that travel packed."""

from __future__ import annotations

import os
import zlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import (
    EXPANSION_MAX,
    PACKED,
    UNPACKED_MAX,
    Bodies,
    Offer,
    Operations,
    SentOperation,
    decode_frame,
    encode_message,
)

BODY = b'{"network":"0123456789abcdef0123456789abcdef","account":"0123456789abcdef","type":"rate","stars":%d}'
BODIES = Bodies(tuple(SentOperation(BODY % number, os.urandom(64)) for number in range(40)))


def framed(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


def packed(message: bytes, kind: int) -> bytes:
    return framed(bytes((PACKED, kind)) + zlib.compress(message, 9))


class PackingTests(SynchronousTestCase):
    def assert_fault(self, name: str, frame: bytes) -> None:
        self.assertEqual(self.assertRaises(PeerFault, decode_frame, frame).name, name)

    def test_round_trip(self) -> None:
        """Bodies and operations travel packed and come out the same."""
        for message in (BODIES, Operations(7, BODIES.operations)):
            encoded = encode_message(message)
            self.assertEqual(encoded[4], PACKED)
            self.assertLess(len(encoded), 40 * (len(BODY) + 64) * 0.7)
            self.assertEqual(decode_frame(encoded + encoded), [message, message])

    def test_as_it_is(self) -> None:
        """What is short, of another type, or no shorter when packed travels as it is."""
        noise = Bodies((SentOperation(os.urandom(1000), os.urandom(64)),))
        for message in (Bodies(()), Offer(bytes(32_000)), noise):
            encoded = encode_message(message)
            self.assertEqual(encoded[4] & 0xF0, 0x90)
            self.assertEqual(decode_frame(encoded), [message])

    def test_too_dense(self) -> None:
        """A text that packs too well is sent as it is, and refused if somebody packs it."""
        message = Bodies((SentOperation(b" " * 50_000, bytes(64)),))
        encoded = encode_message(message)
        self.assertEqual(decode_frame(encoded), [message])
        self.assertGreater(len(encoded), 50_000)
        self.assert_fault("oversized", packed(encoded[4:], 17))
        self.assert_fault("oversized", packed(bytes(1_000_000_000 // 1_000), 17))

    def test_frame_of_many(self) -> None:
        """A frame's messages are bounded together."""
        text = b"".join(os.urandom(8) * 8 for _ in range(30_000))
        raw = Bodies((SentOperation(text[:1_000_000], bytes(64)),))
        one = encode_message(raw)
        self.assertEqual(one[4], PACKED)
        count = UNPACKED_MAX // 1_000_000
        self.assertEqual(decode_frame(one * count), [raw] * count)
        self.assert_fault("oversized", one * (count + 1))

    def test_not_what_it_says(self) -> None:
        """Another type inside, a type that is never packed, bytes after the end, half of it, noise: malformed."""
        plain = encode_message(Offer(bytes(32)))[4:]
        whole = encode_message(BODIES)[4:]
        self.assert_fault("malformed", packed(plain, 17))
        self.assert_fault("malformed", packed(plain, 15))
        self.assert_fault("malformed", packed(b"", 17))
        self.assert_fault("malformed", framed(whole + b"x"))
        self.assert_fault("malformed", framed(whole[: len(whole) // 2]))
        self.assert_fault("malformed", framed(bytes((PACKED, 17))))
        self.assert_fault("malformed", packed(whole, 17))

    @given(st.binary(max_size=200), st.sampled_from((13, 17, 15, 1)))
    def test_noise(self, noise: bytes, kind: int) -> None:
        """Whatever follows the two bytes, packed or not, makes messages or a fault."""
        for frame in (framed(bytes((PACKED, kind)) + noise), packed(noise, kind)):
            try:
                decode_frame(frame)
            except PeerFault as fault:
                self.assertIn(fault.name, ("malformed", "oversized"))

    def test_expansion(self) -> None:
        """The bound leaves room for what operations are."""
        encoded = encode_message(BODIES)
        self.assertLess(40 * (len(BODY) + 64), EXPANSION_MAX * len(encoded) / 4)
