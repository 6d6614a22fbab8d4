"""Accounts, collections, keys and addresses."""

from __future__ import annotations

import unicodedata
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from cloudnode.formats.addresses import (
    ADDRESS_BYTES_MAX,
    account_hash,
    check_address,
    check_collection,
    check_key,
    decode_account,
    format_address,
    parse_address,
    record_hash,
)
from cloudnode.formats.errors import LedgerError
from tests.unit.formats.support import FormatTestCase

ACCOUNT = bytes(range(32))

_keys = st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="/"), min_size=1, max_size=64)
_collections = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=64)


class AddressTests(FormatTestCase):
    @given(st.binary(min_size=32, max_size=32), _collections, _keys)
    def test_round_trip(self, account: bytes, collection: str, key: str) -> None:
        """An address is taken apart into what it was made of."""
        address = format_address(account, collection, key)
        self.assertEqual(parse_address(address), (account, collection, key))
        self.assertLessEqual(len(address.encode()), ADDRESS_BYTES_MAX)
        self.assertEqual(record_hash(address), sha256(address.encode()).digest())

    @given(st.text(st.characters(), max_size=150) | st.text("/ab0.\x7f", max_size=80))
    def test_any_text(self, text: str) -> None:
        """Any text is an address that is written the same again, or refused."""
        parts = self.assert_value_or_refused(parse_address, text)
        if parts is not None:
            self.assertEqual(format_address(*parts), text)

    def test_control_characters(self) -> None:
        """The characters refused in keys are those of category Cc, the surrogates and the slash."""
        for number in range(0x110000):
            character = chr(number)
            if unicodedata.category(character) in ("Cc", "Cs") or character == "/":
                self.assert_refused("key_invalid", check_key, character)
            elif number < 0x3000 or number > 0x10FF00:
                check_key(character)

    def test_lengths(self) -> None:
        """Keys are measured in bytes."""
        check_key("\u20ac" * 85 + "x")
        self.assert_refused("key_invalid", check_key, "\u20ac" * 85 + "xx")
        self.assert_refused("key_invalid", check_key, "")
        check_collection("x" * 64)
        for collection in ("", "x" * 65, "A", "a b", "a/b", "\u00e4", "a\n"):
            self.assert_refused("collection_invalid", check_collection, collection)

    def test_accounts_have_one_spelling(self) -> None:
        """Capitals, white space and other lengths are refused."""
        text = ACCOUNT.hex()
        self.assertEqual(decode_account(text), ACCOUNT)
        for other in (
            text.upper(),
            text + " ",
            " " + text[1:],
            text[:-2],
            text + "00",
            "",
            "zz" * 32,
            text[:-1] + "\u0661",
        ):
            self.assert_refused("account_invalid", decode_account, other)
        self.assertEqual(account_hash(ACCOUNT), sha256(ACCOUNT).digest())

    def test_near_addresses(self) -> None:
        """Of an address and all that differs by one character, the check lets pass what can be taken apart."""
        address = f"{ACCOUNT.hex()}/film.x/a b~"
        for at in range(len(address) + 1):
            for character in map(chr, range(256)):
                for text in (address[:at] + character + address[at:], address[:at] + character + address[at + 1 :]):
                    try:
                        parse_address(text)
                    except LedgerError:
                        self.assertRaises(LedgerError, check_address, text)
                    else:
                        check_address(text)

    def test_one_code_for_addresses(self) -> None:
        """Within an operation whatever is wrong with an address has the member's code."""
        for text in ("", "a/b", "a/b/c/d", f"{ACCOUNT.hex()}/B/c", f"{ACCOUNT.hex()}/b/", "x/b/c"):
            self.assert_refused("record_invalid", check_address, text)
            self.assert_refused("ref_invalid", check_address, text, "ref_invalid")
