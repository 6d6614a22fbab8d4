"""Keys and signatures."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from cloudnode.formats.errors import LocalError
from cloudnode.formats.keys import OPERATION, PURPOSES, VOTE, SigningKey, dump_key, load_key, sign, verify
from tests.unit.formats.support import FormatTestCase
from tests.vectors.generate import DIRECTORY

# RFC 8032, section 7.1, test 2.
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


class KeyTests(FormatTestCase):
    def test_rfc_8032(self) -> None:
        """Keys and signatures are those of the standard."""
        key = SigningKey(SEED)
        self.assertEqual(key.public, PUBLIC)
        self.assertEqual(key.sign(b"", b"\x72"), SIGNATURE)
        self.assertTrue(verify(PUBLIC, b"", b"\x72", SIGNATURE))

    def test_a_signature_has_one_purpose(self) -> None:
        """What is signed for one purpose does not hold for another, and no tag begins another."""
        key = SigningKey(SEED)
        signature = sign(key, OPERATION, b"message")
        self.assertTrue(verify(PUBLIC, OPERATION, b"message", signature))
        self.assertFalse(verify(PUBLIC, VOTE, b"message", signature))
        for one in PURPOSES:
            self.assertEqual([other for other in PURPOSES if other.startswith(one)], [one])

    @given(st.binary(max_size=40), st.binary(max_size=70), st.binary(max_size=20))
    def test_any_bytes_are_no_signature(self, public: bytes, signature: bytes, message: bytes) -> None:
        """Whatever is not signed is not verified, whatever its length."""
        self.assertFalse(verify(public, OPERATION, message, signature))
        self.assertFalse(verify(PUBLIC, OPERATION, message, signature))
        self.assertFalse(verify(public, OPERATION, message, SIGNATURE))

    def test_vectors(self) -> None:
        """Signatures that implementations disagree on are judged as the vectors have it."""
        for vector in json.loads((DIRECTORY / "signatures.json").read_text())["signatures"]:
            public, message, signature = (bytes.fromhex(vector[name]) for name in ("public", "message", "signature"))
            self.assertIs(verify(public, b"", message, signature), vector["good"], vector["name"])

    def test_keys_of_small_order(self) -> None:
        """The point of order 1, for which the zero signature would hold of every message, is no key."""
        self.assertFalse(verify(b"\1" + bytes(31), OPERATION, b"message", b"\1" + bytes(63)))

    def test_text_round_trip(self) -> None:
        """A key file's text gives the key back, with or without its newline."""
        key = SigningKey.generate(lambda size: b"\7" * size)
        text = dump_key(key)
        self.assertEqual(text, "07" * 32 + "\n")
        for written in (text, text[:-1]):
            self.assertEqual(load_key(written).public, key.public)

    def test_bad_key_files(self) -> None:
        """Other texts are refused, and the error does not repeat them."""
        for text in ("", "07" * 31, "07" * 33, "AB" * 32, "07" * 32 + "\n\n", " " + "07" * 32, "zz" * 32):
            self.assert_refused("key_file_malformed", load_key, text)
        self.assertNotIn("07", repr(SigningKey(b"\7" * 32)).replace(SigningKey(b"\7" * 32).public.hex(), ""))

    def test_seeds_have_32_bytes(self) -> None:
        """Another length is our own mistake."""
        self.assertRaises(LocalError, SigningKey, bytes(31))

    def test_keys_differ(self) -> None:
        """Two generated keys are two."""
        self.assertNotEqual(SigningKey.generate().public, SigningKey.generate().public)
